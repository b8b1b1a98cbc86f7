"""Converters of lists."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from opusmap.converters.coerce import ARITHMETIC, number_of, text_of
from opusmap.converters.limits import bounded_length, bounded_list
from opusmap.converters.registry import converter
from opusmap.errors import ValueProblem

# mypy: disable-error-code="type-arg"
# ruff: noqa: FBT001, FBT002 - `unique` and `sort` have the signatures of Jinja's filters


@converter(examples={"'HR; Legal;;' | split(';')": ["HR", "Legal"]})
def split(value: str, separator: str = ";") -> list[str]:
    """Split a text at each separator, trim the elements and drop empty ones."""
    if not separator:
        raise ValueProblem(
            "wrong-value", "`split` has no separator", "write what separates the elements: `split(';')`"
        )
    return bounded_list([part.strip() for part in value.split(separator) if part and not part.isspace()])


@converter(examples={"['HR', 'Legal'] | join(', ')": "HR, Legal"})
def join(value: list, separator: str = "") -> str:
    """Join the elements that are not empty into one text."""
    texts = [text_of(item) for item in value if item is not None]
    bounded_length(sum(map(len, texts)) + len(separator) * max(0, len(texts) - 1))
    return separator.join(texts)


@converter(examples={"['HR', 'Legal'] | first": "HR"})
def first(value: list) -> Any:
    """Return the first element; an empty list is a problem."""
    return _element(value, 0)


@converter(examples={"['HR', 'Legal'] | last": "Legal"})
def last(value: list) -> Any:
    """Return the last element; an empty list is a problem."""
    return _element(value, -1)


def _element(value: list[Any], index: int) -> Any:
    if not value:
        raise ValueProblem("no-item", "the list is empty", "give a default before it: `| default(…)`")
    return value[index]


@converter(
    examples={"['HR', 'hr', 'IT'] | unique": ["HR", "IT"], "['HR', 'hr'] | unique(true)": ["HR", "hr"]}
)
def unique(value: list, case_sensitive: bool = False) -> list[Any]:
    """Drop repeated elements and keep the first; letter case is ignored unless `case_sensitive`."""
    found: dict[object, Any] = {}
    for item in value:
        if isinstance(item, str):
            found.setdefault(item if case_sensitive else item.lower(), item)
        else:
            found.setdefault(_key(item), item)
    return list(found.values())


def _key(item: object) -> object:
    """Return a key that is equal for equal elements; for all kinds but texts.

    Python's hash of a number is the number modulo 2**61 - 1, so a hostile source can choose thousands of
    numbers with one hash, and a dict of them takes quadratic time. The hash of a text can't be predicted.
    """
    if isinstance(item, int | Decimal):
        return ("number", text_of(int(item) if isinstance(item, bool) else item))
    if not isinstance(item, list | dict):
        return item
    try:
        return ("", repr(item))
    except ValueError:  # Python writes no number of more than 4,300 digits
        raise ValueProblem("number-too-large", "a list contains a number with thousands of digits") from None


@converter(examples={"['b', 'a'] | sort": ["a", "b"], "[1, 3, 2] | sort(true)": [3, 2, 1]})
def sort(value: list, reverse: bool = False, case_sensitive: bool = False) -> list[Any]:
    """Sort texts, numbers or dates; letter case is ignored unless `case_sensitive`."""
    kinds = {Decimal if kind is int else kind for kind in map(type, value)}
    if len(kinds) > 1 or kinds & {type(None), list, dict}:
        raise ValueProblem(
            "wrong-kind", "only elements of one kind can be sorted", "use `| map('string')` before it"
        )
    folds = str in kinds and not case_sensitive
    return sorted(value, key=str.lower if folds else None, reverse=reverse)


@converter(examples={"[1, 2] | reverse": [2, 1], "'abc' | reverse": "cba"})
def reverse(value: list | str) -> Any:
    """Reverse a list or a text."""
    return value[::-1]


@converter(examples={"['HR', 'IT'] | length": 2, "'HR' | length": 2, "none | length": 0})
def length(value: list | str | dict | None) -> int:
    """Count the elements of a list, or the characters of a text; an empty value has none."""
    return 0 if value is None else len(value)


@converter(name="list", examples={"['HR'] | list": ["HR"], "'HR' | list": ["H", "R"]})
def list_(value: list | str) -> list[Any]:
    """Make a list; of a text, the list of its characters."""
    return bounded_list(list(value))


@converter(name="sum", examples={"[1, 2.5] | sum": Decimal("3.5")})
def sum_(value: list) -> int | Decimal:
    """Add the numbers of a list."""
    total: int | Decimal = 0
    for item in value:
        number = number_of(item)
        whole = isinstance(total, int) and isinstance(number, int)
        total = number_of(total + number if whole else ARITHMETIC.add(total, number))
    return total


@converter(name="min", examples={"[3, 1, 2] | min": 1})
def min_(value: list) -> Any:
    """Return the smallest element; an empty list is a problem."""
    return _element(sort(value), 0)


@converter(name="max", examples={"[3, 1, 2] | max": 3})
def max_(value: list) -> Any:
    """Return the largest element; an empty list is a problem."""
    return _element(sort(value, reverse=True), 0)  # of equal ones the first, as Jinja does
