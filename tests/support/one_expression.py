"""What becomes of one expression over a small row: for the tests of the language's rules."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from evaluation import evaluate

from opusmap.errors import InvalidMapping, ValueProblem
from opusmap.issues import Issue, Span

ROW = {"Code": "0010", "Title": "Lease", "Middle": "", "Amount": 12, "Rate": Decimal("1.50"), "Flag": True}
MOMENT = "2024-07-01T00:30:05+10:00"


def problem(expression: str, row: dict[str, Any] | None = None, **options: Any) -> ValueProblem:
    """Return what is wrong with an expression when it meets a row."""
    with pytest.raises(ValueProblem) as caught:
        evaluate(expression, ROW if row is None else row, **options)
    return caught.value


def refused(expression: str, row: dict[str, Any] | None = None, **options: Any) -> Issue[Span]:
    """Return the one thing that is wrong with an expression when it is compiled."""
    with pytest.raises(InvalidMapping) as caught:
        evaluate(expression, ROW if row is None else row, **options)
    assert len(caught.value.diagnostics) == 1, caught.value.diagnostics
    return caught.value.diagnostics[0]
