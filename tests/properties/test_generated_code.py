"""The law of generated code: it gives what evaluating the tree gives, or declines; that it does seldom."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from evaluation import compile_unchecked
from generated_specs import CONNECTION, SOURCE, mappings, rows
from hypothesis import given, note, reject
from hypothesis import strategies as st
from likely_specs import COLUMNS, likely_mappings, likely_rows
from reference import Outcome, interpret
from small_mapping import compiled
from thorough import THOROUGH
from workloads import WORKS, Work, write_source

from opusmap.compiler import Mapper, compile_mapping
from opusmap.compiler.interpreter import ABSENT, FILTERED
from opusmap.errors import InvalidMapping
from opusmap.issues import Issue
from opusmap.mapping import parse_spec
from opusmap.records import Filtered, Mapped, Record, Row
from opusmap.run.open import open_work

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("OPUSMAP_TEST_DATA", "no-data"))


@contextmanager
def declined(mapper: Mapper) -> Iterator[Counter[str]]:
    """Count what generated code leaves to the interpreter, by column; a name that is missing is a bug."""
    count: Counter[str] = Counter()
    names = mapper._function.__globals__  # type: ignore[attr-defined]
    interpret = names["interpret"]

    def counting(index: int, *rest: Any) -> Any:
        error = sys.exc_info()[1]
        assert not isinstance(error, NameError) or isinstance(error, UnboundLocalError), error
        count[mapper.plan.columns[index].column.display_name] += 1
        return interpret(index, *rest)

    names["interpret"] = counting
    try:
        yield count
    finally:
        names["interpret"] = interpret


def outcome_of(mapped: Mapped) -> Outcome:
    if isinstance(mapped, Filtered):
        return Outcome("filtered")
    if isinstance(mapped, Record):
        replaced = tuple((problem.column, problem.code) for problem in mapped.replaced)
        return Outcome("record", mapped.values, (), replaced)
    return Outcome("reject", None, tuple((problem.column, problem.code) for problem in mapped.problems))


def check_law(mapper: Mapper, row: dict[str, Any]) -> None:
    """Hold what generated code gives for a row, twice, to what evaluating gives."""
    note(mapper.source)
    evaluated: list[Issue[str]] = []
    record = mapper.interpreter.row(row, evaluated)
    noted = take_notes(mapper)
    with declined(mapper):
        for _ in range(2):
            problems: list[Issue[str]] = []
            assert repr(mapper._function(row, problems)) == repr(record)
            assert problems == evaluated
            assert take_notes(mapper) == noted
    assert (record is FILTERED) or ABSENT not in record.values()


def take_notes(mapper: Mapper) -> tuple[list[Issue[str]], list[Issue[str]]]:
    """Return what a row left as notes and as replaced values, and forget it."""
    found = list(mapper._notes), list(mapper._replaced.values())
    mapper._notes.clear()
    mapper._replaced.clear()
    return found


@THOROUGH
@given(
    text=mappings(),
    read=st.lists(rows(), min_size=1, max_size=4),
    columns=st.sampled_from([None, frozenset(SOURCE)]),
)
def test_generated_code_gives_what_evaluating_gives_or_declines(
    text: str, read: list[dict[str, Any]], columns: frozenset[str] | None
) -> None:
    mapper = compile_unchecked(text, CONNECTION, columns)
    for row in read:
        check_law(mapper, row)


@THOROUGH
@given(
    text=likely_mappings(),
    read=st.lists(likely_rows(), min_size=1, max_size=4),
    columns=st.sampled_from([None, frozenset(COLUMNS)]),
)
def test_so_it_does_where_most_rows_become_records(
    text: str, read: list[dict[str, Any]], columns: frozenset[str] | None
) -> None:
    try:
        mapper = compile_mapping(parse_spec(text), CONNECTION, columns=columns)
    except InvalidMapping:  # a filter that no value of this kind can have
        reject()
    for row in read:
        check_law(mapper, row)
        assert outcome_of(mapper.map_row(row)) == interpret(mapper.plan, row)


def rows_of(mapping: Path, source: Path) -> tuple[Mapper, list[Row]]:
    work = open_work(mapping, str(source))
    with work.source:
        return work.mapper, [row for row in work.source.rows() if isinstance(row, Row)]


def declined_columns(mapper: Mapper, read: list[Row]) -> set[str]:
    """Return the columns that are declined in more than two of a thousand good rows."""
    good = [row for row in read if isinstance(mapper.map_row(row.values), Record)]
    assert len(good) > len(read) / 2
    with declined(mapper) as count:
        for row in good:
            mapper.map_row(row.values)
    return {column for column, times in count.items() if times > len(good) / 500}


REPLACED = {
    "register": {"Signed On"},
    "contracts": {"Signed On"},
    "dirty": {"Signed On", "Pages"},
}


@pytest.mark.parametrize("work", WORKS.values(), ids=list(WORKS))
def test_good_rows_of_every_kind_of_work_decline_where_a_value_is_replaced_and_nowhere_else(
    work: Work, tmp_path: Path
) -> None:
    source = tmp_path / f"register{work.suffix}"
    write_source(work, source, 1_000, 5)
    assert declined_columns(*rows_of(work.mapping, source)) == REPLACED.get(work.name, set())


USUAL = (
    ("When: A", "2024-01-31T18:15:00Z"),
    ("When: A", " 2024-01-31 18:15:00.5+10:00"),
    ('When: {from: A, format: "%d.%m.%Y"}', " 31.01.2024 "),
    ('When: {from: A, format: "%m/%d/%Y %I:%M %p"}', "1/31/2024 06:15 PM"),
    ('When: {from: A, format: "%d %b %Y %H:%M"}', "04 Apr 2021 02:30"),  # exists twice
    ('When: {from: A, format: "%Y%m%d"}', 20240131),
    ("When: \"{{ A | datetime('%d/%m/%Y %H:%M:%S') }}\"", "31/01/2024 18:15:00"),
    ('When: "{{ A | datetime if A is not none else none }}"', "2024-01-31"),
    ("Line: \"{{ A | datetime | format_date('%d.%m.%Y') }}\"", "2024-01-31T18:15:00Z"),
    ("People: A", ["änn.müller@x.org", "Bob <bob@bücher.example>"]),
    ('People: "{{ A | email }}"', "名前@x.org"),
    ("Classification: A", ["Hall", " Bay "]),
    ("Classification: A", "Hall/Bay"),
    ("Classification: {from: A, default: None}", ["Hall", "Bay"]),
    ("Classification: {from: [A, Key], convert: trim}", "Hall"),
    ("Line: {from: [A, Key, A], join: '-'}", ["x", "y"]),
    ('Line: "{{ coalesce(A, Key) }}"', None),
    ("Line: \"{{ A | regex_replace('([a-z])-', '$1') }}\"", "ä-b-c"),
    ("Line: \"{{ A | map('title') | sort | join(', ') if A else none }}\"", ["b", "a"]),
    ("Line: \"{{ (A + 1) ~ '/' ~ (A * 2) }}\"", 7),
    ('Number: "{{ (A * 1.5) | round(2) }}"', Decimal("2.25")),
    ("Choice: \"{{ 'Red' if A else 'Blue' }}\"", []),
)


@pytest.mark.parametrize(("field", "value"), USUAL)
def test_values_as_sources_have_them_are_not_declined(field: str, value: Any) -> None:
    mapper = compiled(field, "timezone: Australia/Sydney")
    row = {"Key": "k", "A": value}
    with declined(mapper) as count:
        found = mapper.map_row(row)
    assert not count
    assert isinstance(found, Record)
    assert found.values == mapper.interpreter.row(row, [])


BUNDLED = {
    "contracts/mapping.yaml": ROOT / "mappings" / "contracts" / "contracts.csv",
    "kev/mapping.yaml": DATA / "kev.csv",
    "kev/from-json.yaml": DATA / "kev.json",
    "doaj/mapping.yaml": DATA / "doaj.csv",
    "phs_register/mapping.yaml": DATA / "phs_register.csv",
    "chinook/mapping.yaml": DATA / "chinook.sqlite",
}


@pytest.mark.parametrize("mapping", BUNDLED)
def test_good_rows_of_bundled_mappings_decline_where_a_value_is_replaced_and_nowhere_else(
    mapping: str,
) -> None:
    if not BUNDLED[mapping].exists():
        pytest.skip("the public data is not here")
    replaced = {"contracts/mapping.yaml": {"Signed On"}}.get(mapping, set())
    assert declined_columns(*rows_of(ROOT / "mappings" / mapping, BUNDLED[mapping])) == replaced
