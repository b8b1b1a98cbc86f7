"""The small functions that generated code calls around a binding's values."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from opusmap.compiler.plan import KEY_COLUMN, ColumnPlan, Plan
from opusmap.connection import LIST_TYPES, Column, ColumnType
from opusmap.converters.coerce import text_of
from opusmap.converters.limits import WEIGHT_LIMIT, bounded_length, check_weight, weight
from opusmap.converters.lists import split
from opusmap.converters.people import take_first_address
from opusmap.errors import ValueProblem
from opusmap.expressions.nodes import Cell, Gap, Node, walk, write_cell
from opusmap.expressions.runtime import look_up, make_refusals, require
from opusmap.issues import Issue
from opusmap.mapping.yaml_writer import in_double_quotes
from opusmap.wording import quote_names, quote_value

EmptyValues: TypeAlias = Callable[[Any], Any]
"""What makes None of the values that the source says are empty."""

_LOG = logging.getLogger("opusmap.mapper")


_TERM_HINT = (
    "list the columns, which leaves out empty ones: `[Class1, Class2]`; or name a term for an empty one: "
    "`{{ … | default('General') }}`"
)


ADVISED_BY_COLUMN = frozenset({"bad-number", "empty-in-template", "no-email", "unknown-choice"})
"""The codes of problems on which `ColumnAdvice` has advice."""


@dataclass(frozen=True, slots=True)
class _RowGaps:
    """The empty cells of one row."""

    row: Mapping[str, Any]
    empty: EmptyValues
    variables: Mapping[str, Node]

    def of_cell(self, name: str) -> list[Gap]:
        return [Gap("", "", cell=name)] if self.empty(self.row.get(name)) is None else []

    def of_variable(self, name: str) -> list[Gap]:
        return list(self.variables[name].gaps(self))


class ColumnAdvice:
    """What a plan's columns let one say of a row's problems beyond what their converters say."""

    def __init__(self, plan: Plan) -> None:
        self._columns = plan.by_name
        self._cells = {name: _find_cell(column) for name, column in plan.by_name.items()}
        self._empty = make_empty_values(plan.spec.source.empty)
        self._variables = {variable.name: variable.expression.tree for variable in plan.variables}

    def complete(self, problem: Issue[str], row: Mapping[str, Any]) -> Issue[str]:
        """Return a problem of a row with advice that suits its column.

        A wrong number is shown with the cell that it was made of. A gap in a text names the cells that are
        empty. Its usual hint, an empty text, would make a term path with an empty term, and one row key for
        several rows. The usual hint on several values, to split them, makes a list, which a column of one
        address does not take; where the cell has the separator of the binding as well, another one alone
        would not do.
        """
        column = self._columns.get(problem.place)
        if column is None:
            return problem
        message, hint = problem.message, problem.hint
        if problem.code == "empty-in-template":
            message, hint = self._name_gaps(column, problem, row)
        elif problem.code == "bad-number":
            message += _show_cell(self._cells[problem.place], message, row)
        elif problem.code == "no-email" and column.column.type is not ColumnType.PEOPLE:
            hint = take_first_address(hint)
        elif column.binding.split and (found := _SPLIT_AGAIN.search(hint)) is not None:
            hint = _split_at_both(column, found[1], row) or hint
        is_same = (message, hint) == (problem.message, problem.hint)
        return problem if is_same else Issue(problem.code, message, problem.place, hint)

    def _name_gaps(self, column: ColumnPlan, problem: Issue[str], row: Mapping[str, Any]) -> tuple[str, str]:
        known = _RowGaps(row, self._empty, self._variables)
        gaps = [gap for part in column.parts for gap in part.gaps(known) if gap.joined]
        cells = list(dict.fromkeys(gap.cell for gap in gaps if gap.cell is not None))
        message = f"{problem.message}: {quote_names(cells)}" if cells else problem.message
        if column.column.type is ColumnType.TAXONOMY:
            return message, _TERM_HINT
        if column.column.internal_name == KEY_COLUMN:
            return message, f"correct the cell, or {KEEP_KEY}"
        allow = (
            f"correct the cell, or allow that: `{{{{ {write_cell(cells[0])} | default('') }}}}`"
            if cells
            else ""
        )
        return message, allow or problem.hint


def _find_cell(column: ColumnPlan) -> str | None:
    """Return the source column that a column reads; None if there are several, or none."""
    names = {node.name for part in column.parts for node in walk(part) if isinstance(node, Cell)}
    return names.pop() if len(names) == 1 else None


def _show_cell(name: str | None, message: str, row: Mapping[str, Any]) -> str:
    """Return the cell of a source column, if a message begins with what was made of it; else ""."""
    cell = None if name is None else row.get(name)
    if not isinstance(cell, str) or not message.startswith('"') or message.startswith(f'"{cell}"'):
        return ""
    shown = quote_value(cell)
    return "" if message.startswith(shown) else f"; the cell is {shown}"


_SPLIT_AGAIN = re.compile(r'`split: (".+?")`')


def _split_at_both(column: ColumnPlan, other: str, row: Mapping[str, Any]) -> str:
    """Return how to cut a cell at another separator as well as at the binding's; "" if it lacks that."""
    binding = column.binding
    separator = binding.split or ""
    cells = [row.get(str(name)) for name in binding.sources]
    is_there = any(isinstance(cell, str) and separator in cell for cell in cells)
    if not is_there or column.table is not None or column.column.type not in LIST_TYPES:
        return ""
    own, more = in_double_quotes(separator), ", …" if binding.convert else ""
    converts = f"`convert: [{{replace: [{other}, {own}]}}, {{split: {own}}}{more}]`"
    return f"{other} separates values, too: instead of `split`, write {converts}"


def as_problem(column: str, error: Exception) -> Issue[str]:
    """Return the problem that describes an exception in a binding.

    A `ValueProblem` is returned as it is; anything else is a converter that failed, and its cause is shown.
    """
    if isinstance(error, ValueProblem):
        error.forget_frames()
        return Issue(error.code, error.problem, column, error.help)
    _LOG.debug("a converter failed on column %s", column, exc_info=error)
    message = f"a converter failed: {type(error).__name__}: {quote_value(str(error), 200)}"
    return Issue("converter-failed", message, column, "correct the converter; `-v` shows its traceback")


def make_replacement_log(replaced: dict[tuple[str, str], Issue[str]]) -> Callable[[str, Exception], None]:
    """Return the function that notes for which problem of a column another value was put: each code once."""

    def note(column: str, error: Exception) -> None:
        problem = as_problem(column, error)
        replaced.setdefault((column, problem.code), problem)

    return note


def empty_required(column: Column) -> ValueProblem:
    """Return a new problem each time: one for all would gather tracebacks, and with them every row."""
    way = KEEP_KEY if column.internal_name == KEY_COLUMN else "give a `default:`"
    message = "the value is empty, and the column is required"
    return ValueProblem("empty-required", message, f"correct the cell, or {way}")


KEEP_KEY = "make the row key from other columns as well"
"""What keeps rows whose key is empty: a default would be the same key for all of them."""


def missing_columns(
    names: tuple[str, ...],
) -> Callable[[Mapping[str, Any], list[Issue[str]]], dict[str, Any]]:
    """Return the function that rejects a row for each of these columns that it does not have."""
    message, help_text = "the row has no such column", "name the column as the source does"

    def missing(row: Mapping[str, Any], problems: list[Issue[str]]) -> dict[str, Any]:
        problems += [Issue("unknown-column", message, name, help_text) for name in names if name not in row]
        return {}

    return missing


def make_empty_values(empty_texts: tuple[str, ...]) -> EmptyValues:
    """Return the function that makes None of what is empty: None, an empty list, the source's empty texts."""
    texts = frozenset(empty_texts)

    def empty(value: Any) -> Any:
        if value.__class__ is str:
            return None if value in texts else value
        return None if value is None or value == [] else value

    return empty


def make_splitter(separator: str) -> Callable[[Any], Any]:
    """Return the function that cuts a text into a list, None if nothing is in it; a list stays as it is."""

    def cut(value: Any) -> Any:
        if value.__class__ is str and separator not in value:
            text = value.strip()
            return [text] if text else None
        return value if isinstance(value, list) else split(text_of(value), separator) or None

    return cut


def make_lookup(
    table: Mapping[str, Any],
    name: str,
    empty: EmptyValues,
    lacking: Callable[[ValueProblem], object] = lambda _problem: None,
) -> Callable[..., Any]:
    """Return the function that looks a value (or each element of a list that is not empty) up in a table.

    Where there is a `fallback`, it replaces each element that the table lacks. A single value that
    the table lacks is empty then, and the binding's `default` replaces it. `lacking` is called for both.
    """
    refused = make_refusals(table, name)

    def find(value: Any, fallback: Callable[[], Any] | None) -> Any:
        if value.__class__ is str and (found := table.get(value)) is not None:
            return found
        if fallback is None or (problem := refused[text_of(require(value, "lookup"))]) is None:
            return look_up(table, name, value)
        lacking(problem)
        return fallback()

    def look(value: Any, fallback: Callable[[], Any] | None = None) -> Any:
        if not isinstance(value, list):
            return find(value, fallback and (lambda: None))
        elements = (find(element, fallback) for element in value if empty(element) is not None)
        return _gathered((element for element in elements if element is not None), "`lookup`") or None

    return look


def make_applier(
    function: Callable[[Any], Any], *, takes_list: bool, empty: EmptyValues
) -> Callable[[Any], Any]:
    """Return a converter as a binding applies it: to each element of a list, unless it takes lists."""
    if takes_list:
        return function

    def convert(value: Any) -> Any:
        if isinstance(value, list):
            return _gathered(
                (function(element) for element in value if empty(element) is not None), "`convert`"
            )
        return function(value)

    return convert


def _gathered(elements: Iterable[Any], who: str) -> list[Any]:
    """Return the list of elements that a step makes, as far as it is within bounds.

    The weight is counted while the list is built: each of ten thousand elements may become a long text.
    """
    found: list[Any] = []
    total = 0
    for element in elements:
        found.append(element)
        total += 1 + len(element) if element.__class__ is str else weight(element)
        if total > WEIGHT_LIMIT:
            return check_weight(found, who)
    return found


def flatten(*parts: Any) -> list[Any]:
    """Return the parts that are not empty; a part that is a list gives its elements."""
    found: list[Any] = []
    for part in parts:
        if isinstance(part, list):
            found += part
            if len(found) > WEIGHT_LIMIT:
                return check_weight(found, "`from`")
        elif part is not None:
            found.append(part)
    return found


def make_empty_dropper(empty_texts: tuple[str, ...]) -> Callable[[Any], Any]:
    """Return the function that takes the empty elements out of a list; None if none is left.

    Other values stay as they are. An empty text is not an element, whatever the source's `empty` says.
    """
    empty, nothing = make_empty_values(empty_texts), frozenset((*empty_texts, "", None))

    def drop_empty(value: Any) -> Any:
        if value.__class__ is not list:
            return value
        try:
            if nothing.isdisjoint(value):  # as nearly always
                return value or None
        except TypeError:  # a list is among the elements
            pass
        return [element for element in value if element != "" and empty(element) is not None] or None

    return drop_empty


def make_joiner(empty_texts: tuple[str, ...]) -> Callable[..., str | None]:
    """Return the function that makes one text of the parts that are not empty, None if all are."""
    fill, nothing = make_empty_dropper(empty_texts), frozenset((*empty_texts, ""))

    def joined(separator: str, *parts: Any) -> str | None:
        texts = [part for part in parts if part is not None]
        if any(part.__class__ is not str or part in nothing for part in texts):
            texts = [text_of(part) for part in fill(flatten(*parts)) or ()]
        bounded_length(sum(map(len, texts)) + len(separator) * len(texts))
        return separator.join(texts) if texts else None

    return joined


def as_condition(value: Any) -> bool:
    """Return what `where` says; it must be true or false."""
    if not isinstance(value, bool):
        help_text = "compare it: `{{ Status != 'Draft' }}`"
        raise ValueProblem(
            "where-not-boolean", f"`where` gives {quote_value(value)}, not true or false", help_text
        )
    return value
