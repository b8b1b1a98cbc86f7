"""The address of a database shows nowhere: not its host, path, user, password nor what follows its `?`."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from opusmap.errors import SourceError
from opusmap.report.provenance import gather_evidence
from opusmap.run.open import open_work
from opusmap.sources.database import open_database

VARIABLE = "OPUSMAP_DATABASE_REGISTER"
ADDRESSES = {
    "a port where nobody listens": "postgresql+psycopg://canary1:canary2@127.0.0.1:1/canary3?application_name=canary4",
    "a password that is percent-encoded": "postgresql+psycopg://canary1:can%40ary2@127.0.0.1:1/canary3",
    "a host that nobody knows": "postgresql+psycopg://canary1:canary2@canary3.invalid:5433/canary4",
    "a host whose name is too long": f"postgresql+psycopg://canary1:canary2@{'canary3' * 30}.example/canary4",
    "a socket's folder": "postgresql+psycopg://canary1:canary2@/canary3?host=/tmp/canary4",
    "an option that is none": "postgresql+psycopg://canary1:canary2@127.0.0.1:1/canary3?canary4=canary5",
    "a service that is none": "postgresql+psycopg://canary1:canary2@127.0.0.1:1/canary3?service=canary4",
    "a value that is none": "postgresql+psycopg://canary1:canary2@127.0.0.1:1/canary3?sslmode=canary4",
    "files of certificates": "postgresql+psycopg://canary1@127.0.0.1:1/x?sslmode=verify-full&sslrootcert=/canary2/x",
    "IPv6": "postgresql+psycopg://canary1:canary2@[::1]:1/canary3",
    "a port that is none": "postgresql+psycopg://canary1:canary2@canary3:canary4/canary5",
    "a driver that is none": "postgresql+canary1://canary2:canary3@canary4/canary5",
    "a kind that is none": "canary1://canary2:canary3@canary4/canary5",
    "no address": "canary1",
    "blanks": "canary1 canary2",
    "another driver's own form": "mssql+pyodbc:///?odbc_connect=SERVER%3Dcanary1%3BUID%3Dcanary2",
    "an SQLite file": "sqlite:////canary1/canary2.db",
    "an SQLite file and a query": "sqlite:///canary1.db?canary2=canary3",
    "an SQLite file by its driver": "sqlite+pysqlite:////canary1/canary2.db?canary3=4",
    "an SQLite address with a host": "sqlite://canary1/canary2",
    "a lone surrogate": "postgresql+psycopg://canary1:canary2@canary3\udcff/canary4",
}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_no_message_shows_any_of_it(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sqlalchemy", reason="the extra sql is not installed")
    pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
    monkeypatch.setenv(VARIABLE, address)
    with pytest.raises(SourceError) as caught:
        open_database(VARIABLE, "SELECT a FROM t", "m.yaml")
    told = str(caught.value)
    assert VARIABLE in told
    for part in ("canary", "can%40", "ary2", "127.0.0.1", "::1", "port 1"):
        assert part not in told, told
    assert caught.value.__cause__ is None


def test_the_names_of_a_query_are_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database is often called as its table is: what the query says stays readable."""
    pytest.importorskip("sqlalchemy", reason="the extra sql is not installed")
    (tmp_path / "contract").touch()
    monkeypatch.setenv(VARIABLE, f"sqlite+pysqlite:///{tmp_path}/contract")
    with pytest.raises(SourceError, match="no such table: contract") as caught:
        open_database(VARIABLE, "SELECT no FROM contract", "m.yaml")
    assert caught.value.code == "bad-query"


def test_an_sqlite_file_of_the_environment_is_named_by_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(tmp_path / "canary.db")) as database:
        database.execute("CREATE TABLE t AS SELECT '1' AS key")
        database.commit()
    monkeypatch.setenv(VARIABLE, f"sqlite:///{tmp_path}/canary.db")
    connection = {"id": "d9da492f-cc67-4920-99f9-6fbaae1f1410", "data": [{"rowKey": "SingleText"}]}
    (tmp_path / "c.json").write_text(json.dumps(connection))
    (tmp_path / "m.yaml").write_text(
        f"opusmap: 1\nconnection: c.json\nsource: {{database: {VARIABLE}, sql: SELECT key FROM t}}\n"
        "fields: {rowKey: key}\n"
    )
    work = open_work(tmp_path / "m.yaml")
    with work.source:
        assert [row.number for row in work.source.rows()] == [1]
        assert work.source.name == VARIABLE
        assert "canary" not in json.dumps(gather_evidence(work.mapper, work.source).as_json())
