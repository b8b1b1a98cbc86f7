"""Where a required column may end up empty, as far as the plan and a sample of the source's rows tell.

Owns following a value through its expression: what stands behind an `if`, a `default`, a step or a table.
What a condition guards is trusted: `A if A is not none else B` has no gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opusmap.compiler.binding_runtime import make_empty_values
from opusmap.compiler.plan import ColumnPlan, Plan
from opusmap.expressions import nodes
from opusmap.issues import quote_value

__all__ = ["Gap", "GapFinder"]


@dataclass(frozen=True, slots=True)
class Gap:
    """Why a column may end up empty, and what can be done."""

    why: str
    help: str
    lookup: bool = False


_NO_ELSE = Gap("its expression has an `if` without an `else`", "add an `else`, or a `default`")


def _missing_key(table: str) -> Gap:
    why = f"a key that the table {table} lacks rejects the row"
    return Gap(why, "say `default:` if that is not wanted", lookup=True)


@dataclass
class GapFinder:
    """Finds the gaps of a plan's columns; what it learns of a step or a cell serves them all."""

    plan: Plan
    sample: Sequence[Mapping[str, Any]]
    _steps: dict[str, list[Gap]] = field(default_factory=dict)
    _cells: dict[str, list[Gap]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # In their order, in which one reads only those before it: each is looked at once.
        for step in self.plan.steps:
            self._steps[step.name] = list(dict.fromkeys(self.gaps(step.expression.tree)))

    def of(self, column: ColumnPlan) -> list[Gap]:
        """Return the gaps of a required column; none where it has a `default`."""
        if column.default is not None:
            return []
        found = list(self.gaps(column.parts[0])) if len(column.parts) == 1 else []
        if column.table is not None:
            found.append(_missing_key(str(column.table.name)))
        return list(dict.fromkeys(found))

    def gaps(self, node: nodes.Node) -> Iterator[Gap]:
        """Yield why a value may be empty, or the row be rejected for an empty part of it."""
        match node:
            case nodes.Cell():
                yield from self._cell(node)
            case nodes.VariableRef():
                yield from self._steps.get(node.name, ())
            case nodes.Subscript(value=nodes.TableValue() as table):
                yield _missing_key(table.name)
                yield from self.gaps(node.key)
            case nodes.Default() | nodes.Logic(operator="or"):
                first, last = _alternatives(node)
                yield from (gap for gap in self.gaps(first) if gap.lookup)
                yield from self.gaps(last)
            case nodes.Call():
                yield from self._coalesced(node)
            case nodes.Conditional() if _lacks_else(node):
                yield _NO_ELSE
            case (
                nodes.Concat()
                | nodes.Filter()
                | nodes.Field()
                | nodes.Slice()
                | nodes.Subscript()
                | nodes.Unary()
            ):
                yield from (gap for part in _operands(node) for gap in self.gaps(part))
            case nodes.Binary():
                yield from (gap for part in (node.left, node.right) for gap in self.gaps(part))

    def _cell(self, node: nodes.Cell) -> list[Gap]:
        """Count the empty cells of a column; what a path leads to is not looked at."""
        if node.dotted:
            return []
        if node.name not in self._cells:
            empty = make_empty_values(self.plan.spec.source.empty)
            count = sum(empty(row.get(node.name)) is None for row in self.sample)
            why = f"{quote_value(node.name)} is empty in {count:,} of the first {len(self.sample):,} rows"
            gap = Gap(why, "say `default:` if those rows are not to be rejected")
            self._cells[node.name] = [gap] if count else []
        return self._cells[node.name]

    def _coalesced(self, node: nodes.Call) -> Iterator[Gap]:
        found = [list(self.gaps(argument)) for argument in node.args]
        yield from (gap for gaps in found for gap in gaps if gap.lookup or all(found))


def _operands(node: Any) -> list[nodes.Node]:
    """Return what a value is made of; a part that an `if` may leave out counts only if no part is certain."""
    if not isinstance(node, nodes.Concat):
        return [node.value]
    solid = [part for part in node.parts if not _is_blank(part)]
    certain: list[nodes.Node] = [part for part in solid if not isinstance(part, nodes.Conditional)]
    return certain if node.template and certain else solid


def _alternatives(node: nodes.Default | nodes.Logic) -> tuple[nodes.Node, nodes.Node]:
    return (node.value, node.fallback) if isinstance(node, nodes.Default) else (node.left, node.right)


def _is_blank(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Constant) and (node.value is None or str(node.value).strip() == "")


def _lacks_else(node: nodes.Node) -> bool:
    """Tell whether a chain of conditions may end without a value."""
    if isinstance(node, nodes.Concat):
        solid = [part for part in node.parts if not _is_blank(part)]
        return len(solid) == 1 and _lacks_else(solid[0]) if solid else True
    if isinstance(node, nodes.Conditional):
        return _lacks_else(node.then) or _lacks_else(node.otherwise)
    return _is_blank(node)
