"""A mapping's text, looked at as `opusmap check` does: its problems, and what is known of it.

Each stage needs the one before. What a text that can't be read leaves unknown is known from an earlier text.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from opusmap.compiler import KnownColumns, compile_mapping, connection_of
from opusmap.compiler.lint import lint
from opusmap.connection import Connection
from opusmap.converters import Registry
from opusmap.errors import InvalidMapping, OpusmapError, SourceError
from opusmap.issues import Issue, Span
from opusmap.language.cached_files import CachingReader
from opusmap.language.source_sample import SampleCache, SourceSample
from opusmap.mapping import MappingSpec, parse_spec
from opusmap.mapping.yaml_reader import SIZE_LIMIT, refuse_file
from opusmap.mapping.yaml_sections import readable_sections
from opusmap.run.open import Work, check_lock, compile_work, find_warnings, with_file_column
from opusmap.safe_files import UnreadableFile
from opusmap.sources import from_rows


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is known of a mapping's text.

    Attributes:
        problems: what is wrong or unusual, in the order of the text.
        error: what else keeps the mapping from being checked: a source or a lock that can't be read.
        spec: its model; None where the text can't be read.
        connection: the connection that it names, as the file has it; None where it can't be read.
        sample: the first rows of its source; None where there is none that an editor may read.
        work: the mapping compiled, with the sample as its source; None where it has errors, but for
            those of its lock.
    """

    problems: tuple[Issue[Span], ...] = ()
    error: OpusmapError | None = None
    spec: MappingSpec | None = None
    connection: Connection | None = None
    sample: SourceSample | None = None
    work: Work | None = None


class Analyzer:
    """Looks at one text of a mapping after another, and at files that have changed."""

    def __init__(self, path: str, converters: Registry) -> None:
        self._path = path
        self._folder = Path(path).parent
        self._converters = converters
        self._reader = CachingReader()
        self._samples = SampleCache()
        self._columns = KnownColumns()

    def analyze(self, text: str) -> Analysis:
        """Return what is known of a text."""
        if len(text) > SIZE_LIMIT or len(text.encode("utf-8", "surrogatepass")) > SIZE_LIMIT:
            size = f"the file is too large: more than {SIZE_LIMIT >> 20} MB"
            return Analysis(refuse_file(UnreadableFile("file-too-large", size), self._path).diagnostics)
        self._reader.left_out = False
        try:
            spec = parse_spec(text, self._path, self._folder, self._reader)
        except InvalidMapping as invalid:
            return Analysis(_ordered(invalid.diagnostics))
        return self._analyze(spec)

    def guess(self, text: str) -> Analysis:
        """Return what is known of a text that can't be read: from its sections that can."""
        sections = {**readable_sections(text), "opusmap": "opusmap: 1\n"}
        for wanted in (tuple(sections), _NAMING, ("opusmap", "connection", "source")):
            parts = {key: part for key, part in sections.items() if key in wanted}
            found = self.analyze("".join({"fields": "fields: {rowKey: TODO}\n", **parts}.values()))
            if found.connection is not None or found.sample is not None:
                return replace(found, problems=(), error=None)
        return Analysis()

    def _analyze(self, spec: MappingSpec) -> Analysis:
        try:
            connection = connection_of(spec, self._reader.connection)
        except InvalidMapping as invalid:
            return self._with_sample(Analysis(_ordered(invalid.diagnostics), spec=spec))
        known = self._with_sample(Analysis(spec=spec, connection=connection))
        try:
            work, found = self._compile(known)
        except InvalidMapping as invalid:
            return replace(known, problems=_ordered(invalid.diagnostics))
        known = replace(known, work=work, problems=_ordered({*work.to_do, *found}))
        try:
            if not work.to_do:
                check_lock(work.mapper)
        except InvalidMapping as drift:  # what the mapping makes of rows can be shown all the same
            return replace(known, problems=_ordered(drift.diagnostics))
        except OpusmapError as error:  # a lock that can't be read
            return replace(known, error=error, problems=())
        return known

    def _with_sample(self, known: Analysis) -> Analysis:
        assert known.spec is not None
        try:
            spec = with_file_column(known.spec)
            return replace(known, spec=spec, sample=self._samples.sample(spec))
        except SourceError as error:
            # The command line may name another source; one that is not there may come later.
            return known if error.code == "no-source" else replace(known, error=error)

    def _compile(self, known: Analysis) -> tuple[Work, tuple[Issue[Span], ...]]:
        """Compile a mapping for its source, and return its warnings.

        Raises:
            InvalidMapping: it has errors.
        """
        spec, connection, sample = known.spec, known.connection, known.sample
        assert spec is not None
        assert connection is not None
        if sample is None:
            mapper = compile_mapping(spec, connection, self._converters, None, self._columns)
            work = Work(mapper, from_rows(()))
            return work, (*mapper.warnings, *lint(mapper.plan))
        columns = frozenset(sample.columns or ()) or None
        work = compile_work(
            spec,
            connection,
            self._converters,
            columns,
            sample,
            around_to_do=True,
            hold_lock=False,
            known=self._columns,
        )
        if self._reader.left_out:  # what is looked up in a table that was not read is not missing
            return work, (*work.mapper.warnings, *lint(work.mapper.plan))
        return work, find_warnings(work, self._columns)


_NAMING = ("opusmap", "connection", "source", "columns", "choices", "tables", "let", "include")
"""The sections that say what names there are."""


def _ordered(problems: object) -> tuple[Issue[Span], ...]:
    return tuple(sorted(problems, key=lambda one: one.place))  # type: ignore[call-overload]
