"""What a mapping makes of its source while some of it is still `TODO`: the columns that are decided.

Owns which columns hang on what is to do. They are left out, and no longer required, so that the others can be
looked at. Such a mapper is for looking: `check` and `preview` alone ask for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from itertools import islice

from opusmap.compiler import KnownColumns, Mapper, compile_mapping
from opusmap.compiler.lint import SAMPLE_ROWS
from opusmap.compiler.plan import KEY_COLUMN, UNDECIDED_KEY
from opusmap.connection import CLASSIFICATION, Column, ColumnType, Connection
from opusmap.converters import Registry
from opusmap.errors import InvalidMapping
from opusmap.issues import Span
from opusmap.mapping import Binding, MappingSpec, TargetOptions, Text
from opusmap.records import Reject
from opusmap.sources import Source


def compile_decided(
    spec: MappingSpec,
    connection: Connection,
    registry: Registry | None,
    columns: frozenset[str] | None,
    source: Source,
    invalid: InvalidMapping,
    known: KnownColumns | None,
) -> tuple[Mapper, tuple[str, ...]]:
    """Return a mapper without what is still `TODO`, and the display names of the columns that it leaves out.

    Raises:
        InvalidMapping: the mapping has other errors than that.
    """
    open_ = [one for one in invalid.diagnostics if one.severity == "error"]
    if any(one.code != "to-do" for one in open_):
        raise invalid
    places = {one.place for one in open_}
    without_zone = spec.timezone is not None and spec.timezone.span in places
    if spec.target_spans.get("datetime_format") in places:
        # The contract's own format shows the same times; how Opus wants them is what is to do.
        spec = replace(spec, target=replace(spec.target, datetime_format=TargetOptions().datetime_format))
    lists = {str(one.column) for one in spec.choices if places & {option.span for option in one.options}}
    left_out = list(_named(connection, lists))
    left_out += _named(connection, [str(one.target) for one in spec.fields if places & set(_spans(one))])
    if without_zone:
        spec = replace(spec, timezone=None)
        trial = _compile(spec, connection, registry, columns, left_out, invalid, known)
        left_out += _need_zone(trial, source)
    mapper = _compile(spec, connection, registry, columns, left_out, invalid, known)
    names = {column.internal_name for column in left_out}
    return mapper, tuple(one.display_name for one in connection.columns if one.internal_name in names)


def find_needed(spec: MappingSpec, connection: Connection) -> frozenset[Span]:
    """Return the places of a mapping that are about the classification or a column that Opus requires."""
    found = set[Span]()
    parts: list[tuple[str, object]] = [(one.target, one) for one in spec.fields]
    for name, part in [*parts, *((one.column, one) for one in spec.choices)]:
        column = connection.find(name)
        if column is not None and (column.required or column.internal_name == CLASSIFICATION):
            found.update(_spans(part))
    return frozenset(found)


def _compile(
    spec: MappingSpec,
    connection: Connection,
    registry: Registry | None,
    columns: frozenset[str] | None,
    left_out: Sequence[Column],
    invalid: InvalidMapping,
    known: KnownColumns | None,
) -> Mapper:
    """Compile a mapping without some columns; what is wrong then was hidden by what is to do."""
    names = {column.internal_name for column in left_out}

    def is_left_out(name: str) -> bool:
        column = connection.find(name)
        return column is not None and column.internal_name in names

    decided = replace(
        spec,
        fields=tuple(
            one if not is_left_out(one.target) else _undecided_key(one)
            for one in spec.fields
            if not is_left_out(one.target) or _is_key(connection, one.target)
        ),
        choices=tuple(one for one in spec.choices if not is_left_out(one.column)),
        columns=tuple(one for one in spec.columns if not is_left_out(one.column)),
    )
    optional = connection.with_columns({name: {"required": False} for name in names - {KEY_COLUMN}})
    try:
        return compile_mapping(decided, optional, registry, columns, known)
    except InvalidMapping as more:
        raise InvalidMapping((*invalid.diagnostics, *more.diagnostics)) from None


def _is_key(connection: Connection, name: str) -> bool:
    column = connection.find(name)
    return column is not None and column.internal_name == KEY_COLUMN


def _undecided_key(binding: Binding) -> Binding:
    """Return a binding that gives every record the same row key, so that the other columns can be seen."""
    text = Text(UNDECIDED_KEY, binding.target.span, '"', "", 0)
    return Binding(binding.target, binding.span, const=text)


def _named(connection: Connection, names: Iterable[str]) -> Iterator[Column]:
    for name in names:
        if (column := connection.find(name)) is not None:
            yield column


def _spans(value: object) -> Iterator[Span]:
    """Yield the places of all texts of a part of a mapping."""
    if isinstance(value, Text):
        yield value.span
    elif isinstance(value, tuple):
        for one in value:
            yield from _spans(one)
    elif is_dataclass(value) and not isinstance(value, Span | type):
        for field in fields(value):
            yield from _spans(getattr(value, field.name))


def _need_zone(mapper: Mapper, source: Source) -> list[Column]:
    """Return the columns that need a time zone in the first rows; if they can't be seen, all with times."""
    bound = [plan.column for plan in mapper.plan.columns]
    if not source.rereadable:
        return [column for column in bound if column.type is ColumnType.DATE_TIME]
    names = set[str]()
    for row in islice(source.rows(), SAMPLE_ROWS):
        if not isinstance(row, Reject):
            mapped = mapper.map_row(row.values, row.number)
            problems = mapped.problems if isinstance(mapped, Reject) else getattr(mapped, "replaced", ())
            names |= {one.place for one in problems if one.code == "no-timezone"}
    return [column for column in bound if column.display_name in names]
