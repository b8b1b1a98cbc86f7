"""How the problems of a mapping are printed: with their lines, as JSON lines, and for GitHub Actions."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from opusmap.cli.logs import log, logs_as_json
from opusmap.cli.terminal import PIPE_WIDTH, escape, make_console, text_width, wrap_words, write_error
from opusmap.safe_files import UnreadableFile, read_text
from opusmap.wording import counted, plain_breaks, visible

if TYPE_CHECKING:
    from rich.console import Console

    from opusmap.issues import Issue, Span

_SHOWN_LIMIT = 16 << 20
"""Bytes of a file in which the line of a problem is searched."""

_STYLES = {"error": "bold red", "warning": "bold yellow", "place": "bold", "help": "cyan"}


def print_diagnostics(diagnostics: Iterable[Issue[Span]]) -> None:
    """Print what is wrong in a mapping, with the lines it is about."""
    from opusmap.issues import Severity, render

    found = list(diagnostics)
    if logs_as_json():
        for diagnostic in found:
            level = logging.getLevelNamesMapping()[diagnostic.severity.value.upper()]
            log(diagnostic.one_line(), level, diagnostic=diagnostic.as_json())
        return
    told = found
    if any(one.cause for one in found):
        from opusmap.compiler.lint import join_causes

        told = join_causes(found)
    styled = make_console(stderr=True)

    def paint(text: str, style: str) -> str:
        return f"[{_STYLES[style]}]{escape(text)}[/]"

    explained = set[str]()
    read_lines = cache(_read_lines)  # a hostile file has thousands of problems
    for diagnostic in told:
        lines, number = read_lines(diagnostic.place.file), diagnostic.place.line
        line = lines[number - 1] or None if number <= len(lines) else None
        shown = _in_lines(diagnostic)
        width = styled.width if styled.is_terminal else PIPE_WIDTH
        plain = render([shown], lambda _file, _line, line=line: line, width=width)  # type: ignore[misc]
        _print_wrapped(styled, _painted(plain, shown, paint))
        if styled.is_terminal and diagnostic.code not in explained:
            explained.add(diagnostic.code)
            styled.print(
                f"     {paint('more:', 'help')} opusmap help {escape(diagnostic.code)}", soft_wrap=True
            )
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for diagnostic in found:
            write_error(_annotation(diagnostic))
    errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in told)
    warnings = len(told) - errors
    counts = [counted(count, word) for count, word in ((errors, "error"), (warnings, "warning")) if count]
    if counts:
        styled.print(escape(" and ".join(counts)))


def _print_wrapped(console: Console, painted: str) -> None:
    """Print a rendered diagnostic; on a terminal, its sentences are wrapped between words."""
    from rich.text import Text

    width, indent = text_width(console), len(_HELP) - len(_HELP.lstrip())
    for line in painted.split("\n"):
        text = Text.from_markup(line, emoji=False)
        is_sentence = text.plain.startswith(_HELP) or not text.plain.startswith(" ")
        if width is None or not is_sentence or text.cell_len <= width:
            console.print(line, soft_wrap=True)
            continue
        for index, part in enumerate(wrap_words(text, width - indent, 0)):
            console.print(Text(" " * indent * bool(index)).append_text(part), soft_wrap=True)


_HELP = "     help: "


def _annotation(diagnostic: Issue[Span]) -> str:
    """Return a diagnostic as a workflow command of GitHub Actions, which shows it in a pull request."""
    span = diagnostic.place
    places = {
        "file": span.file,
        "line": span.line,
        "col": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
        "title": diagnostic.code,
    }
    listed = ",".join(f"{name}={_escaped(str(value), ':,')}" for name, value in places.items())
    message = diagnostic.message + (f"\n{diagnostic.hint}" if diagnostic.hint else "")
    return f"::{diagnostic.severity} {listed}::{_escaped(message)}"


def _escaped(text: str, more: str = "") -> str:
    for char in "%\r\n" + more:
        text = text.replace(char, f"%{ord(char):02X}")
    return text


def _painted(plain: str, diagnostic: Issue[Span], paint: Callable[[str, str], str]) -> str:
    """Colour the head and the marks of a rendered diagnostic; nothing else in it is markup."""
    head, *rest = plain.split("\n")
    mark = f"{diagnostic.severity}[{diagnostic.code}]"
    place, _, message = head.partition(f": {mark}: ")
    lines = [f"{paint(place, 'place')}: {paint(mark, diagnostic.severity.value)}: {escape(message)}"]
    for line in rest:
        if set(line.strip()) == {"^"}:
            lines.append(paint(line, diagnostic.severity.value))
        elif line.startswith(_HELP):
            lines.append("     " + paint("help:", "help") + escape(line[len(_HELP) - 1 :]))
        else:
            lines.append(escape(line))
    return "\n".join(lines)


def _in_lines(diagnostic: Issue[Span]) -> Issue[Span]:
    """Return a diagnostic whose texts have no line breaks but our own."""
    place = replace(diagnostic.place, file=visible(diagnostic.place.file))
    message, hint = visible(diagnostic.message), visible(diagnostic.hint)
    return diagnostic.__class__(diagnostic.code, message, place, hint, diagnostic.severity)


def _read_lines(file: str) -> list[str]:
    """Return the lines of a file, as the YAML reader counts them; none if it can't be read."""
    try:
        text = read_text(file, _SHOWN_LIMIT, errors="replace")
    except UnreadableFile:
        return []
    return plain_breaks(text).split("\n")
