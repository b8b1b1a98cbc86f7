"""An executor of Spark is killed while it maps: the staged run is the one that it would have been."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from documentation import ROOT
from spark_session import MAPPING, SECRET, require_spark, write_mapping

from opusmap.converters.plugins import all_converters
from opusmap.run.map import MapStream
from opusmap.run.open import open_work
from opusmap.staging import open_staged

pytestmark = pytest.mark.spark

KILLER = """\
import os
import signal
from pathlib import Path

from opusmap import converter

KILLED = Path({killed!r})


@converter
def end_the_executor(value: str) -> str:
    \"\"\"Return a value; at one of them, kill the executor that this Python worker belongs to, once.\"\"\"
    if value == "k3100" and Path({armed!r}).exists() and not KILLED.exists():
        daemon = os.getppid()
        executor = int(Path(f"/proc/{{daemon}}/stat").read_text().rpartition(")")[2].split()[1])
        KILLED.write_bytes(Path(f"/proc/{{executor}}/cmdline").read_bytes())
        os.kill(executor, signal.SIGKILL)
    return value
"""


def test_an_executor_killed_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    require_spark()
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {"Id": f"k{at}", "Sum": "none" if at % 10 == 1 else "1", "Rate": "2", "Code": "x"}
        | {"State": "Draft" if at % 5 == 2 else "Open"}
        for at in range(4000)
    ]
    source, killed, armed = (tmp_path / name for name in ("rows.parquet", "killed", "armed"))
    pq.write_table(pa.Table.from_pylist(rows), source, row_group_size=500)
    converters = tmp_path / "own.py"
    converters.write_text(KILLER.format(killed=str(killed), armed=str(armed)), "utf-8")
    mapping = write_mapping(
        tmp_path, MAPPING.replace("rowKey: Id", "rowKey: {from: Id, convert: end_the_executor}")
    )
    with (work := open_work(mapping, source, all_converters([converters]))).source:
        stream = MapStream(work)
        records = {
            key: body for chunk in stream for key, body in zip(chunk.keys, chunk.records(), strict=True)
        }
    armed.touch()
    folder = tmp_path / "cluster"
    folder.mkdir()
    program = ROOT / "tests" / "support" / "spark_cluster_run.py"
    ended = subprocess.run(
        [sys.executable, program, mapping, source, converters, folder],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPUS_CLIENT_SECRET": SECRET},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()[-3000:]
    assert b"CoarseGrainedExecutorBackend" in killed.read_bytes()
    staged = open_staged(folder / "run")
    found = [(one.key, one.body) for part in staged.parts for one in staged.read(part)]
    assert len(found) == len(records)
    assert dict(found) == records
    report = stream.report()
    assert (staged.counts.read, staged.counts.filtered) == (report.read, report.filtered) == (4000, 800)
    assert staged.counts.rejected == report.rejected > 0
    log = b"".join(file.read_bytes() for file in (folder / "events").rglob("*") if file.is_file())
    assert b"SparkListenerExecutorRemoved" in log
    assert SECRET.encode() not in log
