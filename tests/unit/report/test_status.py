"""How a run went is said in words and a tone that agree, and what needs a person comes first."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.journal import Run
from opusmap.output_files import File
from opusmap.report import Evidence, Reason
from opusmap.report.later_runs import Later
from opusmap.report.status import Status, count_attention, describe_status, list_needs
from opusmap.sources import FileChange

RUN = Run(
    3, "https://opus.example.com", "c-1", "my maps/m.yaml", 0.0, 60.0, "done", {"read": 1, "submitted": 1}
)
REJECTS = Evidence(files=(File("rejects", "/x/m.run-3.rejects.csv", 1, "a"),))
CHANGED = Evidence(source_changed=(FileChange("rows.csv", None, None),))


def run(ending="done", **counts):
    return replace(RUN, ending=ending, counts=counts)


@pytest.mark.parametrize(
    ("one", "evidence", "tone", "words"),
    [
        (RUN, Evidence(), "good", "Finished: no row needs attention"),
        (run(submitted=9, rejected=1), Evidence(), "attention", "Finished: 1 row needs attention"),
        (
            run(unchanged=9, rejected=1899, failed=1),
            Evidence(),
            "attention",
            "Finished: 1,900 rows need attention",
        ),
        (run(read=2, rejected=2), Evidence(), "bad", "Finished: 2 rows need attention"),
        (run("no answer", submitted=9), Evidence(), "bad", "Stopped early: no answer"),
        (RUN, CHANGED, "attention", "Finished, but the source changed while it was being read"),
        (replace(RUN, finished=None, ending="", counts={}), Evidence(), "attention", "Not finished: "),
    ],
)
def test_the_words_and_the_tone_say_the_same(one, evidence, tone, words):
    status = describe_status(one, evidence)
    assert status.tone == tone
    assert status.words.startswith(words)


@pytest.mark.parametrize(
    ("rejected", "older", "end"),
    [
        (1, 1, "1 row needs attention; it has a record that an earlier run sent"),
        (3, 3, "3 rows need attention; all 3 have records that earlier runs sent"),
        (1_500, 1_200, "1,500 rows need attention; 1,200 of them have records that earlier runs sent"),
    ],
)
def test_rows_that_have_the_record_of_an_earlier_run_are_named(rejected, older, end):
    status = describe_status(run(rejected=rejected), Evidence(), older=older)
    assert status == Status("attention", f"Finished: {end}")


COUNTS = st.fixed_dictionaries(
    dict.fromkeys(
        ("submitted", "unchanged", "filtered", "rejected", "failed", "uncertain"), st.integers(0, 2)
    )
)


@given(COUNTS)
def test_a_finished_run_is_good_just_where_nothing_needs_a_person(counts):
    one = run(**counts)
    good = describe_status(one, Evidence()).tone == "good"
    assert good == (not list_needs(one, Evidence())) == (not count_attention(counts))


def test_what_is_most_urgent_comes_first():
    evidence = replace(
        CHANGED, journal_note="the journal is older", replaced=(Reason("A", "x", 2, (1,), ""),)
    )
    needs = list_needs(run("no answer", submitted=1, rejected=3, failed=2, uncertain=1, not_sent=4), evidence)
    assert [need.what for need in needs] == [
        "The run did not finish. 4 records were not sent.",
        "Of 1 record it is not known whether Opus took it.",
        "Opus refused 2 records.",
        "3 rows were rejected, and not sent.",
        "The source changed while it was being read.",
        "the journal is older.",
        "2 wrong values were replaced, as the mapping says.",
    ]


def test_the_command_is_the_one_for_the_file_that_is_there():
    (need,) = list_needs(run(submitted=1, rejected=1), REJECTS)
    assert "m.run-3.rejects.csv" in need.action
    assert need.command == "opusmap retry 'my maps/m.yaml'"
    (need,) = list_needs(run(submitted=1, rejected=1), Evidence())
    assert need.command == "opusmap submit 'my maps/m.yaml'"


def test_a_rehearsal_names_the_file_and_the_command_that_the_terminal_names():
    (need,) = list_needs(replace(run(submitted=1, rejected=1), origin="http://127.0.0.1:8765"), REJECTS)
    assert need.action == "Correct the cells in m.run-3.rejects.csv, and run"
    assert need.command == "opusmap retry 'my maps/m.yaml'"


@pytest.mark.parametrize(
    ("rejected", "in_opus", "action", "command"),
    [
        (2, 2, "Correct these rows in rows.csv, and run", "opusmap submit 'my maps/m.yaml'"),
        (1, 1, "Correct this row in rows.csv, and run", "opusmap submit 'my maps/m.yaml'"),
        (
            3,
            2,
            (
                "In rows.csv, correct the 2 rows that have records; "
                "in m.run-3.rejects.csv, correct the cells of the other one. Then run"
            ),
            "opusmap retry 'my maps/m.yaml'",
        ),
        (
            1_003,
            1,
            (
                "In rows.csv, correct the row that has a record; "
                "in m.run-3.rejects.csv, correct the cells of the other 1,002. Then run"
            ),
            "opusmap retry 'my maps/m.yaml'",
        ),
        (3, 0, "Correct the cells in m.run-3.rejects.csv, and run", "opusmap retry 'my maps/m.yaml'"),
    ],
)
def test_rows_that_have_records_are_to_be_corrected_in_the_source(rejected, in_opus, action, command):
    files = (File("source", "/x/rows.csv", 1, "b"), *REJECTS.files)
    evidence = Evidence(files=files, rejected_in_opus=in_opus)
    (need,) = list_needs(run(submitted=1, rejected=rejected), evidence)
    assert (need.action, need.command) == (action, command)
    (need,) = list_needs(run(submitted=1, rejected=rejected), replace(evidence, rows_of=2))
    assert need.action == "Correct the cells in m.run-3.rejects.csv, and run"
    (need,) = list_needs(run(submitted=1, rejected=rejected), replace(evidence, files=files[1:]))
    assert "rows.csv" not in need.action


@pytest.mark.parametrize(
    ("in_opus", "deleted", "action", "command"),
    [
        (0, 3, "Exclude these rows with “where” in the mapping, and run", "opusmap check"),
        (2, 1, "Correct these rows in rows.csv, and run", "opusmap submit"),
        (0, 1, "In m.run-3.rejects.csv, correct the cells of the other 2, and run", "opusmap retry"),
        (
            1,
            1,
            (
                "In rows.csv, correct the row that has a record; "
                "in m.run-3.rejects.csv, correct the cells of the other one. Then run"
            ),
            "opusmap retry",
        ),
    ],
)
def test_rows_that_a_person_deleted_from_the_rejects_are_not_to_be_fixed(in_opus, deleted, action, command):
    files = (File("source", "/x/rows.csv", 1, "b"), *REJECTS.files)
    evidence = Evidence(files=files, rejected_in_opus=in_opus, rejected_deleted=deleted)
    (need,) = list_needs(run(submitted=1, rejected=3), evidence)
    assert (need.action, need.command) == (action, f"{command} 'my maps/m.yaml'")
    assert f"{deleted} of the rejected rows" in need.note


@pytest.mark.parametrize(
    ("later", "command"),
    [
        (Later(2, whole=(2, 200)), "opusmap report 2 --html"),
        (
            Later(2, (2,), 1, still_open=1, rejects="m.run-2.rejects.csv", whole=(3, 200)),
            "opusmap report 3 --html",
        ),
        (Later(2, (3,), 1, still_open=1, rejects="m.run-3.rejects.csv", whole=(2, 200)), "opusmap retry"),
    ],
)
def test_once_the_source_was_read_again_its_report_is_named_and_no_older_row_is_retried(later, command):
    needs = list_needs(run(submitted=198, rejected=2), REJECTS, later)
    assert needs[0].command.startswith(command)
    assert ("read this source again (200 rows)" in needs[0].action) == (command != "opusmap retry")
