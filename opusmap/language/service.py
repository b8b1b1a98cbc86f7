"""What an editor asks of one mapping while it is written. The studio and `opusmap lsp` are its two faces."""

from __future__ import annotations

from pathlib import Path

from opusmap.converters import Registry
from opusmap.converters.plugins import all_converters
from opusmap.errors import OpusmapError
from opusmap.issues import Issue, Span
from opusmap.language.analysis import Analysis, Analyzer
from opusmap.language.completion import Completion, complete
from opusmap.language.definition import Location, find_definition
from opusmap.language.facts import Facts
from opusmap.language.fixes import QuickFix, find_fixes
from opusmap.language.hover import Hover, hover
from opusmap.language.positions import Position, Range
from opusmap.records import Mapped
from opusmap.wording import plain_breaks


class LanguageService:
    """Answers questions about the text of a mapping, which need not be saved, nor be YAML.

    It also reads files in the mapping's folder: the connection, the files under `include`, lookup
    tables, the first 1,000 rows of the source. It reads a file again when the file has changed, asks no
    database, and runs no code of the folder. Positions count lines and columns (code points) from 0.
    """

    def __init__(self, path: str | Path, converters: Registry | None = None) -> None:
        """Make the service of a mapping.

        Args:
            path: the mapping's file; it need not be there yet. Issues name it as it is given here.
            converters: those that it may name; by default the built-in and the installed ones.

        Raises:
            SettingsError: an installed package's converters can't be loaded.
        """
        self.path = str(path)
        self._converters = all_converters() if converters is None else converters
        self._analyzer = Analyzer(self.path, self._converters)
        self._text = ""
        self._now: Analysis | None = None
        self._known = Analysis()
        self._asked: Facts | None = None

    @property
    def text(self) -> str:
        """The text, with LF as line breaks."""
        return self._text

    def update(self, text: str) -> None:
        """Take the mapping's text as it is now. The same text again: files beside it may have changed."""
        self._text = plain_breaks(text).removeprefix("\ufeff")
        self._now = None

    @property
    def problems(self) -> tuple[Issue[Span], ...]:
        """What is wrong or unusual: the issues of `opusmap check`, which also looks at all rows."""
        return self._analysis.problems

    @property
    def error(self) -> OpusmapError | None:
        """What else keeps the mapping from being checked: a source, or a lock, that can't be read."""
        return self._analysis.error

    @property
    def latest(self) -> Analysis:
        """What is known of the text as it is now."""
        return self._analysis

    @property
    def known(self) -> Analysis:
        """What is known of the text; what it leaves open is known from an earlier text."""
        return self._facts.known

    def complete(self, position: Position) -> tuple[Completion, ...]:
        """Return what may be written at a position, what fits best first."""
        return complete(self._facts, position)

    def hover(self, position: Position, row: int = 0) -> Hover | None:
        """Return what is at a position; of a binding also its value in a row of the sample, from 0."""
        return hover(self._facts, position, row)

    def find_definition(self, position: Position) -> tuple[Location, ...]:
        """Return where what is at a position is defined."""
        return find_definition(self._facts, position)

    def find_fixes(self, place: Range) -> tuple[QuickFix, ...]:
        """Return the quick fixes for what is in a range."""
        return find_fixes(self._facts, self.problems, place)

    def map_sample(self) -> tuple[Mapped, ...]:
        """Map the sample's rows as the mapping is now, or was when it last compiled; nothing without rows."""
        work, sample = self._facts.known.work, self._facts.known.sample
        return () if work is None or sample is None else tuple(work.mapper.map_rows(sample.rows()))

    @property
    def _analysis(self) -> Analysis:
        if self._now is None:
            self._now = now = self._analyzer.analyze(self._text)
            if now.spec is None and self._known.spec is None:
                self._known = self._analyzer.guess(self._text)
            known = self._known
            same = now.connection is None or now.connection == known.connection
            self._known = Analysis(
                spec=now.spec or known.spec,
                connection=now.connection or known.connection,
                sample=now.sample or (known.sample if now.spec is None else None),
                work=now.work or (known.work if same else None),
            )
        return self._now

    @property
    def _facts(self) -> Facts:
        known = self._known if self._analysis.work is None else self._analysis
        if self._asked is None or self._asked.text != self._text or self._asked.known is not known:
            self._asked = Facts(self._text, self.path, known, self._converters)
        return self._asked
