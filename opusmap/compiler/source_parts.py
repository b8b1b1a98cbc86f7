"""What `from` names: columns, variables and paths into them; of several columns, the first that there is.

For a name that is not known there is a node of which nothing is known, and an error.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import reduce

from opusmap.compiler.binding_nodes import FirstOf as FirstOfNode
from opusmap.compiler.mapping_checks import is_placeholder, to_do
from opusmap.compiler.plan import UNKNOWN
from opusmap.expressions import Scope, absent_column, nodes, walk
from opusmap.issues import Issue, Span, fix_with
from opusmap.mapping import ConstantPart, FirstOf, SourcePart, Text
from opusmap.mapping.yaml_writer import quoted
from opusmap.wording import find_nearest, quote_names, quote_value, strip_quotes, suggest

_BRACED = re.compile(r"^\W*[{\[<(].*[}\])>]\W*$")
"""A template as other programs write it: `${Title}`, `[Title]`, `<<Title>>`."""


_BRACKET = r"""\[(?:\*|(\d{1,9})|'([^']+)')\]"""
_MEMBER, _BEFORE_PATH = re.compile(r"\.(?! )"), re.compile(r"\.(?! )|\[")
"""`author.email` is a path, `No. new` is a name."""
_STEPS_BEGIN, _STEP = re.compile(_BRACKET), re.compile(_BRACKET + r"|\.([^.\[\]]+)")
"""A step of a path from its first bracket on: `[*]`, `[0]`, `['a name']`, and `.name` behind one of these."""


def _step(found: tuple[str, str, str]) -> str | int | None:
    """Return a step as `step_into` takes it."""
    position, key, name = found
    return int(position) if position else key or name or None


def _optional(node: nodes.Node) -> nodes.Node:
    """Return the path with a first column that a row may lack."""
    if isinstance(node, nodes.Cell):
        return replace(node, optional=True)
    if isinstance(node, nodes.Every | nodes.Field | nodes.Subscript):
        return replace(node, value=_optional(node.value))
    return node


BINDING_KEYS = (
    *("from", "value", "const", "split", "join", "lookup", "convert"),
    *("format", "century", "incomplete", "default", "required", "on_error"),
)
"""Keys that a column may have in braces. People also write them below the column, or behind a comma."""
_KEY_BEHIND = re.compile(rf"(.+?), *({'|'.join(BINDING_KEYS)}): *(.+)")

_CONSTANT_LENGTH = 60
"""Characters of a text that is offered as a constant, at most: a part of it would be another text."""


class SourceParts:
    """The parts of `from` as nodes. `scope` says what names mean; what is wrong is added to `problems`.

    `bound` is what messages call the column of Opus that is bound.
    """

    def __init__(self, scope: Scope, problems: list[Issue[Span]], bound: str) -> None:
        self._scope, self._columns, self._problems, self._bound = scope, scope.columns, problems, bound

    def node(self, part: SourcePart) -> nodes.Node:
        """Return the node of a part; see the problems for what is wrong with it."""
        match part:
            case FirstOf():
                return self._first_of(part)
            case ConstantPart():
                return nodes.Constant(str(part.text))
            case name:
                return self._source_column(name)

    def _first_of(self, part: FirstOf) -> nodes.Node:
        """Return the columns that the source has; of columns not known, a row may lack any."""
        if self._columns is None:
            found = tuple(_optional(self._source_column(name)) for name in part.names)
            read = [node for one in found for node in walk(one)]
            if any(isinstance(node, nodes.VariableRef) for node in read):  # a variable is always there
                return FirstOfNode(found)
            cells = [node.name for node in read if isinstance(node, nodes.Cell)]
            names = [name for cell in cells for name in (cell, cell.partition(".")[0])]
            return FirstOfNode(found, tuple(dict.fromkeys(names)))
        known = [name for name in part.names if self._is_known(name)]
        if not known:
            message = f"the source has none of the columns {quote_names(map(str, part.names))}"
            near = (suggest(str(name), self._columns) for name in part.names)
            help_text = next(filter(None, near), "") or self._scope.known_columns()
            self._problems.append(Issue("unknown-column", message, part.span, help_text))
            return UNKNOWN
        for name in part.names:
            if name not in known:
                self._problems.append(absent_column(str(name), name.span, self._columns))
        nodes_ = tuple(self._source_column(name) for name in known)
        return nodes_[0] if len(nodes_) == 1 else FirstOfNode(nodes_)

    def _is_known(self, name: Text) -> bool:
        """Return whether a name is a variable, a column of the source, or a path that begins with one."""
        names = {str(name), _BEFORE_PATH.split(name)[0]}
        return not (names.isdisjoint(self._columns or ()) and names.isdisjoint(self._scope.variables))

    def _source_column(self, name: Text) -> nodes.Node:
        text, columns = str(name), self._columns
        if text in self._scope.variables:  # the errors of a variable are reported where it is defined
            return nodes.VariableRef(text)
        if text in (columns or ()):
            return nodes.Cell(text)
        member = self._scope.member(text.removeprefix("row."), 0) if text.startswith("row.") else None
        if member is not None:
            return member
        if is_placeholder(text):
            help_text = "write a source column here, or a template or constant"
            self._problems.append(to_do(self._bound, name.span, help_text))
            return UNKNOWN
        if (found := self._path(text)) is not None:
            return found
        known = [*(columns or ()), *self._scope.variables]
        help_text, fix = suggest(text, known), fix_with(name.span, find_nearest(text, known))
        help_text = help_text or self._scope.known_columns()
        if _BRACED.search(text):
            help_text, fix = (
                'a template is written "{{ Title }}"; with other keys, write `value:` instead of `from:`',
                None,
            )
        elif (keys := _KEY_BEHIND.fullmatch(text)) is not None:
            column, key, value = keys.groups()
            help_text, fix = f"with other keys, write braces: {{from: {column}, {key}: {value}}}", None
        elif "," in text and set(parts := [one.strip() for one in text.split(",")]) <= set(known):
            listed = ", ".join(quoted(one) for one in parts)
            help_text, fix = f"for several columns write a list: [{listed}]", None
        elif columns and help_text.startswith("columns"):
            bare = strip_quotes(text).strip()
            constant = quoted(bare) if len(bare) <= _CONSTANT_LENGTH else "…"
            help_text += f"; a text for every record is written {{const: {constant}}}"
        message = f"there is no column {quote_value(text)} in the source"
        self._problems.append(Issue("unknown-column", message, name.span, help_text, fix=fix))
        return UNKNOWN

    def _path(self, text: str) -> nodes.Node | None:
        """Return what a path leads to from a variable or a column, None if there is neither."""
        start = _STEPS_BEGIN.search(text)
        if start is None:
            return self._named(text)
        steps = text[start.start() :]
        found = self._named(text[: start.start()])
        if found is None or _STEP.sub("", steps):  # brackets of a name, as in `Amount [EUR]`
            return self._named(text)
        return reduce(nodes.step_into, map(_step, _STEP.findall(steps)), found)

    def _named(self, text: str) -> nodes.Node | None:
        """Return the variable, column or dotted path of a name, None if there is none of its first name."""
        columns, path = self._columns, _MEMBER.split(text)
        root, names = path[0], path[1:]
        if text in self._scope.variables or text in (columns or ()):
            return nodes.VariableRef(text) if text in self._scope.variables else nodes.Cell(text)
        if root in self._scope.variables:
            variable: nodes.Node = nodes.VariableRef(root)
            return reduce(nodes.step_into, names, variable)
        return nodes.Cell(text, dotted=bool(names)) if columns is None or root in columns else None
