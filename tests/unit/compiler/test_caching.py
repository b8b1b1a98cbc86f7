"""Which parts of a mapping are looked up where they would be made again for each row, and for how long."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from small_mapping import CONNECTION, mapping_text

from opusmap.compiler import Mapper, compile_mapping
from opusmap.converters import Context, Registry, builtin_converters, converter
from opusmap.converters.cache import CACHE_SIZE
from opusmap.errors import ValueProblem
from opusmap.mapping import parse_spec
from opusmap.records import Record

CALLS: Counter[str] = Counter()


@converter(cache=True)
def slow(value: str) -> str:
    """Take long."""
    CALLS[value] += 1
    if value == "bad":
        raise ValueProblem("wrong-value", value)
    return value.upper()


@converter(cache=True)
def slow_warning(value: str, *, context: Context) -> str:
    """Take long, and perhaps warn."""
    CALLS[value] += 1
    return value.upper()


@converter(pure=False, cache=True)
def ticket(value: str) -> str:
    """Give another text each time."""
    CALLS[value] += 1
    return f"{value}-{CALLS[value]}"


REGISTRY = builtin_converters().extended(Registry.of([slow, slow_warning, ticket]))
MORE = "tables: {t: {a: Red, b: Blue}}\nlet: {name: '{{ B | lower }}', far: '{{ B | slow }}'}\n"


def compiled(fields: str) -> Mapper:
    CALLS.clear()
    return compile_mapping(parse_spec(mapping_text(fields, MORE)), CONNECTION, REGISTRY)


def line_of(mapper: Mapper, row: dict[str, object]) -> object:
    mapped = mapper.map_row({"Key": "k", "A": "a", "B": "b"} | row)
    assert isinstance(mapped, Record)
    return mapped.values.get("_Line")


@pytest.mark.parametrize(
    ("binding", "looked_up"),
    [
        ("Choice: A", ["a"]),
        ("Choice: {from: A, default: Red}", ["a"]),
        ("Choice: '{{ A | slow }}'", ["a"]),
        ("Choice: \"{{ 'Red' if A > B else 'Blue' }}\"", ["('Red' if greater(a, b) else 'Blue')"]),
        ("Choice: {from: A, lookup: t, default: Green}", ["t1"]),
        ("termFullPath: A", ["a"]),
        ("termFullPath: [A, B]", ["a, b"]),
        ("termFullPath: {from: [A, B], lookup: t, convert: trim}", ["a, b"]),
        ("termFullPath: {from: A, split: '>'}", ["a"]),
        ("termFullPath: ['{{ name }}', A]", ["name, a"]),
        ("termFullPath: {from: A, convert: {regex_replace: [a, b]}}", ["t1"]),  # its matches are counted
        ("When: {from: A, format: '%d/%m/%Y'}", ["a"]),
        ("Line: '{{ (A | slow | upper)[:3] }}'", ["a"]),
        ("Line: {from: A, convert: [slow, upper]}", ["a"]),
        ("Line: '{{ A | slow }}, {{ B | slow }}'", ["a", "b"]),
        ("Line: '{{ name | slow }}'", ["name"]),
        ("Line: '{{ far }}'", ["b"]),
    ],
)
def test_what_takes_longer_than_a_look_up_is_looked_up_by_the_value_that_it_works_on(
    binding: str, looked_up: list[str]
) -> None:
    assert re.findall(r"known_\w+\[([^]]*)\]", compiled(binding).source) == looked_up


@pytest.mark.parametrize(
    "binding",
    [
        "Line: A",
        "Line: '{{ A | lower }}'",
        "Number: A",
        "When: A",  # it may note an hour that is there twice
        "When: {from: A, format: '%d/%m/%Y %H:%M'}",
        "Choices: {from: A, split: ';'}",  # its elements are looked up
        "termFullPath: [A, B, A, B, A]",
        "Line: '{{ A | slow_warning }}'",
        "Line: '{{ A | ticket }}'",
    ],
)
def test_what_is_cheap_or_may_give_or_note_something_else_the_next_time_is_not_looked_up(
    binding: str,
) -> None:
    assert "known_" not in compiled(binding).source


def test_a_text_is_converted_once_and_each_time_if_it_fails_or_is_long_or_is_no_text() -> None:
    mapper = compiled("Line: {from: A, convert: slow, on_error: omit}")
    long = "x" * 101
    for _ in range(2):
        assert [line_of(mapper, {"A": value}) for value in ("a", "bad", long, None)] == [
            "A",
            None,
            "X" * 101,
            None,
        ]
    assert dict(CALLS) == {"a": 1, "bad": 2, long: 2}


def test_a_result_that_is_long_is_not_kept() -> None:
    mapper = compiled("Line: \"{{ (A | slow) ~ '" + "-" * 1_000 + "' }}\"")
    assert line_of(mapper, {}) == line_of(mapper, {}) == "A" + "-" * 1_000
    assert CALLS == {"a": 2}


def test_when_a_cache_is_full_it_forgets_all() -> None:
    mapper = compiled("Line: '{{ A | slow }}'")
    for number in range(CACHE_SIZE):
        mapper.map_row({"Key": "k", "A": str(number), "B": "b"})
    assert line_of(mapper, {"A": "0"}) == "0"
    assert CALLS["0"] == 1
    assert line_of(mapper, {"A": "one more"}) == "ONE MORE"
    assert line_of(mapper, {"A": "0"}) == "0"
    assert CALLS["0"] == 2


def test_values_that_are_equal_but_not_the_same_are_not_taken_for_each_other() -> None:
    mapper = compiled("termFullPath: [A, B]")
    for value, text in ((1, "1/b"), (True, "true/b"), ("1", "1/b"), (1, "1/b")):
        mapped = mapper.map_row({"Key": "k", "A": value, "B": "b"})
        assert isinstance(mapped, Record)
        assert mapped.values["termFullPath"] == text


def test_what_the_default_stands_for_is_told_of_each_row() -> None:
    mapper = compiled("termFullPath: {from: [A, B], lookup: t, default: Other}")
    for row in ({"A": "a", "B": "b"}, {"A": "a", "B": "x"}, {"A": "a", "B": "x"}):
        mapped = mapper.map_row({"Key": "k"} | row)
        assert isinstance(mapped, Record)
        assert [one.code for one in mapped.replaced] == (["not-in-table"] if row["B"] == "x" else [])


def test_elements_of_a_list_are_looked_up_one_by_one() -> None:
    mapper = compiled("Line: \"{{ A | map('slow') | join(' ') }}\"")
    assert line_of(mapper, {"A": ["a", "b", "a"]}) == "A B A"
    assert line_of(mapper, {"A": ["b", "c"]}) == "B C"
    assert CALLS == {"a": 1, "b": 1, "c": 1}
