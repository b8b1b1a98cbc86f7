"""Stages a Parquet file on a cluster of Spark on this machine: two executors, each a process with one core.

A separate program, for a process has one Spark at most:

    python spark_cluster_run.py MAPPING ROWS CONVERTERS FOLDER PARTS

The column `Row` of the file says which of several rows with one key counts.
"""

from __future__ import annotations

import sys
from pathlib import Path

from spark_session import start_session

from opusmap.spark import map_dataframe, stage


def main(mapping: str, rows: str, converters: str, folder: str, parts: str) -> None:
    size = Path(rows).stat().st_size
    session = start_session(
        "local-cluster[2,1,1024]",
        Path(folder),
        **{
            "spark.executor.memory": "512m",
            "spark.speculation": "true",  # a task that seems slow is run a second time beside itself
            "spark.speculation.multiplier": "1.1",
            "spark.speculation.quantile": "0.1",
            "spark.sql.files.maxPartitionBytes": str(size // 8),  # several partitions
            "spark.sql.files.openCostInBytes": "0",
        },
    )
    df = session.read.parquet(Path(rows).as_uri())
    mapped = map_dataframe(df, mapping, order_by="Row", converters=[converters])
    stage(mapped, str(Path(folder, "run")), int(parts))
    session.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
