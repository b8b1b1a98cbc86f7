"""The one pass that decides what of a tree is looked up where it would be made again for each row.

Owns which subtrees are cached, and by what. A node says whether it is `costly`, and whether it is `pure`. The
largest pure subtree around a costly node is cached by the value that this node works on, and not by the cell
below: what is cheap may make few texts of many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from operator import itemgetter
from typing import Any, NoReturn

from opusmap.compiler.binding_nodes import DropEmpty, Emptied, Flatten, OrDefault, Split
from opusmap.compiler.interpreter import Declined, Environment, Interpreter
from opusmap.compiler.plan import ColumnPlan
from opusmap.converters import Context
from opusmap.converters.cache import Cache
from opusmap.expressions import nodes, walk
from opusmap.expressions.nodes import Evaluate, Kind, Node, Type, Types, Writer, is_constant

_MOST_KEYS = 4


@dataclass(frozen=True, slots=True)
class Encoded(Node):
    """The root of a column's tree: its value encoded for Opus, ABSENT where it is left out."""

    value: Node
    column: ColumnPlan
    interpreter: Interpreter

    @property
    def costly(self) -> bool:
        return self.column.encoder.cache

    @property
    def pure(self) -> bool:
        return self.column.encoder.cache  # others may note what is unusual about a time

    def evaluator(self, env: nodes.Environment) -> Evaluate:
        value, encoded, column = env.evaluator(self.value), self.interpreter.encoded, self.column
        return partial(encoded, column) if value is _itself else lambda frame: encoded(column, value(frame))


@dataclass(frozen=True, slots=True)
class Cached(Node):
    """A subtree whose value is looked up by the values of `keys`, which alone decide it."""

    value: Node
    keys: tuple[Node, ...]
    known: Cache[Any]

    def children(self) -> Iterator[Node]:
        yield from self.keys

    def infer(self, types: Types) -> Type:
        return self.value.infer(types)

    def emit(self, writer: Writer) -> str:
        keys = [key.emit(writer) for key in self.keys]
        what = keys[0] if keys[0].isidentifier() else "value"
        known = writer.named(f"known_{what}", self.known)
        if len(keys) > 1 or not self.keys[0].infer(writer).kind & ~Kind.TEXT:
            return f"{known}[{', '.join(keys)}]"  # a list among several can't be looked up: that declines
        name = keys[0] if keys[0].isidentifier() else writer.temporary()
        first = keys[0] if keys[0].isidentifier() else f"({name} := {keys[0]})"
        find = writer.named(f"find_{what}", self.known.function)
        return f"({known}[{name}] if {first}.__class__ in keyed else {find}({name}))"


class _Given(Environment):
    """What a subtree speaks of where not a row is given, but the value of its key, or the tuple of several.

    What would be noted for the row declines instead, for a cached value notes nothing.
    """

    def __init__(self, interpreter: Interpreter, context: Context, keys: tuple[Node, ...]) -> None:
        super().__init__(interpreter, context, _decline)
        self._keys: dict[int, Any] = {id(key): itemgetter(index) for index, key in enumerate(keys)}
        if len(keys) == 1:
            self._keys = {id(keys[0]): _itself}

    def evaluator(self, node: Node) -> Evaluate:
        return self._keys.get(id(node)) or super().evaluator(node)


def _itself(value: Any) -> Any:
    return value


def _decline(_problem: object) -> NoReturn:
    raise Declined


def cache_subtrees(node: Node, types: Types, interpreter: Interpreter, context: Context) -> Node:
    """Return the tree with each largest subtree that is worth it cached."""

    def cache(node: Node) -> Node:
        if not any(below.costly for below in walk(node)):
            return node
        keys = _keys(node)
        if not keys or len(keys) > _MOST_KEYS or not all(key.infer(types).kind & Kind.TEXT for key in keys):
            return _rebuilt(node, cache)
        find: Callable[[Any], Any] = node.evaluator(_Given(interpreter, context, keys))
        return Cached(node, tuple(map(cache, keys)), Cache(find))

    return cache(node)


def _keys(node: Node) -> tuple[Node, ...]:
    """Return the values that alone decide a pure subtree with a costly node; none if it is not like that."""
    if not node.pure:
        return ()
    inner = _read(node)
    if len(inner) == 1 and (keys := _keys(inner[0])):
        return keys
    return tuple(key for child in inner for key in _operands(child)) if node.costly else ()


def _read(node: Node) -> list[Node]:
    """Return the children that differ from row to row; all if none does."""
    children = list(node.children())
    return [child for child in children if not is_constant(child)] or children


def _operands(node: Node) -> Iterator[Node]:
    """Yield a value, or what it is made of: a list can't be a key, and a text may just pass through nodes."""
    inner = _read(node)
    passes = len(inner) == 1 and isinstance(node, Emptied | DropEmpty | OrDefault)
    if passes or (node.pure and any(isinstance(below, Flatten | Split) for below in walk(node))):
        for child in inner:
            yield from _operands(child)
    else:
        yield node


def _rebuilt(node: Node, change: Callable[[Node], Node]) -> Node:
    """Return a node with its children changed."""

    def changed(value: Any) -> Any:
        if isinstance(value, Node):
            return change(value)
        return tuple(map(changed, value)) if value.__class__ is tuple else value

    return replace(node, **{field.name: changed(getattr(node, field.name)) for field in fields(node)})
