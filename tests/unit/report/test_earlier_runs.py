"""Runs are compared with those before them: totals, reasons that come back, rows that come back."""

from dataclasses import replace

import pytest
from recorded_runs import record_run

from opusmap.journal import open_journal
from opusmap.report import Evidence
from opusmap.report.earlier_runs import PastRun, compare_reasons, read_history, scale_bars
from opusmap.report.pages import write_run
from opusmap.report.status import Status


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return [record_run(folder, rows) for rows in (60, 120, 240)]


@pytest.fixture
def journal(three):
    with open_journal(three[0].journal, write=False) as opened:
        yield opened


def test_the_first_run_has_no_history(journal):
    first = journal.runs()[-1]
    assert read_history(journal, first) is None


def test_runs_stand_in_their_order_up_to_the_one_of_the_page(journal, three):
    latest, second, first = journal.runs()
    assert [past.run.id for past in read_history(journal, second).runs] == [first.id, second.id]
    history = read_history(journal, latest)
    assert [past.run.counts["read"] for past in history.runs] == [one.report.read for one in three]


def test_reasons_are_compared_by_column_and_code(journal, three):
    history = read_history(journal, journal.runs()[0])
    counts = [{(one.column, one.code): one.count for one in run.report.reasons} for run in three]
    returning = {(one.column, one.code): one.counts for one in history.reasons}
    assert returning
    for key, each in returning.items():
        assert each == tuple(found.get(key, 0) for found in counts)
    assert returning.keys() == counts[2].keys() & (counts[0].keys() | counts[1].keys())
    assert history.new_reasons == len(counts[2].keys() - returning.keys())
    assert history.gone == len(counts[1].keys() - counts[2].keys())


def test_reasons_of_two_runs_came_went_or_stayed(journal, three):
    latest, second, _first = (Evidence.read(journal.evidence(run)) for run in journal.runs())
    old, new = ({(one.column, one.code): one.count for one in run.report.reasons} for run in three[1:])
    changes = compare_reasons(second, latest)
    assert {(one.column, one.code): (one.before, one.after) for one in changes} == {
        key: (old.get(key, 0), new.get(key, 0)) for key in old.keys() | new.keys()
    }
    kinds = {(one.column, one.code): one.kind for one in changes}
    assert {key for key, kind in kinds.items() if kind == "stayed"} == old.keys() & new.keys()
    assert {key for key, kind in kinds.items() if kind == "came"} == new.keys() - old.keys()
    back = compare_reasons(latest, second)
    assert {one.kind for one in back} <= {"went", "stayed"}
    assert [one.kind for one in compare_reasons(Evidence(), latest)] == ["came"] * len(new)


def test_rows_are_compared_by_their_keys(journal):
    history = read_history(journal, journal.runs()[0])
    found = {row.key: row.runs for row in history.rows}
    assert found["CT-000001"] == found["CT-000002"] == (1, 2, 3)  # rejected, and refused by Opus
    assert (2, 3) in found.values()
    assert history.rows_returning == len(found)
    assert history.unread == ()


def test_a_run_whose_rejects_are_gone_is_named(tmp_path):
    first, _ = record_run(tmp_path, 60), record_run(tmp_path, 90)
    first.rejects.unlink()
    with open_journal(first.journal, write=False) as journal:
        history = read_history(journal, journal.runs()[0])
        assert history.unread == (1,)
        assert history.rows == ()
        page = write_run(journal, journal.runs()[0], earlier=True)
    assert "is not known of run 1" in page


def test_a_run_whose_rejects_were_corrected_is_fine(tmp_path):
    first, _ = record_run(tmp_path, 60), record_run(tmp_path, 90)
    with first.rejects.open("ab") as file:
        file.write(b"\r\n")
    with open_journal(first.journal, write=False) as journal:
        history = read_history(journal, journal.runs()[0])
        assert (history.unread, history.edited) == ((), (1,))
        page = write_run(journal, journal.runs()[0], earlier=True)
    assert "The rejects of run 1 were changed since, perhaps to correct them, which is fine." in page
    assert "is not known of run" not in page


def test_another_mapping_or_target_is_not_compared(tmp_path):
    with open_journal(tmp_path / "j.db") as journal:
        for origin, mapping in (
            ("https://a", "m"),
            ("https://b", "m"),
            ("https://a", "n"),
            ("https://a", "x/m"),
        ):
            run = journal.start_run(origin=origin, connection="c", mapping=mapping)
            journal.keep_evidence(run, Evidence().as_json())
        assert [past.run.id for past in read_history(journal, run).runs] == [1, 4]


def test_a_bar_is_as_long_as_the_rows_that_were_read(journal):
    run, status = journal.runs()[0], Status("good", "")
    past = [
        PastRun(replace(run, id=one, counts={"read": read}), status, 0) for one, read in ((1, 50), (2, 200))
    ]
    assert scale_bars(past) == {1: 0.25, 2: 1.0}
    assert scale_bars([PastRun(replace(run, counts={}), status, 0)]) == {run.id: 0.0}


def test_the_page_without_a_number_shows_the_runs(journal):
    latest = journal.runs()[0]
    assert "Runs so far" in write_run(journal, latest, earlier=True)
    assert "Runs so far" not in write_run(journal, latest)
