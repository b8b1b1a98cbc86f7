"""A run's report says what later runs made of its rejected and refused rows, as far as the journal knows."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.journal import Item, Result, State, Timestamp, open_journal
from opusmap.output_files import File
from opusmap.report import Evidence
from opusmap.report.earlier_runs import Retried, describe_scope, find_retried, read_history
from opusmap.report.later_runs import Later, LaterRuns, find_pages
from opusmap.report.pages import write_run
from opusmap.report.status import describe_status, list_needs

OPUS = "https://opus.example.com"


class Runs:
    """A journal to which runs are added by what they read, left and counted."""

    def __init__(self, journal):
        self.journal = journal

    def add(self, source="rows.csv", *, ending="done", origin=OPUS, retried=None, mapping="m.yaml", **counts):
        run = self.journal.start_run(origin=origin, connection="c", mapping=mapping)
        files = [File("source", source, 1, "a")]
        if counts.get("rejected") or counts.get("failed"):
            files.append(File("rejects", rejects(run.id), 1, "b"))
        evidence = Evidence(source=source, files=tuple(files), retried=retried)
        self.journal.keep_evidence(run, evidence.as_json())
        ends = ("filtered", "rejected", "unchanged", "submitted", "failed", "uncertain", "not_sent")
        read = sum(counts.get(name, 0) for name in ends)
        return self.journal.finish_run(run, ending=ending, counts={"read": read, **counts})

    def send(self, run, **states):
        """Write records of a run that was added, by what became of each row key."""
        items = [Item(row, key, b"x") for row, key in enumerate(states, 2)]

        async def write():
            async with self.journal.session(run) as session:
                await session.begin(items, Timestamp(0.0, 0.0))
                await session.finish([Result(key, state) for key, state in states.items()])

        asyncio.run(write())


def find_later(journal, run):
    return LaterRuns(journal, run.id).find(run)


def rejects(run):
    return f"/x/m.run-{run}.rejects.csv"


@pytest.fixture
def runs(tmp_path):
    with open_journal(tmp_path / "j.db") as journal:
        yield Runs(journal)


def test_a_run_without_later_ones_has_nothing_to_say(runs):
    first = runs.add(submitted=9, rejected=4)
    assert find_later(runs.journal, first) is None
    runs.add(rejects(1), submitted=4, origin="https://other.example.com")
    runs.add(rejects(1), submitted=4, mapping="other.yaml")
    assert find_later(runs.journal, first) is None


def test_another_opus_that_got_the_same_source_says_nothing_of_the_rows(runs):
    first = runs.add(submitted=1, rejected=1)
    runs.add(submitted=2, origin="https://other.example.com")
    assert find_later(runs.journal, first) is None


def test_a_retry_of_some_rejects_leaves_the_others_open(runs):
    first, retry = runs.add(submitted=187, rejected=13), runs.add(rejects(1), submitted=12)
    later = find_later(runs.journal, first)
    assert later == Later(13, (2,), 12, still_open=1, deleted=1)
    assert (later.attention, find_later(runs.journal, retry)) == (0, None)
    said = "1 row was deleted from the rejects file, so no retry sent it"
    status = describe_status(first, Evidence(), later)
    assert (status.tone, status.words) == ("attention", f"Finished: {said}")
    (need,) = list_needs(first, Evidence(), later)
    assert need.what == f"12 of the 13 rows that needed attention were sent by run 2; {said}."
    assert need.action.startswith("If you deleted it on purpose, write the reason where you sign. If it ")
    assert need.command == "opusmap submit m.yaml"


def test_rows_that_are_wrong_still_and_rows_that_were_deleted_are_counted_apart(runs):
    first, _ = runs.add(submitted=187, rejected=13), runs.add(rejects(1), submitted=9, rejected=1)
    later = find_later(runs.journal, first)
    assert (later.still_open, later.deleted, later.attention) == (4, 3, 1)
    said = "3 rows were deleted from the rejects file, so no retry sent them"
    status = describe_status(first, Evidence(), later)
    assert (status.tone, status.words) == ("attention", f"Finished: 1 row needs attention, and {said}")
    (need,) = list_needs(first, Evidence(), later)
    assert need.what.endswith(f"; 1 still needs it, and {said}.")
    assert need.command == "opusmap retry m.yaml m.run-2.rejects.csv"
    runs.add(rejects(2))
    later = find_later(runs.journal, first)
    assert (later.still_open, later.deleted, later.attention) == (4, 4, 0)


def test_one_row_that_was_deleted_is_not_one_of_one(runs):
    first, _ = runs.add(submitted=1, rejected=1), runs.add(rejects(1))
    assert find_later(runs.journal, first).describe() == (
        "the row that needed attention was not sent by run 2; "
        "1 row was deleted from the rejects file, so no retry sent it"
    )


def test_rows_that_a_retry_did_not_come_to_are_not_called_deleted(runs):
    first, _ = runs.add(submitted=1, rejected=5), runs.add(rejects(1), submitted=1, ending="no answer")
    later = find_later(runs.journal, first)
    assert (later.still_open, later.deleted, later.attention) == (4, 0, 4)
    (need,) = list_needs(first, Evidence(), later)
    assert need.what.endswith("; 4 still need it.")


def test_a_run_all_of_whose_rejects_were_sent_is_good(runs):
    first, _ = runs.add(submitted=1, rejected=2), runs.add(rejects(1), submitted=1, filtered=1)
    later = find_later(runs.journal, first)
    assert (later.sent, later.filtered, later.still_open) == (1, 1, 0)
    status = describe_status(first, Evidence(), later)
    assert (status.tone, status.words) == ("good", "Finished: no row needs attention any more")
    assert list_needs(first, Evidence(), later) == ()


def test_rejects_of_a_retry_are_followed_to_the_retries_of_those(runs):
    first = runs.add(submitted=5, rejected=6, failed=1)
    runs.add(rejects(1), submitted=3, rejected=4)
    later = find_later(runs.journal, first)
    assert (later.retries, later.sent, later.still_open, later.deleted) == ((2,), 3, 4, 0)
    (need,) = list_needs(first, Evidence(), later)
    assert need.command == "opusmap retry m.yaml m.run-2.rejects.csv"
    runs.add(rejects(2), submitted=1, unchanged=1, rejected=1)
    later = find_later(runs.journal, first)
    assert (later.retries, later.sent, later.still_open, later.exact) == ((2, 3), 5, 2, True)


def test_of_two_retries_of_one_file_the_best_counts_and_the_rest_is_at_most_open(runs):
    first = runs.add(submitted=5, rejected=5)
    runs.add(rejects(1), submitted=3, rejected=2)
    runs.add(rejects(1), submitted=2)
    later = find_later(runs.journal, first)
    assert (later.sent, later.still_open, later.exact) == (3, 2, False)
    assert describe_status(first, Evidence(), later).words == "Finished: at most 2 rows need attention"
    runs.add(rejects(1), submitted=2, unchanged=3)
    assert find_later(runs.journal, first).still_open == 0


def test_two_retries_of_what_a_retry_rejected_leave_it_open_how_many_are_sent(runs):
    first = runs.add(submitted=5, rejected=5)
    runs.add(rejects(1), submitted=3, rejected=2)
    for _ in range(2):
        runs.add(rejects(2), submitted=1)
    later = find_later(runs.journal, first)
    assert (later.retries, later.sent, later.still_open, later.exact) == ((2, 3, 4), 4, 1, False)


@pytest.mark.parametrize(("ends", "sent", "filtered"), [((3, 0), 2, 0), ((1, 3), 1, 1)])
def test_rows_that_a_person_added_to_the_rejects_are_not_counted(runs, ends, sent, filtered):
    first, _ = runs.add(rejected=2), runs.add(rejects(1), submitted=ends[0], filtered=ends[1])
    later = find_later(runs.journal, first)
    assert (later.sent, later.filtered, later.still_open, later.deleted) == (sent, filtered, 0, 0)


def test_a_refused_row_that_no_retry_read_is_at_most_open(runs):
    first, _ = runs.add(submitted=1, failed=2), runs.add(rejects(1), submitted=1)
    later = find_later(runs.journal, first)
    assert (later.sent, later.still_open, later.exact, later.deleted) == (1, 1, False, 0)


def test_records_that_later_runs_sent_are_no_longer_open(runs):
    first = runs.add(submitted=1, rejected=1, failed=2)
    runs.send(first, a=State.FAILED, b=State.FAILED)
    second = runs.add(submitted=1, failed=1, retried=2)
    runs.send(second, a=State.ACCEPTED)
    later = find_later(runs.journal, first)
    assert (later.retries, later.sent, later.still_open, later.exact) == ((), 1, 2, True)
    assert later.describe() == (
        "1 of the 3 rows that needed attention was sent by a later run; 2 still need it"
    )
    runs.send(second, b=State.FAILED)
    later = find_later(runs.journal, first)
    assert later is not None
    assert (later.sent, later.still_open, later.exact) == (1, 2, False)


def test_pruned_records_are_not_taken_for_sent(runs):
    first = runs.add(submitted=1, failed=1)
    runs.send(first, a=State.FAILED)
    second = runs.add(submitted=1, retried=1)
    runs.send(second, a=State.ACCEPTED)
    assert find_later(runs.journal, first).sent == 1
    runs.journal.prune(second.finished + 1)
    pruned = next(run for run in runs.journal.runs() if run.id == first.id)
    assert find_later(runs.journal, pruned) is None


def test_records_of_a_later_run_that_was_pruned_are_not_taken_for_sent(runs):
    first = runs.add(submitted=1, failed=1)
    runs.send(first, a=State.FAILED)
    second = runs.add(failed=1)
    runs.send(second, a=State.FAILED)
    runs.journal.prune(second.finished + 1, {second.id})
    later = find_later(runs.journal, first)
    assert (later.sent, later.still_open, later.exact) == (0, 1, False)


def test_rows_of_a_run_whose_records_alone_were_pruned_are_not_taken_for_sent(runs):
    first = runs.add(submitted=1, failed=1)
    runs.send(first, a=State.FAILED)
    second = runs.add(submitted=1)
    runs.send(second, b=State.ACCEPTED)
    runs.journal.prune(second.finished + 1, {first.id})
    pruned = next(run for run in runs.journal.runs() if run.id == first.id)
    later = find_later(runs.journal, pruned)
    assert (later.sent, later.still_open, later.exact) == (0, 1, False)


def test_a_later_run_of_the_whole_source_is_named_and_changes_no_count(runs):
    first = runs.add(submitted=9, rejected=4)
    runs.add(unchanged=13)
    later = find_later(runs.journal, first)
    assert (later.describe(), later.still_open) == ("", 4)
    assert later.describe_whole().startswith("Run 2 read this source again (13 rows)")
    assert describe_status(first, Evidence(), later).words == "Finished: 4 rows need attention"
    assert [need.what for need in list_needs(first, Evidence(), later)] == [
        "4 rows were rejected, and not sent."
    ]
    runs.add(ending="stopped", unchanged=3)
    runs.add(unchanged=1, retried=1)
    assert find_later(runs.journal, first).whole == (2, 13)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=4), st.data())
def test_rows_add_up_whatever_was_retried(counted, data):
    with open_journal(":memory:") as journal:
        runs, known = Runs(journal), []
        for submitted, rejected in counted:
            source = data.draw(st.sampled_from(["rows.csv", *map(rejects, known)]))
            known.append(runs.add(source, submitted=submitted, rejected=rejected).id)
        since = LaterRuns(journal, 1)
        for run in journal.runs():
            later = since.find(run)
            if later is not None:
                assert later.of == later.sent + later.filtered + later.still_open == run.counts["rejected"]
                assert 0 <= later.deleted <= later.still_open
                assert later.attention == later.still_open - later.deleted
                assert all(run.id < retry for retry in later.retries)
                assert list(later.retries) == sorted(set(later.retries))
                assert later == find_later(journal, run)


def test_both_reports_say_which_rows_they_are_about_and_that_both_are_signed(runs):
    first, second = runs.add(submitted=187, rejected=13), runs.add(rejects(1), submitted=12)
    assert describe_scope(first, None, find_later(runs.journal, first)) == (
        "This report is about all 200 rows that run 1 read; that of run 2 is about those that were tried "
        "again. Sign both."
    )
    assert describe_scope(second, Retried(1, 12, 13, read=200, before=(1,)), None) == (
        "This report is about the 12 rows that run 2 tried again; that of run 1 is about all 200 rows that "
        "it read. Sign both."
    )
    between = describe_scope(second, Retried(1, 12, 13, read=200, before=(1,)), Later(1, (3,), 1))
    assert between.endswith("; that of run 3 is about those that were tried again. Sign all of them.")
    last = describe_scope(second, Retried(4, 12, 13, read=200, before=(1, 3, 4)), None)
    assert last.endswith(
        "; that of run 1 is about all 200 rows that it read; those of runs 3 and 4 are about those that were "
        "tried again. Sign all of them."
    )
    assert describe_scope(first, None, None) == ""
    for run, other in ((first, 2), (second, 1)):
        page = write_run(runs.journal, run)
        assert page.count("Sign both.") >= 1
        assert f"run {other}" in page


def test_a_retry_of_a_retry_names_the_run_that_read_the_source(runs):
    runs.add(submitted=187, rejected=13)
    runs.add(rejects(1), submitted=9, rejected=4)
    third = runs.add(rejects(2), submitted=3, rejected=1)
    retried = find_retried(runs.journal, third, Evidence.read(runs.journal.evidence(third)))
    assert (retried.run, retried.of, retried.read, retried.before) == (2, 4, 200, (1, 2))


def test_the_history_counts_what_still_needs_attention(runs):
    runs.add(submitted=187, rejected=13)
    history = read_history(runs.journal, runs.add(rejects(1), submitted=12))
    assert [(past.attention, past.status.words) for past in history.runs] == [
        (0, "Finished: 1 row was deleted from the rejects file, so no retry sent it"),
        (0, "Finished: no row needs attention"),
    ]
    first, retry = history.runs
    assert (first.accepted, first.left_out, first.retry_of) == (199, 1, None)
    assert (retry.accepted, retry.left_out, retry.retry_of) == (12, 0, 1)


def test_pages_of_other_runs_are_linked_if_they_are_beside(runs, tmp_path):
    first, second = runs.add(submitted=187, rejected=13), runs.add(rejects(1), submitted=12)
    assert 'href="opusmap-run-' not in write_run(runs.journal, second, path=tmp_path / "page.html")
    (tmp_path / "opusmap-run-1.html").write_text(write_run(runs.journal, first), "utf-8")
    link = '<a href="opusmap-run-1.html">Report of run 1</a>'
    assert link in write_run(runs.journal, second, path=tmp_path / "page.html")
    assert link not in write_run(runs.journal, second)
    assert find_pages(tmp_path, [1, 2], "m.yaml") == {1: "opusmap-run-1.html"}
    assert find_pages(tmp_path, [1], "other.yaml") == {}
    assert find_pages(tmp_path, [11], "m.yaml") == {}
    (tmp_path / "opusmap-run-1-later.html").write_text(write_run(runs.journal, first), "utf-8")
    assert find_pages(tmp_path, [1], "m.yaml") == {1: "opusmap-run-1-later.html"}


def test_the_page_of_a_later_run_of_the_whole_source_is_linked_as_well(runs, tmp_path):
    first, second = runs.add(submitted=9, rejected=4), runs.add(unchanged=13)
    (tmp_path / "opusmap-run-2.html").write_text(write_run(runs.journal, second), "utf-8")
    page = write_run(runs.journal, first, path=tmp_path / "page.html")
    assert '<a href="opusmap-run-2.html">Report of run 2</a>' in page
    assert '<a href="opusmap-run-2.html">Run 2</a> read this source again (13 rows)' in page


def test_the_runs_are_read_once_however_many_retries_are_compared_with_a_run(runs, monkeypatch):
    first, *retries = [runs.add(submitted=1, rejected=1) for _ in range(6)]
    for one in retries:
        left = runs.journal.evidence(one)
        runs.journal.keep_evidence(one, {**left, "rows_of": first.id, "retried": "rejects"})
    reads, read = [], runs.journal.runs
    monkeypatch.setattr(runs.journal, "runs", lambda: reads.append(1) or read())
    assert LaterRuns(runs.journal, first.id).find_same_rows(first) == retries
    assert len(reads) == 1
