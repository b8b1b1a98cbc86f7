"""What a wrong value costs, counted: evaluations and calls of Python functions, not time."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from small_mapping import compiled

from opusmap.compiler import Mapper
from opusmap.compiler.interpreter import Interpreter
from opusmap.records import Filtered, Reject

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

SEVERAL: dict[str, tuple[dict[str, str], str, int]] = {
    "Line: {from: A, default: '{{ B }}'}": ({"A": "a\nb"}, "line-break", 0),
    "Line: '{{ B }} {{ A | number }}'": ({"A": "x", "B": "b"}, "bad-number", 0),
    "Line: '{{ A | number if B else B }}'": ({"A": "x", "B": "b"}, "bad-number", 0),
    "Line: 'K-{{ A }}'": ({"A": ""}, "empty-in-template", 1),
    "Line: '{{ whole }}: {{ A }}'": ({"A": "", "B": "1"}, "empty-in-template", 1),
    "termFullPath: [B, A]": ({"A": "x/y", "B": "b"}, "bad-term-path", 0),
    "Number: '{{ whole + 1 }}'": ({"B": "x"}, "bad-number", 1),
    "People: {from: A, split: ';', lookup: t}": ({"A": "z;a"}, "not-in-table", 0),
    "Number: {from: A, on_error: omit}": ({"A": "x"}, "bad-number", 0),
    "Number: {from: A, on_error: default, default: 7}": ({"A": "x"}, "bad-number", 0),
    "Line: {from: A, lookup: t, default: Other}": ({"A": "z"}, "not-in-table", 0),
}
"""Binding -> cells, the code of the problem or replaced value, and how often the column is evaluated."""
VARIABLE = "let: {whole: '{{ B | number }}'}\n"


@contextmanager
def counted(mapper: Mapper) -> Iterator[Counter[str]]:
    """Count the calls of Python functions, and of those that evaluate a column or a variable."""
    count: Counter[str] = Counter()

    def note(frame: Any, event: str, _argument: object) -> None:
        if event == "call":
            count["calls"] += 1
            count["evaluated"] += frame.f_code is Interpreter.value.__code__
            count["variables"] += frame.f_code is Interpreter.variable.__code__

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
    assert not count["evaluated"]
    assert count["calls"] <= MOST_CALLS


@pytest.mark.parametrize("binding", SEVERAL)
def test_a_wrong_column_is_evaluated_at_most_once_and_no_variable_again(binding: str) -> None:
    cells, code, evaluated = SEVERAL[binding]
    mapper = compiled(binding, TABLE + VARIABLE)
    row = {"Key": "k", "A": None, "B": None} | cells
    for _ in range(2):
        mapper.map_row(row)
    with counted(mapper) as count:
        found = mapper.map_row(row)
    assert not isinstance(found, Filtered)
    told = found.problems if isinstance(found, Reject) else found.replaced
    assert [problem.code for problem in told] == [code]
    assert (count["evaluated"], count["variables"]) == (evaluated, 0)


def all_wrong() -> tuple[Mapper, dict[str, Any]]:
    wrong = {"Line": "'{{ whole }} {{ A }}'", "Text": "'{{ whole }}: {{ A }}'", "Number": "'{{ whole + 1 }}'"}
    wrong["Choice"] = "'{{ whole }}'"
    mapper = compiled("\n".join(f"{name}: {value}" for name, value in wrong.items()), VARIABLE)
    row = {"Key": "k", "A": None, "B": "x"}
    mapper.map_row(row)
    return mapper, row


def test_all_columns_wrong_are_each_evaluated_at_most_once() -> None:
    mapper, row = all_wrong()
    with counted(mapper) as count:
        rejected = mapper.map_row(row)
    assert isinstance(rejected, Reject)
    assert [problem.code for problem in rejected.problems] == ["bad-number"] * 4
    assert (count["evaluated"], count["variables"]) == (4, 0)


def test_a_wrong_row_leaves_nothing_to_the_garbage_collector() -> None:
    mapper, row = all_wrong()
    gc.collect()
    gc.disable()
    try:
        for values in (row, {**row, "B": "1"}):
            mapper.map_row(values)
        assert gc.collect() == 0
    finally:
        gc.enable()


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
