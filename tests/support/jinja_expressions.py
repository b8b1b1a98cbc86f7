"""Generates expressions of the whole grammar that Jinja and opusmap share, as trees that know their parts."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

ROW: dict[str, Any] = {
    "t": "Lease of hall",
    "u": "0012",
    "n": 3,
    "q": Decimal("2.25"),
    "b": True,
    "e": None,
    "w": ["HR", "it", "HR"],
    "z": [3, 1, 2],
    "o": {"k": "v", "n": {"m": 2}, "l": [1, "x"]},
}
"""The columns that expressions read. Numbers stay small and binary, so that floats are exact as well."""


@dataclass(frozen=True)
class Node:
    """An expression, the operation that it is, and the expressions that it is made of."""

    operation: str
    text: str
    parts: tuple[Node, ...] = ()


def leaf(*texts: str) -> SearchStrategy[Node]:
    return st.sampled_from([Node("leaf", text) for text in texts])


LEAVES = {
    "text": leaf("t", "u", "'HR'", "'Ab c-d'", "''", "'a'", "row['t']", "o.k", "'it''s'", r"'x\ny'"),
    "number": leaf("n", "q", "0", "1", "2", "7", "0.5", "1.25", "o.n.m", "o['n']['m']"),
    "truth": leaf("b", "true", "false"),
    "list": leaf("w", "z", "[]", "['b', 'B', 'a']", "[2, 0.5]", "o.l", "[1, 2]", "[[1], none]"),
    "other": leaf("e", "none", "o", "o.missing", "o.n"),
}
KINDS = tuple(LEAVES)
WHOLE = leaf("n", "0", "1", "2", "-1", "e", "n - 1")
NUMERIC = ("+", "-", "*", "//", "%")
ORDERS = ("<", "<=", ">", ">=", "==", "!=")
TEXT_FILTERS = ("upper", "lower", "trim", "title", "capitalize", "string")
LIST_FILTERS = ("first", "last", "min", "max")
TESTS = (
    *("none", "string", "number", "integer", "boolean", "mapping", "true", "false", "even", "odd", "lower"),
    "upper",
)
ARGUED_TESTS = ("divisibleby", "eq", "ne", "lt", "le", "gt", "ge", "in")


def made(operation: str, shape: str, *parts: SearchStrategy[Node]) -> SearchStrategy[Node]:
    def make(*given: Node) -> Node:
        return Node(operation, shape.format(*(bracketed(part) for part in given)), given)

    return st.builds(make, *parts)


def bracketed(part: Node) -> str:
    return part.text if part.operation == "leaf" else f"({part.text})"


@cache
def expressions(depth: int, kind: str = "any") -> SearchStrategy[Node]:
    """Return expressions of a kind; every twelfth operand or so is of any kind."""
    if kind == "any":
        return st.one_of([expressions(depth, each) for each in KINDS])
    if depth == 0:
        return LEAVES[kind]
    return st.one_of([LEAVES[kind], *_OPERATIONS[kind](depth - 1)])


def mostly(depth: int, kind: str) -> SearchStrategy[Node]:
    proper = expressions(depth, kind)
    return st.integers(0, 11).flatmap(lambda chosen: proper if chosen else expressions(0, "any"))


def _any_kind(depth: int, kind: str) -> list[SearchStrategy[Node]]:
    """Return the operations that hand on what they are given."""
    value, truth = expressions(depth, kind), expressions(depth, "any")
    return [
        made("if", "{0} if {1} else {2}", value, truth, value),
        made("if", "{0} if {1}", value, truth),
        made("and", "{0} and {1}", truth, value),
        made("or", "{0} or {1}", value, value),
        made("default", "{0} | default({1})", mostly(depth, "other"), value),
    ]


def _texts(depth: int) -> list[SearchStrategy[Node]]:
    text, number = mostly(depth, "text"), mostly(depth, "number")
    filters = [made(name, "{0} | " + name, text) for name in TEXT_FILTERS]
    return [
        *_any_kind(depth, "text"),
        *filters,
        made("~", "{0} ~ {1}", text, st.one_of(text, number)),
        made("~", "{0} ~ {1} ~ {2}", text, text, text),
        made("replace", "{0} | replace({1}, {2})", text, text, text),
        made("replace", "{0} | replace({1}, {2}, {3})", text, text, text, WHOLE),
        made("trim", "{0} | trim({1})", text, text),
        made("reverse", "{0} | reverse", text),
        made("truncate", "{0} | truncate({1})", text, WHOLE),
        made("[]", "{0}[{1}]", text, WHOLE),
        made("[:]", "{0}[{1}:{2}]", LEAVES["text"], WHOLE, WHOLE),
        made("[:]", "{0}[:{1}]", LEAVES["text"], WHOLE),
        made("join", "{0} | join({1})", mostly(depth, "list"), text),
        made("join", "{0} | join", mostly(depth, "list")),
        made("+", "{0} + {1}", text, text),
    ]


def _numbers(depth: int) -> list[SearchStrategy[Node]]:
    number, items = mostly(depth, "number"), mostly(depth, "list")
    return [
        *_any_kind(depth, "number"),
        *(made(sign, f"{{0}} {sign} {{1}}", number, number) for sign in NUMERIC),
        made("/", "{0} / {1}", number, leaf("1", "2", "4", "0", "0.5", "u")),  # exact, or no number
        made("sign", "-{0}", number),
        made("sign", "+{0}", number),
        made("abs", "{0} | abs", number),
        made("round", "{0} | round", number),
        made("round", "{0} | round({1})", number, leaf("1", "2", "0")),
        made("length", "{0} | length", st.one_of(items, mostly(depth, "text"))),
        made("count", "{0} | count", items),
        made("sum", "{0} | sum", items),
        made("[]", "{0}[{1}]", items, WHOLE),
    ]


def _truths(depth: int) -> list[SearchStrategy[Node]]:
    anything, number, text = expressions(depth, "any"), mostly(depth, "number"), mostly(depth, "text")
    comparisons = [
        made("order", f"{{0}} {sign} {{1}}", *pair)
        for sign in ORDERS
        for pair in ((number,) * 2, (text,) * 2)
    ]
    tests = [made("is " + name, "{0} is " + name, anything) for name in TESTS]
    return [
        *_any_kind(depth, "truth"),
        *comparisons,
        *tests,
        *(made("is " + name, f"{{0}} is {name}({{1}})", anything, number) for name in ARGUED_TESTS),
        made("is not string", "{0} is not string", anything),
        made("order", "{0} < {1} <= {2}", number, number, number),
        made("equal", "{0} == {1}", anything, anything),
        made("equal", "{0} != {1}", anything, anything),
        made("in", "{0} in {1}", anything, mostly(depth, "list")),
        made("in", "{0} not in {1}", text, text),
        made("in", "{0} in {1}", text, leaf("o", "e", "t")),
        made("not", "not {0}", anything),
    ]


def _lists(depth: int) -> list[SearchStrategy[Node]]:
    items, anything = mostly(depth, "list"), expressions(depth, "any")
    return [
        *_any_kind(depth, "list"),
        made("list", "[{0}, {1}]", anything, anything),
        made("list", "[{0}]", anything),
        made("[:]", "{0}[{1}:{2}]", LEAVES["list"], WHOLE, WHOLE),
        made("[:]", "{0}[{1}:]", LEAVES["list"], WHOLE),
        made("reverse", "{0} | reverse | list", items),
        made("unique", "{0} | unique | list", items),
        made("sort", "{0} | sort", items),
        made("sort", "{0} | sort({1})", items, leaf("true", "false")),
        made("chars", "{0} | list", mostly(depth, "text")),
        made("map", "{0} | map('upper') | list", items),
    ]


def _others(depth: int) -> list[SearchStrategy[Node]]:
    return [
        *_any_kind(depth, "other"),
        *(made(name, "{0} | " + name, mostly(depth, "list")) for name in LIST_FILTERS),
        made("[]", "{0}[{1}]", leaf("o"), mostly(depth, "text")),
    ]


_OPERATIONS = {"text": _texts, "number": _numbers, "truth": _truths, "list": _lists, "other": _others}

PLAIN = st.sampled_from(["a", " b ", "\n", "  \n x", "{", "}", "%", "#", "-", "", "é ", "'"])
OPENINGS = st.sampled_from(["", "-", "+"])


def templates() -> SearchStrategy[str]:
    """Return templates of texts, expressions that are texts, comments and conditions."""
    value = st.builds(
        lambda left, node, right: f"{{{{{left} {node} {right}}}}}",
        OPENINGS,
        st.sampled_from(["t", "u", "n", "'x y '", "t | upper", "w[0]", "t if b else u", "'}}'", "n + 1"]),
        st.sampled_from(["", "-"]),
    )
    comment = st.sampled_from(["{# c #}", "{#- c -#}", "{# {{ t }} #}"])
    raw = st.just("{% raw %}{{ t }}{% endraw %}")
    flat = st.lists(st.one_of(PLAIN, PLAIN, value, comment, raw), max_size=5).map("".join)
    return st.recursive(flat, _conditions, max_leaves=5)


def _conditions(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    tests = st.sampled_from(["b", "not b", "n > 2", "e", "n == 3 and t", "z"])
    left, right = OPENINGS, st.sampled_from(["", "-"])

    def build(left: str, right: str, test: str, *bodies: str) -> str:
        then, other, last = bodies
        return (
            f"{{%{left} if {test} {right}%}}{then}{{%{left} elif n == 3 {right}%}}{other}"
            f"{{%{left} else {right}%}}{last}{{%{left} endif {right}%}}"
        )

    chosen = st.builds(build, left, right, tests, inner, inner, inner)
    return st.lists(st.one_of(PLAIN, inner, chosen), min_size=1, max_size=3).map("".join)
