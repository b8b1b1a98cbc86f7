"""Rejected rows are shown from the file of rejects as the run left it, and from no other."""

import pytest
from recorded_runs import CHANGED, record_run

from opusmap.journal import open_journal
from opusmap.report import Evidence, Reason
from opusmap.report.pages import read_rows


@pytest.fixture
def recorded(tmp_path):
    return record_run(tmp_path)


def evidence(recorded):
    with open_journal(recorded.journal, write=False) as journal:
        return Evidence.read(journal.evidence(journal.runs()[0]))


def test_each_row_that_a_reason_names_is_found_as_it_was_read(recorded):
    found = read_rows(evidence(recorded))
    assert found.missing == ""
    named = {row for reason in recorded.report.reasons for row in reason.rows}
    assert found.rows.keys() == named
    first = found.rows[2]
    assert {name: first.values[name] for name in CHANGED} == CHANGED
    assert "Doc Type: " in first.error
    assert first.key == "CT-000001"


def test_a_file_that_was_changed_is_no_evidence(recorded):
    with recorded.rejects.open("ab") as file:
        file.write(b"\r\n")
    found = read_rows(evidence(recorded))
    assert found.rows == {}
    assert "was changed after the run" in found.missing


def test_a_file_that_is_gone_is_told(recorded):
    recorded.rejects.unlink()
    assert "is not there any more" in read_rows(evidence(recorded)).missing


def test_a_run_without_a_file_of_rejects_is_told():
    assert "wrote no file of rejects" in read_rows(Evidence(reasons=(Reason("A", "x", 1, (2,), ""),))).missing
    assert read_rows(Evidence()).missing == ""


def test_only_so_many_rows_are_shown(recorded):
    found = read_rows(evidence(recorded), limit=2)
    assert len(found.rows) == 2
    assert "Only 2 rows are shown" in found.missing
