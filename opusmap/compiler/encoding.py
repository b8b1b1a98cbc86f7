"""Generated code of one column: its tree's value, encoded for Opus and put into the record.

Owns what is known of a column type's values, so that it need not be asked again for each row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from opusmap.compiler import binding_runtime
from opusmap.compiler.binding_nodes import Emptied, OrDefault
from opusmap.compiler.caching import Cached, Encoded
from opusmap.compiler.column_types import TEXT_TYPES, Element, encode_elements
from opusmap.compiler.interpreter import Declined
from opusmap.compiler.plan import ColumnPlan
from opusmap.connection import LIST_TYPES, ColumnType
from opusmap.converters.limits import LIST_LIMIT
from opusmap.errors import ValueProblem
from opusmap.expressions.nodes import Cell, Concat, Constant, Kind, Node, Type
from opusmap.expressions.runtime import look_up

if TYPE_CHECKING:
    from opusmap.compiler.codegen import Module


_MOST_STAGED, _LONGEST_STAGED = 256, 1_000
"""Elements, and characters of each: what is looked up or converted holds less than a mapping's list may."""
_PLAIN_BOUND = 10**15
"""Whole numbers below it are JSON numbers as they are."""


class ColumnWriter:
    """Writes the block of one column."""

    def __init__(self, module: Module, index: int, column: ColumnPlan) -> None:
        self._module = module
        self._index = index
        self._column = column
        self._name = column.column.internal_name
        self._node = column.tree

    def lines(self) -> Iterator[str]:
        """Yield the lines: they put the value into `record`, leave it out, or raise.

        Raises:
            NotWritten: the column is always left to the interpreter.
        """
        module = self._module
        if self._has_lone_elements():
            yield from self._elements()
        elif isinstance(root := module.cached(Encoded(self._node, self._column, module.interpreter)), Cached):
            yield f"value = {module.python(root)}"
            yield "if value is not ABSENT:"
            yield from ("    " + line for line in self._put("value"))
        else:
            yield from self._plain()

    def _plain(self) -> Iterator[str]:
        module, column, node = self._module, self._column, self._node
        value, known = module.python(node), node.infer(module)
        if not value.isidentifier():
            yield f"value = {value}"
            value = "value"
        blank = self._may_be_blank(node)
        asked = [f"{value} is not None"] if known.empty else []
        asked += [f"{value} != ''"] if blank else []
        if blank and not known.kind & ~Kind.TEXT:
            asked = [value]
        encoded = [*self._encoded(value, known), *self._put("value")]
        if not asked:
            yield from encoded
            return
        yield f"if {' and '.join(asked)}:"
        yield from ("    " + line for line in encoded)
        if column.required:
            yield "else:"
            yield f"    {self._refused_empty()}"
        else:
            yield from self._left_out()

    def _put(self, value: str) -> Iterator[str]:
        if self._module.interpreter.counts_columns:
            yield f"held = hold({value}, held, 'columns')"
        yield f"record[{self._name!a}] = {value}"

    def _left_out(self) -> Iterator[str]:
        absent = {"omit": None, "null": "None", "blank": "''"}[self._module.plan.spec.target.empty]
        if absent is not None:
            yield "else:"
            yield f"    record[{self._name!a}] = {absent}"

    def _refused_empty(self) -> str:
        """Return the statement for an empty value of a required column: its one problem, or the way to it."""
        if self._column.binding.on_error != "reject":
            return "decline()"
        problem = binding_runtime.as_problem(
            self._column.column.display_name, binding_runtime.empty_required(self._column.column)
        )
        return f"problems.append({self._module.named('empty_required', problem)})"

    def _may_be_blank(self, node: Node) -> bool:
        """Return whether a value may be an empty text, which is always empty, whatever `empty` says."""
        if isinstance(node, OrDefault):
            default = node.default
            constant = isinstance(default, Constant) and default.value != ""
            return not constant or self._may_be_blank(node.value)
        if isinstance(node, Emptied) and isinstance(node.value, Concat):
            solid = any(isinstance(part, Constant) and part.value for part in node.value.parts)
            return not solid and "" not in self._module.empty_texts
        known = node.infer(self._module)
        return bool(known.kind & Kind.TEXT) and "" not in self._module.empty_texts

    def _encoded(self, value: str, known: Type) -> Iterator[str]:
        """Yield the lines that encode a value that is there, into `value`."""
        column, encoder, module = self._column, self._column.encoder, self._module
        function = module.named(encoder.name, encoder.function)
        if column.column.type in TEXT_TYPES:
            yield from self._text(value, function, known)
        elif column.column.type is ColumnType.NUMBER and _is_plain_number(known):
            if value != "value":
                yield f"value = {value}"
        else:
            yield f"value = {function}({value})"

    def _text(self, value: str, function: str, known: Type) -> Iterator[str]:
        if known.filled().is_always(Kind.WHOLE) and known.bound is not None:
            yield f"value = str({value})"
            return
        odd = f"not {value}.isprintable()"
        if not known.filled().is_always(Kind.TEXT):
            odd = f"{value}.__class__ is not str or {odd}"
        if value != "value":
            yield f"value = {value}"
        yield f"if {odd}:"
        yield f"    value = {function}({value})"
        node = self._node.value if isinstance(self._node, Emptied) else self._node
        if self._column.required and not (
            isinstance(node, Concat) and node.solid()
        ):  # blanks alone are not a value where one is required
            yield "if value.isspace():"
            yield "    decline()"

    # Lists, encoded element by element.

    def _has_lone_elements(self) -> bool:
        """Return whether what becomes of one element of a list does not depend on the others."""
        column = self._column
        return (
            column.column.type in LIST_TYPES
            and not column.binding.listed
            and column.default is None
            and all(call.converter.is_cacheable and not call.takes_list for call in column.converts)
        )

    def _elements(self) -> Iterator[str]:
        column, module = self._column, self._module
        part = column.parts[0] if isinstance(column.parts[0], Cell) else Emptied(column.parts[0])
        value, known = module.python(part), part.infer(module)
        separator = None if column.binding.split is None else str(column.binding.split)
        staged = column.table is not None or bool(column.converts)
        encode = encode_elements(
            self._element(is_cut=separator is not None),
            separator,
            as_text=module.plan.spec.target.list_as == "text",
            most=_MOST_STAGED if staged else LIST_LIMIT,
        )
        name = module.named(f"encode_{column.encoder.name}", encode)
        if not value.isidentifier():
            yield f"value = {value}"
            value = "value"
        lines = [f"value = {name}({value}) or decline()", *self._put("value")]
        if not known.empty:
            yield from lines
            return
        yield f"if {value} is not None:"
        yield from ("    " + line for line in lines)
        if column.required:
            yield "else:"
            yield f"    {self._refused_empty()}"
        else:
            yield from self._left_out()

    def _element(self, *, is_cut: bool) -> Element:
        """Return what encodes one element: trimmed if it was cut out of a text, looked up, converted."""
        column, empty = self._column, self._module.empty
        encode, stages = column.encoder.element, list[Callable[[Any], Any]]()
        assert encode is not None
        if column.table is not None:
            stages.append(partial(look_up, column.table.entries, str(column.table.name)))
        stages += [call.function for call in column.converts]

        def element(part: Any) -> tuple[str | int, Any]:
            value = part.strip() if is_cut else part
            if is_cut and not value:  # an empty element of a list is empty only if the source says so
                return "", ""
            done = 0
            try:
                for stage in stages:
                    if empty(value) is None:
                        break
                    value = stage(value)
                    done += 1
                    if value.__class__ is str and len(value) > _LONGEST_STAGED:
                        raise Declined
                return ("", "") if value == "" or empty(value) is None else encode(value)
            except ValueProblem:
                if not done:
                    raise
                raise Declined from None  # an earlier stage may refuse another element

        return element


def _is_plain_number(known: Type) -> bool:
    return known.filled().is_always(Kind.WHOLE) and known.bound is not None and known.bound < _PLAIN_BOUND
