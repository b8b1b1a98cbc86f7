"""Bindings lowered to trees: from the parts that are read to the value that is encoded."""

from __future__ import annotations

from dataclasses import replace

from opusmap.compiler.binding_nodes import (
    Apply,
    DropEmpty,
    Emptied,
    Flatten,
    Join,
    JoinList,
    Lookup,
    OrDefault,
    Split,
)
from opusmap.compiler.plan import UNKNOWN, ColumnPlan, Plan
from opusmap.connection import LIST_TYPES, ColumnType
from opusmap.expressions.nodes import Cell, Node


def lower_bindings(plan: Plan) -> Plan:
    """Return the plan with the tree of each column, whose value is None where there is none."""
    return replace(plan, columns=tuple(replace(column, tree=_lower(column)) for column in plan.columns))


def _lower(column: ColumnPlan) -> Node:
    binding, kind = column.binding, column.column.type
    if len(column.converts) < len(binding.convert) or (binding.lookup is not None and column.table is None):
        return UNKNOWN  # one of them has a problem
    takes_list = kind in LIST_TYPES or kind is ColumnType.TAXONOMY
    node: Node
    separator = " " if binding.join is None else str(binding.join)
    apart = binding.listed and not takes_list and any(call.takes_list for call in column.converts)
    if binding.listed and (takes_list or apart):
        node = Flatten(column.parts)
    elif binding.listed:
        node = Join(column.parts, separator)
    else:
        node = column.parts[0] if isinstance(column.parts[0], Cell) else Emptied(column.parts[0])
    if binding.split is not None:
        node = Split(node, str(binding.split))
    if column.table is not None:
        node = Lookup(node, str(column.table.name), column.default)
    for call in column.converts:
        node = Apply(node, call)
    if apart:
        node = JoinList(node, separator)
    if column.table is not None or column.converts:
        node = Emptied(node)
    if takes_list and not isinstance(node, Flatten):
        node = DropEmpty(node)
    return node if column.default is None else OrDefault(node, column.default)
