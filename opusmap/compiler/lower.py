"""Bindings lowered to trees: from the parts that are read to the value that is encoded."""

from __future__ import annotations

from opusmap.compiler.binding_nodes import Apply, DropEmpty, Emptied, Flatten, Join, Lookup, OrDefault, Split
from opusmap.compiler.column_types import LIST_TYPES
from opusmap.compiler.plan import ConvertPlan
from opusmap.connection import ColumnType
from opusmap.expressions.nodes import Cell, Node
from opusmap.mapping import Binding, Table

__all__ = ["lower_binding"]


def lower_binding(
    binding: Binding,
    kind: ColumnType,
    parts: tuple[Node, ...],
    table: Table | None,
    converts: tuple[ConvertPlan, ...],
    default: Node | None,
) -> Node:
    """Return the tree of a column of this type, whose value is None where there is none.

    Args:
        binding: the binding as it is written.
        kind: the column's type.
        parts: the values that the binding reads, each resolved.
        table: the table of `lookup`.
        converts: the converters of `convert`, in turn.
        default: the tree of `default`.
    """
    takes_list = kind in LIST_TYPES or kind is ColumnType.TAXONOMY
    node: Node
    if binding.listed and takes_list:
        node = Flatten(parts)
    elif binding.listed:
        node = Join(parts, " " if binding.join is None else str(binding.join))
    else:
        node = parts[0] if isinstance(parts[0], Cell) else Emptied(parts[0])
    if binding.split is not None:
        node = Split(node, str(binding.split))
    if table is not None:
        node = Lookup(node, str(table.name), default)
    for call in converts:
        node = Apply(node, call)
    if table is not None or converts:
        node = Emptied(node)
    if takes_list and not isinstance(node, Flatten):
        node = DropEmpty(node)
    return node if default is None else OrDefault(node, default)
