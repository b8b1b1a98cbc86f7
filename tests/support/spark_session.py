"""A real Apache Spark for tests, on this machine alone and in little memory."""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

SECRET = "spark-secret-planted"
"""The client secret that the environment has while Spark runs."""
CONNECTION = {
    "rowKey": "SingleText",
    "_Sum": "Number",
    "_When": "DateTime",
    "_Rate": "Number",
    "_Text": "SingleText",
}
MAPPING = """\
opusmap: 1
connection: c.json
tables: {t: {path: t.csv, key: code, value: name}}
where: "{{ State != 'Draft' }}"
fields:
  rowKey: Id
  Sum: Sum
  Rate: {from: Rate, on_error: omit}
  Text: {from: Code, lookup: t}
"""

_QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Java's quick compiler alone: the thorough one takes more than it saves in a minute."""


def require_spark() -> None:
    """Skip the test where Spark can't run."""
    if find_spec("pyspark") is None:
        pytest.skip("pyspark is not installed: `make spark` installs it")
    if shutil.which("java") is None:
        pytest.skip("there is no Java")


def start_session(master: str, folder: Path, **options: str) -> Any:
    """Return a session of Spark; its Python workers are this Python, its event log is in `folder/events`."""
    from pyspark.sql import SparkSession

    events = folder / "events"
    events.mkdir()
    os.environ["PYSPARK_PYTHON"] = sys.executable
    settings = {
        "spark.driver.memory": "1g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": _QUICK,
        "spark.executor.extraJavaOptions": _QUICK,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.session.timeZone": "Asia/Tokyo",  # not UTC: what reads a time as the session's shows
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.local.dir": str(folder / "local"),
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",  # a test looks into it
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",  # the default, INT96, has no zone
        "spark.eventLog.dir": events.as_uri(),
        "spark.log.level": "ERROR",
    }
    builder = SparkSession.builder.master(master).appName("opusmap")
    for name, value in (settings | options).items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def write_mapping(folder: Path, text: str = MAPPING) -> Path:
    """Write a mapping, its connection and its table; return its path."""
    connection = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [CONNECTION]}
    (folder / "c.json").write_text(json.dumps(connection), "utf-8")
    (folder / "t.csv").write_text("code,name\nx,the x\n", "utf-8")
    path = folder / "mapping.yaml"
    path.write_text(text, "utf-8")
    return path
