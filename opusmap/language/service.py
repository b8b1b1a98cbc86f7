"""What an editor asks of one mapping while it is written. The studio and `opusmap lsp` are its two faces."""

from __future__ import annotations

from pathlib import Path

from opusmap.converters import Registry
from opusmap.converters.plugins import all_converters
from opusmap.errors import OpusmapError
from opusmap.issues import Issue, Span
from opusmap.language.analysis import Analysis, Analyzer


class LanguageService:
    """Answers questions about the text of a mapping, which need not be saved, nor be YAML.

    What it reads besides is in the mapping's folder: the connection, the files under `include`, lookup
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

    @property
    def text(self) -> str:
        """The text, with LF as line breaks."""
        return self._text

    def update(self, text: str) -> None:
        """Take the mapping's text as it is now. The same text again: files beside it may have changed."""
        self._text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
        self._now = None

    @property
    def problems(self) -> tuple[Issue[Span], ...]:
        """What is wrong or unusual: the issues of `opusmap check`, which looks at all rows besides."""
        return self._analysis.problems

    @property
    def error(self) -> OpusmapError | None:
        """What else keeps the mapping from being checked: a source, or a lock, that can't be read."""
        return self._analysis.error

    @property
    def _analysis(self) -> Analysis:
        if self._now is None:
            self._now = self._analyzer.analyze(self._text)
        return self._now
