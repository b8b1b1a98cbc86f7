"""What is known where an editor asks: the text as it is, and the mapping as it was when it could be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from opusmap.connection import Column, Connection
from opusmap.converters import Registry
from opusmap.converters.coerce import text_of
from opusmap.errors import ValueProblem
from opusmap.language.analysis import Analysis
from opusmap.language.cursor import Token, scan
from opusmap.language.positions import Lines
from opusmap.language.source_sample import SourceDescription
from opusmap.mapping import ChoiceList
from opusmap.profile import ColumnProfile
from opusmap.records import Row

_ELEMENTS = 100
"""Elements of a cell that are looked at, at most."""


@dataclass(frozen=True)
class Facts:
    """What is known of a text: `known` is of this text, or of an earlier one that could be read."""

    text: str
    path: str
    known: Analysis
    registry: Registry

    @property
    def folder(self) -> Path:
        """The folder of the mapping, in which the files are that it may name."""
        return Path(self.path).parent

    @cached_property
    def lines(self) -> Lines:
        """Where the text's lines begin."""
        return Lines(self.text)

    @cached_property
    def tokens(self) -> list[Token]:
        """The keys and scalars of the text as it is now."""
        return scan(self.text)

    def token_at(self, offset: int) -> Token | None:
        """Return the key or scalar at an offset."""
        return next((one for one in self.tokens if one.start <= offset <= one.end), None)

    @property
    def connection(self) -> Connection | None:
        """The connection, as the mapping corrects it where that is known."""
        return self.known.connection if self.known.work is None else self.known.work.mapper.connection

    def target(self, name: str) -> Column | None:
        """Return the column of the connection with this name."""
        return None if self.connection is None else self.connection.find(name)

    def same_target(self, first: str, second: str) -> bool:
        """Return whether two names are of the same column of the connection."""
        column = self.target(first)
        return first == second or (column is not None and column == self.target(second))

    def choices(self, name: str) -> ChoiceList | None:
        """Return the options of a choice column by one of its names."""
        lists = () if self.known.spec is None else self.known.spec.choices
        return next((one for one in lists if self.same_target(one.column, name)), None)

    @property
    def source_columns(self) -> dict[str, ColumnProfile | None]:
        """The source's columns with their profiles; without a source, those that the mapping reads."""
        if self.known.sample is not None:
            return {one.name: one for one in self.known.sample.profile.columns}
        return {} if self.known.work is None else dict.fromkeys(self.known.work.mapper.plan.cells())

    @property
    def source_descriptions(self) -> dict[str, SourceDescription]:
        """What is said of each source column."""
        if self.known.sample is not None:
            return self.known.sample.descriptions
        return {name: SourceDescription.of(name, None) for name in self.source_columns}

    @property
    def variables(self) -> dict[str, str]:
        """The variables of `let` and their expressions: those of the text, and of what it includes."""
        included = () if self.known.spec is None else self.known.spec.let
        found = {str(one.name): str(one.template) for one in included if one.name.span.file != self.path}
        return {**found, **dict(self._entries("let"))}

    @property
    def tables(self) -> dict[str, int | None]:
        """The lookup tables and how many entries each has, where that is known."""
        tables = () if self.known.spec is None else self.known.spec.tables
        found: dict[str, int | None] = {str(one.name): len(one.entries) for one in tables}
        written = [one.text for one in self.tokens if one.is_key and one.path == ("tables",)]
        return {**dict.fromkeys(written), **found}

    def _entries(self, section: str) -> Iterator[tuple[str, str]]:
        texts = {one.path: one.text for one in self.tokens if not one.is_key}
        for token in self.tokens:
            if token.is_key and token.path == (section,):
                yield token.text, texts.get((section, token.text), "")

    def bound_columns(self, target: str) -> list[str]:
        """Return the source columns that a target column is bound to."""
        names = self.source_columns
        paths = {("fields", target), ("fields", target, "from")}
        return [
            one.text
            for one in self.tokens
            if not one.is_key
            and one.text in names
            and (one.path in paths or (one.path[:-1] in paths and isinstance(one.path[-1], int)))
        ]

    def values(self, target: str) -> Counter[str]:
        """Count the values of the sampled rows for a target column, split as its binding splits them."""
        counts = Counter[str]()
        if self.known.sample is None:
            return counts
        bindings = [one.text for one in self.tokens if one.is_key and one.path == ("fields",)]
        for name in [one for one in bindings if self.same_target(one, target)]:
            path = ("fields", name, "split")
            separator = next((one.text for one in self.tokens if one.path == path and not one.is_key), "")
            for column in self.bound_columns(name):
                for row in self.known.sample.rows():
                    if isinstance(row, Row):
                        counts.update(_elements(row.values.get(column), separator))
        return counts


def _elements(value: object, separator: str) -> list[str]:
    """Return the texts of a cell: its elements, if it is a list or is split."""
    try:
        texts = [text_of(one) for one in value[:_ELEMENTS]] if isinstance(value, list) else [text_of(value)]
    except ValueProblem:
        return []
    parts = texts if not separator else [part for text in texts for part in text.split(separator, _ELEMENTS)]
    return [part.strip() for part in parts if part.strip()]
