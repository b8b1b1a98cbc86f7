"""The limits of what an expression may build, so that no mapping can use up the machine's memory or time."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import chain
from typing import Any

from opusmap.errors import ValueProblem

TEXT_LIMIT = 1 << 16
"""Characters of a text that an expression builds, at most."""
LIST_LIMIT = 10_000
"""Elements of a list that an expression builds, at most."""
WEIGHT_LIMIT = 1 << 18
"""Characters and elements of all levels of a list that a mapping builds, at most."""
NESTING_LIMIT = 60
"""Levels of a list that a mapping builds, at most; a few more than a JSON source may have."""
ROW_LIMIT = 1 << 22
"""Characters and elements of all variables of a row, or of all columns of a record, at most."""


def bounded_length(length: int) -> None:
    """Check the length of a text before it is built.

    Raises:
        ValueProblem: `length` is over the limit.
    """
    if length > TEXT_LIMIT:
        message = f"an expression builds a text of more than {TEXT_LIMIT} characters"
        raise ValueProblem("text-too-long", message, "shorten it first: `| truncate(1000)`")


def bounded_text(text: str) -> str:
    """Return the text; see `bounded_length`."""
    bounded_length(len(text))
    return text


def bounded_list(items: list[Any]) -> list[Any]:
    """Return the list.

    Raises:
        ValueProblem: it has more elements than the limit.
    """
    if len(items) > LIST_LIMIT:
        raise ValueProblem("list-too-long", f"an expression builds a list of more than {LIST_LIMIT} elements")
    return items


def check_weight(items: list[Any], who: str) -> list[Any]:
    """Return a list that `who` built; it is checked at every level.

    Raises:
        ValueProblem: the list weighs more than `WEIGHT_LIMIT`, or is nested deeper than `NESTING_LIMIT`.
    """
    if weight(items, WEIGHT_LIMIT + 1) > WEIGHT_LIMIT + 1:  # the list itself is not an element
        message = f"{who} builds a list of more than {WEIGHT_LIMIT} elements and characters in all"
        inner: Any = items
        for _ in range(NESTING_LIMIT):
            if inner.__class__ is not list or not inner:
                break
            inner = inner[0]
        else:
            message = f"{who} builds lists in lists, more than {NESTING_LIMIT} levels deep"
        raise ValueProblem("list-too-long", message, "take fewer elements, or shorten the texts first")
    return items


def hold(value: object, held: int, what: str) -> int:
    """Return `held`, the weight of a row's values so far, plus the weight of another value.

    Raises:
        ValueProblem: the sum is over `ROW_LIMIT`.
    """
    held += len(value) if isinstance(value, str) else weight(value)
    del value  # or the error's traceback would keep it
    if held > ROW_LIMIT:
        message = f"the {what} of this row have more than {ROW_LIMIT} characters and elements in all"
        raise ValueProblem("text-too-long", message, "shorten them: `| truncate(1000)`")
    return held


def weight(value: Any, limit: int = WEIGHT_LIMIT, depth: int = NESTING_LIMIT) -> int:
    """Return the characters of a text, or the elements of a list or object and the weight of each.

    A list that occurs several times counts each time: it is stored once, but code that reads, compares or
    writes the value meets it each time. Counting stops once `limit` is passed; what is nested deeper than
    `depth` weighs more than `limit`.
    """
    total = 1
    if isinstance(value, str):
        total += len(value)
    elif value.__class__ in _NUMBERS and (size := value.__sizeof__()) > _USUAL_NUMBER:
        total = size
    level: list[Any] = [value] if isinstance(value, list | dict) else []
    for left in range(depth, -1, -1):
        if not level:
            return total
        if 1 < len(level) <= _COMPARED and len(set(map(id, level))) < len(level):
            return _weigh_repeated(level, total, limit, left)
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


def _weigh_repeated(level: list[Any], total: int, limit: int, depth: int) -> int:
    """Add the weight of lists, each weighed once although it may occur several times (`[pairs, pairs]`)."""
    once = {id(one): one for one in level}
    for one, times in Counter(map(id, level)).items():
        total += times * (weight(once[one], limit, depth) - 1)
        if total > limit:
            break
    return total


_COMPARED = 1_000
"""Lists of one level that are searched for repeated ones, at most."""
_TEXTS: frozenset[type] = frozenset({str})
_NUMBERS: frozenset[type] = frozenset({int, Decimal})
_NESTED: frozenset[type] = frozenset({list, dict})
_OBJECTS: frozenset[type] = frozenset({dict})
_USUAL_NUMBER = 256
"""Bytes of a number in memory, at most, for it to count as one element; a source may have huge ones."""
