"""Stages a Parquet file on a cluster of Spark on this machine: two executors, each a process with one core.

A separate program, for a process has one Spark at most:

    python spark_cluster_run.py MAPPING ROWS CONVERTERS FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from spark_session import start_session

from opusmap.spark import map_dataframe, stage


def main(mapping: str, rows: str, converters: str, folder: str) -> None:
    session = start_session(
        "local-cluster[2,1,1024]",
        Path(folder),
        **{
            "spark.executor.memory": "512m",
            "spark.speculation": "true",  # a task that seems slow is run a second time beside itself
            "spark.speculation.multiplier": "1.1",
            "spark.speculation.quantile": "0.1",
            "spark.sql.files.maxPartitionBytes": "4000",  # several partitions
            "spark.sql.files.openCostInBytes": "0",
        },
    )
    mapped = map_dataframe(session.read.parquet(Path(rows).as_uri()), mapping, converters=[converters])
    stage(mapped, str(Path(folder, "run")), parts=4)
    session.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
