"""A mapping with its source, opened: compiled against the source's columns, its lock held.

Owns finding and opening both sides. What is done with them is up to the other modules here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opusmap.compiler import KnownColumns, Mapper, compile_mapping, read_mapping
from opusmap.compiler.lint import SAMPLE_ROWS, lint
from opusmap.compiler.lock import find_drift, lock_path, read_lock
from opusmap.compiler.plan import KEY_COLUMN
from opusmap.connection import BUILT_IN, CLASSIFICATION, Connection
from opusmap.errors import InvalidMapping, SourceError
from opusmap.expressions import ROW_FILE, nodes
from opusmap.issues import Issue, Span
from opusmap.mapping import MappingSpec, Text
from opusmap.mapping.yaml_reader import suggest_file
from opusmap.records import Reject
from opusmap.rejects import RejectsSource
from opusmap.run.to_do import compile_decided, find_needed
from opusmap.safe_files import refuse_irregular, resolve_inside
from opusmap.source_options import installed_formats
from opusmap.sources import (
    ArrowStream,
    Source,
    from_rows,
    is_missing,
    is_pattern,
    is_remote,
    open_source,
    open_with,
    unreadable_row,
)
from opusmap.wording import quote_value

if TYPE_CHECKING:
    from opusmap.converters import Registry


@dataclass(frozen=True, slots=True)
class Work:
    """A mapping and its source, opened: the mapper knows the source's columns. Close the source.

    `to_do` are the problems of a mapping that has `TODO`, and `left_out` the columns of Opus (their display
    names) that are not mapped for that reason; see `open_work`. `needed` are the places of the mapping that
    are about columns that Opus requires, and about the classification.
    """

    mapper: Mapper
    source: Source
    to_do: tuple[Issue[Span], ...] = ()
    left_out: tuple[str, ...] = ()
    needed: frozenset[Span] = frozenset()

    @property
    def lacks_key(self) -> bool:
        """Whether the row key is still to do: all records have the same one, so it tells nothing."""
        return BUILT_IN[KEY_COLUMN] in self.left_out

    def in_order(self, problems: Iterable[Issue[Span]]) -> tuple[Issue[Span], ...]:
        """Return problems by their places, each once; in a draft, columns that Opus needs come first.

        These are the required ones, and the classification.
        """

        def rank(one: Issue[Span]) -> tuple[bool, Span]:
            first = one.code == "no-classification" or (one.code == "to-do" and one.place in self.needed)
            return not (self.to_do and first), one.place

        return tuple(sorted(set(problems), key=rank))

    def place(self, row: int, column: str) -> str:
        """Return where a row is, or its cell if a column of Opus (its display name) comes from just one.

        In a sheet's own words: `cell B7`, `row 7`, `b.csv, row 3`.
        """
        parts = [one.parts for one in self.mapper.plan.columns if one.column.display_name == column]
        if parts and len(parts[0]) == 1 and isinstance(parts[0][0], nodes.Cell):
            return self.source.place(row, parts[0][0].name)
        return self.source.place(row, column)


def open_work(
    mapping: str | Path,
    source: str | Path | None = None,
    converters: Registry | None = None,
    *,
    around_to_do: bool = False,
) -> Work:
    """Open a mapping and its source (the mapping's own, unless another is named).

    `converters` are those that it may name; by default the built-in and the installed ones. With
    `around_to_do`, columns that are still `TODO` are left out, if nothing else is wrong, to look at the rest.

    Raises:
        InvalidMapping: the mapping has errors, or names columns that the source lacks.
        SourceError: the source can't be read, or none is named; what is wrong in the mapping as well is its
            cause.
    """
    spec, connection = read_mapping(mapping)
    spec = with_file_column(spec)
    try:
        opened = open_own_source(spec, source)
    except SourceError as error:
        try:
            compile_mapping(spec, connection, converters)
        except InvalidMapping as invalid:
            if error.code == "no-source":  # it is of no use to name one yet
                raise
            raise error from invalid
        raise
    columns = frozenset(opened.columns or ()) or None  # JSON without rows has none
    return compile_work(spec, connection, converters, columns, opened, around_to_do=around_to_do)


def open_rows(mapper: Mapper, rows: Iterable[Mapping[str, Any]] | ArrowStream) -> Work:
    """Return what a program has as the source of a mapper, which learns a table's columns.

    Raises:
        InvalidMapping: the mapping names columns that the table does not have.
        SourceError: as `from_rows`.
    """
    source = from_rows(rows)
    return Work(mapper if source.columns is None else mapper.for_columns(source.columns), source)


def open_corrected_rejects(mapping: str | Path, file: str | Path, converters: Registry | None = None) -> Work:
    """Open a mapping with a file of rejects that a person has corrected as its source.

    Raises:
        InvalidMapping: the mapping has errors, or the file lacks columns that it names.
        SourceError: the file can't be read.
    """
    spec, connection = read_mapping(mapping)
    opened = open_rejects(file)
    columns = None if opened.columns is None else frozenset(opened.columns)
    return compile_work(spec, connection, converters, columns, opened)


def open_rejects(file: str | Path) -> RejectsSource:
    """Open a file of rejects as `rejects` writes it, whatever the dialect of a mapping's own source is.

    Raises:
        SourceError: the file can't be read.
    """
    options = {} if Path(file).suffix == ".jsonl" else {"header_row": 1}
    return RejectsSource(open_source(file, **options))


def compile_work(
    spec: MappingSpec,
    connection: Connection,
    converters: Registry | None,
    columns: frozenset[str] | None,
    source: Source,
    *,
    around_to_do: bool = False,
    hold_lock: bool = True,
    known: KnownColumns | None = None,
) -> Work:
    """Compile a mapping against the columns of its source, hold its lock; on an error close the source.

    Without `hold_lock` its lock is not looked at: to show what a mapping makes of rows, which is not sent.
    What is `known` of its columns is not found out again.

    Raises:
        InvalidMapping, SourceError: as `open_work`.
    """
    try:
        try:
            mapper = compile_mapping(spec, connection, converters, columns, known)
        except InvalidMapping as invalid:
            if any(one.code == "unknown-column" for one in invalid.diagnostics):
                _refuse_unreadable(source)
            if not around_to_do:
                raise
            mapper, left_out = compile_decided(spec, connection, converters, columns, source, invalid, known)
            return Work(mapper, source, tuple(invalid.diagnostics), left_out, find_needed(spec, connection))
        if hold_lock:
            check_lock(mapper)
    except BaseException:
        source.close()
        raise
    return Work(mapper, source)


def _refuse_unreadable(source: Source) -> None:
    """Refuse a source of which the first rows can't be read: its columns are not known for that reason.

    Raises:
        SourceError: the first problem of the source.
    """
    if not source.rereadable:
        return
    for row in islice(source.rows(), SAMPLE_ROWS):
        if isinstance(row, Reject) and not row.values:
            raise unreadable_row(source, row)


def find_warnings(work: Work, known: KnownColumns | None = None) -> tuple[Issue[Span], ...]:
    """Return what is unusual in a mapping, and in how it meets the first rows of its source.

    A source that can be read only once is not looked at. What is `known` is not found out again.
    """
    rows = list(islice(work.source.rows(), SAMPLE_ROWS)) if work.source.rereadable else []
    sample = [row.values for row in rows if not isinstance(row, Reject)]
    typed_cells = work.source.typed_cells
    found = lint(work.mapper.plan, sample, read=len(rows), typed_cells=typed_cells, known=known)
    if work.to_do:  # what reads the other columns, or classifies records, may be still to do
        told = {
            "unread-column",
            *(["no-classification"] if BUILT_IN[CLASSIFICATION] in work.left_out else []),
        }
        found = tuple(one for one in found if one.code not in told)
    work.mapper.forget_notes()  # the sample was mapped to see what is rejected
    return (*work.mapper.warnings, *found)


def check_lock(mapper: Mapper) -> None:
    """Refuse a mapping in which an order or a column means something else than when it was locked.

    Raises:
        InvalidMapping: with the differences. A mapping without a lock passes.
    """
    lock = read_lock(lock_path(mapper.spec.path))
    drift = () if lock is None else find_drift(lock, mapper.plan)
    if drift:
        raise InvalidMapping((*drift, *mapper.warnings))


def _refuse_irregular(path: Path) -> None:
    """Refuse a FIFO or a device that a mapping names: reading it might never end. A person may name one.

    Raises:
        SourceError: `source-unreadable`.
    """
    try:
        refuse_irregular(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        pass  # a pattern, a folder, or what opening it says better
    except OSError as error:
        hint = "name a file; a FIFO or a device can be named on the command line"
        problem = f"the source can't be read: {error.strerror}"
        raise SourceError(str(path), "source-unreadable", problem, help=hint) from None


def with_file_column(spec: MappingSpec) -> MappingSpec:
    """Return a mapping whose source has a column with the name of each row's file, if it reads `row.file`."""
    if spec.source.file_column is not None:
        return spec
    read = [*(variable.template for variable in spec.let), *([] if spec.where is None else [spec.where])]
    for binding in spec.fields:
        read += [text for text in (binding.template, binding.default) if text is not None]
        read += [part for part in binding.sources if isinstance(part, Text)]
    if not any(_ROW_FILE.search(text) for text in read):
        return spec
    if spec.source.database is not None:
        problem = "`row.file` is the name of each row's file, but rows of a database have no file"
        raise SourceError(spec.path, "wrong-option", problem, help="remove `row.file`")
    return replace(spec, source=replace(spec.source, file_column=ROW_FILE))


_ROW_FILE = re.compile(r"\brow\s*\.\s*file\b")


def open_own_source(spec: MappingSpec, source: str | Path | None = None) -> Source:
    """Open the source that a mapping names, unless another one is given.

    Raises:
        SourceError: it can't be read, is not in the mapping's folder, or none is named.
    """
    options = spec.source
    folder = Path(spec.path).parent
    inside = None
    if source is None:
        if options.database is not None:
            from opusmap.sources.database import open_database  # noqa: PLC0415 - few mappings need it

            return open_database(options.database, options.sql, spec.path)
        if options.path is None:
            if (options.format or "").lower() in installed_formats():
                return open_with(None, options)
            raise SourceError(spec.path, "no-source", "no source is named", help=_NAME_ONE)
        source, inside = folder / options.path, folder
        if resolve_inside(folder, options.path) is None or is_remote(options.path):
            help_text = "a mapping reads only files beside or below itself; name others on the command line"
            message = f"{quote_value(options.path)} is not a file in the mapping's folder"
            raise SourceError(spec.path, "outside-folder", message, help=help_text)
        _refuse_irregular(source)
    try:
        return open_with(source, options, inside)
    except SourceError as error:
        if error.code not in ("source-unreadable", "source-damaged") or not is_missing(source):
            raise
        problem = "no file matches this pattern" if is_pattern(source) else "the source is not there"
        if inside is not None and (span := spec.source_spans.get("path")) is not None:
            problem += f"; it is named in {span.file}:{span.line}"
        path = Path(source)
        near = suggest_file(path, (path.suffix,)) if path.suffix and not is_pattern(source) else ""
        raise SourceError(str(source), "no-source", problem, help=near or _NAME_ONE) from error


_NAME_ONE = (
    "name it on the command line, or as `source: {path: …}` in the mapping; "
    "`opusmap check --no-source` checks the mapping alone"
)
