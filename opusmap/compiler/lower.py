"""A plan's bindings lowered to nodes: from the parts that are read to the value that is encoded."""

from __future__ import annotations

from opusmap.compiler.binding_nodes import Apply, DropEmpty, Emptied, Flatten, Join, Lookup, OrDefault, Split
from opusmap.compiler.column_types import LIST_TYPES
from opusmap.compiler.plan import ColumnPlan
from opusmap.connection import ColumnType
from opusmap.expressions.nodes import Cell, Node

__all__ = ["lower_column"]


def lower_column(column: ColumnPlan) -> Node:
    """Return the tree of a column, whose value is None where there is none."""
    binding, takes_list = column.binding, column.column.type in LIST_TYPES | {ColumnType.TAXONOMY}
    node = _read(column, takes_list=takes_list)
    if binding.split is not None:
        node = Split(node, str(binding.split))
    if column.table is not None:
        node = Lookup(node, str(column.table.name), column.default)
    for call in column.converts:
        node = Apply(node, call)
    if column.table is not None or column.converts:
        node = Emptied(node)
    if takes_list and not isinstance(node, Flatten):
        node = DropEmpty(node)
    return node if column.default is None else OrDefault(node, column.default)


def _read(column: ColumnPlan, *, takes_list: bool) -> Node:
    binding = column.binding
    if binding.listed and takes_list:
        return Flatten(column.parts)
    if binding.listed:
        return Join(column.parts, " " if binding.join is None else str(binding.join))
    source = column.parts[0]
    return source if isinstance(source, Cell) else Emptied(source)
