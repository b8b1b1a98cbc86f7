"""The frozen model of a mapping file. Texts keep their place (`Text.span`); no name is resolved yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from opusmap.issues import Issue, Span
from opusmap.mapping.yaml_reader import Text
from opusmap.source_options import SourceOptions

OnError: TypeAlias = Literal["reject", "omit", "default"]


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """The mapping's `target`: how values are written for Opus; the defaults are the contract's."""

    datetime_format: str = "%Y-%m-%d %H:%M:%S"
    timezone: str = "UTC"
    choice_base: int = 1
    choice_as: Literal["text", "number"] = "text"
    list_as: Literal["text", "array"] = "text"
    empty: Literal["omit", "null", "blank"] = "omit"
    conflict_key: Literal["both", "conflictOption", "confilictOption"] = "both"


@dataclass(frozen=True, slots=True, eq=False)
class ChoiceList:
    """The options of one choice column in Opus's order. `column` is the name as written.

    Two are compared by identity: as keys of a cache, thousands of options would take too long.
    """

    column: Text
    options: tuple[Text, ...]
    aliases: Mapping[str, Text] = field(default_factory=dict)
    ignore_case: bool = False
    by_order: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A lookup table, its file (if it has one) read already.

    `origin` are the keys of one that is a file or a query (`path`, `key`, `value` and so on), as written; of
    one that is written in the mapping there are none.
    """

    name: Text
    entries: Mapping[str, Any]
    origin: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of `let`: a name, and the expression that gives its value."""

    name: Text
    template: Text


@dataclass(frozen=True, slots=True)
class ConverterCall:
    """A converter named in `convert`, with its arguments: by position, by name. `places` are theirs."""

    name: Text
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[int | str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FirstOf:
    """Several columns of which a source need not have all: the first that has a value counts."""

    names: tuple[Text, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ConstantPart:
    """A constant among several columns: `from: [{const: Bibliography}, id]`."""

    text: Text


SourcePart: TypeAlias = Text | FirstOf | ConstantPart


@dataclass(frozen=True, slots=True)
class Binding:
    """What one target column is bound to: exactly one of `sources`, `template`, `const`.

    `format` are the formats of a date, tried in order; `span` is the whole binding's place; `listed` is true
    where the sources were written as a list.
    """

    target: Text
    span: Span
    sources: tuple[SourcePart, ...] = ()
    listed: bool = False
    template: Text | None = None
    const: Text | tuple[Text, ...] | None = None
    split: Text | None = None
    join: Text | None = None
    lookup: Text | None = None
    convert: tuple[ConverterCall, ...] = ()
    format: tuple[Text, ...] = ()
    century: Text | None = None
    incomplete: Text | None = None
    default: Text | None = None
    required: bool | None = None
    on_error: OnError = "reject"


@dataclass(frozen=True, slots=True)
class ColumnOverride:
    """A correction of the connection: `columns: {createdBy: {required: false}}`."""

    column: Text
    type: str | None = None
    required: bool | None = None


DRAFTED = ", as drafted"
"""The end of the names of tests that `opusmap init` writes: they expect what the draft made of a row."""


@dataclass(frozen=True, slots=True)
class MappingTest:
    """An inline test: a row, and what must become of it."""

    name: str
    span: Span
    row: Mapping[str, Any]
    expect: Mapping[Text, Any] | None = None
    expect_exact: Mapping[Text, Any] | None = None
    reject: Mapping[Text, Text] | None = None
    filtered: bool = False

    @property
    def is_drafted(self) -> bool:
        """Whether `opusmap init` wrote what is expected, and not a person."""
        return self.name.endswith(DRAFTED)


@dataclass(frozen=True, slots=True)
class MappingSpec:
    """A whole mapping file. `files` are the fragments and tables that it reads."""

    path: str
    connection: Text
    fields: tuple[Binding, ...]
    fields_span: Span
    source: SourceOptions = field(default_factory=SourceOptions)
    source_spans: Mapping[str, Span] = field(default_factory=dict)
    conflict: Literal["overwrite", "skip"] = "overwrite"
    duplicates: Literal["first", "last"] = "first"
    timezone: Text | None = None
    target: TargetOptions = TargetOptions()
    target_spans: Mapping[str, Span] = field(default_factory=dict)
    columns: tuple[ColumnOverride, ...] = ()
    choices: tuple[ChoiceList, ...] = ()
    tables: tuple[Table, ...] = ()
    let: tuple[Variable, ...] = ()
    where: Text | None = None
    tests: tuple[MappingTest, ...] = ()
    problems: tuple[Issue[Span], ...] = ()
    files: tuple[str, ...] = ()
    text: str = ""
