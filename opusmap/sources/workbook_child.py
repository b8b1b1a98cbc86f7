"""Reads a workbook in a separate process, so that a hostile one harms nothing else.

Run as a script, only by `workbook`. It imports nothing of opusmap. Standard input brings a `Task`. Standard
output gets frames, as `child` describes them: the sheet's name with those of all sheets, then lists of rows,
from row 1 and column A.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

ROWS_IN_FRAME = 500
DATE, DATETIME = 1, 2
"""Extension types of MessagePack: the text in ISO format."""

_PLAIN = frozenset({str, float, bool, int})


class Task(msgspec.Struct, frozen=True):
    """The sheet to read, by its name or its number from 1 (empty: the first), in so many bytes of memory."""

    path: str
    sheet: str
    memory: int


def main() -> None:
    """Read the task and write the frames of the sheet."""
    task = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Task)
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - Windows has none

        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (task.memory, task.memory))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import python_calamine as calamine  # noqa: PLC0415 - it must be under the limit already

    try:
        workbook = calamine.load_workbook(task.path)
        names, sheet = workbook.sheet_names, task.sheet
        if not sheet or sheet not in names:
            text = sheet or "1"
            number = int(text) if text.isascii() and text.isdigit() else 0
            if not 0 < number <= len(names):
                _write({"error": "unknown-sheet", "sheets": names})
                return
            sheet = names[number - 1]
        rows = _rows(workbook.get_sheet_by_name(sheet))
        _write([sheet, names])
        while frame := list(islice(rows, ROWS_IN_FRAME)):
            _write(frame)
        _write(False)
    except calamine.PasswordError:
        _write({"error": "password"})
    except calamine.CalamineError as error:
        _write({"error": "damaged", "reason": str(error)})


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
    with contextlib.suppress(BrokenPipeError):  # the process that started it has ended
        main()
