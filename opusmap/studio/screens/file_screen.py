"""File: the source as it is, the row that has the column names, and the options by which it is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from opusmap.edits import Intent, SetSourceOption
from opusmap.errors import OpusmapError, SettingsError, SourceError
from opusmap.language.source_sample import SourceSample
from opusmap.mapping import MappingSpec
from opusmap.source_options import SourceOptions
from opusmap.sources.first_rows import ENCODINGS, FirstRows, Reading, read_first_rows
from opusmap.sources.folder import is_pattern
from opusmap.sources.formats import all_formats, find_format
from opusmap.sources.header import number_names
from opusmap.studio.visit import Screen, Visit

_DEFAULTS = SourceOptions()
_TYPED_SHOWN = 20
_FREE = ("encoding", "delimiter", "sheet", "items")
"""The options that a picker sets."""


@dataclass(frozen=True, slots=True)
class Picker:
    """One option of the source: what may be chosen, what is, and what the reader would take."""

    key: str
    label: str
    help: str
    readings: tuple[Reading, ...]
    stated: str
    taken: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class SourceProblem:
    """Why the source can't be read, and what to do."""

    text: str
    help: str
    diagnostic: str = ""
    """Its code, if it has one."""


def _view(visit: Visit) -> Mapping[str, Any]:
    bench = visit.bench
    with bench.lock:
        spec, error = bench.known.spec, bench.service.error
        sample = bench.service.latest.sample
    if spec is None:
        return {"spec": None}
    path = None if spec.source.path is None else visit.path.parent / spec.source.path
    first, problem = FirstRows(), _problem_of(error)
    if path is None:
        problem = None
    elif path.is_file() and not is_pattern(path) and spec.source.database is None:
        try:
            first = read_first_rows(path, spec.source)
        except SourceError as failed:
            problem = problem or _problem_of(failed)
        problem = problem or _problem_of(first.problem)
    elif problem is None and sample is None:
        problem = SourceProblem(f"{spec.source.path} is not there", "choose another file below", "no-source")
    return {
        "spec": spec,
        "database": spec.source.database is not None,
        "source": spec.source.path or "",
        "files": _files(visit, spec),
        "first": first,
        "width": max((len(cells) for _, cells in first.rows), default=1),
        "header": _header_row(spec, sample),
        "problem": problem,
        "pickers": tuple(_pickers(spec, first)),
        "notes": () if sample is None else sample.notes,
        "sample": sample,
        "typed": () if sample is None or first.shape == "cells" else tuple(_typed_rows(visit, sample)),
        "names": _proposed_names(spec, first),
        "numbered": spec.source.headers == "number",
        "may_number": first.shape == "cells",
    }


def _problem_of(error: OpusmapError | None) -> SourceProblem | None:
    if error is None:
        return None
    if isinstance(error, SourceError):
        row = "" if error.row is None or "row" in error.problem else f"row {error.row}: "
        return SourceProblem(row + error.problem, error.help, error.code)
    return SourceProblem(*error.split())


def _files(visit: Visit, spec: MappingSpec) -> tuple[str, ...]:
    """Return the files that may be the source, as the mapping would name them."""
    folder, home = visit.studio.folder, visit.path.parent.resolve()
    found = [folder.path / name for name in folder.sources()]
    connection = home / str(spec.connection)
    return tuple(
        path.relative_to(home).as_posix()
        for path in found
        if path.is_relative_to(home) and path != connection
    )


def _header_row(spec: MappingSpec, sample: SourceSample | None) -> int | None:
    """Return the row that has the column names: the one that the mapping says, or that the reader takes."""
    if spec.source.header_row is not None:
        return spec.source.header_row
    return None if sample is None else sample.header_row


def _pickers(spec: MappingSpec, first: FirstRows) -> Iterator[Picker]:
    now, source = dict(first.now), spec.source
    if first.shape == "none":
        return
    if not first.sheets:
        readings = first.encodings or tuple(Reading(one, "") for one in ENCODINGS if source.encoding)
        yield Picker(
            "encoding",
            "Encoding",
            "how the file's bytes are read as letters",
            _with(readings, source.encoding),
            source.encoding or "",
            "UTF-8, or what the file's first bytes say",
            first.encoding_note,
        )
    if first.delimiters:
        taken = next((one.effect for one in first.delimiters if one.value == now["delimiter"]), "")
        stated = source.delimiter or ""
        yield Picker(
            "delimiter",
            "Delimiter",
            "what separates the cells of a row",
            _with(first.delimiters, source.delimiter),
            stated,
            "what fits" if stated else taken,
        )
    if first.sheets:
        yield Picker(
            "sheet",
            "Sheet",
            "the sheet whose rows are read",
            _with(first.sheets, source.sheet),
            source.sheet or "",
            "the first sheet",
        )
    if first.lists:
        yield Picker(
            "items",
            "List",
            "the list in the file whose items are the rows",
            _with(first.lists, source.items),
            source.items or "",
            "the document itself" if "$" in (one.value for one in first.lists) else "none is chosen",
        )


def _with(readings: tuple[Reading, ...], stated: str | None) -> tuple[Reading, ...]:
    """Return what may be chosen, with what the mapping has."""
    if not stated or stated in (one.value for one in readings):
        return readings
    return (*readings, Reading(stated, "as the mapping has it"))


def _typed_rows(visit: Visit, sample: SourceSample) -> Iterator[tuple[int, tuple[Any, ...]]]:
    for row in visit.rows[:_TYPED_SHOWN]:
        yield row.number, tuple(row.values.get(one.name) for one in sample.profile.columns if not one.nested)


def _proposed_names(spec: MappingSpec, first: FirstRows) -> tuple[str, ...]:
    """Return names for the columns of a file without a header: those that it has, or numbered ones."""
    if spec.source.columns:
        return spec.source.columns
    width = max((len(cells) for _, cells in first.rows), default=0)
    return number_names([""] * width)


def _set_header(visit: Visit) -> None:
    """Take a row as the one with the column names; 0: the file has none, so `names` gives them."""
    row = visit.field("row")
    spec = _spec(visit)
    if row == "0":
        names = [name for line in visit.field("names").splitlines() if (name := line.strip())]
        if not names:
            raise SettingsError("names", "no name is given", "write a name for each column, one per line")
        visit.bench.apply(SetSourceOption("columns", list(names)), *_without(spec, "header_row", "headers"))
        visit.announce(
            "good", f"The file has no row of names: its {len(names)} columns are named as you wrote."
        )
        return
    if not row.isascii() or not row.isdigit():
        raise SettingsError("row", f"{row!r} is not a row", "click the row that has the column names")
    visit.bench.apply(SetSourceOption("header_row", int(row)), *_without(spec, "columns"))
    visit.announce("good", f"Row {row} has the column names.")


def _set_option(visit: Visit) -> None:
    key, value, spec = visit.field("key"), visit.form.get("value", ""), _spec(visit)
    if key not in _FREE:
        raise SettingsError(key, "this is not an option that can be chosen here", "edit it in the text")
    visit.bench.apply(*([SetSourceOption(key, value)] if value else _without(spec, key)))


def _number_names(visit: Visit) -> None:
    spec = _spec(visit)
    if visit.form.get("value"):
        visit.bench.apply(SetSourceOption("headers", "number"), *_without(spec, "columns"))
    else:
        visit.bench.apply(*_without(spec, "headers"))


def _replace(visit: Visit) -> None:
    """Take another file of the folder as the source; options that its format does not have are removed."""
    name, spec = visit.field("value"), _spec(visit)
    path = visit.studio.folder.resolve(visit.studio.folder.name_of(visit.path.parent / name))
    if not path.is_file():
        raise SettingsError(name, "this file is not there", "choose another one")
    takes = find_format(path.name, None).options
    other = [key for one in all_formats() for key in one.options if key not in takes]
    unfit = dict.fromkeys((*other, "format", "database", "sql"))
    visit.bench.apply(SetSourceOption("path", name), *_without(spec, *unfit))
    visit.announce("good", f"The rows come from {name} now.")


def _without(spec: MappingSpec, *keys: str) -> list[Intent]:
    """Return the intents that remove options, those that the mapping has."""
    known = {one.name for one in fields(SourceOptions)} & {*keys}
    return [
        SetSourceOption(key, None)
        for key in keys
        if key in known and getattr(spec.source, key) != getattr(_DEFAULTS, key)
    ]


def _spec(visit: Visit) -> MappingSpec:
    spec = visit.bench.known.spec
    if spec is None:
        raise SettingsError(visit.bench.name, "the mapping can't be read yet", "correct its text first")
    return spec


SCREEN = Screen(
    "file",
    "File",
    _view,
    {"header": _set_header, "option": _set_option, "number": _number_names, "replace": _replace},
)
