"""Which rows become records: `where`, written by choosing a column, a comparison and a value."""

from __future__ import annotations

from collections.abc import Iterable

from opusmap.errors import SettingsError
from opusmap.expressions.scope import quote_text
from opusmap.records import Row
from opusmap.studio.cell_text import cell_text

COMPARISONS = {
    "is": "{cell} == {value}",
    "is not": "{cell} != {value}",
    "is empty": "{cell} is none",
    "is not empty": "{cell} is not none",
}
"""What a person chooses, and the expression that it becomes."""


def write_condition(column: str, comparison: str, value: str, rows: Iterable[Row]) -> str:
    """Return the template of `where` that compares a column's cells with a value.

    Args:
        column: the source column.
        comparison: one of `COMPARISONS`.
        value: what a cell is compared with, as the page shows it.
        rows: rows of the source: where its cells are numbers or booleans, so is the value.

    Raises:
        SettingsError: it is not a comparison.
    """
    if comparison not in COMPARISONS:
        raise SettingsError("comparison", f"{comparison!r} is not a comparison", "choose one from the list")
    cells = [row.values.get(column) for row in rows]
    alike = [cell for cell in cells if cell_text(cell) == value]
    plain = bool(alike) and all(isinstance(cell, bool | int | float) for cell in alike)
    written = COMPARISONS[comparison].format(
        cell=f"row[{quote_text(column)}]", value=value if plain else quote_text(value)
    )
    return f"{{{{ {written} }}}}"
