"""Nodes of bindings: what happens to a value between the expression and the column.

Owns the meaning of `split`, `lookup`, `convert`, `default` and of lists of source columns; an expression's
own nodes are `expressions.nodes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from opusmap.compiler import binding_runtime
from opusmap.compiler.plan import ConvertPlan
from opusmap.converters import for_text, text
from opusmap.errors import ValueProblem
from opusmap.expressions.nodes import (
    Concat,
    Environment,
    Evaluate,
    Frame,
    Gap,
    Gaps,
    Kind,
    Node,
    Type,
    Types,
    Writer,
)
from opusmap.expressions.nodes.base import ANY
from opusmap.expressions.nodes.filters import check_taken, result_type
from opusmap.expressions.nodes.operands import missing_key
from opusmap.expressions.nodes.operators import constant_texts
from opusmap.expressions.runtime import OPERATIONS
from opusmap.wording import quote_names


def _where_filled(node: Node, writer: Writer, make: Callable[[str], str], *, once: bool = True) -> str:
    """Return Python that makes something of a value that is not empty, and None of an empty one.

    `once` says that what is made holds the value's Python once.
    """
    python = node.emit(writer)
    if not node.infer(writer).empty and (once or python.isidentifier()):
        return make(python)
    if python.isidentifier():
        return f"(None if {python} is None else {make(python)})"
    name = writer.temporary()
    return f"(None if ({name} := {python}) is None else {make(name)})"


@dataclass(frozen=True, slots=True)
class Emptied(Node):
    """The value, None where it is a text that the source calls empty, or an empty list."""

    value: Node

    def infer(self, types: Types) -> Type:
        known = self.value.infer(types)
        return Type(known.kind, known.empty or self._may_empty(known, types), known.bound)

    def _may_empty(self, known: Type, types: Types) -> bool:
        if isinstance(self.value, Concat):
            return not any(all(part not in one for one in types.empty_texts) for part in self.value.solid())
        if (texts := constant_texts(self.value)) is not None:
            return not texts.isdisjoint(types.empty_texts)
        return bool(known.kind & (Kind.TEXT | Kind.LIST))

    def evaluator(self, env: Environment) -> Evaluate:
        value, empty = env.evaluator(self.value), env.empty
        return lambda frame: empty(value(frame))

    def emit(self, writer: Writer) -> str:
        python, known = self.value.emit(writer), self.value.infer(writer)
        if not self._may_empty(known, writer):
            return python
        if known.filled().is_always(Kind.TEXT) and writer.empty_texts == ("",):
            return f"({python} or None)"
        if known.filled().is_always(Kind.TEXT):
            name = python if python.isidentifier() else writer.temporary()
            first = python if python.isidentifier() else f"({name} := {python})"
            return f"(None if {first} in {writer.empty_texts!r} else {name})"
        name = python if python.isidentifier() else writer.temporary()
        first = python if python.isidentifier() else f"({name} := {python})"
        others = tuple(text for text in writer.empty_texts if text)
        usual = f"{name}.__class__ is str" + (f" and {name} not in {others!r}" if others else "")
        return f"({name} if {first} and {usual} else empty({name}))"


@dataclass(frozen=True, slots=True)
class FirstOf(Node):
    """The first of several columns that is not empty.

    `names` are theirs where the source's columns are not known: a row that has none of them is an error.
    """

    parts: tuple[Node, ...]
    names: tuple[str, ...] = ()

    def infer(self, types: Types) -> Type:
        return ANY

    def gaps(self, known: Gaps) -> Iterator[Gap]:
        found = [list(part.gaps(known)) for part in self.parts]
        if all(found):  # one that is never empty is enough
            yield from (gap for gaps in found for gap in gaps)

    def evaluator(self, env: Environment) -> Evaluate:
        parts, names, first = [env.evaluator(part) for part in self.parts], self.names, OPERATIONS["coalesce"]

        def evaluate(frame: Frame) -> Any:
            if names and frame.row.keys().isdisjoint(names):
                message = f"the row has none of the columns {quote_names(names)}"
                raise ValueProblem("unknown-column", message, "name one of them as the source does")
            return first(*[part(frame) for part in parts])

        return evaluate

    def emit(self, writer: Writer) -> str:
        found = f"coalesce({', '.join(part.emit(writer) for part in self.parts)})"
        return f"(decline() if row.keys().isdisjoint({self.names!r}) else {found})" if self.names else found


@dataclass(frozen=True, slots=True)
class Flatten(Node):
    """The parts that are not empty as one list, None if all are; a part that is a list gives its elements."""

    parts: tuple[Node, ...]

    def infer(self, types: Types) -> Type:
        return Type(Kind.LIST, empty=True)

    def gaps(self, known: Gaps) -> Iterator[Gap]:
        if len(self.parts) == 1:  # of several, one that is not empty is enough
            yield from self.parts[0].gaps(known)

    def evaluator(self, env: Environment) -> Evaluate:
        parts, fill = [env.evaluator(part) for part in self.parts], env.fill

        def evaluate(frame: Frame) -> Any:
            return fill(binding_runtime.flatten(*[part(frame) for part in parts]))

        return evaluate

    def emit(self, writer: Writer) -> str:
        return f"drop_empty(flatten({', '.join(part.emit(writer) for part in self.parts)}))"


@dataclass(frozen=True, slots=True)
class Join(Node):
    """The texts of the parts that are not empty, with a separator between them; None if all are empty."""

    parts: tuple[Node, ...]
    separator: str

    def infer(self, types: Types) -> Type:
        return Type(Kind.TEXT, empty=True)

    def gaps(self, known: Gaps) -> Iterator[Gap]:
        if len(self.parts) == 1:  # of several, one that is not empty is enough
            yield from self.parts[0].gaps(known)

    def evaluator(self, env: Environment) -> Evaluate:
        parts, join, separator = [env.evaluator(part) for part in self.parts], env.join, self.separator

        def evaluate(frame: Frame) -> Any:
            return join(separator, *[part(frame) for part in parts])

        return evaluate

    def emit(self, writer: Writer) -> str:
        return f"joined({self.separator!r}, {', '.join(part.emit(writer) for part in self.parts)})"


@dataclass(frozen=True, slots=True)
class JoinList(Node):
    """A list that converters have left, as one text with a separator; other values stay as they are."""

    value: Node
    separator: str

    def infer(self, types: Types) -> Type:
        known = self.value.infer(types)
        if not known.kind & Kind.LIST:
            return known
        return Type(known.kind & ~Kind.LIST | Kind.TEXT, empty=True)

    def evaluator(self, env: Environment) -> Evaluate:
        value, join, separator = env.evaluator(self.value), env.join, self.separator

        def evaluate(frame: Frame) -> Any:
            found = value(frame)
            return join(separator, found) if isinstance(found, list) else found

        return evaluate

    def emit(self, writer: Writer) -> str:
        python = self.value.emit(writer)
        if not self.value.infer(writer).kind & Kind.LIST:
            return python
        name = writer.temporary()
        joined = f"joined({self.separator!r}, {name})"
        return f"({joined} if ({name} := {python}).__class__ is list else {name})"


@dataclass(frozen=True, slots=True)
class Split(Node):
    """A text cut into a list; a list stays as it is."""

    value: Node
    separator: str

    def infer(self, types: Types) -> Type:
        return Type(Kind.LIST, empty=True)

    def evaluator(self, env: Environment) -> Evaluate:
        return _applied(env.evaluator(self.value), binding_runtime.make_splitter(self.separator))

    def emit(self, writer: Writer) -> str:
        name = writer.named("split", binding_runtime.make_splitter(self.separator))
        return _where_filled(self.value, writer, lambda value: f"{name}({value})")


def _applied(value: Evaluate, function: Callable[[Any], Any]) -> Evaluate:
    def evaluate(frame: Frame) -> Any:
        found = value(frame)
        return None if found is None else function(found)

    return evaluate


@dataclass(frozen=True, slots=True)
class Lookup(Node):
    """A value, or each element of a list, looked up in a table; `default` replaces what the table lacks."""

    value: Node
    table: str
    default: Node | None

    def gaps(self, known: Gaps) -> Iterator[Gap]:
        yield from self.value.gaps(known)
        yield missing_key(self.table)

    def evaluator(self, env: Environment) -> Evaluate:
        value = env.evaluator(self.value)
        look = binding_runtime.make_lookup(env.table(self.table), self.table, env.empty, env.lacking)
        if self.default is None:
            return _applied(value, look)
        default = env.evaluator(self.default)

        def evaluate(frame: Frame) -> Any:
            found = value(frame)
            return None if found is None else look(found, lambda: default(frame))

        return evaluate

    def emit(self, writer: Writer) -> str:
        """Write the look-up; it declines a list with an element that only the default replaces."""
        table = writer.table(self.table)
        entries, empty = writer.entries(self.table), writer.empty
        look = writer.named(
            f"look_up_{self.table}",
            binding_runtime.make_lookup(entries, self.table, empty, writer.lacking),
        )
        fallback = "" if self.default is None else ", decline"
        return _where_filled(
            self.value,
            writer,
            lambda value: (
                f"(({table}.get({value}) or {table}.get({value}.strip()) or {look}({value}{fallback}))"
                f" if {value}.__class__ is str else {look}({value}{fallback}))"
            ),
            once=False,
        )


@dataclass(frozen=True, slots=True)
class Apply(Node):
    """A converter of `convert` applied to a value, or to each element of a list."""

    value: Node
    call: ConvertPlan

    @property
    def costly(self) -> bool:
        return self.call.converter.cache

    @property
    def pure(self) -> bool:
        return self.call.converter.is_cacheable and self.call.place is None  # a pattern's matches are counted

    def infer(self, types: Types) -> Type:
        known = self.value.infer(types)
        if self.call.takes_list or not known.kind & Kind.LIST:
            found = result_type(self.call.converter)
            return Type(found.kind, found.empty or known.empty, found.bound)
        return ANY

    def check(self, types: Types) -> Iterator[ValueProblem]:
        known = self.value.infer(types)
        if known.kind and (
            self.call.takes_list or not known.kind & Kind.LIST
        ):  # nothing is done with an empty one
            yield from check_taken(self.call.converter, known)

    def evaluator(self, env: Environment) -> Evaluate:
        return _applied(env.evaluator(self.value), self._function(env.empty))

    def _function(self, empty: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return binding_runtime.make_applier(self.call.function, takes_list=self.call.takes_list, empty=empty)

    def emit(self, writer: Writer) -> str:
        call, known = self.call, self.value.infer(writer)
        of_text = for_text(call.function)
        if of_text is None or call.takes_list:
            name = writer.named(call.name, self._function(writer.empty))
            return _where_filled(self.value, writer, lambda value: f"{name}({value})")
        quick = "{}.strip()" if of_text is text.trim else f"{writer.named(call.name, of_text)}({{}})"
        if known.filled().is_always(Kind.TEXT):
            return _where_filled(self.value, writer, quick.format)
        whole = writer.named(f"{call.name}_any", self._function(writer.empty))
        return _where_filled(
            self.value,
            writer,
            lambda value: f"({quick.format(value)} if {value}.__class__ is str else {whole}({value}))",
            once=False,
        )


@dataclass(frozen=True, slots=True)
class DropEmpty(Node):
    """A list without its empty elements, None if none is left; other values stay as they are."""

    value: Node

    def infer(self, types: Types) -> Type:
        known = self.value.infer(types)
        return Type(known.kind, known.empty or bool(known.kind & Kind.LIST), known.bound)

    def evaluator(self, env: Environment) -> Evaluate:
        value, fill = env.evaluator(self.value), env.fill
        return lambda frame: fill(value(frame))

    def emit(self, writer: Writer) -> str:
        python, known = self.value.emit(writer), self.value.infer(writer)
        if not known.kind & Kind.LIST:
            return python
        if not known.kind & Kind.TEXT:
            return f"drop_empty({python})"
        name = python if python.isidentifier() else writer.temporary()
        first = python if python.isidentifier() else f"({name} := {python})"
        return f"({name} if {first}.__class__ is str else drop_empty({name}))"


@dataclass(frozen=True, slots=True)
class OrDefault(Node):
    """The value, or the binding's default where it is empty."""

    value: Node
    default: Node

    def infer(self, types: Types) -> Type:
        return self.value.infer(types).filled().or_(self.default.infer(types))

    def gaps(self, known: Gaps) -> Iterator[Gap]:
        yield from (gap for gap in self.value.gaps(known) if gap.joined)

    def evaluator(self, env: Environment) -> Evaluate:
        value, default = env.evaluator(self.value), env.evaluator(self.default)

        def evaluate(frame: Frame) -> Any:
            found = value(frame)
            return default(frame) if found is None else found

        return evaluate

    def emit(self, writer: Writer) -> str:
        python, default = self.value.emit(writer), self.default.emit(writer)
        if not self.value.infer(writer).empty:
            return python
        if python.isidentifier():
            return f"({default} if {python} is None else {python})"
        name = writer.temporary()
        return f"({default} if ({name} := {python}) is None else {name})"
