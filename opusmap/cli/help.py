"""How help is laid out: examples first, commands in groups by what they are for, exit codes last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

GROUPS = {
    "Start": ("demo", "init"),
    "Check": ("check", "preview", "explain", "test", "lock"),
    "Send": ("submit", "retry", "map"),
    "After": ("report", "prune"),
    "More": ("doctor", "emulator", "converters", "schema", "completion"),
}
"""The commands, in the order in which a person needs them."""

EXIT_CODES = (
    ("0", "all done"),
    ("1", "finished, but some rows were rejected or failed"),
    ("2", "wrong usage, or an error in the mapping, source or settings"),
    ("3", "Opus could not be reached or signed in to"),
    ("4", "stopped early; run the same command again to go on"),
    ("70", "a bug in opusmap"),
)


class ExamplesFirst(click.Command):
    """A command whose examples come before its options."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the parts in order; `epilog` holds the examples."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        self.format_epilog(ctx, formatter)
        self.format_options(ctx, formatter)


class Program(ExamplesFirst, click.Group):
    """All commands, shown in groups with a whole line for each, and the exit codes at the end."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the groups of commands, then the options, then the exit codes."""
        width = max(map(len, self.commands))
        for title, names in GROUPS.items():
            with formatter.section(title):
                for name in names:
                    text = self.commands[name].short_help
                    formatter.write(f"{'':>{formatter.current_indent}}{name:<{width}}  {text}\n")
        click.Command.format_options(self, ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl(EXIT_CODES)


def command(
    summary: str, *examples: str, name: str | None = None
) -> Callable[[Callable[..., Any]], click.Command]:
    """Return the decorator of a command: one line that says what it does, and lines that show how."""
    return click.command(name, cls=ExamplesFirst, short_help=summary, epilog=show_examples(*examples))


def show_examples(*lines: str) -> str:
    """Return examples as a part of a command's help."""
    return (
        "\b\n"
        + ("Example:" if len(lines) == 1 else "Examples:")
        + "\n"
        + "\n".join(f"  {line}" for line in lines)
    )
