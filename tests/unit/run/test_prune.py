"""Pruning a mapping's runs: what goes, what stays, and what it costs."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorded_runs import RecordedRun, record_run

from opusmap.run.prune import prune_runs

LONG_AGO, LATER = 1.0, 1e12


@pytest.fixture
def recorded(tmp_path: Path) -> RecordedRun:
    return record_run(tmp_path)


@pytest.mark.parametrize("named", [True, False])
def test_an_old_run_loses_its_records_and_its_rejects(recorded: RecordedRun, named: bool) -> None:  # noqa: FBT001
    mapping = recorded.journal.with_name("mapping.yaml") if named else None
    assert prune_runs(recorded.journal, mapping, LONG_AGO).runs == ()
    assert recorded.rejects.exists()

    pruned = prune_runs(recorded.journal, mapping, LATER)
    sent = recorded.report.submitted + recorded.report.failed
    assert (pruned.runs, pruned.records, pruned.requests) == ((1,), sent, -(-sent // 15))
    assert (pruned.removed, pruned.kept) == ((recorded.rejects,), ())
    assert not recorded.rejects.exists()
    assert prune_runs(recorded.journal, mapping, LATER).runs == ()


def test_rejects_that_a_person_edited_stay_and_are_named(recorded: RecordedRun) -> None:
    recorded.rejects.write_bytes(recorded.rejects.read_bytes() + b"\r\n")
    pruned = prune_runs(recorded.journal, None, LATER)
    assert (pruned.removed, pruned.kept) == ((), (recorded.rejects,))
    assert pruned.as_json()["kept"] == [str(recorded.rejects)]
    assert recorded.rejects.exists()


def test_runs_of_another_mapping_keep_what_they_have(recorded: RecordedRun) -> None:
    other = recorded.journal.with_name("other.yaml")
    other.write_bytes(recorded.journal.with_name("mapping.yaml").read_bytes())
    assert prune_runs(recorded.journal, other, LATER).runs == ()
    assert recorded.rejects.exists()
