"""The bounds of what an expression may build, so that no mapping can exhaust the machine."""

from __future__ import annotations

from typing import Any

from opusmap.errors import ValueProblem

__all__ = [
    "LIST_LIMIT",
    "TEXT_LIMIT",
    "WEIGHT_LIMIT",
    "bounded_length",
    "bounded_list",
    "bounded_text",
    "weight",
]

TEXT_LIMIT = 1 << 16
"""Characters of a text that an expression builds at most."""
LIST_LIMIT = 10_000
"""Elements of a list that an expression builds at most."""
WEIGHT_LIMIT = 1 << 18
"""Characters and elements, counted together at every level, of a list that `map` builds at most."""


def bounded_length(length: int) -> None:
    """Refuse a text before it is built.

    Raises:
        ValueProblem: `length` characters are more than the limit.
    """
    if length > TEXT_LIMIT:
        message = f"an expression builds a text of more than {TEXT_LIMIT} characters"
        raise ValueProblem("text-too-long", message, "shorten it before: `| truncate(1000)`")


def bounded_text(text: str) -> str:
    """Return the text.

    Raises:
        ValueProblem: it is longer than the limit.
    """
    bounded_length(len(text))
    return text


def bounded_list(items: list[Any]) -> list[Any]:
    """Return the list.

    Raises:
        ValueProblem: it is longer than the limit.
    """
    if len(items) > LIST_LIMIT:
        raise ValueProblem("list-too-long", f"an expression builds a list of more than {LIST_LIMIT} elements")
    return items


def weight(value: object) -> int:
    """Return how much there is to a value: a text's characters, a list's elements and all that is in them."""
    if isinstance(value, str):
        return 1 + len(value)
    return 1 + sum(map(weight, value)) if isinstance(value, list) else 1
