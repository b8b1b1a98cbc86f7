"""Expressions mean what they mean in Jinja, but for the differences that the documentation lists."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from math import isclose
from pathlib import Path
from typing import Any

import pytest
from evaluation import evaluate
from hypothesis import given, note
from jinja2 import Environment, StrictUndefined, Undefined
from jinja_expressions import ROW, Node, expressions, templates
from thorough import THOROUGH

from opusmap.errors import InvalidMapping, ValueProblem

ENVIRONMENT = Environment(undefined=StrictUndefined, autoescape=False)
PAGE = Path(__file__).parents[2] / "docs" / "differences-from-jinja.md"


@dataclass(frozen=True)
class Refused:
    why: str
    when_compiled: bool = False


def floats(value: Any) -> Any:
    """Return a value with floats for decimals, as Jinja knows it."""
    if isinstance(value, dict):
        return {key: floats(item) for key, item in value.items()}
    return [floats(item) for item in value] if isinstance(value, list) else as_float(value)


def as_float(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


NAMES = floats(ROW)


def jinjas(expression: str) -> Any:
    """Return what Jinja makes of an expression; a part that is undefined stays so."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python, about the code that Jinja makes of `1[0]`
            found = ENVIRONMENT.compile_expression(expression, undefined_to_none=False)(**NAMES, row=NAMES)
    except Exception as error:  # noqa: BLE001 - Jinja lets any error of Python's through
        return Refused(repr(error))
    return settled(found)


def settled(value: Any) -> Any:
    """Return a value with lists for what can be read once only."""
    return [settled(item) for item in value] if isinstance(value, Iterator | tuple | list) else value


def ours(expression: str) -> Any:
    try:
        return floats(evaluate(expression, ROW))
    except InvalidMapping as error:
        return Refused(str(error), when_compiled=True)
    except ValueProblem as problem:
        return Refused(str(problem))


def same(our: Any, theirs: Any) -> bool:
    if isinstance(our, Refused) or isinstance(theirs, Refused):
        return isinstance(our, Refused) and isinstance(theirs, Refused)
    if isinstance(theirs, Undefined):
        return our is None
    if isinstance(our, list) and isinstance(theirs, list | tuple):
        return len(our) == len(theirs) and all(map(same, our, theirs))
    if type(our) is not type(theirs):
        return False
    return isclose(our, theirs) if isinstance(our, float) else bool(our == theirs)


@dataclass(frozen=True)
class Parted:
    """A node where the two part although they agree on all that it is made of."""

    operation: str
    our: Any
    theirs: Any
    operands: list[Any]
    undefined: bool

    @property
    def refused(self) -> bool:
        return isinstance(self.our, Refused) and not isinstance(self.theirs, Refused)

    def has(self, *kinds: type) -> bool:
        return any(isinstance(operand, kinds) for operand in self.operands)


def parting(node: Node) -> Parted | None:
    """Return the innermost place where the two part, None if they do not."""
    our, theirs = ours(node.text), jinjas(node.text)
    if same(our, theirs):
        return None
    for part in node.parts:
        if (found := parting(part)) is not None:
            return found
    undefined = any(holds_undefined(jinjas(part.text)) for part in node.parts)
    return Parted(node.operation, our, theirs, [ours(part.text) for part in node.parts], undefined)


def holds_undefined(value: Any) -> bool:
    return isinstance(value, Undefined) or (isinstance(value, list) and any(map(holds_undefined, value)))


CALCULATIONS = (
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "sign",
    "abs",
    "sum",
    "round",
    "is even",
    "is odd",
    "is divisibleby",
)
ORDERS = ("order", "is lt", "is le", "is gt", "is ge")
WRITES = ("~", "string", "join", "is lower", "is upper")
OF_TEXTS = (
    "upper",
    "lower",
    "trim",
    "title",
    "capitalize",
    "replace",
    "truncate",
    "map",
    "is lower",
    "is upper",
)
OF_LISTS = (
    "first",
    "last",
    "min",
    "max",
    "join",
    "sum",
    "sort",
    "unique",
    "map",
    "count",
    "length",
    "chars",
    "reverse",
)
SCALAR = (str, bool, int, float)


def holds(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds) or (
        isinstance(value, list) and any(holds(item, *kinds) for item in value)
    )


def refused_when_compiled(value: Any) -> bool:
    return isinstance(value, Refused) and value.when_compiled


def keyless(value: Any, container: Any) -> bool:
    """Tell whether Python refuses to look for a value in an object, as it can be no key."""
    return isinstance(container, dict) and isinstance(value, list | dict)


def nests(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, list | dict) for item in value)


DIFFERENCES = {
    "none-operand": lambda at: at.refused and any(holds(operand, type(None)) for operand in at.operands),
    "none-is-no-undefined": lambda at: (
        at.undefined or (at.operation == "default" and at.operands[0] is None and at.theirs is None)
    ),
    "lazy": lambda at: (
        at.operation in ("default", "and", "or", "if") and not isinstance(at.our, Refused) and at.has(Refused)
    ),
    "length-of-none": lambda at: (
        at.operation in ("length", "count") and at.operands[0] is None and at.our == 0
    ),
    "none-in": lambda at: at.operation in ("in", "is in") and None in at.operands and at.our in (True, False),
    "in-object": lambda at: (
        at.operation in ("in", "is in") and at.our in (True, False) and keyless(*at.operands)
    ),
    "empty-list": lambda at: at.operation in ("default", "is none") and at.operands[0] == [],
    "text-arithmetic": lambda at: at.refused and at.operation in CALCULATIONS and at.has(str),
    "only-numbers": lambda at: (
        at.refused
        and at.operation in CALCULATIONS
        and any(holds(item, bool, list if at.operation != "sum" else bool, str) for item in at.operands)
    ),
    "order": lambda at: at.refused and at.operation in ORDERS and at.has(list, dict),
    "text-of": lambda at: (
        at.operation in WRITES and any(holds(item, bool, float, list, dict) for item in at.operands)
    ),
    "decimals": lambda _at: False,  # the generated numbers are exact in both
    "no-item": lambda at: (
        at.refused
        and (
            at.operation == "[]" or (at.operation in ("first", "last", "min", "max") and at.operands[0] == [])
        )
        and (at.theirs is None or isinstance(at.theirs, Undefined))
    ),
    "item-kind": lambda at: (
        at.operation in ("[]", "[:]")
        and (not at.has(list, str) or any(type(position) is not int for position in at.operands[1:]))
    ),
    "checked-first": lambda at: at.refused and any(map(refused_when_compiled, at.operands)),
    "converter-kind": lambda at: at.refused and (wrong_kind(at) or unsortable(at)),
    "join": lambda at: at.operation == "join" and isinstance(at.operands[0], list) and None in at.operands[0],
    "tuple": lambda _at: False,  # none is generated
    "unique": lambda at: at.operation == "unique" and nests(at.operands[0]),
    "round": lambda at: at.operation == "round" and isinstance(at.operands[0], float | int),
    "truncate": lambda at: at.operation == "truncate",
    "sign": lambda _at: False,  # the generated templates put a blank before a minus
}
"""Difference, as the page names it -> whether it is what parts the two at a node."""


def wrong_kind(at: Parted) -> bool:
    value, *arguments = at.operands
    if at.operation in OF_TEXTS and (
        not isinstance(value, str) or not all(isinstance(a, str) for a in arguments)
    ):
        return True
    return at.operation in OF_LISTS and not isinstance(value, list)


def unsortable(at: Parted) -> bool:
    if at.operation not in ("sort", "min", "max"):
        return False
    kinds = {float if type(item) is int else type(item) for item in at.operands[0]}
    return len(kinds) > 1 or bool(kinds & {list, dict, type(None)})


@THOROUGH
@given(expressions(3))
def test_an_expression_gives_what_jinja_gives_or_a_documented_difference(node: Node) -> None:
    at = parting(node)
    if at is not None:
        note(f"{node.text!r} parts at {at}")
        assert [name for name, applies in DIFFERENCES.items() if applies(at)]


@THOROUGH
@given(templates())
def test_a_template_gives_what_jinja_renders(template: str) -> None:
    if is_one_expression(template):
        return
    try:
        rendered: Any = ENVIRONMENT.from_string(template).render(**NAMES)
    except Exception as error:  # noqa: BLE001 - as above
        rendered = Refused(repr(error))
    if "{{" in template or "{%" in template or "{#" in template:
        assert same(ours(template), rendered)


def is_one_expression(template: str) -> bool:
    """Tell whether a template keeps its expression's type, and so is no text."""
    return (
        re.fullmatch(r"\s*(\{#.*?#\}|\s)*\{\{(?:[^}]|'\}\}')*\}\}(\{#.*?#\}|\s)*", template, re.DOTALL)
        is not None
    )


def rows() -> list[Any]:
    cells = [
        [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ]
    return [
        pytest.param(name.partition(":")[0], *(cell.strip("`") for cell in others), id=name)
        for name, *others in cells[2:]
    ]


@pytest.mark.parametrize(("name", "expression", "theirs", "our"), rows())
def test_each_documented_difference_is_as_the_page_says(
    name: str, expression: str, theirs: str, our: str
) -> None:
    assert name in DIFFERENCES
    if expression.startswith("{{"):
        found: Any = ENVIRONMENT.from_string(expression).render(**NAMES)
    else:
        found = jinjas(expression)
    assert shown(found) == theirs
    assert shown(ours(expression)) == our


def shown(value: Any) -> str:
    if isinstance(value, Refused):
        return "refused"
    return "None" if isinstance(value, Undefined) else repr(value)


def test_every_difference_has_its_row_on_the_page() -> None:
    assert {row.values[0] for row in rows()} == set(DIFFERENCES)
