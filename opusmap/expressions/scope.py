"""What names in an expression mean: source columns, variables of `let`, lookup tables."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from heapq import nsmallest

from opusmap.converters import Registry
from opusmap.expressions import nodes
from opusmap.expressions.hints import FUNCTIONS, NAME_ADVICE, RESERVED
from opusmap.issues import Issue, Severity, Span
from opusmap.wording import find_nearest, quote_names, quote_value, suggest

ROW_FILE = "row.file"
"""The column that a source gets for `row.file`, unless it has a `file_column`."""
_SHOWN = 12
"""Columns that are named in a message at most."""


def absent_column(name: str, span: Span, columns: AbstractSet[str]) -> Issue[Span]:
    """Return the warning that a column which a mapping may do without is not there."""
    message = f"there is no column {quote_value(name)} in the source; it counts as empty"
    help_text = "this is fine if another layout of the source has it"
    if near := suggest(name, columns):
        help_text += f"; otherwise: {near}"
    return Issue("absent-column", message, span, help_text, Severity.WARNING)


@dataclass
class UnknownNameError(Exception):
    """An unknown name: what is wrong, and what to do."""

    code: str
    message: str
    help: str
    meant: str | None = None
    """The name that may have been meant, as it is known."""


def quote_text(text: str) -> str:
    """Return a text as a constant of an expression."""
    escaped = text.replace("\\", "\\\\")
    return f"'{escaped}'" if "'" not in text else '"' + escaped.replace('"', '\\"') + '"'


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean. `columns` is None where the source's columns are not known.

    `variables` are those of `let` that are defined so far, `later` those that follow; both sets may change.
    """

    columns: frozenset[str] | None
    variables: AbstractSet[str] = frozenset()
    later: AbstractSet[str] = frozenset()
    tables: frozenset[str] = frozenset()
    registry: Registry = field(default_factory=lambda: Registry({}))
    file_column: str = ROW_FILE

    def member(self, name: str, at: int) -> nodes.Node | None:
        """Return what `row.NAME` means: the row's number, or the name of its file; None of another name."""
        if name == "number":
            return nodes.RowNumber(at)
        return nodes.Cell(self.file_column, at, optional=True) if name == "file" else None

    def resolve(self, name: str, at: int) -> nodes.Node:
        """Return the node that a name means.

        Raises:
            UnknownNameError: it is unknown, or a variable that is defined further down.
        """
        if name in self.variables:
            return nodes.VariableRef(name, at)
        if name in self.tables:
            return nodes.TableValue(name, at)
        if name in self.later:
            message = f"the variable {quote_value(name)} is defined further down"
            raise UnknownNameError("step-order", message, "move it up")
        if self.columns is None or name in self.columns:
            return nodes.Cell(name, at)
        help_text = NAME_ADVICE.get(name.lower(), "")
        if name in FUNCTIONS:
            help_text = f"{name} is a function: call it with (…)"
        known = [*self.columns, *self.variables, *self.tables]
        meant = None if help_text else find_nearest(name, known)
        raise self._no_column(name, help_text or suggest(name, known), meant)

    def write(self, name: str) -> str:
        """Return how an expression reads a column, a variable or a table of this name."""
        if name in self.variables or name in self.tables:
            return name
        first, *members = name.split(".")
        taken = first in RESERVED or first in self.variables or first in self.tables or first in self.later
        plain = not taken and first.isidentifier() and all(part.isidentifier() for part in members)
        return name if plain else f"row[{quote_text(name)}]"

    def column(self, name: str, at: int) -> nodes.Node:
        """Return the source column of a name.

        Raises:
            UnknownNameError: the source has no such column.
        """
        if self.columns is not None and name not in self.columns:
            raise self._no_column(name, suggest(name, self.columns), find_nearest(name, self.columns))
        return nodes.Cell(name, at)

    def optional(self, name: str, at: int) -> nodes.Cell:
        """Return the source column of a name; one that the source lacks, or may lack, is empty."""
        return nodes.Cell(name, at, optional=self.columns is None or name not in self.columns)

    def _no_column(self, name: str, advice: str, meant: str | None) -> UnknownNameError:
        message = f"there is no column {quote_value(name)} in the source"
        return UnknownNameError("unknown-column", message, advice or self.known_columns(), meant)

    def known_columns(self) -> str:
        """Return the first of the source's columns, as a hint."""
        shown = quote_names(nsmallest(_SHOWN + 1, self.columns or ()), _SHOWN)
        return f"columns: {shown}" if shown else "the source has no columns"
