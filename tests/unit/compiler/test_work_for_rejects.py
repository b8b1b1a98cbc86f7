"""What a wrong value costs, counted: evaluations and calls of Python functions, not time."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from small_mapping import compiled

from opusmap.compiler import Mapper
from opusmap.records import Reject

WRONG: dict[str, tuple[str, Any]] = {
    "Line: A": ("a\nb", "line-break"),
    "Text: A": ("a\x00b", "control-character"),
    "When: A": ("2019-13-01", "bad-date"),
    'When: {from: A, format: "%d/%m/%Y"}': ("31/13/2019", "bad-date"),
    "Choice: A": ("Rad", "unknown-choice"),
    "Number: A": ("a lot", "bad-number"),
    'Number: "{{ (A | datetime).year + 1 }}"': ("2019-13-01", "bad-date"),
    "termFullPath: A": ("A//B", "bad-term-path"),
    "Line: {from: A, convert: [trim, single_line], required: true}": ("", "empty-required"),
    'People: {from: A, split: ";"}': ("a@x.org;nobody", "no-email"),
    "Line: {from: A, lookup: t}": ("z", "not-in-table"),
}
TABLE = "tables: {t: {a: b}}\n"


@contextmanager
def counted(mapper: Mapper) -> Iterator[Counter[str]]:
    """Count the calls of Python functions, and of those that evaluate a column."""
    count: Counter[str] = Counter()

    def note(frame: Any, event: str, _argument: object) -> None:
        if event == "call":
            count["calls"] += 1
            count["evaluated"] += frame.f_code is type(mapper.interpreter).value.__code__

    sys.setprofile(note)
    try:
        yield count
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("binding", WRONG)
def test_a_wrong_value_is_judged_once_where_one_thing_after_another_is_done_to_it(binding: str) -> None:
    value, code = WRONG[binding]
    mapper = compiled(binding, TABLE)
    row = {"Key": "k", "A": value}
    for _ in range(2):
        mapper.map_row(row)  # fills the memories, and prepares what is said of a wrong value
    with counted(mapper) as count:
        rejected = mapper.map_row(row)
    assert isinstance(rejected, Reject)
    assert [problem.code for problem in rejected.problems] == [code]
    assert count["evaluated"] <= (1 if binding.startswith(("Choice", "term")) else 0)
    assert count["calls"] <= MOST_CALLS


MOST_CALLS = 25
"""Calls for a row of one wrong value, those for the row among them."""


def test_many_wrong_columns_cost_no_more_than_each_alone() -> None:
    chosen = ["Line: A", "Choice: A", "Number: A"]
    assert calls_for("\n".join(chosen)) <= sum(map(calls_for, chosen))


def calls_for(fields: str) -> int:
    mapper = compiled(fields, TABLE)
    row = {"Key": "k", "A": "a\nb"}
    mapper.map_row(row)
    with counted(mapper) as count:
        rejected = mapper.map_row(row)
    assert isinstance(rejected, Reject)
    return count["calls"]
