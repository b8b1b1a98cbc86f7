"""The bounds of what an expression may build, so that no mapping can exhaust the machine."""

from __future__ import annotations

from decimal import Decimal
from itertools import chain
from typing import Any

from opusmap.errors import ValueProblem

__all__ = [
    "LIST_LIMIT",
    "NESTING_LIMIT",
    "ROW_LIMIT",
    "TEXT_LIMIT",
    "WEIGHT_LIMIT",
    "bounded_length",
    "bounded_list",
    "bounded_text",
    "check_weight",
    "hold",
    "weight",
]

TEXT_LIMIT = 1 << 16
"""Characters of a text that an expression builds at most."""
LIST_LIMIT = 10_000
"""Elements of a list that an expression builds at most."""
WEIGHT_LIMIT = 1 << 18
"""Characters and elements, counted together at every level, of a list that a mapping builds at most."""
NESTING_LIMIT = 60
"""Levels of a list that a mapping builds at most: a few more than a JSON source may bring."""
ROW_LIMIT = 1 << 22
"""Characters and elements that the variables of a mapping, or the columns of a record, hold at most."""


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


def check_weight(items: list[Any], who: str) -> list[Any]:
    """Return a list that `who` built, if it is within the limits at every level.

    A list within lists counts each time it occurs, although it is stored once: whoever reads, compares or
    writes the value meets it each time. The look stops where the limit is passed.

    Raises:
        ValueProblem: the list holds more than `WEIGHT_LIMIT`, or lists deeper than `NESTING_LIMIT`.
    """
    if weight(items, WEIGHT_LIMIT + 1) > WEIGHT_LIMIT + 1:  # the list itself is no element
        message = f"{who} builds a list of more than {WEIGHT_LIMIT} elements and characters in all"
        if not _is_shallow(items):
            message = f"{who} builds lists in lists, more than {NESTING_LIMIT} levels deep"
        raise ValueProblem("list-too-long", message, "take fewer elements, or shorten the texts before")
    return items


def hold(value: object, held: int, what: str) -> int:
    """Return the weight of a value and of what is `held` already of the same row.

    Raises:
        ValueProblem: it is more than `ROW_LIMIT`.
    """
    held += len(value) if isinstance(value, str) else weight(value)
    del value  # or the error's traceback would keep it
    if held > ROW_LIMIT:
        message = f"the {what} of this row hold more than {ROW_LIMIT} characters and elements in all"
        raise ValueProblem("text-too-long", message, "shorten them: `| truncate(1000)`")
    return held


def weight(value: Any, limit: int = WEIGHT_LIMIT) -> int:
    """Return how much there is to a value: a text's characters, a list's elements and all that is in them.

    What is heavier than `limit`, or nested deeper than `NESTING_LIMIT`, weighs more than `limit`, without a
    look at all of it.
    """
    total = _own_weight(value)
    level: list[Any] = [value] if isinstance(value, list | dict) else []
    for _ in range(NESTING_LIMIT + 1):
        if not level:
            return total
        total += sum(map(len, level))
        if total > limit:
            return total
        # A level at a time: ten times as fast as a list at a time.
        items: list[Any] = list(chain.from_iterable(level))
        objects: list[Any] = [group for group in level if type(group) in _OBJECTS]
        items += chain.from_iterable(map(dict.values, objects))
        kinds = set(map(type, items))
        if str in kinds:
            texts: list[Any] = items if len(kinds) == 1 else [one for one in items if one.__class__ in _TEXTS]
            total += sum(map(len, texts))
        if not kinds.isdisjoint(_NUMBERS):
            sizes = [one.__sizeof__() for one in items if one.__class__ in _NUMBERS]
            total += sum([size for size in sizes if size > _USUAL_NUMBER])
        if total > limit:
            return total
        level = [] if kinds.isdisjoint(_NESTED) else [one for one in items if type(one) in _NESTED]
    return limit + 1


_TEXTS: frozenset[type] = frozenset({str})
_NUMBERS: frozenset[type] = frozenset({int, Decimal})
_NESTED: frozenset[type] = frozenset({list, dict})
_OBJECTS: frozenset[type] = frozenset({dict})


def _own_weight(value: object) -> int:
    """Return 1, and for a text its characters; for the huge numbers of a source about the bytes they take."""
    if isinstance(value, str):
        return 1 + len(value)
    size = value.__sizeof__() if isinstance(value, int | Decimal) else 0
    return 1 if size <= _USUAL_NUMBER else size


_USUAL_NUMBER = 256
"""Bytes that Python takes for a number with far more digits than a mapping may calculate with."""


def _is_shallow(value: object) -> bool:
    """Tell whether the first elements, as far as they are lists, lead to no level that is too deep."""
    for _ in range(NESTING_LIMIT):
        if value.__class__ is not list or not value:
            return True
        value = value[0]
    return False
