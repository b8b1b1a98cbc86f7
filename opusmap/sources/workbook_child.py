"""Reads a workbook in a process of its own, so that a hostile one can take nobody else's down.

Run as a script, by `workbook` alone: `workbook_child.py PATH SHEET MEMORY`. It imports nothing of opusmap.
What it writes to standard output are frames: four bytes of length, then MessagePack. The first frame holds
the sheet's name, or an error; each further one rows from row 1 and column A on; the last is an empty list.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

ROWS_IN_FRAME = 500
DATE, DATETIME = 1, 2
"""Extension types of MessagePack: the text in ISO format."""


def main(path: str, sheet: str, memory: int) -> None:
    """Write the frames of a sheet (by name, or by number from 1; empty means the first)."""
    _limit_memory(memory)
    import python_calamine as calamine  # noqa: PLC0415 - it is to be under the limit already

    try:
        workbook = calamine.load_workbook(path)
        names = workbook.sheet_names
        wanted = _find(names, sheet)
        if wanted is None:
            _write({"error": "unknown-sheet", "sheets": names})
            return
        _write_sheet(workbook.get_sheet_by_name(wanted))
    except calamine.PasswordError:
        _write({"error": "password"})
    except calamine.CalamineError as error:
        _write({"error": "damaged", "reason": str(error)})


def _limit_memory(limit: int) -> None:
    """Let the system refuse this process more memory, where it can: POSIX."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - Windows has none

        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _find(names: list[str], sheet: str) -> str | None:
    if not sheet:
        return names[0] if names else None
    if sheet in names:
        return sheet
    number = int(sheet) if sheet.isascii() and sheet.isdigit() else 0
    return names[number - 1] if 0 < number <= len(names) else None


def _write_sheet(sheet: Any) -> None:
    _write({"sheet": sheet.name})
    frame: list[list[Any]] = []
    for row in _rows(sheet):
        frame.append(row)
        if len(frame) == ROWS_IN_FRAME:
            _write(frame)
            frame = []
    if frame:
        _write(frame)
    _write([])


_PLAIN = frozenset({str, float, bool, int})


def _rows(sheet: Any) -> Iterator[list[Any]]:
    before = [None] * (sheet.start[1] if sheet.start else 0)  # calamine leaves out empty columns at the left
    for row in sheet.iter_rows():
        cells = [cell if cell.__class__ in _PLAIN and cell != "" else _plain(cell) for cell in row]
        yield [*before, *cells] if before else cells


def _plain(cell: Any) -> Any:
    if isinstance(cell, dt.datetime):
        return msgspec.msgpack.Ext(DATETIME, cell.isoformat().encode())
    if isinstance(cell, dt.date):
        return msgspec.msgpack.Ext(DATE, cell.isoformat().encode())
    return str(cell) or None  # a time of day, a duration; nothing


def _write(frame: Any) -> None:
    data = msgspec.msgpack.encode(frame)
    sys.stdout.buffer.write(len(data).to_bytes(4, "big") + data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
