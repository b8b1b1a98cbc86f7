"""An explanation names each step of a chain, in the order in which values pass them."""

from __future__ import annotations

from typing import Any

import pytest
from small_mapping import compiled

from opusmap.compiler.explain import explain_column, explain_row


@pytest.mark.parametrize(
    ("expression", "stages"),
    [
        ("L | where(contains='x') | first | upper", [("| where", ["x1", "xx"]), ("| first", "x1")]),
        ("B | default('b') | upper", [("| default", "b")]),
        ("A | trim | title", [("| trim", "a b")]),
    ],
)
def test_a_chain_of_filters_is_told_step_by_step(expression: str, stages: list[tuple[str, Any]]) -> None:
    mapper = compiled(f'Line: "{{{{ {expression} }}}}"')
    row = {"Key": "k", "A": " a b ", "B": "", "L": ["x1", "a2", "xx"]}
    column = next(one for one in mapper.plan.columns if one.column.display_name == "Line")
    found = [(one.what, one.value) for one in explain_column(mapper, column, row)]
    assert [one for one in found if one[0].startswith("|")] == stages
    assert found[-1][0] == "written as SingleText"


ZONES = 'When: {from: A, format: "%Y-%m-%d %H:%M"}'


@pytest.mark.parametrize(
    ("zone", "local", "shift"),
    [
        ("Australia/Brisbane", "2025-02-03 09:15", " (09:15 Brisbane → 23:15 UTC the day before, −10 h)"),  # noqa: RUF001 - a minus sign
        ("Asia/Kolkata", "2025-02-03 09:15", " (09:15 Kolkata → 03:45 UTC, −5 h 30 min)"),  # noqa: RUF001 - a minus sign
        ("America/New_York", "2025-07-01 22:00", " (22:00 New York → 02:00 UTC the day after, +4 h)"),
        ("America/New_York", "2025-01-01 22:00", " (22:00 New York → 03:00 UTC the day after, +5 h)"),
        ("UTC", "2025-02-03 09:15", ""),
    ],
)
def test_a_time_shows_how_its_zone_changes_it(zone: str, local: str, shift: str) -> None:
    mapper = compiled(ZONES, f"timezone: {zone}")
    column = next(one for one in mapper.plan.columns if one.column.display_name == "When")
    last = explain_column(mapper, column, {"Key": "k", "A": local, "B": "", "L": []})[-1]
    assert last.what == f"written as DateTime{shift}"


@pytest.mark.parametrize("value", ["2025-02-03T09:15:00Z", "2025-02-03"])
def test_a_date_and_a_time_with_a_zone_of_its_own_show_no_change(value: str) -> None:
    mapper = compiled("When: A", "timezone: Australia/Brisbane")
    column = next(one for one in mapper.plan.columns if one.column.display_name == "When")
    last = explain_column(mapper, column, {"Key": "k", "A": value, "B": "", "L": []})[-1]
    assert last.what == "written as DateTime"


@pytest.mark.parametrize(
    ("binding", "cells", "shown"),
    [
        ("{from: A, default: '{{ B }}'}", ("a", "b"), ["column A", "column B (not used)"]),
        ("{from: A, default: '{{ B }}'}", ("a", ""), ["column A", "column B (empty, not used)"]),
        ("{from: A, default: '{{ B }}'}", ("", "b"), ["column A (empty)", "column B"]),
        ("{from: A, default: '{{ A ~ B }}'}", ("a", "b"), ["column A", "column B (not used)"]),
        ("{from: A, convert: upper, default: '{{ s }}'}", ("a", "b"), ["column A", "column B (not used)"]),
        (
            "{value: '{{ A | number }}', on_error: default, default: '{{ B }}'}",
            ("x", "b"),
            ["column A", "column B"],
        ),
    ],
)
def test_a_column_that_only_an_unused_default_reads_is_not_used(
    binding: str, cells: tuple[str, str], shown: list[str]
) -> None:
    mapper = compiled(f"Line: {binding}", "let: {s: '{{ B }}'}\n")
    column = next(one for one in mapper.plan.columns if one.column.display_name == "Line")
    row = {"Key": "k", "A": cells[0], "B": cells[1], "L": []}
    found = [one.what for one in explain_column(mapper, column, row)]
    assert [one for one in found if one.startswith("column")] == shown


def test_a_row_that_where_excludes_shows_what_it_reads() -> None:
    mapper = compiled("Line: A", "where: \"{{ B == 'x' }}\"\n")
    found = explain_row(mapper, mapper.plan.columns[-1], {"Key": "k", "A": "a", "B": "y", "L": []})
    assert [(one.what, one.value) for one in found.stages[-2:]] == [
        ("`where` reads column B", "y"),
        ("the row is filtered: excluded by `where`", None),
    ]
    assert found.stages[-1].span is not None
