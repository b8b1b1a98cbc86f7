"""Where a mapping names columns of its source: under `from`, in expressions, in the rows of its tests.

Owns finding each name with its place, so that it can be written otherwise and nothing else changes.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Literal

from opusmap.converters import Registry
from opusmap.expressions import ROW_FILE, Scope, is_template, nodes, parse_template, walk
from opusmap.mapping import Binding, FirstOf, MappingSpec, Text
from opusmap.mapping.yaml_reader import Entries, Node

Form = Literal["plain", "name", "quoted"]

_STEPS = re.compile(r"\[(?:\*|\d{1,9}|'[^']+')\]")
_QUOTED = re.compile(r"'([^'\\]*)'|\"([^\"\\]*)\"")


@dataclass(frozen=True, slots=True)
class NameUse:
    """One place where a column is named.

    Attributes:
        name: the column's name, or the dotted path that begins with it.
        text: the YAML scalar that holds it.
        start: where the name begins in the scalar's value; -1 where that is not known.
        form: `plain` under `from`, in an expression a bare `name`, or `quoted` as in `row['…']`.
        owner: the key of the entry that the scalar belongs to.
        alone: whether a binding has this column and nothing else for its source.
        optional: whether a source may lack the column.
        group: the span's text of a `first_of`, of whose names one is enough; else empty.
    """

    name: str
    text: Text
    start: int
    form: Form
    owner: Text
    alone: bool = False
    optional: bool = False
    group: str = ""


def scope_of(spec: MappingSpec, registry: Registry) -> Scope:
    """Return what names mean in a mapping whose source's columns are not known."""
    variables = frozenset(str(one.name) for one in spec.let)
    tables = frozenset(str(one.name) for one in spec.tables)
    return Scope(None, variables, frozenset(), tables, registry, spec.source.file_column or ROW_FILE)


def find_uses(spec: MappingSpec, registry: Registry, where: Text | None) -> Iterator[NameUse]:
    """Yield each place of a mapping, and of the files it includes, that names a column.

    What an expression with errors names is not found; `check` reports it. `where` is that key's place.
    """
    scope = scope_of(spec, registry)
    for variable in spec.let:
        yield from _in_expression(variable.template, scope, variable.name)
    if spec.where is not None and where is not None:
        yield from _in_expression(spec.where, scope, where)
    for binding in spec.fields:
        yield from _in_sources(binding, scope)
        for text in (binding.template, binding.default):
            if text is not None and (text is binding.template or is_template(text)):
                yield from _in_expression(text, scope, binding.target)


def _in_sources(binding: Binding, scope: Scope) -> Iterator[NameUse]:
    alone = len(binding.sources) == 1
    for part in binding.sources:
        names = part.names if isinstance(part, FirstOf) else (part,) if isinstance(part, Text) else ()
        for text in names:
            found = _STEPS.search(text)
            name = text[: found.start()] if found else str(text)
            if {name, name.partition(".")[0]} & (scope.variables | {"row", "TODO"}):
                continue
            group = str(part.span) if isinstance(part, FirstOf) else ""
            yield NameUse(name, text, 0, "plain", binding.target, alone, optional=bool(group), group=group)


def _in_expression(text: Text, scope: Scope, owner: Text) -> Iterator[NameUse]:
    expression, _ = parse_template(text, scope)
    if expression is None:
        return
    only = isinstance(expression.tree, nodes.Cell)
    for node in walk(expression.tree):
        if not isinstance(node, nodes.Cell):
            continue
        at = node.at
        if node.name == scope.file_column and text.startswith("row", at):
            continue  # `row.file`
        literal = _QUOTED.match(text, at)
        if literal is not None and node.name in literal.groups():
            yield NameUse(node.name, text, at + 1, "quoted", owner, only, node.optional)
        else:
            start = at if text.startswith(node.name, at) else -1
            yield NameUse(node.name, text, start, "name", owner, only, node.optional)


def find_row_keys(data: Node | None) -> Iterator[Text]:
    """Yield the keys of the rows of a mapping's tests."""
    if isinstance(data, Entries):
        for test in data.get_items("tests"):
            row = test.get("row") if isinstance(test, Entries) else None
            if isinstance(row, Entries):
                yield from (key for key, _ in row.pairs())


def meaning(text: Text, scope: Scope, renamed: Mapping[str, tuple[str, ...]]) -> Hashable:
    """Return what an expression means once columns have other names; None if it has errors.

    Args:
        text: the expression.
        scope: what names mean.
        renamed: the path of a column's new name, by its old one.
    """
    expression, problems = parse_template(text, scope)
    return None if expression is None or problems else _meaning(expression.tree, renamed)


def _meaning(value: object, renamed: Mapping[str, tuple[str, ...]]) -> Hashable:
    if isinstance(value, nodes.Cell):
        path = renamed.get(value.name)
        if path is None:
            path = tuple(value.name.split(".")) if value.dotted else (value.name,)
        return ("column", *path)
    if isinstance(value, nodes.Field):
        inner = _meaning(value.value, renamed)
        if isinstance(inner, tuple) and inner[:1] == ("column",):
            return (*inner, value.name)
        return ("field", inner, value.name)
    if isinstance(value, nodes.Node):
        parts = (getattr(value, one.name) for one in fields(value) if one.name not in ("at", "place"))
        return (type(value).__name__, *(_meaning(part, renamed) for part in parts))
    if isinstance(value, tuple):
        return ("tuple", *(_meaning(part, renamed) for part in value))
    return repr(value)
