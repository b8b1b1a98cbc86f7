"""Jinja's syntax tree checked, and translated to the nodes of the mapping language.

This is the whitelist: a node of Jinja's without a method here is refused, with advice on what to use instead.
"""
# ruff: noqa: N802, N815 - Jinja's visitor finds the method of a node by the name of its class

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

from jinja2 import nodes as jinja
from jinja2.visitor import NodeVisitor

from opusmap.converters import Converter, builtin_tests
from opusmap.expressions import nodes
from opusmap.expressions.hints import (
    COMPARISONS,
    FILTER_ADVICE,
    FUNCTION_ADVICE,
    FUNCTIONS,
    NODE_ADVICE,
    TESTS,
)
from opusmap.expressions.jinja_reader import DEPTH_LIMIT, AbortParse, JinjaReader, SkipNode
from opusmap.expressions.scope import Scope, UnknownNameError, absent_column, quote_text
from opusmap.expressions.syntax_errors import in_plain_words, odd_name
from opusmap.issues import Fix, Issue, Severity, Span, fix_with
from opusmap.mapping.yaml_reader import Text
from opusmap.wording import find_nearest, quote_value, suggest

DATE_FIELDS = ("year", "month", "day", "hour", "minute", "second", "weekday")

_BINARY = {
    jinja.Add: "+",
    jinja.Sub: "-",
    jinja.Mul: "*",
    jinja.Div: "/",
    jinja.FloorDiv: "//",
    jinja.Mod: "%",
}


def parse_template(text: Text, scope: Scope) -> tuple[nodes.Expression | None, list[Issue[Span]]]:
    """Return the expression of a template, or None, and all problems.

    A text without `{{` and `{%` is read as a bare expression.
    """
    parser = _Parser(text, scope)
    return parser.parse(), parser.problems


class _Parser(JinjaReader, NodeVisitor):
    """Checks and translates what Jinja's parser has read, node by node."""

    def __init__(self, text: Text, scope: Scope) -> None:
        super().__init__(text, scope.columns or ())
        self._scope = scope
        self._depth = 0

    def parse(self) -> nodes.Expression | None:
        try:
            body = self.read()
            if body is None:
                return None
            tree = self._whole(body)
        except (SkipNode, AbortParse):
            return None
        for position, message in self.unread.items():
            at = self._place(position)
            self.problem("template-syntax", at, *in_plain_words(message, self._text, at, self._columns))
        if self._has_errors():
            return None
        return nodes.Expression(self._text, tree)

    def _has_errors(self) -> bool:
        return any(problem.severity is Severity.ERROR for problem in self.problems)

    def _whole(self, body: list[jinja.Node]) -> nodes.Node:
        """Translate a template; an expression with nothing but blanks around it keeps its kind."""
        solid = [
            part
            for statement in body
            for part in (statement.nodes if isinstance(statement, jinja.Output) else [statement])
            if not (isinstance(part, jinja.TemplateData) and (not part.data or part.data.isspace()))
        ]
        only = solid[0] if len(solid) == 1 else None
        if isinstance(only, jinja.Expr) and not isinstance(only, jinja.TemplateData):
            return self.node(only)
        return nodes.Concat(tuple(self._parts(body)), template=True)

    def _parts(self, body: list[jinja.Node]) -> list[nodes.Node]:
        parts: list[nodes.Node] = []
        for statement in body:
            if isinstance(statement, jinja.Output):
                for node in statement.nodes:
                    if isinstance(node, jinja.TemplateData):
                        parts.append(nodes.Constant(node.data, self.at(node)))
                    else:
                        parts.append(self.node(node))
            elif isinstance(statement, jinja.If):
                parts.append(self._if(statement, *statement.elif_, otherwise=statement.else_))
            else:
                self.generic_visit(statement)
        return parts

    def _if(self, first: jinja.If, *others: jinja.If, otherwise: list[jinja.Node]) -> nodes.Node:
        """Translate `{% if %}` and the `{% elif %}` after it, each as the `else` of the one before."""
        with self._deeper(first):
            test, then = self.node(first.test), self._body(first.body, first)
            rest = self._if(*others, otherwise=otherwise) if others else self._body(otherwise, first)
            return nodes.Conditional(test, then, rest, self.at(first))

    def _body(self, body: list[jinja.Node], owner: jinja.Node) -> nodes.Node:
        at = self.at(owner)
        with self._deeper(owner):
            parts = tuple(self._parts(body))
        return nodes.Concat(parts, template=True, at=at) if parts else nodes.Constant("", at)

    def node(self, node: jinja.Node) -> nodes.Node:
        """Translate a node of Jinja's; a refused one gives a problem, and `none` instead."""
        with self._deeper(node):
            try:
                found: nodes.Node = self.visit(node)
            except SkipNode:
                return nodes.Constant(None, self.at(node))
        return found

    def visit_Const(self, node: jinja.Const) -> nodes.Node:
        value = self.decimals[node.lineno] if isinstance(node.value, float) else node.value
        return nodes.Constant(value, self.at(node))

    def visit_Name(self, node: jinja.Name) -> nodes.Node:
        found = self._resolve(node.name, self.at(node))
        if isinstance(found, nodes.TableValue):
            message = f"{quote_value(node.name)} is a table, not a value"
            raise self.refuse("table-item", found.at, message, f"take an item of it: `{node.name}[key]`")
        return found

    def _container(self, node: jinja.Expr) -> nodes.Node:
        """Translate the operand of `[key]` or `in`, which may be a table, too."""
        if isinstance(node, jinja.Name) and node.name in self._scope.tables:
            return self._resolve(node.name, self.at(node))
        return self.node(node)

    def _resolve(self, name: str, at: int, *, in_row: bool = False) -> nodes.Node:
        """Return the node of a name, or (`in_row`) of the column of that name."""
        try:
            return (self._scope.column if in_row else self._scope.resolve)(name, at)
        except UnknownNameError as unknown:
            odd = "" if in_row else odd_name(self._text, at, self._scope.columns or ())
            help_text = f"write row['{odd}']" if odd else unknown.help
            fix: Fix | None = None
            if odd and self._text.startswith(odd, at):
                fix = fix_with(self._text.locate(at, at + len(odd)), f"row['{odd}']", "expression")
            elif not odd and unknown.meant is not None:
                meant = quote_text(unknown.meant) if in_row else self._scope.write(unknown.meant)
                fix = fix_with(self.locate(at), meant, "expression")
            raise self.refuse(unknown.code, at, unknown.message, help_text, fix) from None

    def visit_Getattr(self, node: jinja.Getattr) -> nodes.Node:
        at, columns = self.at(node), self._scope.columns
        attr = self._attribute(node)
        names, first = [attr], node.node
        while isinstance(first, jinja.Getattr):
            names, first = [self._attribute(first), *names], first.node
        dotted = ".".join([first.name, *names]) if isinstance(first, jinja.Name) else ""
        if attr.startswith("_"):
            raise self.refuse("unknown-field", at, f"there is no field {quote_value(attr)}", _FIELD_HELP)
        root, _, rest = dotted.partition(".")
        taken = self._scope.variables | self._scope.tables | self._scope.later | {"row"}
        if dotted and root not in taken and (columns is None or {root, dotted} & columns):
            return nodes.Cell(dotted, self.at(first), dotted=columns is None or dotted not in columns)
        if root == "row" and (member := self._scope.member(rest, self.at(first))) is not None:
            return member
        if root == "row":
            raise self.refuse("row-item", at, _ROW_TAKES, f"write row['{rest}']")
        value = self.node(node.node)
        if isinstance(value, nodes.Constant | nodes.ListLiteral) and not self._has_errors():
            message = f"there is no field {quote_value(attr)} here"
            raise self.refuse("unknown-field", at, message, _FIELD_HELP)
        return nodes.step_into(value, attr, at)

    def _attribute(self, node: jinja.Getattr) -> str:
        """Return the name behind the dot as it is written: Jinja knows neither `@` nor `:` in one."""
        return self.names.get(node.lineno, node.attr)

    def visit_Getitem(self, node: jinja.Getitem) -> nodes.Node:
        at = self.at(node)
        if isinstance(node.node, jinja.Name) and node.node.name == "row":
            if not (isinstance(node.arg, jinja.Const) and isinstance(node.arg.value, str)):
                raise self.refuse("row-item", at, _ROW_TAKES, "row['Contract No']")
            return self._resolve(node.arg.value, self.at(node.arg), in_row=True)
        value = self._container(node.node)
        if isinstance(node.arg, jinja.Slice):
            if isinstance(value, nodes.TableValue):
                raise self.refuse("table-item", at, "a table can't be cut", "take an item of it: table[key]")
            if node.arg.step is not None:
                raise self.refuse("slice-step", at, "a slice has no step here", "use [start:stop]")
            start, stop = (None if end is None else self.node(end) for end in (node.arg.start, node.arg.stop))
            return nodes.Slice(value, start, stop, at)
        if isinstance(node.arg, jinja.Const) and node.arg.lineno in self.stars:
            if isinstance(value, nodes.TableValue):
                raise self.refuse(
                    "table-item", at, "a table has no elements", "take an item of it: table[key]"
                )
            return nodes.step_into(value, None, at)
        key = node.arg.value if isinstance(node.arg, jinja.Const) else None
        if isinstance(value, nodes.Every) and isinstance(key, str):
            return nodes.step_into(value, key, at)
        return nodes.Subscript(value, self.node(node.arg), at)

    def visit_Add(self, node: jinja.BinExpr) -> nodes.Node:
        return nodes.Binary(_BINARY[type(node)], self.node(node.left), self.node(node.right), self.at(node))

    visit_Sub = visit_Mul = visit_Div = visit_FloorDiv = visit_Mod = visit_Add

    def visit_Neg(self, node: jinja.Neg | jinja.Pos) -> nodes.Node:
        return nodes.Unary(self.node(node.node), "-" if isinstance(node, jinja.Neg) else "+", self.at(node))

    visit_Pos = visit_Neg

    def visit_Not(self, node: jinja.Not) -> nodes.Node:
        return nodes.Not(self.node(node.node), self.at(node))

    def visit_Concat(self, node: jinja.Concat) -> nodes.Node:
        return nodes.Concat(tuple(self.node(part) for part in node.nodes), template=False, at=self.at(node))

    def visit_Compare(self, node: jinja.Compare) -> nodes.Node:
        others = tuple(
            (operand.op, (self._container if operand.op in ("in", "notin") else self.node)(operand.expr))
            for operand in node.ops
        )
        return nodes.Compare(self.node(node.expr), others, self.at(node))

    def visit_And(self, node: jinja.And | jinja.Or) -> nodes.Node:
        operator: Literal["and", "or"] = "and" if isinstance(node, jinja.And) else "or"
        return nodes.Logic(operator, self.node(node.left), self.node(node.right), self.at(node))

    visit_Or = visit_And

    def visit_CondExpr(self, node: jinja.CondExpr) -> nodes.Node:
        otherwise = nodes.Constant(None, self.at(node)) if node.expr2 is None else self.node(node.expr2)
        return nodes.Conditional(self.node(node.test), self.node(node.expr1), otherwise, self.at(node))

    def visit_List(self, node: jinja.List | jinja.Tuple) -> nodes.Node:
        return nodes.ListLiteral(tuple(self.node(item) for item in node.items), self.at(node))

    visit_Tuple = visit_List

    def visit_Filter(self, node: jinja.Filter) -> nodes.Node:
        at = self.at(node)
        if node.node is None or node.dyn_args is not None or node.dyn_kwargs is not None:
            raise self.refuse("template-syntax", at, f"{node.name} can't be used like this")
        match node.name:
            case "default" | "d":
                if len(node.args) != 1 or node.kwargs:
                    help_text = "`| default('…')` is used where the value is empty"
                    raise self.refuse("wrong-argument", at, "default takes one value", help_text)
                value = self.node(node.node)
                if isinstance(value, nodes.Subscript) and isinstance(value.value, nodes.TableValue):
                    value = replace(value, optional=True)
                return nodes.Default(value, self.node(node.args[0]), at)
            case "where":
                return self._where(node, node.node)
            case "map":
                value, name = self.node(node.node), node.args[0] if node.args else None
                if not (isinstance(name, jinja.Const) and isinstance(name.value, str)):
                    message = "map takes a converter's name in quotes"
                    help_text = "`| map('trim')` applies a converter to each element"
                    raise self.refuse("wrong-argument", at, message, help_text)
                converter = self._converter(name.value, at)
                return self._applied(value, converter, node.args[1:], node.kwargs, at, each=True)
            case name:
                value = self.node(node.node)
                return self._applied(value, self._converter(name, at), node.args, node.kwargs, at)

    def _where(self, node: jinja.Filter, value: jinja.Expr) -> nodes.Node:
        given: dict[str, jinja.Expr] = dict(zip(("key", "equals"), node.args, strict=False))
        given |= {str(keyword.key): keyword.value for keyword in node.kwargs}
        fits = 0 < len(given) == len(node.args) + len(node.kwargs)
        key = given.pop("key", jinja.Const(None))
        name = key.value if isinstance(key, jinja.Const) else ""
        if (
            not fits
            or not (name is None or (isinstance(name, str) and name))
            or tuple(given) not in ((), ("equals",), ("contains",))
        ):
            message = "where takes the name of a field in quotes, what it equals or contains, or both"
            raise self.refuse("wrong-argument", self.at(node), message, _WHERE_HELP)
        condition = next(iter(given), "")
        wanted = self.node(given[condition]) if condition else nodes.Constant(None, self.at(node))
        return nodes.Where(self.node(value), name, condition, wanted, self.at(node))

    def _converter(self, name: str, at: int) -> Converter:
        registry = self._scope.registry
        converter = registry.find(_ALIASES.get(name, name))
        if converter is None:
            help_text = FILTER_ADVICE.get(name) or registry.suggest(name) or "`opusmap converters` lists them"
            message = f"there is no converter {quote_value(name)}"
            near = None if name in FILTER_ADVICE else find_nearest(name, registry.converters)
            fix = fix_with(self.locate(at), near, "expression")
            raise self.refuse("unknown-converter", at, message, help_text, fix)
        return converter

    def _applied(
        self,
        value: nodes.Node,
        converter: Converter,
        args: list[jinja.Expr],
        kwargs: list[Any],
        at: int,
        *,
        each: bool = False,
    ) -> nodes.Node:
        take = self._as_written if converter.name in _PATTERNS else self.node
        given = tuple(take(argument) for argument in args)
        named = tuple((keyword.key, take(keyword.value)) for keyword in kwargs)
        place = None
        if converter.name in _PATTERNS:
            pattern = (*given, *(argument for key, argument in named if key == "pattern"))
            place = self.locate(getattr(pattern[0], "at", at)) if pattern else None
        node = nodes.Filter(value, converter, given, named, each, at, place)
        if (converter.factory or each) and not nodes.has_constant_arguments(node):
            message = f"the arguments of {converter.name} can't come from the row here"
            help_text = "write them out as constants"
            if (meant := nodes.show_swapped(node)) is not None:
                message, help_text = f"{message}: {_VALUE_FIRST}", f"write `{meant}`"
            raise self.refuse("wrong-argument", at, message, help_text)
        return node

    def _as_written(self, node: jinja.Expr) -> nodes.Node:
        r"""Translate an argument, a text as it is written: `\d` is not an escape, but means a digit."""
        if isinstance(node, jinja.Const) and isinstance(node.value, str):
            self.unread.pop(node.lineno, None)
            return nodes.Constant(self.texts[node.lineno], self.at(node))
        return self.node(node)

    def visit_Test(self, node: jinja.Test) -> nodes.Node:
        at = self.at(node)
        if node.name not in TESTS:
            help_text = (
                NODE_ADVICE.get(f"is {node.name}")
                or suggest(node.name, TESTS)
                or "known: " + ", ".join(filter(str.isalpha, TESTS))
            )
            raise self.refuse("unknown-test", at, f"there is no test {quote_value(node.name)}", help_text)
        if len(node.args) != TESTS[node.name] or node.kwargs or node.dyn_args or node.dyn_kwargs:
            takes = "one argument" if TESTS[node.name] else "no arguments"
            raise self.refuse("wrong-argument", at, f"the test {node.name} takes {takes}")
        value = self.node(node.node)
        if (converter := builtin_tests().find(node.name)) is not None:
            at = self._text.find(node.name, at)
            return self._applied(value, converter, node.args, node.kwargs, at)
        args = tuple(self.node(argument) for argument in node.args)
        if node.name in COMPARISONS:
            return nodes.Compare(value, ((COMPARISONS[node.name], args[0]),), at)
        return nodes.Test(value, node.name, args, at)

    def visit_Call(self, node: jinja.Call) -> nodes.Node:
        match node.node:
            case jinja.Getattr(node=jinja.Name(name="row"), attr="get"):
                return self._row_get(node)
        name = node.node.name if isinstance(node.node, jinja.Name) else None
        if name not in FUNCTIONS or node.kwargs or node.dyn_args or node.dyn_kwargs:
            method = node.node.attr if isinstance(node.node, jinja.Getattr) else None
            plain = (name or method or "").lower()
            help_text = FUNCTION_ADVICE.get(plain) or NODE_ADVICE["Call"]
            if self._scope.registry.find(plain):
                help_text = f"{plain} is a converter: write `value | {plain}`"
            called = f"`{name or method}`" if name or method else "this"
            at = self.at(node.node if name else node)
            raise self.refuse("unknown-function", at, f"{called} can't be called", help_text)
        if not node.args:
            raise self.refuse("wrong-argument", self.at(node), f"{name} needs values")
        return nodes.Call(str(name), tuple(self.node(argument) for argument in node.args), self.at(node))

    def _row_get(self, node: jinja.Call) -> nodes.Node:
        """Translate `row.get('Amount')`: a column that the source need not have."""
        name = node.args[0] if len(node.args) == 1 else None
        at = self.at(node)
        if not (isinstance(name, jinja.Const) and isinstance(name.value, str)) or node.kwargs:
            help_text = "write `row.get('Amount')`, then `| default(…)` for the value to use instead"
            raise self.refuse("row-item", at, "row.get(…) takes the name of a column in quotes", help_text)
        cell = self._scope.optional(name.value, self.at(name))
        if self._scope.columns is not None and cell.optional:
            self.problems.append(absent_column(cell.name, self.locate(cell.at), self._scope.columns))
        return cell

    @contextmanager
    def _deeper(self, node: jinja.Node) -> Iterator[None]:
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            self.too_deep(self.at(node))
            raise AbortParse
        yield
        self._depth -= 1

    def generic_visit(self, node: jinja.Node, *_: Any, **_kwargs: Any) -> nodes.Node:
        """Refuse a node that has no method here."""
        name = type(node).__name__
        help_text = NODE_ADVICE.get(name, "the language has values, operators, filters, tests and {% if %}")
        message = f"{_NODE_NAMES.get(name, name)} is not part of the language"
        raise self.refuse("not-in-language", self.at(node), message, help_text)


_ROW_TAKES = (
    "row[…] takes the name of a column in quotes; its members are row.number, row.file and row.get(…)"
)
_ALIASES = {"count": "length"}
_PATTERNS = frozenset({"regex_replace", "matching"})
"""Converters and tests that take patterns: texts are used as they are written, without escapes."""
_WHERE_HELP = "`where('active')`, `where('role', 'owner')` or `where(key='mail', contains='@')`"
_VALUE_FIRST = "the value comes before `|`, and the arguments are in the brackets after it"
_FIELD_HELP = "dates have " + ", ".join(DATE_FIELDS) + "; for a column of that name use row['…']"
_NODE_NAMES = {
    "Pow": "the operator **",
    "For": "{% for %}",
    "Assign": "{% set %}",
    "Dict": "{…}",
    "Include": "{% include %}",
    "Scope": "{% autoescape %}",
}
