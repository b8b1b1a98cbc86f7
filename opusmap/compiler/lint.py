"""Warnings about a mapping that compiles: what its plan, and a sample of the source's rows, show."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from opusmap.compiler.binding_runtime import KEEP_KEY
from opusmap.compiler.interpreter import Environment, Interpreter
from opusmap.compiler.known_columns import KnownColumns
from opusmap.compiler.lint_arguments import lint_arguments
from opusmap.compiler.lint_dates import lint_dates
from opusmap.compiler.lint_numbers import lint_numbers
from opusmap.compiler.plan import KEY_COLUMN, ColumnPlan, Plan
from opusmap.compiler.sampled_rows import SampledRows
from opusmap.connection import CLASSIFICATION, ColumnType
from opusmap.converters.people import find_separator
from opusmap.expressions import nodes, walk
from opusmap.expressions.nodes import Evaluate, Frame, Gap, Node
from opusmap.issues import Issue, Severity, Span
from opusmap.wording import counted, quote_names, quote_value

SAMPLE_ROWS = 1_000
"""Rows of the source that are looked at."""


def lint(
    plan: Plan,
    sample: Sequence[Mapping[str, Any]] = (),
    *,
    read: int | None = None,
    typed_cells: bool = False,
    known: KnownColumns | None = None,
) -> tuple[Issue[Span], ...]:
    """Return warnings about a plan, and about how it meets a sample of the source's rows.

    `read` is how many rows were read for the sample, if it lacks some that could not be read.
    `typed_cells` says that a number in the source may be a key that has lost its zeros, as in a workbook.
    What is `known` of columns and of the same rows is not found out again.
    """
    rows = SampledRows(plan, sample, KnownColumns() if known is None else known, read)
    found = [
        *(_numeric_keys(plan, rows) if typed_cells else ()),
        *_may_be_empty(plan, rows),
        *_unread_elements(plan, rows),
        *_short_term_paths(plan, rows),
        *_no_classification(plan),
        *lint_dates(plan, rows),
        *lint_numbers(plan, rows),
        *lint_arguments(plan),
        *_texts_compared_with_numbers(plan, rows),
        *_mixed_people(plan, rows),
        *_unused(plan),
        *_unread(plan),
    ]
    return tuple(sorted(found, key=lambda one: (one.span, one.code)))


class _SampleGaps:
    """Why a plan's variables, and the source's columns in a sample of its rows, may be empty."""

    def __init__(self, plan: Plan, rows: SampledRows) -> None:
        self._rows = rows
        self._variables: dict[str, tuple[Gap, ...]] = {}
        for variable in plan.variables:  # in their order, in which one reads only those before it
            self._variables[variable.name] = tuple(dict.fromkeys(variable.expression.tree.gaps(self)))

    def of_cell(self, name: str) -> list[Gap]:
        if not self._rows.has_empty(name):
            return []
        return [Gap(f"{quote_value(name)} is empty", "give a `default:` to keep those rows", cell=name)]

    def of_variable(self, name: str) -> tuple[Gap, ...]:
        return self._variables[name]


_EMPTINESS = frozenset({"empty-required", "empty-operand", "empty-in-template"})


def _may_be_empty(plan: Plan, rows: SampledRows) -> Iterator[Issue[Span]]:
    """Yield the gaps of required columns; where there are rows, only those that reject one of them.

    What a tree shows may never come true: `where`, `coalesce` or an `else` may deal with it. An `if` without
    an `else` is reported unless `where` excludes all rows that it concerns: later rows may differ.
    """
    known = _SampleGaps(plan, rows)
    for column in plan.columns:
        gaps = list(dict.fromkeys(column.tree.gaps(known))) if column.required else []
        if not gaps:
            continue
        failed = list(zip(rows.rows, rows.are_wanted, rows.codes(column), strict=True))
        name = quote_value(column.column.display_name)
        for gap in gaps:
            codes = {"not-in-table"} if gap.lookup else _EMPTINESS
            lacking = [(row, is_wanted) for row, is_wanted, found in failed if not codes.isdisjoint(found)]
            wanted = [row for row, is_wanted in lacking if is_wanted]
            count = sum(gap.cell is None or rows.is_empty(row, gap.cell) for row in wanted)
            may_come = not lacking and gap.cell is None and not gap.lookup
            if rows.rows and not count and not may_come:
                continue
            where = "" if gap.cell is None else f" in {count:,} of the first {rows.read:,} rows"
            message = f"{name}{_IS_REQUIRED}{gap.why}{where}"
            cause = "" if gap.cell is None else gap.why
            is_key = gap.cell is not None and column.column.internal_name == KEY_COLUMN
            way = KEEP_KEY if is_key else gap.help
            yield Issue("may-be-empty", message, column.span, way, Severity.WARNING, cause=cause)


_IS_REQUIRED = " is required, and "


def join_causes(issues: Iterable[Issue[Span]]) -> list[Issue[Span]]:
    """Return issues for a person: columns that the same source column leaves empty become one issue."""
    groups: dict[object, list[Issue[Span]]] = {}
    for number, one in enumerate(issues):
        groups.setdefault((one.code, one.cause) if one.cause else number, []).append(one)
    return [group[0] if len(group) == 1 else _join(group) for group in groups.values()]


def _join(group: Sequence[Issue[Span]]) -> Issue[Span]:
    """Return one issue, at the place of the first, that names the column of each, and where it is empty."""
    first = group[0]
    told = [one.message.partition(f"{_IS_REQUIRED}{one.cause}") for one in group]
    names, wheres = [name for name, _, _ in told], [where for _, _, where in told]
    where, each = wheres[0], ", ".join(names)
    if len(set(wheres)) > 1:
        where = ""
        each = ", ".join(f"{name} ({rows.strip()})" for name, rows in zip(names, wheres, strict=True))
    message = f"{first.cause}{where}, and required columns read it: {each}"
    hint = "; ".join(dict.fromkeys(one.hint for one in group))
    return Issue(first.code, message, first.place, hint, first.severity, cause=first.cause)


_TERMS = 3
"""Terms of a full path: term group, term set, term (AvePoint's documentation of the Opus connector)."""


def _short_term_paths(plan: Plan, rows: SampledRows) -> Iterator[Issue[Span]]:
    """Yield the term columns whose paths are too short for a term; one that reads no row needs no sample."""
    for column in plan.columns:
        if column.column.type is not ColumnType.TAXONOMY:
            continue
        fixed = all(isinstance(node, nodes.Constant) for part in column.parts for node in walk(part))
        short = rows.of_column(column, "short-paths", partial(_find_short, rows, column, is_fixed=fixed))
        if short:
            where = "" if fixed else f" in {len(short):,} of the first {rows.read:,} rows"
            name = quote_value(column.column.display_name)
            message = f"the term path of {name} has fewer than three terms{where}: {quote_value(short[0])}"
            help_text = "write the full path: term group, term set, term (and terms below it)"
            if mark := next((one for one in _OTHER_SEPARATORS if short[0].count(one) >= _TERMS - 1), ""):
                own = f'`convert: {{term_path: "{mark}"}}`'
                help_text = f'if "{mark}" separates the terms, write {own}; if not, {help_text}'
            yield _warning("short-term-path", message, column.span, help_text)


_OTHER_SEPARATORS = (" > ", ">", "|", ";", ":")
"""What separates terms in other systems; a backslash may as well belong to a path of a file."""


def _find_short(rows: SampledRows, column: ColumnPlan, *, is_fixed: bool) -> list[str]:
    paths = (rows.value(column, row) for row in ([{}] if is_fixed else rows.wanted))
    return [path for path in paths if isinstance(path, str) and path and path.count("/") < _TERMS - 1]


def _no_classification(plan: Plan) -> Iterator[Issue[Span]]:
    """Yield that no record gets a classification, where the connection has a column for it."""
    column = plan.connection.find(CLASSIFICATION)
    if column is None or any(one.column.internal_name == CLASSIFICATION for one in plan.columns):
        return
    name = quote_value(column.display_name)
    message = f"{name} is not bound, so records come to Opus without a classification"
    help_text = (
        "bind it to the columns of a term's path, or to one path for all records: "
        f"`{column.display_name}: {{const: Group/Set/Term}}`; leave it out if Opus is to classify them"
    )
    yield _warning("no-classification", message, plan.spec.fields_span, help_text)


def _unread_elements(plan: Plan, rows: SampledRows) -> Iterator[Issue[Span]]:
    """Yield the lists of a sample that are longer than what is read of them, which is by position only."""
    lists, whole = _read_by_position(plan)
    environment = Environment(Interpreter(plan, []), plan.context)
    for identity, (node, span, positions) in lists.items():
        if identity in whole:
            continue
        read = max([at + 1 for at in positions if at >= 0], default=0)
        read += max([-at for at in positions if at < 0], default=0)
        evaluate = environment.evaluator(node)
        count = sum(_length(evaluate, row) > read for row in rows.rows)
        if count:
            name = quote_value(node.name) if isinstance(node, nodes.Cell | nodes.VariableRef) else "a list"
            where = f"{count:,} of the first {rows.read:,} rows"
            message = f"{name} has more elements in {where} than the {read} that are read by position"
            help_text = "`[*]` reads all of them; leave it as it is if you don't need the others"
            yield _warning("unread-element", message, span, help_text)


def _read_by_position(plan: Plan) -> tuple[dict[Hashable, tuple[Node, Span, set[int]]], set[Hashable]]:
    """Return what elements are read of by position, where and which; and what is read as a whole."""
    if not any(isinstance(node, nodes.Subscript) for node in plan.nodes()):
        return {}, set()
    trees = plan.trees()
    lists: dict[Hashable, tuple[Node, Span, set[int]]] = {}
    whole = {_identity(tree) for tree, _ in trees}
    for tree, span in trees:
        for node in walk(tree):
            for child in node.children():
                position = _position(node) if child is getattr(node, "value", None) else None
                if position is not None:
                    lists.setdefault(_identity(child), (child, span, set()))[2].add(position)
                elif not (isinstance(node, nodes.Filter) and node.converter.name == "length"):
                    whole.add(_identity(child))
    return lists, whole


def _position(node: Node) -> int | None:
    """Return the position that a node takes an element at, None if it is something else."""
    key = node.key if isinstance(node, nodes.Subscript) else None
    key = key.value if isinstance(key, nodes.Unary) and key.sign == "-" else key
    if not (isinstance(key, nodes.Constant) and isinstance(key.value, int)):
        return None
    return -key.value if isinstance(getattr(node, "key", None), nodes.Unary) else key.value


def _length(evaluate: Evaluate, row: Mapping[str, Any]) -> int:
    try:
        found = evaluate(Frame(row))
    except Exception:  # noqa: BLE001 - a converter may raise anything; the row's problem is reported elsewhere
        return 0
    return len(found) if isinstance(found, list) else 0


def _identity(value: object) -> Hashable:
    """Return a key that is the same for what is written in the same way in two places."""
    if isinstance(value, Node):
        names = (name for name in value.__dataclass_fields__ if name not in ("at", "place"))
        parts = (getattr(value, name) for name in names)
        return (type(value), *map(_identity, parts))
    return tuple(map(_identity, value)) if isinstance(value, tuple) else repr(value)


def _numeric_keys(plan: Plan, rows: SampledRows) -> Iterator[Issue[Span]]:
    for column in plan.columns:
        if column.column.internal_name != KEY_COLUMN:
            continue
        read = [node for tree in column.trees() for node in walk(tree) if isinstance(node, nodes.Cell)]
        for name in sorted({node.name for node in read}):
            count = sum(isinstance(row.get(name), int | Decimal) for row in rows.rows)
            if count:
                where = f"{count:,} of the first {rows.read:,} rows"
                message = f"the keys are numbers in the workbook ({quote_value(name)} in {where})"
                help_text = "zeros in front and digits after the 15th are lost; export the column as text"
                yield _warning("numeric-key", message, column.span, help_text)


_EQUALITY = {"eq": "==", "ne": "!=", "in": "in", "notin": "not in"}


def _texts_compared_with_numbers(plan: Plan, rows: SampledRows) -> Iterator[Issue[Span]]:
    """Yield the comparisons for equality of a cell with a number, where all cells of a sample are texts."""
    for tree, span in plan.trees():
        for name, operator, other in _compared_cells(tree):
            numbers = [one for one in _numbers_in(other) if one is not None]
            if not numbers:
                continue
            values = [row.get(name) for row in rows.rows if row.get(name) not in (None, "")]
            if not values or not all(isinstance(value, str) for value in values):
                continue
            cell = name if name.isidentifier() else f"row['{name}']"
            sign, first = _EQUALITY[operator], numbers[0]
            quoted, plain = (f"['{first}', …]", f"[{first}, …]") if "in" in sign else (f"'{first}'", first)
            message = (
                f"the cells of {quote_value(name)} are texts in the first {counted(rows.read, 'row')}, and "
                f"a text never equals the number {first}"
            )
            hint = f"write `{cell} {sign} {quoted}`, or `{cell} | number {sign} {plain}`"
            yield _warning("text-equals-number", message, span, hint)


def _compared_cells(tree: Node) -> Iterator[tuple[str, str, Node]]:
    """Yield each cell of an expression that is compared for equality, the operator, and the other side."""
    for node in walk(tree):
        if not isinstance(node, nodes.Compare):
            continue
        left = node.left
        for operator, right in node.others:
            if operator in _EQUALITY:
                sides = [(left, right)] if "in" in operator else [(left, right), (right, left)]
                for cell, other in sides:
                    if isinstance(cell, nodes.Cell) and not cell.dotted:
                        yield cell.name, operator, other
            left = right


def _mixed_people(plan: Plan, rows: SampledRows) -> Iterator[Issue[Span]]:
    """Yield the text columns of people with several addresses, or with other texts, in some rows of a sample.

    A default is taken for what its author wants beside addresses.
    """
    for column in plan.columns:
        if column.column.internal_name not in ("createdBy", "modifiedBy"):
            continue
        if column.column.type is ColumnType.PEOPLE:
            continue
        texts = rows.of_column(column, "people", partial(_find_texts, rows, column))
        several = [text for text in texts if find_separator(text) is not None]
        others = [text for text in texts if "@" not in text] if column.default is None else []
        name, first = quote_value(column.column.display_name), f"the first {counted(rows.read, 'row')}"
        if several:
            message = (
                f"{name} has several e-mail addresses in {len(several):,} of {first}, such as "
                f"{quote_value(several[0])}; they are sent as one text"
            )
            yield _warning("mixed-people", message, column.span, _take_first(column, several[0]))
        single = len(texts) - len(others) - len(several)
        if others and single:
            message = (
                f"{name} has an e-mail address in {single:,} of {first}, and another "
                f"text in {len(others):,}, such as {quote_value(others[0])}"
            )
            hint = "look up addresses in a table (`lookup:`), or give a `default:`; leave it if both are fine"
            yield _warning("mixed-people", message, column.span, hint)


def _take_first(column: ColumnPlan, text: str) -> str:
    """Return how to send the first of several addresses of a text."""
    sources = column.binding.sources
    cell = nodes.write_cell(str(sources[0])) if len(sources) == 1 else "Column"
    cut = (find_separator(text) or "").replace("\n", "\\n")
    return f"to send only the first, write `\"{{{{ {cell} | split('{cut}') | first }}}}\"`"


def _find_texts(rows: SampledRows, column: ColumnPlan) -> list[str]:
    values = (rows.value(column, row) for row in rows.wanted)
    return [value for value in values if isinstance(value, str) and value]


def _numbers_in(node: Node) -> list[str | None]:
    """Return the number that a node is, or those in a list; None for what else it is."""
    if isinstance(node, nodes.ListLiteral):
        return [number for item in node.items for number in _numbers_in(item)]
    if isinstance(node, nodes.Unary):
        return [None if one is None else f"{node.sign}{one}" for one in _numbers_in(node.value)]
    value = node.value if isinstance(node, nodes.Constant) else None
    return [str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None]


def _unused(plan: Plan) -> Iterator[Issue[Span]]:
    used = {("table", str(column.table.name)) for column in plan.columns if column.table is not None}
    for node in plan.nodes():
        if isinstance(node, nodes.VariableRef | nodes.TableValue):
            used.add(("variable" if isinstance(node, nodes.VariableRef) else "table", node.name))
    defined = [("variable", variable.name, variable.span) for variable in plan.variables]
    defined += [("table", str(table.name), table.name.span) for table in plan.tables.values()]
    for kind, name, span in defined:
        if (kind, name) not in used and span.file == plan.spec.path:
            yield _warning("unused", f"the {kind} {quote_value(name)} is not used", span, "remove it")


def _unread(plan: Plan) -> Iterator[Issue[Span]]:
    if plan.source_columns is None:
        return
    names = {node.name for node in plan.nodes() if isinstance(node, nodes.Cell)}
    read = {part for name in names for part in (name, name.partition(".")[0])}
    unread = sorted(plan.source_columns - read)
    if unread:
        count = f"{len(unread)} of the source's {len(plan.source_columns)} columns"
        message = f"{count} {'is' if len(unread) == 1 else 'are'} not used: {quote_names(unread)}"
        yield _warning(
            "unread-column",
            message,
            plan.spec.fields_span,
            "to send one to Opus, add a line for it under `fields`",
        )


def _warning(code: str, message: str, span: Span, help: str) -> Issue[Span]:
    return Issue(code, message, span, help, Severity.WARNING)
