"""`explain` and the mapper never disagree: over generated mappings and rows, whatever is in them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from evaluation import compile_unchecked
from generated_specs import CONNECTION, SOURCE, mappings, rows
from hypothesis import given, note
from hypothesis import strategies as st
from small_mapping import CONNECTION as SMALL
from small_mapping import mapping_text
from thorough import THOROUGH

from opusmap import converter
from opusmap.compiler import ColumnPlan, compile_mapping
from opusmap.compiler.explain import Explanation, explain_column, explain_row
from opusmap.converters import Registry, builtin_converters
from opusmap.mapping import parse_spec
from opusmap.records import Filtered, Record, Reject


@THOROUGH
@given(
    text=mappings(),
    read=st.lists(rows(), min_size=1, max_size=3),
    columns=st.sampled_from([None, frozenset(SOURCE)]),
)
def test_the_way_of_a_column_ends_where_the_mapper_does(
    text: str, read: list[dict[str, Any]], columns: frozenset[str] | None
) -> None:
    mapper = compile_unchecked(text, CONNECTION, columns)
    for row in read:
        mapped = mapper.map_row(row)
        note(f"{text}\n{row}\n{mapped}")
        for column in mapper.plan.columns:
            last = explain_column(mapper, column, row)[-1]
            name = column.column.display_name
            note(f"{name}: {last}")
            if isinstance(mapped, Record):
                assert last.problem is None
                assert repr(last.value) == repr(mapped.values.get(column.column.internal_name))
            elif not isinstance(mapped, Filtered):
                own = [
                    one for one in mapped.problems if one.column in (name, *SOURCE) and one.column != "where"
                ]
                assert last.problem == (own[-1] if own else None)


@given(
    text=mappings(),
    read=st.lists(rows(), min_size=1, max_size=3),
    columns=st.sampled_from([None, frozenset(SOURCE)]),
)
def test_an_explanation_ends_in_what_the_mapper_gives(
    text: str, read: list[dict[str, Any]], columns: frozenset[str] | None
) -> None:
    mapper = compile_unchecked(text, CONNECTION, columns)
    for row in read:
        mapped = mapper.map_row(row, 7)
        for column in mapper.plan.columns:
            explained = explain_row(mapper, column, row, 7)
            assert explained.mapped == mapped
            check_end(explained, column)


def check_end(explained: Explanation, column: ColumnPlan) -> None:
    """Check that an explanation ends as the mapper says."""
    mapped, last = explained.mapped, explained.stages[-1]
    if isinstance(mapped, Reject):
        own = [one for one in mapped.problems if one.column == column.column.display_name]
        ends = [one.problem for one in explained.stages if one.problem is not None]
        assert last.problem == ends[-1]  # before it may stand what `on_error: default` could not help
        assert ends[-1:] == own if own else ends == [*mapped.problems]
    else:
        assert last.problem is None
    if isinstance(mapped, Record):
        assert repr(last.value) == repr(mapped.values.get(column.column.internal_name))


@pytest.mark.parametrize("rest", ["", ", on_error: omit", ", on_error: default, default: x"])
def test_even_a_converter_that_never_does_the_same_twice_ends_as_the_mapper_says(rest: str) -> None:
    calls = itertools.count()

    @converter
    def moody(value: str) -> str:
        """Raise, or give something else each time."""
        number = next(calls)
        if number % 3 == 1:
            raise ValueError(number)
        return f"{value}{number}"

    registry = builtin_converters().extended(Registry.of([moody]))
    text = mapping_text(f"Line: {{from: A, convert: moody{rest}}}\nText: {{from: A, convert: moody}}")
    mapper = compile_mapping(parse_spec(text), SMALL, registry)
    for _ in range(9):
        for column in mapper.plan.columns:
            check_end(explain_row(mapper, column, {"Key": "k", "A": "a"}), column)


def test_an_explanation_leaves_no_note_to_the_row_after_it() -> None:
    text = mapping_text("When: A", "timezone: Europe/Berlin\n")
    mapper = compile_mapping(parse_spec(text), SMALL)
    twice = {"Key": "k", "A": "2024-10-27T02:30:00"}
    assert isinstance(found := explain_row(mapper, mapper.plan.columns[1], twice).mapped, Record)
    assert [one.code for one in found.notes] == ["repeated-time"]
    explain_column(mapper, mapper.plan.columns[1], twice)
    assert isinstance(found := mapper.map_row({"Key": "k", "A": "2024-10-28"}), Record)
    assert found.notes == ()
