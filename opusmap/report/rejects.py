"""Rejects as files that people can mend: written in the source's own shape, as the run goes.

Owns which shape and name such a file has, and its columns about what is wrong. A record that Opus refused
stands there as well, as the row that it was made of. What reads a mended file stands in `mended`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Self

from opusmap.errors import SettingsError
from opusmap.records import Reject
from opusmap.report.cells import neutralise, restore_cell
from opusmap.report.evidence import File, hash_file
from opusmap.report.outputs import check_output, create_output, is_same_file
from opusmap.report.shapes import CellShape, LineShape, Shape, WorkbookShape
from opusmap.sources import Source

__all__ = ["ERROR_COLUMNS", "RejectWriter", "neutralise", "restore_cell"]

ERROR_COLUMNS = ("_row", "_key", "_error_column", "_error_code", "_error")
"""What a file of rejects has besides the source's own columns."""
_ERROR_NAMES = frozenset(ERROR_COLUMNS)


class RejectWriter:
    """Writes rejects as people can mend them: in the source's own shape, each with its reasons.

    CSV gives CSV with the same columns and delimiter, a workbook XLSX, anything else JSON Lines. The
    file appears with the first reject; an older one, of a run that had rejects, goes after one that had none.
    """

    def __init__(self, path: str | Path, begin: Callable[[IO[bytes]], Shape] = LineShape) -> None:
        """Make the writer of a file; `begin` says in which shape."""
        self.path = Path(path)
        self.count = 0
        self._begin = begin
        self._shape: Shape | None = None
        self._closed = False
        self._full = False

    @classmethod
    def beside(cls, base: Path, source: Source, given: str | None = None) -> RejectWriter:
        """Return the writer for a source's rejects: into `given`, or `base` with a suffix of its own.

        Raises:
            SettingsError: that file is the source itself, or can't be created; or the extra for its shape is
                not installed.
        """
        columns = [name for name in source.columns or () if name not in ERROR_COLUMNS]
        suffix, begin = _shape_of(source, columns)
        path = Path(given or base.with_suffix(suffix))
        if is_same_file(path, source.name):
            raise SettingsError(
                "--rejects",
                f"the rejects would replace the source itself, {source.name}",
                "save the source under another name, or name another file with --rejects",
            )
        check_output(path)
        return cls(path, begin)

    def write(self, reject: Reject) -> None:
        """Write one reject, a row or line.

        Raises:
            SettingsError: the file can't be written, such as on a full disk.
        """
        if self._shape is None:
            self._shape = self._begin(create_output(self.path))
        problems = reject.problems
        words = (f"{one.column}: {one.message}" if one.column else one.message for one in problems)
        reasons = (
            str(reject.row),
            reject.key or "",
            "; ".join(dict.fromkeys(one.column for one in problems)),
            "; ".join(dict.fromkeys(one.code for one in problems)),
            "; ".join(dict.fromkeys(words)),
        )
        values = reject.values
        if not _ERROR_NAMES.isdisjoint(values):
            values = {name: value for name, value in values.items() if name not in _ERROR_NAMES}
        try:
            self._shape.write(values, dict(zip(ERROR_COLUMNS, reasons, strict=True)))
        except BrokenPipeError:  # whoever read standard output has had enough
            raise
        except OSError as error:
            raise self._refuse_place(error) from None
        self.count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the file. A run that did not come to its end leaves an older file as it is."""
        if kind is None or self._shape is not None:
            self.close()

    def close(self) -> tuple[File, ...]:
        """Close the file and return it, if there is one.

        Raises:
            SettingsError: it can't be written to its end.
        """
        if self._closed:
            return ()
        self._closed = True
        if self._shape is not None:
            try:
                self._shape.close()
            except OSError as error:
                if self._full:  # which was told
                    return ()
                raise self._refuse_place(error) from None
            file = hash_file("rejects", self.path)
            return () if file is None else (file,)
        if self.path.is_file() and not self.path.is_symlink():
            self.path.unlink()
        return ()

    def _refuse_place(self, error: OSError) -> SettingsError:
        self._full = True
        help_text = "make room, or name another file with --rejects, and run the same command again"
        return SettingsError(str(self.path), f"the rejects can't be written: {error.strerror}", help_text)


def _shape_of(source: Source, columns: Sequence[str]) -> tuple[str, Callable[[IO[bytes]], Shape]]:
    """Return the suffix of a source's rejects, and what begins such a file."""
    if source.delimiter is not None:
        cells = partial(CellShape, columns=columns, reasons=ERROR_COLUMNS, delimiter=source.delimiter)
        return ".rejects.csv", cells
    if source.typed_cells:
        if find_spec("xlsxwriter") is None:
            problem = "a workbook of rejects needs xlsxwriter, which is not installed"
            raise SettingsError("--rejects", problem, 'pip install "opusmap[excel]"')
        return ".rejects.xlsx", partial(WorkbookShape, columns=columns, reasons=ERROR_COLUMNS)
    return ".rejects.jsonl", LineShape
