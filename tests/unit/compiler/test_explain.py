"""An explanation names each step of a chain, in the order in which values pass them."""

from __future__ import annotations

from typing import Any

import pytest
from small_mapping import compiled

from opusmap.compiler.explain import explain_column


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
