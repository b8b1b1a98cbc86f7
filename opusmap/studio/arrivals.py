"""The values that arrive at a choice column, at a lookup or at a column of people, and how often each does.

Owns counting them in rows. A column is looked at whatever is wrong elsewhere in the mapping, such as a stale
lock or a column that is still `TODO`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from opusmap.compiler.binding_nodes import Apply, DropEmpty, Emptied, JoinList, Lookup, OrDefault, Split
from opusmap.compiler.binding_runtime import make_empty_values
from opusmap.compiler.interpreter import Environment, Interpreter
from opusmap.compiler.known_columns import KnownColumns
from opusmap.compiler.lower import lower_bindings
from opusmap.compiler.plan import UNKNOWN, ColumnPlan, Plan
from opusmap.compiler.planner import resolve_names
from opusmap.converters import Registry
from opusmap.converters.coerce import text_of
from opusmap.expressions.nodes import Frame, Node
from opusmap.language.analysis import Analysis
from opusmap.records import Reject, Row


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Texts with how often each arrives, the most frequent first, and the rows that fail on the way."""

    values: Mapping[str, int]
    failed: int = 0


def plan_loosely(known: Analysis, registry: Registry) -> Plan | None:
    """Return the plan of a mapping that may have errors, without its lock; None where too little is known.

    A column whose binding has an error has a tree that gives nothing. The plan can be looked at, not run.
    """
    if known.spec is None or known.connection is None:
        return None
    columns = None if known.sample is None else frozenset(known.sample.columns or ()) or None
    plan, _ = resolve_names(known.spec, known.connection, registry, columns, KnownColumns())
    return lower_bindings(plan)


def find_lookup(column: ColumnPlan) -> Lookup | None:
    """Return the lookup of a column's binding."""
    node: Node = column.tree
    while isinstance(node, OrDefault | DropEmpty | Emptied | JoinList | Apply | Split):
        node = node.value
    return node if isinstance(node, Lookup) else None


def count_arrivals(
    plan: Plan, nodes: Mapping[str, Node], rows: Iterable[Row | Reject]
) -> dict[str, Arrivals]:
    """Count the values of some nodes in the rows that `where` keeps; of a list, each of its elements.

    Args:
        plan: as `plan_loosely` returns it.
        nodes: what is looked at: the tree of a column, or a part of it, by the column's internal name.
        rows: the rows; those that can't be read are left out.
    """
    interpreter = Interpreter(plan, [])
    columns = {one.column.internal_name: one for one in plan.columns}
    readers = {
        name: Environment(interpreter, columns[name].context).evaluator(node)
        for name, node in nodes.items()
        if node is not UNKNOWN
    }
    counts: dict[str, Counter[str]] = {name: Counter() for name in nodes}
    failed = Counter[str]()
    is_filled = make_empty_values(plan.spec.source.empty)
    for row in rows:
        if isinstance(row, Reject):
            continue
        frame, interpreter.number = Frame(row.values), row.number
        if not interpreter.is_wanted(frame, []):
            continue
        for name, read in readers.items():
            try:
                value = read(frame)
                elements = value if isinstance(value, list) else [value]
                texts = [text_of(one).strip() for one in elements if is_filled(one) is not None]
            except Exception:  # noqa: BLE001 - a converter may raise anything; the check says it as it is
                failed[name] += 1
            else:
                counts[name].update(text for text in texts if text)
    return {name: Arrivals(dict(found.most_common()), failed[name]) for name, found in counts.items()}
