"""A real PostgreSQL, started by the test: rows come as they are needed, and nothing is written."""

from __future__ import annotations

import re
import tracemalloc
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from postgres import Server

from opusmap.errors import SourceError
from opusmap.records import Row
from opusmap.sources import Source
from opusmap.sources.database import list_tables, open_database

pytest.importorskip("sqlalchemy", reason="the extra sql is not installed")
psycopg = pytest.importorskip("psycopg", reason="the driver psycopg is not installed")

VARIABLE = "OPUSMAP_DATABASE_TEST"


@pytest.fixture(scope="module")
def server(postgres: Server) -> str:
    """The address of an empty database."""
    return postgres.make_database().replace("postgresql://opus@", "postgresql+psycopg://opus:pw-secret@")


@pytest.fixture(scope="module")
def filled(server: str) -> str:
    with psycopg.connect(server.replace("+psycopg", "")) as connection:
        connection.execute(
            "CREATE TABLE contract (no text, sum numeric(12,2), rate float8, big bigint, signed date,"
            " at timestamptz, tags text[], more jsonb, title text)"
        )
        connection.execute("CREATE SEQUENCE counter")
        connection.execute(
            "INSERT INTO contract VALUES ('007', 1.50, 0.1, 9007199254740993, '2024-07-01',"
            " '2024-07-01 09:30+10', '{a,b}', '{\"x\": 0.5}', '100 % ''quoted'': done')"
        )
    return server


@pytest.fixture
def opened(filled: str, monkeypatch: pytest.MonkeyPatch) -> object:
    def open_query(sql: str) -> Source:
        monkeypatch.setenv(VARIABLE, filled)
        return open_database(VARIABLE, sql, "m.yaml")

    return open_query


def test_tables_and_views_are_listed(filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, filled)
    assert list_tables(VARIABLE, "m.yaml") == ("contract",)


def test_values_have_the_types_of_the_database(opened) -> None:
    with opened("SELECT * FROM contract") as source:
        assert source.columns[:2] == ("no", "sum")
        assert source.name == VARIABLE
        rows = list(source.rows())
        assert rows == list(source.rows())
    assert rows == [
        Row(
            1,
            {
                "no": "007",
                "sum": Decimal("1.50"),
                "rate": Decimal("0.1"),
                "big": 9007199254740993,
                "signed": date(2024, 7, 1),
                "at": datetime(2024, 6, 30, 23, 30, tzinfo=UTC),
                "tags": ["a", "b"],
                "more": {"x": Decimal("0.5")},
                "title": "100 % 'quoted': done",
            },
        )
    ]


ODD = {
    "'infinity'::date": "infinity",
    "'-infinity'::timestamp": "-infinity",
    "'infinity'::timestamptz": "infinity",
    "'0044-03-15 BC'::date": "0044-03-15 BC",
    "'0044-03-15 09:30 BC'::timestamp": "0044-03-15 09:30:00 BC",
    "'12024-07-01'::date": "12024-07-01",
    "'12024-07-01 09:30+00'::timestamptz": "12024-07-01 09:30:00+00",
    "'24:00'::time": "24:00:00",
    "'24:00+02'::timetz": "24:00:00+02",
    "'2000000000 days'::interval": "2000000000 days",
    "'NaN'::numeric": "NaN",
    "'NaN'::float8": "NaN",
    "'-Infinity'::float4": "-Infinity",
    "0.1::real": Decimal("0.1"),
    "ARRAY[0.1, 16777216]::real[]": [Decimal("0.1"), 16777216],
    """'{"a": [0.1, 12345678901234567.89, 123456789012345678901234567890]}'::jsonb""": {
        "a": [Decimal("0.1"), Decimal("12345678901234567.89"), 123456789012345678901234567890]
    },
    "'0.10'::json": Decimal("0.10"),
    "ARRAY['0.1', 'null']::jsonb[]": [Decimal("0.1"), None],
    """'{"a": 1, "a": 2}'::json""": '{"a": 1, "a": 2}',
    """'{"a": "\\u003a"}'::json""": {"a": ":"},
    "'-Infinity'::numeric": "-Infinity",
    "ARRAY['infinity', '2024-07-01']::date[]": ["infinity", date(2024, 7, 1)],
    "daterange('2024-07-01', 'infinity')": "[2024-07-01, infinity)",
}


@pytest.mark.parametrize("expression", ODD)
def test_a_value_that_python_has_no_type_for_is_a_text_and_the_rows_around_it_come(
    opened, expression: str
) -> None:
    query = f"SELECT n, CASE WHEN n = 1500 THEN {expression} END AS x FROM generate_series(1, 3000) AS n"
    with opened(query) as source:
        rows = list(source.rows())
    assert [row.number for row in rows] == list(range(1, 3001))
    assert [row.values["x"] for row in rows if row.values["n"] != 1500] == [None] * 2999
    found = rows[1499].values["x"]
    assert found == ODD[expression]


def test_percent_signs_and_colons_in_a_query_are_what_they_are(opened) -> None:
    with opened("SELECT no FROM contract WHERE title LIKE '100 %' AND signed::text <> ':x'") as source:
        assert [row.values for row in source.rows()] == [{"no": "007"}]


def test_many_rows_are_fetched_as_they_are_needed(opened) -> None:
    query = "SELECT n, repeat('x', 200) AS filler FROM generate_series(1, 60000) AS n"
    tracemalloc.start()
    try:
        with opened(query) as source:
            assert sum(1 for _ in source.rows()) == 60_000
        assert tracemalloc.get_traced_memory()[1] < 8_000_000  # the whole is over 12 MB as text alone
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM contract",
        "DELETE FROM contract RETURNING no",
        "WITH gone AS (DELETE FROM contract RETURNING no) SELECT * FROM gone",
        "SELECT 1 AS a; DELETE FROM contract",
        "SELECT 1 AS a; COMMIT; DELETE FROM contract",
        "COMMIT; DELETE FROM contract; SELECT 1 AS a",
        "CREATE TABLE x (a int)",
        "SELECT nextval('counter') AS n",  # what no end of a transaction takes back
        "SELECT nothing FROM contract",
        "SELECT no, no FROM contract",
        "SELEC",
        "SET x.y = '1'",
        "COPY contract TO PROGRAM 'true'",
    ],
)
def test_a_query_that_is_no_plain_select_is_refused_and_changes_nothing(opened, query: str) -> None:
    with pytest.raises(SourceError) as caught, opened(query) as source:
        list(source.rows())
    assert caught.value.code in ("bad-query", "duplicate-header")
    assert "pw-secret" not in str(caught.value)
    with opened("SELECT count(*) AS n FROM contract") as source:
        assert [row.values for row in source.rows()] == [{"n": 1}]


def test_an_error_in_the_middle_is_told_with_its_row(opened) -> None:
    with (
        pytest.raises(SourceError) as caught,
        opened("SELECT 1 / (5000 - n) AS q FROM generate_series(1, 9999) n") as source,
    ):
        list(source.rows())
    assert caught.value.code == "bad-query"
    assert caught.value.row
    assert caught.value.row > 1
    # A row that can't be computed takes those with it that are fetched along with it.
    first, last = map(
        int, re.findall(r"rows ([0-9,]+) to ([0-9,]+)", caught.value.problem.replace(",", ""))[0]
    )
    assert caught.value.row == first <= 5000 <= last


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("postgresql+psycopg://opus:pw-secret@127.0.0.1:1/none?connect_timeout=2", "source-unreadable"),
        ("postgresql+nodriver://opus:pw-secret@x/none", "no-database"),
        ("mysql+mysqldb://opus:pw-secret@x/none", "no-database"),
        ("pw-secret", "no-database"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_without_its_password(
    address: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, address)
    with pytest.raises(SourceError) as caught:
        open_database(VARIABLE, "SELECT 1 AS a", "m.yaml")
    assert caught.value.code == code
    assert caught.value.help
    assert "pw-secret" not in str(caught.value)
