"""Rejects as files that people can correct: written in the source's own shape, as the run goes.

Owns which shape and name such a file has, and its columns about what is wrong. What a person may have
edited is never replaced: the file gets a numbered name instead. A record that Opus refused is there as
well, as the row that it was made of. `corrected` reads a corrected file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Literal, Self

from opusmap.errors import SettingsError
from opusmap.journal.last_run import LastRun
from opusmap.output_files import File, check_output, create_unless_there, hash_file, is_same_file
from opusmap.records import Reject
from opusmap.rejects.file_formats import CellShape, LineShape, Shape, WorkbookShape
from opusmap.sources import Source
from opusmap.wording import show_extra

ERROR_COLUMNS = ("_row", "_key", "_error_column", "_error_code", "_error")
"""What a file of rejects has in addition to the source's columns."""
_ERROR_NAMES = frozenset(ERROR_COLUMNS)
_STAYS = "stays as it is: it was edited, is open in another program, or is not from this command's last run"

_IS_READ = "stays as it is, because this run's rows come from it"


class RejectList:
    """Keeps rejects in memory, for programs and tests: `found`, in their order."""

    def __init__(self) -> None:
        self.found = list[Reject]()

    def belong_to(self, run: int) -> None:
        """Take no notice of the run's number."""

    def write(self, reject: Reject) -> None:
        """Keep one reject."""
        self.found.append(reject)

    def close(self) -> tuple[File, ...]:
        """Return no file."""
        return ()


class RejectWriter:
    """Writes rejects as people can correct them: in the source's own shape, each with its reasons.

    CSV gives CSV with the same columns and delimiter, a workbook XLSX, anything else JSON Lines. The
    file appears with the first reject. One that is there already is replaced, or removed after a run without
    rejects, only where it is as opusmap wrote it; `path` is where the rejects are, `note` (a sentence, or
    empty) why they are not where they would be.
    """

    def __init__(
        self,
        path: str | Path,
        begin: Callable[[IO[bytes]], Shape] = LineShape,
        *,
        memory: LastRun | None = None,
        source: str = "",
        run_path: Callable[[int], Path] | None = None,
    ) -> None:
        """Make the writer of a file.

        Args:
            path: its name, as long as no other is free.
            begin: in which shape.
            memory: what knows files that opusmap wrote; without it, no file that is there is replaced.
            source: the file that the rows come from, which is never replaced.
            run_path: the name when the rejects belong to a run of this number.
        """
        self.path = Path(path)
        self.count = 0
        self.note = ""
        self._memory = memory
        self._run_path = run_path
        self._source = source
        self._own = False
        self._begin = begin
        self._shape: Shape | None = None
        self._closed = False
        self._full = False

    @classmethod
    def beside(
        cls,
        base: Path,
        source: Source,
        given: str | None = None,
        *,
        mapping: str | Path | None = None,
        sending: Literal["", "rehearsal", "run"] = "",
    ) -> RejectWriter:
        """Return the writer for a source's rejects: into `given`, or `base` with another suffix.

        Args:
            base: the mapping or the output, in whose folder they are written.
            source: whose rows they are.
            given: a file that was asked for.
            mapping: beside which it is kept what opusmap wrote; `base` by default.
            sending: `rehearsal` and `run` give other names (`mapping.rehearsal.rejects.csv`,
                `mapping.run-3.rejects.csv`); the run tells its number by `belong_to`.

        Raises:
            SettingsError: that file is the source itself, or can't be created; or the extra for its shape is
                not installed.
        """
        columns = [name for name in source.columns or () if name not in ERROR_COLUMNS]
        suffix, begin = shape_of(source, columns)
        own = "" if given or not sending else f".{sending}"
        path = Path(given or base.with_suffix(own + suffix))
        if is_same_file(path, source.name) and not own:
            raise SettingsError(
                "--rejects",
                f"the rejects would replace the source itself, {source.name}",
                "save the source under another name, or name another file with --rejects",
            )
        check_output(path)
        run_path = partial(_name_by_run, base, suffix) if own == ".run" else None
        return cls(path, begin, memory=LastRun(mapping or base), source=source.name, run_path=run_path)

    def belong_to(self, run: int) -> None:
        """Name the file after the run with this number; a file that was asked for keeps its name."""
        if self._run_path is not None and self._shape is None:
            self.path, self._own = self._run_path(run), True

    def write(self, reject: Reject) -> None:
        """Write one reject, a row or line.

        Raises:
            SettingsError: the file can't be written, such as on a full disk.
        """
        if self._shape is None:
            self._shape = self._begin(self._create())
        problems = reject.problems
        words = [f"{one.place}: {one.message}" if one.place else one.message for one in problems]
        reasons = (
            str(reject.row),
            reject.key or "",
            "; ".join(dict.fromkeys([one.place for one in problems])),
            "; ".join(dict.fromkeys([one.code for one in problems])),
            "; ".join(dict.fromkeys(words)),
        )
        values = reject.values
        if not _ERROR_NAMES.isdisjoint(values):
            values = {name: value for name, value in values.items() if name not in _ERROR_NAMES}
        try:
            self._shape.write(values, dict(zip(ERROR_COLUMNS, reasons, strict=True)))
        except BrokenPipeError:  # the reader of standard output has closed it
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
                if self._full:  # which was reported
                    return ()
                raise self._refuse_place(error) from None
            file = hash_file("rejects", self.path.absolute())  # it may be looked for from another folder
            if file is not None and self._memory is not None and not self._own:
                self._add_note(self._memory.note_rejects(self.path, file.sha256))
            return () if file is None else (file,)
        self._remove_older()
        return ()

    def _create(self) -> IO[bytes]:
        wanted = self.path
        file, self.path = create_unless_there(wanted, self._may_replace)
        if self.path != wanted:
            why = _IS_READ if is_same_file(wanted, self._source) else _STAYS
            self._add_note(f"{wanted} {why}; these rejects are in {self.path}")
        return file

    def _may_replace(self, path: Path) -> bool:
        """Return whether a file is an earlier one that was not edited; a run's file belongs to that run."""
        if self._own or self._memory is None or is_same_file(path, self._source):
            return False
        return self._memory.is_as_written(path)

    def _remove_older(self) -> None:
        """Remove the rejects of an earlier run if it left none; an edited file stays."""
        if self._own or self._run_path is not None or not self.path.is_file() or self.path.is_symlink():
            return
        if self._may_replace(self.path):
            with suppress(OSError):  # a spreadsheet program holds it
                self.path.unlink()
                if self._memory is not None:
                    self._memory.note_removed(self.path)
        if self.path.exists():
            why = _IS_READ if is_same_file(self.path, self._source) else _STAYS
            self._add_note(f"{self.path} {why}; this time no row was rejected")

    def _add_note(self, sentence: str) -> None:
        self.note = "; ".join(filter(None, (self.note, sentence)))

    def _refuse_place(self, error: OSError) -> SettingsError:
        self._full = True
        help_text = "free disk space, or name another file with --rejects, and run the same command again"
        return SettingsError(str(self.path), f"the rejects can't be written: {error.strerror}", help_text)


def _name_by_run(base: Path, suffix: str, run: int) -> Path:
    return base.with_suffix(f".run-{run}{suffix}")


def shape_of(source: Source, columns: Sequence[str]) -> tuple[str, Callable[[IO[bytes]], Shape]]:
    """Return the suffix of a source's rejects, and what begins such a file."""
    if source.delimiter is not None:
        cells = partial(CellShape, columns=columns, reasons=ERROR_COLUMNS, delimiter=source.delimiter)
        return ".rejects.csv", cells
    if source.typed_cells:
        if find_spec("xlsxwriter") is None:
            problem = "a workbook of rejects needs xlsxwriter, which is not installed"
            raise SettingsError("--rejects", problem, show_extra("excel"))
        return ".rejects.xlsx", partial(WorkbookShape, columns=columns, reasons=ERROR_COLUMNS)
    return ".rejects.jsonl", LineShape
