"""Checked tree -> Python syntax tree.

Owns the spelling of each node in Python. Cells and steps become local variables, converters and
tables names of the generated module; both are given by the caller, so nothing here can clash.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Protocol

from opusmap.converters import Converter
from opusmap.expressions import tree

__all__ = ["Names", "emit"]


class Names(Protocol):
    """Where generated code finds what a tree speaks of."""

    @property
    def strict(self) -> bool:
        """Whether a name that the row lacks is an error (the source's columns are not known)."""
        ...

    def cell(self, name: str) -> str:
        """Return the local variable that holds a cell."""
        ...

    def step(self, name: str) -> str:
        """Return the local variable that holds a step's value."""
        ...

    def table(self, name: str) -> str:
        """Return the module's name of a table."""
        ...

    def converter(self, node: tree.Convert) -> str:
        """Return the module's name of a filter whose arguments are constant: a function of one value."""
        ...

    def dynamic(self, converter: Converter) -> str:
        """Return the module's name of a filter with arguments from the row: a function of all of them."""
        ...

    def temporary(self) -> str:
        """Return a fresh local variable."""
        ...

    def constant(self, value: object) -> str:
        """Return the module's name of a value that has no literal in Python."""
        ...


def emit(node: tree.Node, names: Names) -> ast.expr:
    """Return the Python expression of a checked tree."""
    return _EMITTERS[type(node)](node, names)


def _call(function: str, *args: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(function, ast.Load()), list(args), [])


def _text(value: str) -> ast.expr:
    return ast.Constant(value)


def _emptiness() -> ast.expr:
    """Name the generated module's function that makes None of the source's empty values."""
    return ast.Name("empty", ast.Load())


def _constant(node: tree.Constant, names: Names) -> ast.expr:
    if isinstance(node.value, Decimal):
        return ast.Name(names.constant(node.value), ast.Load())
    return ast.Constant(node.value)


def _cell(node: tree.Cell, names: Names) -> ast.expr:
    if node.dotted:
        row = ast.Name("row", ast.Load())
        return _call("dotted", row, _text(node.name), ast.Constant(names.strict), _emptiness())
    return ast.Name(names.cell(node.name), ast.Load())


def _step(node: tree.StepValue, names: Names) -> ast.expr:
    return ast.Name(names.step(node.name), ast.Load())


def _table(node: tree.TableValue, names: Names) -> ast.expr:
    return ast.Name(names.table(node.name), ast.Load())


def _item(node: tree.Item, names: Names) -> ast.expr:
    if isinstance(node.value, tree.TableValue):
        return _call("look_up", emit(node.value, names), _text(node.value.name), emit(node.key, names))
    return _call("item", emit(node.value, names), emit(node.key, names), _emptiness())


def _slice(node: tree.Slice, names: Names) -> ast.expr:
    ends = [
        ast.Constant(None) if end is None else _call("some", emit(end, names), _text("[:]"))
        for end in (node.start, node.stop)
    ]
    return _call("cut", emit(node.value, names), *ends)


def _field(node: tree.Field, names: Names) -> ast.expr:
    return _call("field", emit(node.value, names), _text(node.name), _emptiness())


def _negative(node: tree.Negative, names: Names) -> ast.expr:
    return _call("negative" if node.sign == "-" else "positive", emit(node.value, names))


_OPERATORS = {
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "//": "floor_divide",
    "%": "modulo",
}


def _binary(node: tree.Binary, names: Names) -> ast.expr:
    return _call(_OPERATORS[node.operator], emit(node.left, names), emit(node.right, names))


def _text_of(node: tree.TextOf, names: Names) -> ast.expr:
    return _call("template" if node.template else "concat", *(emit(part, names) for part in node.parts))


_ORDERS = {"lt": "less", "lteq": "less_equal", "gt": "greater", "gteq": "greater_equal"}


def _comparison(operator: str, left: ast.expr, right: ast.expr) -> ast.expr:
    if operator in _ORDERS:
        return _call(_ORDERS[operator], left, right)
    if operator in ("in", "notin"):
        found = _call("contains", left, right)
        return found if operator == "in" else ast.UnaryOp(ast.Not(), found)
    return ast.Compare(left, [ast.Eq() if operator == "eq" else ast.NotEq()], [right])


def _compare(node: tree.Compare, names: Names) -> ast.expr:
    """Write `a < b < c` as `a < (t := b) and t < c`, so that no operand is written twice."""
    left = emit(node.left, names)
    links: list[ast.expr] = []
    for index, (operator, right) in enumerate(node.others):
        operand = emit(right, names)
        if index + 1 < len(node.others):
            name = names.temporary()
            operand = ast.NamedExpr(ast.Name(name, ast.Store()), operand)
        links.append(_comparison(operator, left, operand))
        if index + 1 < len(node.others):
            left = ast.Name(name, ast.Load())
    return links[0] if len(links) == 1 else ast.BoolOp(ast.And(), links)


def _logic(node: tree.Logic, names: Names) -> ast.expr:
    operator = ast.And() if node.operator == "and" else ast.Or()
    return ast.BoolOp(operator, [emit(node.left, names), emit(node.right, names)])


def _not(node: tree.Not, names: Names) -> ast.expr:
    return ast.UnaryOp(ast.Not(), emit(node.value, names))


def _conditional(node: tree.Conditional, names: Names) -> ast.expr:
    return ast.IfExp(emit(node.test, names), emit(node.then, names), emit(node.otherwise, names))


def _list(node: tree.ListOf, names: Names) -> ast.expr:
    items = [emit(item, names) for item in node.items]
    return ast.List(items, ast.Load()) if tree.is_constant(node) else _call("make_list", *items)


def _convert(node: tree.Convert, names: Names) -> ast.expr:
    value = emit(node.value, names)
    who = _text(node.converter.name)
    if not tree.has_constant_arguments(node):
        function = ast.Name(names.dynamic(node.converter), ast.Load())
        positional = [_argument(argument, who, names) for argument in node.args]
        named = [ast.keyword(name, _argument(argument, who, names)) for name, argument in node.kwargs]
        return ast.Call(function, [_call("some", value, who), *positional], named)
    function_name = names.converter(node)
    if node.each:
        return _call("each", ast.Name(function_name, ast.Load()), value, who)
    return _call(function_name, _call("some", value, who))


def _argument(node: tree.Node, who: ast.expr, names: Names) -> ast.expr:
    """Write an argument that may come from the row: an empty one is an error, a `none` written out is not."""
    return emit(node, names) if isinstance(node, tree.Constant) else _call("some", emit(node, names), who)


def _default(node: tree.Default, names: Names) -> ast.expr:
    name = names.temporary()
    value = ast.NamedExpr(ast.Name(name, ast.Store()), emit(node.value, names))
    return ast.IfExp(_call("is_none", value), emit(node.fallback, names), ast.Name(name, ast.Load()))


_KIND_TESTS = ("string", "number", "integer", "boolean", "mapping")


def _test(node: tree.Test, names: Names) -> ast.expr:
    value = emit(node.value, names)
    args = [emit(argument, names) for argument in node.args]
    if node.name == "none":
        return _call("is_none", value)
    if node.name in ("true", "false"):
        return _call("is_same", value, ast.Constant(node.name == "true"))
    if node.name in _KIND_TESTS:
        return _call("is_kind", value, _text(node.name))
    if node.name in ("lower", "upper"):
        return _call("is_case", value, _text(node.name))
    if node.name in ("even", "odd"):
        return _call(f"is_{node.name}", value)
    if node.name == "divisibleby":
        return _call("is_divisible", value, *args)
    return _comparison(node.name, value, args[0])


def _function(node: tree.Call, names: Names) -> ast.expr:
    return _call(node.name, *(emit(argument, names) for argument in node.args))


_EMITTERS: dict[type, Callable[[Any, Names], ast.expr]] = {
    tree.Constant: _constant,
    tree.Cell: _cell,
    tree.StepValue: _step,
    tree.TableValue: _table,
    tree.Item: _item,
    tree.Slice: _slice,
    tree.Field: _field,
    tree.Negative: _negative,
    tree.Binary: _binary,
    tree.TextOf: _text_of,
    tree.Compare: _compare,
    tree.Logic: _logic,
    tree.Not: _not,
    tree.Conditional: _conditional,
    tree.ListOf: _list,
    tree.Convert: _convert,
    tree.Default: _default,
    tree.Test: _test,
    tree.Call: _function,
}
