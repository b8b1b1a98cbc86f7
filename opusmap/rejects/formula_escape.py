"""Cells that a spreadsheet would run: kept from it on the way out, given back as they were on the way in.

Owns what begins a formula (OWASP, "CSV Injection").
"""

from __future__ import annotations

import re

_SIGNS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""What begins a formula. The last four are the full-width forms, which some programs take for the others."""
_FORMULA = re.compile(f"'*[{re.escape(_SIGNS)}]")
_FIRST = frozenset(f"'{_SIGNS}")


def neutralise(cell: str) -> str:
    """Return a cell as a spreadsheet shows it without running it: an apostrophe before what begins a formula.

    `restore_cell` gives back exactly what was given.
    """
    return "'" + cell if cell[:1] in _FIRST and _FORMULA.match(cell) else cell


def restore_cell(cell: str) -> str:
    """Take back what `neutralise` did."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
