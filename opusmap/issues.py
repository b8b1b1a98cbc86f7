"""What is wrong and where: `Issue`, its place and severity, and how issues are shown.

One type for all of them: an issue of a mapping or connection file, of a row, and a note on a record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

import msgspec


class Severity(StrEnum):
    """How severe an issue is: an error stops `submit`, a warning is shown and counted."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A piece of a text file. Lines and columns count from 1; the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    @classmethod
    def between(cls, file: str, text: str, start: int, end: int) -> Span:
        """Return the span between two offsets of a file's text."""
        places = [(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)) for at in (start, end)]
        return cls(file, *places[0], *places[1])


Place_co = TypeVar("Place_co", bound="Span | str", covariant=True)


class Fix(msgspec.Struct, frozen=True, gc=False):
    """A change of a file's text that an issue's hint describes exactly: what replaces the text of a span.

    `form` says what `text` is: the `value` of a scalar, an `expression` in a template, or whole lines of
    the file as they are (`lines`).
    """

    span: Span
    text: str
    form: Literal["value", "expression", "lines"] = "value"


def fix_with(span: Span, text: str | None, form: Literal["value", "expression"] = "value") -> Fix | None:
    """Return the fix that replaces what is at a place, None where nothing is known that would."""
    return None if text is None else Fix(span, text, form)


class Issue(msgspec.Struct, Generic[Place_co], frozen=True, gc=False):
    """One thing that is wrong: a stable code, what is wrong, where, and a hint that says what to do.

    `place` is a `Span` for an issue of a mapping or connection file. For an issue of a row it is the target
    column's display name, the source column's where no target is concerned, or empty for the whole row.
    `fix` is the hint as a change of the file, where it says exactly what to write. `cause` is what several
    issues may have in common, such as the source column whose cells are empty: a person needs it once.
    Rows make issues by the hundred thousand, so this is a msgspec struct: it is made in a tenth of the time.
    """

    code: str
    message: str
    place: Place_co
    hint: str = ""
    severity: Severity = Severity.ERROR
    fix: Fix | None = None
    cause: str = ""

    @property
    def span(self) -> Place_co:
        """The old name of `place`, kept for one release."""
        return self.place

    column = span
    """The old name of `place`, kept for one release."""

    @property
    def help(self) -> str:
        """The old name of `hint`, kept for one release."""
        return self.hint

    def one_line(self) -> str:
        """Return `file:line:column: severity[code]: message`, as editors read it."""
        return f"{self.place}: {self.severity}[{self.code}]: {self.message}"

    def as_json(self) -> dict[str, Any]:
        """Return the issue as plain data for `--json`: with `span` in a file, with `column` in a row."""
        if isinstance(self.place, Span):
            return {
                "code": self.code,
                "severity": self.severity,
                "message": self.message,
                "span": asdict(self.place),
                "help": self.hint,
            }
        return {"column": self.place, "code": self.code, "message": self.message, "help": self.hint}


Diagnostic = Problem = Issue
"""The old names of `Issue`, kept for one release."""


def render(
    diagnostics: Iterable[Issue[Span]],
    read_line: Callable[[str, int], str | None],
    paint: Callable[[str, str], str] = lambda text, _style: text,
    width: int = 107,
) -> str:
    """Return issues as a compiler shows them: place, source line, caret, help.

    Of a line that is longer than `width` characters with its number, the part around the place is shown.

    `read_line(file, line)` gives the source line, or None when the file can't be read; `paint(text,
    style)` colours (styles: `error`, `warning`, `place`, `help`) or returns the text as it is.
    """
    lines = list[str]()
    for issue in diagnostics:
        span, style = issue.place, issue.severity.value
        head = paint(f"{issue.severity}[{issue.code}]", style)
        lines.append(f"{paint(str(span), 'place')}: {head}: {issue.message}")
        source = read_line(span.file, span.line)
        if source is not None:
            gutter = f"{span.line:>4} | "
            shown, offset = _window(source, span.column - 1, width - len(gutter))
            end = span.end_column if span.end_line == span.line else len(source) + 1
            marks = "^" * max(1, min(end - span.column, len(shown) - offset))
            lines += [gutter + shown, " " * (len(gutter) + offset) + paint(marks, style)]
        if issue.hint:
            lines.append(f"     {paint('help:', 'help')} {issue.hint}")
    return "\n".join(lines)


def _window(source: str, offset: int, width: int) -> tuple[str, int]:
    """Cut a long source line to the part around `offset`; tabs and oddities become one blank each.

    A mark `…` replaces each part that is left out.
    """
    size = len(source)
    start = min(max(0, offset - width // 3), max(0, size - width))
    shown = "".join(char if char.isprintable() else " " for char in source[start : start + width])
    before, after = "…" if start else "", "…" if start + width < size else ""
    return before + shown[len(before) : width - len(after)] + after, offset - start
