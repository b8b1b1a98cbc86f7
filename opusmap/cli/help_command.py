"""`opusmap help`: the page of a diagnostic code, the list of all codes, or the help of a command."""

from __future__ import annotations

import difflib
import sys

import click

from opusmap.cli.help import command
from opusmap.cli.options import verbosity
from opusmap.cli.terminal import make_console, write_result


def _complete(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Return the codes that begin with what was typed."""
    from opusmap.diagnostic_pages import list_codes

    return sorted(code for codes in list_codes().values() for code in codes if code.startswith(typed))


@command(
    "Explain a diagnostic code, or a command",
    "opusmap help unknown-column",
    "opusmap help",
    "opusmap help submit",
    name="help",
)
@click.argument("code", required=False, shell_complete=_complete)
@verbosity
def help_(code: str | None, *, quiet: bool) -> int:
    """Print the page of a diagnostic CODE: what it means, why it matters, an example and its fix.

    Without CODE, all codes are listed, each with what it means. The name of a command prints its help.
    """
    from opusmap.diagnostic_pages import list_codes, locate_page, read_page

    del quiet  # there are no notes
    context = click.get_current_context()
    program = context.find_root().command
    assert isinstance(program, click.Group)
    if code is None:
        _print_codes()
        return 0
    if code in program.commands:
        named = program.commands[code]
        with click.Context(named, info_name=code, parent=context.find_root()) as own:
            write_result(named.get_help(own))
        return 0
    page = read_page(code)
    if not page:
        known = [*(one for codes in list_codes().values() for one in codes), *program.commands]
        near = difflib.get_close_matches(code.lower(), known, cutoff=0.5)
        meant = f" Did you mean {' or '.join(near)}?" if near else ""
        raise click.UsageError(f"There is no code '{code}'.{meant} `opusmap help` lists all codes.")
    if link := locate_page(code):
        page += f"\n{link}\n"
    if sys.stdout.isatty():
        from rich.markdown import Markdown

        make_console().print(Markdown(page))
    else:
        write_result(page, end="")
    return 0


def _print_codes() -> None:
    """Print the codes in groups, one a line with what it means."""
    from rich.text import Text

    from opusmap.cli.terminal import text_width, wrap_words
    from opusmap.diagnostic_pages import list_codes, summarise

    console, groups = make_console(), list_codes()
    indent = max((len(code) for codes in groups.values() for code in codes), default=0) + 4
    for at, (group, codes) in enumerate(groups.items()):
        console.print(("\n" if at else "") + group, style="bold", soft_wrap=True)
        for code in codes:
            for line in wrap_words(Text(summarise(code)), text_width(console), indent, f"  {code}"):
                console.print(line, soft_wrap=True)
