"""The one place where text leaves the program: notes, results, and consoles for tables and colours.

Owns that no text of a mapping, a source or an answer acts on the terminal: what could is written as its
escape. Data on standard output (`map -o -`) do not come here: they stay exact. A standard error that can't be
written stops nothing, and neither does a reader that closes standard output.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, TextIO

from opusmap.wording import visible

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment
    from rich.table import Table
    from rich.text import Text

PIPE_WIDTH = 120
"""Columns of output that goes to no terminal."""


def begin_streams() -> None:
    """Make the standard streams usable, whatever they were opened as, or closed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed, as by `>&-`, or a program without a console
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - it stays
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a Windows console's code page can't show every character
            stream.reconfigure(errors="replace")


def write_error(text: str) -> None:
    """Print lines on standard error; errors of writing are ignored: there is no place to report them."""
    _flush_before()
    with suppress(OSError):
        print(visible(text, lines=True), file=sys.stderr, flush=True)


def write_result(text: str, end: str = "\n") -> None:
    """Print lines on standard output.

    Raises:
        OSError: it can't be written; a reader that has closed it is not an error.
    """
    try:
        print(visible(text, lines=True), end=end)
    except BrokenPipeError:
        discard(sys.stdout)


def write_json(value: Any, indent: int | None = None) -> None:
    """Print an object as JSON on standard output; see `write_result`."""
    write_result(dump_json(value, indent))


def dump_json(value: Any, indent: int | None = None) -> str:
    r"""Return a value as JSON in which what acts on a terminal is written as JSON's own `\u…`."""
    return shown_json(json.dumps(value, ensure_ascii=False, default=str, indent=indent))


def shown_json(text: str) -> str:
    r"""Return JSON text in which what acts on a terminal is written as JSON's own `\u…`.

    So is what is not ASCII, where standard output is not UTF-8 (redirected on Windows, it is not): it would
    become `?` there.
    """
    exact = text.isascii() or codecs.lookup(sys.stdout.encoding or "utf-8").name == "utf-8"
    if exact and visible(text, lines=True) == text:
        return text
    return "".join(
        char if visible(char, lines=True) == char and (exact or char.isascii()) else json.dumps(char)[1:-1]
        for char in text
    )


def flush_result() -> None:
    """Write what is still to be written on standard output; see `write_result`."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)


def _flush_before() -> None:
    """Write what standard output holds, before standard error: both may go to one file or pipe.

    What can't be written is kept, and reported when the program flushes it.
    """
    with suppress(OSError, ValueError):
        sys.stdout.flush()


def discard(stream: TextIO) -> None:
    """Discard what a stream still holds and what follows: else Python reports an error when it exits."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def escape(text: str) -> str:
    """Return a text for a console as one line in which nothing is markup or acts on the terminal."""
    from rich.markup import escape as escape_markup

    return escape_markup(visible(text))


def text_width(console: Console) -> int | None:
    """Return the width that texts are wrapped to; None in a pipe, where each is one line."""
    return console.width if console.is_terminal else None


def wrap_words(text: Text, width: int | None, indent: int, start: str = "") -> list[Text]:
    """Return a text as lines of a width (see `text_width`), indented; a word that is wider stays whole.

    Rich's own wrapping would break such a word, or cut it.
    The first line begins with `start` instead of blanks.
    """
    from rich.cells import cell_len
    from rich.text import Text

    breaks, column = list[int](), 0
    room = sys.maxsize if width is None else width - indent
    for word in re.finditer(r"\S+\s*|\s+", text.plain):
        if column and column + cell_len(word.group().rstrip()) > room:
            breaks.append(word.start())
            column = 0
        column += cell_len(word.group())
    lines = text.divide(breaks)
    for line in lines if breaks else ():
        line.rstrip()
    first = start + (" " * (indent - cell_len(start)) or "  " * bool(start))
    return [Text(" " * indent if index else first).append_text(line) for index, line in enumerate(lines)]


def measure(console: Console, shown: RenderableType) -> tuple[int, int]:
    """Return how many columns something takes at least, its longest words whole, and without any wrapping."""
    size = console.measure(shown, options=console.options.update(max_width=_ANY_WIDTH))
    return size.minimum, size.maximum


_ANY_WIDTH = 1_000_000
"""More columns than any line has: rich cuts what it measures to those of the console."""

Pairs = tuple[str, Sequence[tuple[str, str]]]
"""A title, and names with their values."""


def print_pairs(console: Console, *all_pairs: Pairs) -> None:
    """Print titles, and names with values below each: side by side where that fits, else one below the other.

    Values are wrapped between words.
    """
    from rich.table import Table

    width = text_width(console)
    if width is not None and width >= SIDES_WIDTH:
        first, *others = all_pairs
        stacked = [_stack(first, None)]
        left = width - measure(console, stacked[0])[1] - _BETWEEN
        stacked += [_stack(pairs, left // len(others)) for pairs in others]
        if all(measure(console, each)[1] <= left // len(others) for each in stacked[1:]):
            sides = Table.grid(padding=(0, _BETWEEN, 0, 0))
            sides.add_row(*stacked)
            console.print(sides)
            return
    for index, pairs in enumerate(all_pairs):
        if index:
            console.print()
        console.print(_stack(pairs, width), soft_wrap=True)


def _stack(pairs: Pairs, width: int | None) -> Text:
    """Return a title with its pairs as lines, wrapped to a width."""
    from rich.cells import cell_len
    from rich.text import Text

    title, values = pairs
    shown = [(visible(name), visible(value)) for name, value in values]
    indent = min(_NAME_WIDTH, max((cell_len(name) for name, _ in shown), default=0)) + 2
    lines = [Text(visible(title), style="italic")]
    for name, value in shown:
        lines += wrap_words(Text(value), width, indent, name)
    return Text("\n").join(lines)


SIDES_WIDTH = 110
"""Columns of a terminal from which on two things are shown side by side, and findings as a table."""
_BETWEEN = 4
_NAME_WIDTH = 30
"""Columns of the longest name that values are aligned to."""


def make_console(*, stderr: bool = False) -> Console:
    """Return a console for tables and colours, on standard output or standard error."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    file: Any = _Tolerant(stream) if stderr else stream
    return _console_type()(file=file, stderr=stderr, highlight=False, emoji=False, width=width)


@contextmanager
def paged(console: Console) -> Iterator[None]:
    """Show what is printed on standard output page by page, if it has more lines than the terminal.

    `PAGER` names the program for that; it is `less` otherwise. Without a terminal to read keys from, and in
    a job of CI, all is printed at once; so it is on Windows without `PAGER`, whose `more` reads no UTF-8.
    """
    answers = sys.stdin.isatty() and sys.stdout.isatty() and not os.environ.get("CI")
    if not answers or (os.name == "nt" and not os.environ.get("PAGER")):
        yield
        return
    import click

    with console.capture() as captured:
        yield
    text = captured.get().rstrip("\n")
    if text.count("\n") + 2 > console.height:  # and the prompt
        click.echo_via_pager(text)
    else:
        click.echo(text)


def make_table(*, titles: bool = False, gap: int = 2) -> Table:
    """Return a table without lines, whose columns are `gap` apart and may have titles."""
    from rich.table import Table

    return Table(box=None, show_header=titles, padding=(0, gap, 0, 0))


class _Tolerant:
    """Standard error for a console: what can't be written is left out."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        _flush_before()
        with suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@cache
def _console_type() -> type[Console]:
    from rich.console import Console
    from rich.segment import Segment

    class VisibleConsole(Console):
        """A console whose only control codes are its own: colours, and the cursor's for progress."""

        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                shown = segment.text if segment.control else visible(segment.text, lines=True)
                yield segment if shown == segment.text else Segment(shown, segment.style)

        def on_broken_pipe(self) -> None:
            del self._buffer[:]
            discard(sys.stdout)

    return VisibleConsole
