"""Each row that a run read came to one end, and the sentence that says so adds up."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.journal import Run, open_journal
from opusmap.output_files import File
from opusmap.report import Evidence
from opusmap.report.later_rows import LaterRow, LaterRows, read_later
from opusmap.report.later_runs import Later, LaterRuns
from opusmap.report.row_places import find_places

RUN = Run(1, "https://opus.example.com", "c", "m.yaml", 0.0, 60.0, "done", {})
ENDS = ("submitted", "unchanged", "filtered", "rejected", "failed", "uncertain", "not_sent")


def describe(later=None, rows=None, *, run=RUN, evidence=Evidence(), **counts):  # noqa: B008 - frozen
    run = replace(run, counts={"read": sum(counts.values()), **counts})
    found = find_places(run, evidence, later, rows or LaterRows())
    assert sum(place.count for place in found.places) == found.read
    return found.describe()


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"submitted": 3}, "Opus accepted all 3 rows (3 sent by run 1)."),
        ({"submitted": 1}, "Opus accepted 1 of 1 row (1 sent by run 1)."),
        ({"rejected": 2}, "Opus accepted 0 of 2 rows. Not accepted: 2 rejected."),
        (
            {"submitted": 1_200, "unchanged": 3, "filtered": 2, "failed": 1, "uncertain": 4, "not_sent": 5},
            (
                "Opus accepted 1,203 of 1,215 rows (1,200 sent by run 1, 3 unchanged). "
                "Not accepted: 2 filtered, 1 failed, 4 uncertain, 5 not sent."
            ),
        ),
    ],
)
def test_a_run_says_how_many_of_its_rows_opus_accepted_and_what_became_of_the_others(counts, said):
    assert describe(**counts) == said


def test_a_run_that_has_not_counted_its_rows_says_nothing():
    assert find_places(RUN, Evidence(), None, LaterRows()) is None


def test_a_rehearsal_has_its_records_accepted_by_the_emulator():
    rehearsal = replace(RUN, origin="http://127.0.0.1:8015")
    said = describe(run=rehearsal, submitted=1, rejected=1)
    assert said == "The emulator accepted 1 of 2 rows (1 sent by run 1). Not accepted: 1 rejected."


def test_later_runs_are_named_one_by_one_where_all_their_rows_are_known():
    rows = {number: LaterRow(number, "", "sent", 2 + number % 2) for number in range(2, 5)}
    later = Later(6, (2, 3), 3, still_open=3, deleted=1)
    rest = "Not accepted: 2 still open, 1 deleted from the rejects file."
    known = describe(later, LaterRows(rows), submitted=4, rejected=6)
    assert known == f"Opus accepted 7 of 10 rows (4 sent by run 1, 2 sent by run 2, 1 sent by run 3). {rest}"
    some = describe(later, LaterRows({2: rows[2]}), submitted=4, rejected=6)
    assert some == f"Opus accepted 7 of 10 rows (4 sent by run 1, 3 sent by runs 2 and 3). {rest}"


def test_a_count_that_is_not_certain_is_called_so():
    said = describe(Later(5, (2, 3), 3, still_open=2, exact=False), submitted=5, rejected=5)
    assert said.startswith("Opus accepted at least 8 of 10 rows (")
    assert said.endswith("Not accepted, at most: 2 still open.")


def test_rejected_rows_with_a_record_were_accepted():
    said = describe(evidence=Evidence(rejected_in_opus=2), unchanged=1, rejected=3)
    assert said == (
        "Opus accepted 3 of 4 rows (1 unchanged, 2 rejected now but sent earlier). Not accepted: 1 rejected."
    )


@given(st.lists(st.lists(st.integers(0, 3), min_size=7, max_size=7), min_size=1, max_size=4), st.data())
def test_places_add_up_whatever_was_retried(counted, data):
    with open_journal(":memory:") as journal:
        for ends in counted:
            counts = dict(zip(ENDS, ends, strict=True))
            known = [f"/x/m.run-{run.id}.rejects.csv" for run in journal.runs()]
            source = data.draw(st.sampled_from(["rows.csv", *known]))
            run = journal.start_run(origin="https://o", connection="c", mapping="m.yaml")
            files = (
                File("source", source, 1, "a"),
                File("rejects", f"/x/m.run-{run.id}.rejects.csv", 1, "b"),
            )
            journal.keep_evidence(run, Evidence(source=source, files=files).as_json())
            journal.finish_run(run, ending="done", counts={"read": sum(ends), **counts})
        since = LaterRuns(journal, 1)
        for run in journal.runs():
            places = find_places(run, Evidence(), *read_later(since, run))
            assert (places is None) == (not run.counts["read"])
            if places is not None:
                assert sum(place.count for place in places.places) == places.read
                assert all(place.count > 0 for place in places.places)
