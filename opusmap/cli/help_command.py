"""`opusmap help`: pages about codes and words, the lists of both, and the help of a command."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

import click

from opusmap.cli.help import GUESSED, command
from opusmap.cli.options import verbosity
from opusmap.cli.terminal import make_console, paged, write_result
from opusmap.wording import list_near, visible

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.markdown import Markdown

_MOST_FOUND, _MOST_LINKS = 4, 12
"""How many guides a word finds, and how many are named below a page, at most."""


_CODES = "codes"
"""The word that lists all diagnostic codes."""
_TRY = "Try a word for what you want to do, such as dates, choices, people, excel, csv, send or settings."


def _complete(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Return the codes and how-to pages that begin with what was typed."""
    return sorted(name for name in _known_names() if name.startswith(typed))


def _known_names() -> list[str]:
    from opusmap.diagnostic_pages import list_codes
    from opusmap.guide_pages import list_guides

    codes = (code for codes in list_codes().values() for code in codes)
    return [_CODES, *codes, *(guide.name for guide in list_guides())]


@command(
    "Explain a diagnostic code, a command, or a word such as dates",
    "opusmap help unknown-column",
    "opusmap help dates",
    "opusmap help",
    "opusmap help submit",
    name="help",
)
@click.argument("words", nargs=-1, metavar="[WORD]...", shell_complete=_complete)
@verbosity
def help_(words: tuple[str, ...], *, quiet: bool) -> int:
    """Print the page of a diagnostic code: what it means, why it matters, an example and its fix.

    A WORD such as dates, excel or ampm, or several such as exit code 1, prints the how-to page or the section
    that is about it. Without WORD, all how-to pages and codes are listed. The name of a command prints its
    help.
    """
    from opusmap.diagnostic_pages import find_code, locate_page, read_page
    from opusmap.guide_pages import find_guides, find_mentions, list_words

    del quiet  # there are no notes
    context = click.get_current_context()
    program = context.find_root().command
    assert isinstance(program, click.Group)
    word = " ".join(words)
    if word.lower() not in list_words():
        word = find_code(word) or word
    if not words or word.lower() == _CODES:
        _print_list(codes=bool(words))
        return 0
    if word in program.commands:
        from rich.text import Text

        named = program.commands[word]
        own = click.Context(named, info_name=word, parent=context.find_root())
        with own, paged(console := make_console()):
            console.print(Text(visible(named.get_help(own), lines=True)), soft_wrap=True)
        return 0
    guides = [] if read_page(word) else find_guides(word)
    page = read_page(word, links=True) or (guides[0].text if guides else "")
    if not page:
        if (command_ := GUESSED.get(word.lower())) is not None:
            raise click.UsageError(
                f"There is no command or page '{word}'. Did you mean `opusmap help {command_}`?"
            )
        known = dict.fromkeys((*_known_names(), *list_words(), *program.commands))
        near = list_near(word.lower(), known, least=60, most=3)
        mentions = [guide.name for guide in find_mentions(word) if guide.name not in program.commands]
        meant = f"Did you mean {' or '.join(near)}?" if near else _TRY
        if mentions:
            typed = ", ".join(f"`opusmap help {name}`" for name in mentions[:_MOST_FOUND])
            meant = f"These mention it: {typed}."
        raise click.UsageError(f"There is no page about '{word}'. {meant} `opusmap help` lists all pages.")
    folder = guides[0].folder if guides else "docs/diagnostics"
    others = [guide.name for guide in guides[:_MOST_FOUND] if guide.text not in guides[0].text]
    whole = guides[0].page if guides and not guides[0].is_page else ""
    _print_page(page, folder, word, whole, others, locate_page(word))
    return 0


def _print_page(page: str, folder: str, word: str, whole: str, found: list[str], address: str) -> None:
    """Print a page of a folder, or a section, and what to type for more.

    That is the `whole` page that a section is on, others found by the word, and those that the page links to.
    """
    from opusmap.diagnostic_pages import summarise
    from opusmap.guide_pages import find_links, has_guide, show_links

    program = click.get_current_context().find_root().command
    assert isinstance(program, click.Group)
    commands = program.commands

    def is_page(name: str) -> bool:
        return name in commands or bool(summarise(name)) or has_guide(name)

    linked = filter(is_page, find_links(page))
    more = [name for name in dict.fromkeys((*found, *linked)) if name not in (word, whole)][:_MOST_LINKS]
    text = show_links(page, folder, is_page)
    if whole:
        text = text.rstrip() + f"\n\nThe whole page: `opusmap help {whole}`\n"
    if more:
        text = (
            text.rstrip() + "\n\n" + "See also:\n\n" + "".join(f"- `opusmap help {name}`\n" for name in more)
        )
    if address:
        text += f"\n{address}\n"
    if sys.stdout.isatty():
        with paged(console := make_console()):
            console.print(_markdown_type()(text))
    else:
        write_result(text, end="")


@cache
def _markdown_type() -> type[Markdown]:
    from rich.markdown import Markdown, TableElement
    from rich.table import Table

    class WholeTable(TableElement):
        """A table in which a long name is folded, and not cut: it is there to be typed."""

        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            for part in super().__rich_console__(console, options):
                if isinstance(part, Table):
                    for column in part.columns:
                        column.overflow = "fold"
                yield part

    class Page(Markdown):
        """Markdown for a terminal."""

        elements = {**Markdown.elements, "table_open": WholeTable}  # noqa: RUF012 - as rich has it

    return Page


def _print_list(*, codes: bool) -> None:
    """Print the how-to pages, or the codes in groups, each in one line with what it means."""
    with paged(console := make_console()):
        _write_list(console, codes=codes)


def _write_list(console: Console, *, codes: bool) -> None:
    from rich.text import Text

    from opusmap.cli.terminal import text_width, wrap_words
    from opusmap.diagnostic_pages import list_codes, summarise
    from opusmap.guide_pages import list_guides

    if codes:
        groups = {group: [(code, summarise(code)) for code in found] for group, found in list_codes().items()}
    else:
        groups = {"How to": [(guide.name, guide.title) for guide in list_guides()]}
    indent = max((len(name) for names in groups.values() for name, _ in names), default=0) + 4
    for at, (group, names) in enumerate(groups.items()):
        console.print(("\n" if at else "") + group, style="bold", soft_wrap=True)
        for name, meaning in names:
            for line in wrap_words(Text(meaning), text_width(console), indent, f"  {name}"):
                console.print(line, soft_wrap=True)
    if not codes:
        console.print(f"\nA word such as dates works, too. All diagnostic codes: opusmap help {_CODES}")
