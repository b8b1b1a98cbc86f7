"""SQLite: the rows of a query as they are stored, and a query that can do nothing but read them."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from opusmap.errors import SourceError
from opusmap.records import Reject, Row
from opusmap.sources import open_source
from opusmap.sources import sqlite as module
from opusmap.sources.database import open_database
from opusmap.sources.source import ROW_LIMIT
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
        "SELECT * FROM sqlite_dbpage",
        "SELECT * FROM dbstat",
        "SELECT readfile('/etc/passwd') AS a",
        "SELECT edit('x') AS a",
        "SELECT fts3_tokenizer('simple') AS a",
        "SELECT * FROM pragma_compile_options",
        "SELECT no FROM contract INDEXED BY nothing",
        "SELECT sqlite_rename_table('main','table','contract','x','y',0) AS a",
        "SELECT replace(hex(zeroblob(4000000)), '0', hex(zeroblob(4000000))) AS a",
        "SELECT group_concat(hex(zeroblob(5000000))) AS a FROM contract, contract c",
        "SELECT json_group_array(hex(zeroblob(5000000))) AS a FROM contract, contract c",
        f"SELECT no FROM contract WHERE no LIKE '{'%a' * 20_000}'",
        f"SELECT {'(' * 5_000}1{')' * 5_000} AS a",
        f"SELECT {'+'.join(['1'] * 5_000)} AS a",
        f"SELECT {','.join(f'1 AS c{n}' for n in range(5_000))}",
        f"SELECT 1 AS a {'UNION ALL SELECT 1 ' * 5_000}",
        f"SELECT 1 AS a FROM {','.join(f'contract c{n}' for n in range(65))}",
        "WITH RECURSIVE n(i) AS (SELECT x'00' UNION ALL SELECT i || i FROM n) SELECT max(i) AS a FROM n",
        "SELECT no FROM contract UNION SELECT",
        "EXPLAIN DELETE FROM contract",
        "PRAGMA hard_heap_limit = 0",
        "PRAGMA temp_store = 2",
        "PRAGMA temp_store_directory = '/tmp'",
        "REINDEX",
        "ANALYZE",
        "SAVEPOINT x",
        "DETACH main",
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


def test_a_row_that_holds_too_much_is_a_reject_and_the_others_go_on(path: Path) -> None:
    big = f"CASE WHEN no = '007' THEN printf('%.*c', {ROW_LIMIT // 3}, 'x') ELSE 'x' END"
    with open_source(
        path, sql=f"SELECT no, {big} AS a, {big} AS b, {big} AS c, {big} AS d FROM contract"
    ) as source:
        bad, good = source.rows()
    assert isinstance(bad, Reject)
    assert [(one.code, one.message) for one in bad.problems] == [
        ("field-too-long", f"the row contains more than {ROW_LIMIT >> 20} MB")
    ]
    assert (bad.values, good) == ({}, Row(2, {"no": "008", "a": "x", "b": "x", "c": "x", "d": "x"}))


@pytest.mark.parametrize(
    "value",
    [f"zeroblob({CELL_LIMIT - 9})", f"hex(zeroblob({CELL_LIMIT // 2 - 9}))", f"randomblob({CELL_LIMIT - 9})"],
)
def test_a_row_of_gigabytes_ends_the_query_and_not_the_machine(path: Path, value: str) -> None:
    columns = ", ".join(f"{value} AS c{number}" for number in range(180))
    error = refusal(path, f"SELECT no, {columns} FROM contract")
    assert (error.code, "too much memory" in error.problem) == ("bad-query", True)


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"


@pytest.mark.parametrize(
    "query",
    [
        f"{ENDLESS} SELECT i, hex(zeroblob(2000)) AS x FROM n ORDER BY 2, 1 DESC",
        f"{ENDLESS} SELECT DISTINCT hex(zeroblob(2000)) || i AS x FROM n WHERE i > 1000000000",
        f"{ENDLESS} SELECT hex(zeroblob(2000)) || i AS x, count(*) AS c FROM n GROUP BY 1",
        f"{ENDLESS} SELECT i, count(*) OVER () AS c, hex(zeroblob(2000)) AS x FROM n",
        f"{ENDLESS.replace('UNION ALL', 'UNION')} SELECT count(*) AS c FROM n",
        f"{ENDLESS}, m(x) AS MATERIALIZED (SELECT hex(zeroblob(2000)) || i FROM n) SELECT a.x FROM m a, m b",
        f"{ENDLESS} SELECT group_concat(i) AS x FROM n",
        f"{ENDLESS} SELECT json_group_array(i) AS x FROM n",
        f"{ENDLESS} SELECT count(DISTINCT hex(zeroblob(2000)) || i) AS x FROM n",
    ],
)
def test_a_query_fills_neither_the_disk_nor_the_memory(
    path: Path, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TEMPORARY_LIMIT", 8 << 20)
    monkeypatch.setattr(module, "STEP_LIMIT", 300)
    before = os.listdir(path.parent)  # noqa: PTH208 - names are enough
    error = refusal(path, query)
    assert error.code == "bad-query"
    assert os.listdir(path.parent) == before  # noqa: PTH208


LONG_STEP = "instr(hex(zeroblob(8000000)), hex(zeroblob(3000000)) || '1')"
"""Seconds in one call of a function, in which SQLite looks neither at its steps nor at an interrupt."""


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT {LONG_STEP} AS x",
        f"SELECT no FROM contract WHERE no = '007' OR {LONG_STEP} = 1",
        f"SELECT no FROM contract ORDER BY {LONG_STEP}",
    ],
)
def test_one_long_step_is_ended(path: Path, query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEP_SECONDS", 1.0)
    started = time.monotonic()
    error = refusal(path, query)
    assert (error.code, "one step of it took more than 1 seconds" in error.problem) == ("bad-query", True)
    assert time.monotonic() - started < 30


def test_a_slow_query_that_goes_on_is_not_silent(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEP_SECONDS", 10.0)
    slow = f"{ENDLESS.replace('FROM n', 'FROM n LIMIT 3000000')} SELECT count(*) AS c FROM n"
    with open_source(path, sql=slow) as source:
        assert [row.values for row in source.rows() if isinstance(row, Row)] == [{"c": 3_000_000}]


def test_whoever_waits_for_a_row_is_freed_when_the_source_is_closed(path: Path) -> None:
    query = f"SELECT no FROM contract WHERE no = '007' OR {LONG_STEP} = 1"
    source = open_source(path, sql=query)
    ended = threading.Event()

    def read() -> None:
        with pytest.raises(SourceError):
            list(source.rows())
        ended.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    source.close()
    assert ended.wait(20)


def test_a_row_comes_before_the_query_has_found_them_all(path: Path) -> None:
    with open_source(path, sql=f"{ENDLESS} SELECT i FROM n") as source:
        rows = iter(source.rows())
        assert [next(rows), next(rows)] == [Row(1, {"i": 1}), Row(2, {"i": 2})]


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE VIEW v AS SELECT load_extension('x') AS no",
        "CREATE VIEW v AS SELECT writefile('x', 'y') AS no",
        f"CREATE VIEW v AS SELECT {LONG_STEP} AS no",
        "CREATE VIEW v AS SELECT fts3_tokenizer('simple') AS no",
        "CREATE VIEW v AS SELECT file FROM pragma_database_list",
        f"CREATE VIEW v AS {ENDLESS} SELECT max(i) AS no FROM n",
        "CREATE VIEW v AS SELECT hex(randomblob(100000000)) AS no",
        "CREATE TABLE w (n);CREATE VIEW v AS SELECT n FROM w; DROP TABLE w; CREATE VIEW w AS SELECT * FROM v",
    ],
)
def test_a_hostile_view_in_the_file_does_no_more_than_a_hostile_query(
    tmp_path: Path, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STEP_SECONDS", 1.5)
    monkeypatch.setattr(module, "STEP_LIMIT", 20)
    path = tmp_path / "hostile.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(schema)
    assert refusal(path, "SELECT no FROM v").code == "bad-query"
    assert os.listdir(tmp_path) == [path.name]  # noqa: PTH208


@pytest.mark.parametrize("place", [20, 96, 100, 108, 1_000, 4_096 + 3, 4_096 + 8, 3 * 4_096 + 5])
def test_a_damaged_file_is_told_or_read_and_never_a_crash(tmp_path: Path, place: int) -> None:
    path = tmp_path / "damaged.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE t (no TEXT, x TEXT)")
        database.executemany("INSERT INTO t VALUES (?, ?)", [(str(n), "x" * 50) for n in range(1_000)])
        database.commit()
    content = bytearray(path.read_bytes())
    content[place : place + 24] = b"\xff" * 24
    path.write_bytes(content)
    code, rows = "", list[Row | Reject]()
    try:
        with open_source(path, sql="SELECT no, x FROM t ORDER BY x, no") as source:
            rows += source.rows()
    except SourceError as error:
        code = error.code
    assert code in ("", "bad-query", "source-unreadable", "source-damaged")
    assert len(rows) <= 1_000


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


@pytest.mark.parametrize("driver", ["sqlite", "sqlite+pysqlite"])
def test_a_stranger_s_query_is_held_to_reading_whatever_the_address_names_as_driver(
    path: Path, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPUSMAP_DATABASE", f"{driver}:///{path}")
    with pytest.raises(SourceError) as caught:
        open_database("OPUSMAP_DATABASE", "DELETE FROM contract RETURNING no", "m.yaml")
    assert caught.value.code == "bad-query"


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
