"""Lists for people: a CSV file, a workbook or a page, as the ending of the file's name says.

Owns that choice, and that a list of any length is written row by row; a page is made in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from io import BufferedWriter, RawIOBase
from pathlib import PurePath
from typing import IO, Any

from opusmap.errors import SettingsError
from opusmap.output_files import write_whole
from opusmap.rejects.file_formats import CellShape, Shape, WorkbookShape
from opusmap.wording import show_extra

_PAGES = (".html", ".htm")
_BUFFER = 1 << 16


def check_list_file(path: str) -> None:
    """Refuse a file for a list that can't be written, before there is anything to be listed.

    Raises:
        SettingsError: its ending does not say how it is written, or the extra for workbooks is not installed.
    """
    ending = _ending(path)
    if ending not in (*_PAGES, ".csv", ".xlsx"):
        problem = f"{path} does not end in .csv, .xlsx or .html"
        raise SettingsError("--output", problem, "the ending says how the list is written")
    if ending == ".xlsx" and find_spec("xlsxwriter") is None:
        problem = "the package xlsxwriter is not installed, which a workbook needs"
        raise SettingsError("--output", problem, show_extra("excel"))


def is_page(path: str) -> bool:
    """Return whether a list is written as a page."""
    return _ending(path) in _PAGES


@contextmanager
def write_rows(
    path: str, columns: Sequence[str], empty: Sequence[str] = ()
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Write a CSV file or a workbook row by row; it appears when the block has ended without an error.

    Args:
        path: its name, which `check_list_file` has passed.
        columns: their names; what the block gets takes the values of a row by them, None as an empty cell.
        empty: more columns, for those who read the list.

    Raises:
        SettingsError: it can't be written.
    """
    blanks = dict.fromkeys(empty, "")
    with write_whole(path) as file:
        lent = BufferedWriter(_Lent(file), _BUFFER)
        shape: Shape
        if _ending(path) == ".csv":
            shape = CellShape(lent, columns, empty, ",")
        else:
            shape = WorkbookShape(lent, columns, empty)

        def write(values: Mapping[str, Any]) -> None:
            known = {name: values[name] for name in columns if values[name] is not None}
            shape.write(known, blanks)

        try:
            yield write
        finally:
            shape.close()  # in any case: a workbook has temporary files until then


def write_page(path: str, page: str) -> None:
    """Write a page.

    Raises:
        SettingsError: it can't be written.
    """
    with write_whole(path) as file:
        file.write(page.encode("utf-8", "backslashreplace"))


class _Lent(RawIOBase):
    """A file that stays open when this one is closed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._file.write(data)


def _ending(path: str) -> str:
    return PurePath(path).suffix.lower()
