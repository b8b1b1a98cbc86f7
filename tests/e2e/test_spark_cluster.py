"""The whole way in small: a cluster of Spark maps and stages, three processes send; all are killed.

In large: `make soak`. The rows are staged once for both tests: a cluster takes half a minute to start.
"""

from __future__ import annotations

import pytest
from postgres import Server
from scale_proof import KILLS, PARTS, PROCESSES, StagedRows, drain, stage_on_cluster
from spark_session import SECRET, require_spark

from opusmap.staging import open_staged

pytestmark = pytest.mark.spark

ROWS = 10_000


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> StagedRows:
    require_spark()
    return stage_on_cluster(tmp_path_factory.mktemp("cluster"), ROWS)


def test_an_executor_killed_in_the_middle_changes_nothing(staged: StagedRows) -> None:
    assert b"CoarseGrainedExecutorBackend" in staged.killed
    run = open_staged(staged.folder / "run")
    found = [(one.key, one.body) for part in run.parts for one in run.read(part)]
    assert len(found) == len(staged.bodies)
    assert dict(found) == staged.bodies
    assert len(run.parts) == PARTS
    report = staged.report
    assert (run.counts.read, run.counts.filtered) == (report.read, report.filtered)
    assert report.read > 0.99 * ROWS
    assert run.counts.rejected == report.rejected > 0
    log = b"".join(file.read_bytes() for file in (staged.folder / "events").rglob("*") if file.is_file())
    assert b"SparkListenerExecutorRemoved" in log
    assert SECRET.encode() not in log


def test_three_processes_that_are_killed_send_what_it_staged_while_the_database_restarts(
    staged: StagedRows, postgres: Server
) -> None:
    drained = drain(staged, postgres, seed=1)
    assert drained.problems == []
    assert drained.kills == dict.fromkeys(range(PROCESSES), KILLS)
    assert drained.holding >= PROCESSES
    assert {"throttle", "lost-after", "error-halfway"} <= drained.met.keys()
