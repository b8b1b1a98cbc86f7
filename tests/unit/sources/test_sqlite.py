"""SQLite: the rows of a query as they are stored, and a query that can do nothing but read them."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from opusmap.errors import SourceError
from opusmap.records import Reject, Row
from opusmap.sources import open_database, open_source
from opusmap.sources.sqlite import CELL_LIMIT, SqliteSource


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "register #1?.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript("""
            CREATE TABLE contract (no TEXT, sum REAL, pages INTEGER, note BLOB, owner INTEGER);
            CREATE TABLE person (id INTEGER, mail TEXT);
            INSERT INTO contract VALUES ('007', 1.5, 12345678901234567, X'C3A9', 1);
            INSERT INTO contract VALUES ('008', 2.0, NULL, X'FF00', 2);
            INSERT INTO person VALUES (1, 'a@example.org'), (2, CAST(X'FF' AS TEXT));
        """)
        database.commit()
    return path


def refusal(path: Path, query: str) -> SourceError:
    with pytest.raises(SourceError) as caught, open_source(path, sql=query) as source:
        list(source.rows())
    assert caught.value.help
    return caught.value


def test_values_come_as_they_are_stored_and_columns_as_they_are_named(path: Path) -> None:
    with open_source(path, sql="SELECT no, sum, pages, note AS remark FROM contract") as source:
        assert source.columns == ("no", "sum", "pages", "remark")
        rows = list(source.rows())
        assert rows == list(source.rows())
    assert rows == [
        Row(1, {"no": "007", "sum": Decimal("1.5"), "pages": 12345678901234567, "remark": "é"}),
        Row(2, {"no": "008", "sum": 2, "pages": None, "remark": "ff00"}),
    ]


def test_a_join_is_one_query_and_text_that_is_none_rejects_its_row(path: Path) -> None:
    query = "SELECT no, mail FROM contract JOIN person ON owner = id ORDER BY no"
    with open_source(path, sql=query) as source:
        good, bad = source.rows()
    assert good == Row(1, {"no": "007", "mail": "a@example.org"})
    assert isinstance(bad, Reject)
    assert [(one.column, one.code) for one in bad.problems] == [("mail", "encoding")]


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM contract RETURNING *",
        "INSERT INTO person VALUES (9, 'x') RETURNING id",
        "UPDATE person SET mail = 'x' RETURNING id",
        "ATTACH DATABASE '/etc/passwd' AS other",
        "ATTACH DATABASE ':memory:' AS other",
        "PRAGMA journal_mode = OFF",
        "PRAGMA query_only = OFF",
        "SELECT * FROM pragma_database_list",
        "CREATE TABLE x (a)",
        "CREATE TEMP TABLE x AS SELECT * FROM contract",
        "DROP TABLE contract",
        "VACUUM INTO 'copy.sqlite'",
        "SELECT load_extension('x')",
        "SELECT writefile('x', 'y')",
        "BEGIN",
        "SELECT no FROM contract; DROP TABLE contract",
        "SELECT titel FROM contract",
        "SELEC no",
        "",
        "-- nothing",
        f"SELECT randomblob({CELL_LIMIT * 4})",
        "SELECT no, no FROM contract",
    ],
)
def test_a_query_that_is_no_plain_select_is_refused_and_changes_nothing(path: Path, query: str) -> None:
    before = path.read_bytes()
    refusal(path, query)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]  # noqa: PTH208 - names are enough


def test_a_query_without_end_is_stopped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opusmap.sources.sqlite.STEP_LIMIT", 3)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    error = refusal(path, endless)
    assert (error.code, "million steps" in error.problem) == ("bad-query", True)


def test_the_steps_are_counted_anew_for_each_row(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opusmap.sources.sqlite.STEP_LIMIT", 3)
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 600000) SELECT i FROM n"
    with open_source(path, sql=many) as source:
        assert sum(1 for _ in source.rows()) == 600_000


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "x.sqlite"
    text.write_text("no database, but a text that is long enough to be looked at" * 20)
    assert refusal(text, "SELECT 1 AS a").code in ("source-unreadable", "source-damaged")
    assert refusal(tmp_path / "missing.sqlite", "SELECT 1 AS a").code == "source-unreadable"
    assert not (tmp_path / "missing.sqlite").exists()


def test_a_database_needs_a_query_and_a_file(path: Path) -> None:
    with pytest.raises(SourceError, match="no-query"):
        open_source(path)
    with pytest.raises(SourceError, match="stream"), path.open("rb") as stream:
        open_source(stream, format="sqlite", sql="SELECT 1 AS a")


def test_a_variable_may_name_an_sqlite_file_without_any_extra(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPUSMAP_DATABASE_REGISTER", f"sqlite:///{path}")
    with open_database("OPUSMAP_DATABASE_REGISTER", "SELECT no FROM contract", "m.yaml") as source:
        assert isinstance(source, SqliteSource)
        assert next(iter(source.rows())) == Row(1, {"no": "007"})


@pytest.mark.parametrize(
    "variable", ["HOME", "OPUSMAP_CLIENT_SECRET", "OPUSMAP_DATABASE_X", "OPUSMAP_DATABASEX"]
)
def test_only_a_variable_for_databases_that_is_set_is_read(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPUSMAP_CLIENT_SECRET", "sqlite:///secret-value")
    with pytest.raises(SourceError) as caught:
        open_database(variable, "SELECT 1", "m.yaml")
    assert caught.value.code == "no-database"
    assert "secret-value" not in str(caught.value)
