"""Where records go is said in words that tell a rehearsal from a run; a run can be stopped from outside."""

import pytest

from opusmap.emulator import read_plan
from opusmap.errors import OpusUnavailable, StoppedEarly
from opusmap.journal.models import Run
from opusmap.rejects import RejectList
from opusmap.report import Report
from opusmap.report.status import is_rehearsal
from opusmap.run.open import open_work
from opusmap.run.submit import SubmitOptions
from opusmap.run.target import (
    Target,
    describe_host,
    describe_where,
    find_exit_code,
    make_rehearsal,
    run_submit,
)
from opusmap.settings import Secret, Settings

CONNECTION = '{"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [{"rowKey": "SingleText"}]}'


@pytest.fixture
def work(tmp_path):
    (tmp_path / "c.json").write_text(CONNECTION, "utf-8")
    rows = "".join(f"K{number},Lease {number}\n" for number in range(300))
    (tmp_path / "rows.csv").write_text(f"Key,Title\n{rows}", "utf-8")
    text = "opusmap: 1\nconnection: c.json\nsource: {path: rows.csv}\nfields: {rowKey: Key}\n"
    (tmp_path / "m.yaml").write_text(text, "utf-8")
    with (opened := open_work(tmp_path / "m.yaml")).source:
        yield opened


def test_a_rehearsal_sends_everything_and_tells_its_totals_as_it_goes(work):
    target, told, ways = make_rehearsal(work.mapper, read_plan("none")), [], []
    report = run_submit(
        work, target, SubmitOptions(), RejectList(), told.append, lambda *two: ways.extend(two)
    )
    assert (report.submitted, report.stopped, find_exit_code(report)) == (300, None, 0)
    assert told[-1] is report
    assert len(ways) == 2
    assert describe_where(target, report) == "This was a rehearsal: nothing left this machine."


def test_a_run_that_is_stopped_ends_in_order(work):
    target = make_rehearsal(work.mapper, read_plan("latency=50"))
    report = run_submit(
        work, target, SubmitOptions(concurrency=1), RejectList(), lambda _report: None,
        lambda drain, _cancel: drain(),
    )  # fmt: skip
    assert isinstance(report.stopped, StoppedEarly)
    assert report.adds_up
    assert find_exit_code(report) == StoppedEarly.exit_code


def test_the_exit_code_says_whether_rows_need_a_person():
    assert find_exit_code(Report(read=1, rejected=1)) == 1
    assert find_exit_code(Report(stopped=OpusUnavailable("https://o", "away"))) == 3


def test_the_words_name_the_host_and_the_client_and_no_secret(tmp_path):
    settings = Settings("https://opus", "https://id/token", "app", Secret("hidden"), tmp_path / "j.db")
    assert describe_host(settings) == "Opus is https://opus, signing in at https://id, as client app"
    assert describe_where(Target(settings), Report(requests=1, run=3)) == "Sent to https://opus, run 3."
    assert describe_where(Target(settings), Report()) == "Nothing was sent to https://opus."


def test_a_run_to_an_emulator_on_this_machine_is_a_rehearsal_in_the_report_and_on_the_terminal(tmp_path):
    url = "http://127.0.0.1:8015"
    settings = Settings(url, f"{url}/connect/token", "app", Secret("hidden"), tmp_path / "j.db")
    assert is_rehearsal(Run(3, url, "c", "m.yaml", 0.0))
    sent = describe_where(Target(settings), Report(requests=1, run=3))
    assert sent == f"This was a rehearsal, run 3: the records went to the emulator at {url}."
    nothing = describe_where(Target(settings), Report(run=4))
    assert nothing == f"This was a rehearsal, run 4: nothing was sent to the emulator at {url}."
