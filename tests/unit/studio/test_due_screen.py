"""The screen of due records stays small however many are due, and decides only about what was looked at."""

import shutil
from datetime import date, datetime
from types import SimpleNamespace

import pytest
from documentation import ROOT

pytest.importorskip("starlette", reason="the extra `studio` is not installed")

from opusmap.disposal.due import DueEntry, DueList, DueState
from opusmap.errors import SettingsError
from opusmap.studio import due_jobs
from opusmap.studio.basis import Basis
from opusmap.studio.due_review import read_review
from opusmap.studio.opened_folder import Folder
from opusmap.studio.screens.due_screen import PAGE, SCREEN
from opusmap.studio.visit import Studio, Visit

DAY = date(2026, 6, 30)
NAME = "finished.mapping.yaml"
DUE = 20_000


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A studio that has been told that 20,000 records are due, of 500 classifications."""
    folder = tmp_path_factory.mktemp("permits") / "permits"
    shutil.copytree(ROOT / "docs" / "samples" / "permits", folder)
    entries = tuple(
        DueEntry(
            f"BP-{number:05}",
            f"{number} Mill Lane",
            f"Planning/Class {number % 500}" if number else "",
            "",
            "",
            "",
            "",
            DueState.KNOWN if number % 10 else DueState.UNKNOWN,
            content="aa",
        )
        for number in range(DUE)
    )
    studio = Studio(Folder(folder))
    bench = studio.open(NAME)
    asked = due_jobs.Question(
        DAY, "Opus", "https://o", Basis(bench.version), "c", ended=datetime.now().astimezone()
    )
    job = studio.jobs.start(due_jobs.KIND, NAME, lambda _job: DueList(DAY, entries, DUE), about=asked)
    job.wait()
    return SimpleNamespace(studio=studio, job=job, path=bench.path)


@pytest.fixture
def visit(opened):
    def visit_(form=None, lists=None, **query):
        given = {"mapping": NAME, "until": str(DAY), **query}
        return Visit(
            opened.studio, "due", given, {"list": str(opened.job.number), **(form or {})}, lists or {}
        )

    yield visit_
    for file in opened.path.parent.glob("*.due-*"):
        file.unlink()


def test_a_page_shows_some_records_and_says_how_many_there_are(visit):
    listed = SCREEN.view(visit())["listed"]
    assert (len(listed.lines), listed.found, listed.pages) == (PAGE, DUE, DUE // PAGE)
    last = SCREEN.view(visit(page="999999"))["listed"]
    assert (last.page, last.next, last.lines[-1].entry.key) == (listed.pages, "", "BP-19999")
    terms = {name: options for name, _, options in listed.filters}["term"]
    assert len(terms) + listed.more_terms == 501 + 1  # with the one for all
    assert len(terms) <= 201


def test_filters_go_together_and_their_counts_are_those_of_the_list(visit):
    whole = SCREEN.view(visit())["listed"]
    for name, _, options in whole.filters[:2]:
        everything, *others = options
        assert sum(one.count for one in others) == everything.count == DUE
        for one in others:
            value = one.address.rpartition(f"{name}=")[2]
            assert SCREEN.view(visit(**{name: value}))["listed"].found == one.count
    found = SCREEN.view(visit(find="mill 0001", state="known"))["listed"]
    assert [line.entry.key for line in found.lines][:3] == ["BP-00001", "BP-00011", "BP-00012"]
    assert SCREEN.view(visit(term="-"))["listed"].found == 1


def test_all_that_are_listed_means_those_of_the_filter_on_all_pages(visit, opened):
    SCREEN.actions["decide"](visit({"decision": "destroy", "which": "all"}, find="class 7"))
    review = read_review(opened.path, DAY)
    assert len(review.agreed) == SCREEN.view(visit(find="class 7", state="known"))["listed"].found
    SCREEN.actions["decide"](visit({"decision": "open", "which": "all"}))
    assert read_review(opened.path, DAY).agreed == {}


def test_records_that_are_checked_and_not_listed_are_left_alone(visit, opened):
    form = {"decision": "keep", "which": "checked", "reason": "a request"}
    SCREEN.actions["decide"](visit(form, {"key": ("BP-00001", "BP-00002")}, find="00001"))
    assert read_review(opened.path, DAY).kept == {"BP-00001": "a request"}


@pytest.mark.parametrize("action", ["decide", "sign"])
def test_a_form_of_an_earlier_list_is_refused(visit, opened, action):
    form = {"decision": "destroy", "which": "all", "name": "A", "role": "R", "declaration": "D", "list": "0"}
    with pytest.raises(SettingsError, match="asked for again"):
        SCREEN.actions[action](visit(form))
    assert read_review(opened.path, DAY) is None


def test_a_list_that_is_older_than_the_source_is_not_signed(visit, opened):
    SCREEN.actions["decide"](visit({"decision": "destroy", "which": "all"}))
    basis = opened.job.about.basis
    opened.job.about.basis = Basis(basis.version, {opened.path.with_name("permits.csv"): None})
    with pytest.raises(SettingsError, match="has changed since the list was made"):
        SCREEN.actions["sign"](visit({"name": "A", "role": "R", "declaration": "D"}))
    opened.job.about.basis = basis


def test_a_signature_of_many_records_goes_on_as_a_job_that_says_how_far_it_is(visit, opened):
    SCREEN.actions["decide"](visit({"decision": "destroy", "which": "all"}))
    form = {"name": "A", "role": "R", "declaration": "D"}
    with opened.studio.open(NAME).lock:  # nothing is written before it is let go
        signing = visit(form)
        SCREEN.actions["sign"](signing)
        job = opened.studio.jobs.latest(NAME, due_jobs.SIGNING)
        assert job.running
        shown = SCREEN.view(visit())["signing"]
        assert (shown.number, shown.running) == (job.number, True)
        with pytest.raises(SettingsError, match="a review of this mapping is being signed already"):
            SCREEN.actions["sign"](visit({**form, "name": "B"}))
        assert read_review(opened.path, DAY).signed is None
    job.wait()
    assert (job.error, job.about.records) == (None, DUE)
    assert 0 < job.about.done <= DUE
    signed = read_review(opened.path, DAY).signed
    assert (signed.name, signed.counts["destroy"]) == ("A", DUE * 9 // 10)


def test_a_decision_that_is_changed_while_a_signature_is_written_is_not_signed_away(visit, opened):
    SCREEN.actions["decide"](visit({"decision": "destroy", "which": "all"}))
    before = sorted(path.name for path in opened.path.parent.iterdir())
    with opened.studio.open(NAME).lock:
        SCREEN.actions["sign"](visit({"name": "A", "role": "R", "declaration": "D"}))
        keep = {"decision": "keep", "which": "checked", "reason": "a request"}
        SCREEN.actions["decide"](visit(keep, {"key": ("BP-00001",)}))
    job = opened.studio.jobs.latest(NAME, due_jobs.SIGNING)
    job.wait()
    assert "decisions were changed while the page was written" in str(job.error)
    review = read_review(opened.path, DAY)
    assert (review.signed, review.kept) == (None, {"BP-00001": "a request"})
    assert sorted(path.name for path in opened.path.parent.iterdir()) == before
