"""How help is laid out: examples first, commands in groups by what they are for, exit codes last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

GROUPS = {
    "Start": ("demo", "init", "studio"),
    "Check": ("check", "preview", "explain", "diff", "test", "lock"),
    "Send": ("submit", "retry", "map", "stage"),
    "After": ("report", "due", "destroy", "prune"),
    "More": ("help", "doctor", "emulator", "lsp", "converters", "schema", "completion"),
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


_REHEARSALS = ("dry-run", "dryrun", "test", "simulate", "simulation", "preview", "whatif", "what-if", "check")
_REHEARSAL_OPTIONS = frozenset((*(f"--{name}" for name in _REHEARSALS), "--rehearse", "--emulator", "-n"))
"""How other programs name what sends nothing."""
TYPED = "opusmap.words"
"""Where the context keeps what was typed after the command."""
_MAPPINGS = ("mapping", "mappings")


def advise_on_mapping(ctx: click.Context, message: str) -> str:
    """Return the message that no mapping was named, with the command that names those of this folder."""
    from opusmap.cli.arguments import find_mappings
    from opusmap.wording import show_command

    found = find_mappings()
    if not found:
        return message
    name = ctx.command_path.removeprefix("opusmap ")
    first = next(each for each in ctx.command.params if isinstance(each, click.Argument))
    typed = ctx.meta[TYPED]
    if first.name not in _MAPPINGS and found[0] in typed:
        return f"{message} {found[0]} is the mapping: name the {first.name} first."
    # An argument that the command has before the mapping was typed, or that one would be missing.
    words = (found[0], *typed) if first.name in _MAPPINGS else (*typed, found[0])
    meant = show_command(*name.split(), *words)
    if len(found) == 1:
        return f"{message} There is one in this folder: `{meant}`"
    return f"{message} There are {len(found)} in this folder, such as {found[0]}: `{meant}`"


def quote_column(words: Sequence[str]) -> str:
    """Return how the name of a column that has spaces is given to `explain`; empty if it is one word.

    Args:
        words: what was typed: the mapping, the words of the name, and options.
    """
    from opusmap.wording import show_command

    end = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    if end <= _MAPPING_AND_WORD:
        return ""
    meant = show_command("explain", words[0], " ".join(words[1:end]), *words[end:])
    return f"Put a name with spaces in quotes: `{meant}`"


_MAPPING_AND_WORD = 2


class ExamplesFirst(click.Command):
    """A command whose examples come before its options; what is typed by mistake gets the right advice."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words; an option of other programs for a rehearsal is answered with our own."""
        ctx.meta[TYPED] = tuple(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name == "--rows" and any("--limit" in each.opts for each in self.params):
                raise click.UsageError("No such option '--rows'. Did you mean '--limit'?", ctx) from None
            if error.option_name not in _REHEARSAL_OPTIONS:
                raise
            raise click.UsageError(self._advise(error.option_name, ctx.meta[TYPED]), ctx) from None
        except click.MissingParameter as error:
            if error.param is None or error.param.name not in _MAPPINGS:
                raise
            raise click.UsageError(advise_on_mapping(ctx, error.format_message()), ctx) from None
        except click.UsageError as error:
            words = ctx.meta[TYPED]
            found = self._name_run(words) or (quote_column(words) if self.name == "explain" else "")
            if not found or not error.message.startswith("Got unexpected extra argument"):
                raise
            raise click.UsageError(f"{error.message}. {found}", ctx) from None

    def _name_run(self, typed: Sequence[str]) -> str:
        """Return how to name a run whose number is an argument too many; empty if there is none."""
        from opusmap.wording import show_command

        at = next((at for at, word in enumerate(typed) if word.isdecimal()), None)
        if at is None or "--run" not in {name for each in self.params for name in each.opts}:
            return ""
        meant = show_command(self.name or "", *typed[:at], "--run", *typed[at:])
        return f"Did you mean `{meant}`?"

    def _advise(self, option: str, typed: Sequence[str]) -> str:
        """Return what to use in the place of an option that is not there."""
        from opusmap.wording import show_command

        named = {name for each in self.params for name in each.opts}
        if "--to" not in named:
            return f"No such option '{option}'. `opusmap {self.name}` sends nothing to Opus: leave it out."
        at = next(at for at, word in enumerate(typed) if word.startswith(option))
        is_number = option == "-n" and typed[at + 1 : at + 2] and typed[at + 1].isdigit()
        words = [*typed[:at], *typed[at + 1 + bool(is_number) :]]
        files = [word for word in words if not word.startswith("-")][: 1 if self.name == "retry" else 2]
        many = " For a number of records use --limit." if option == "-n" and "--limit" in named else ""
        check, rehearse = (
            show_command("check", *files),
            show_command(self.name or "", *words, "--to", "emulator"),
        )
        return (
            f"No such option '{option}'.{many} Did you mean `{check}` or `{rehearse}`? "
            "Neither sends anything to Opus."
        )

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, unless its arguments are clearly in the wrong order."""
        if TYPED in ctx.meta and not isinstance(self, click.Group):
            from opusmap.cli.arguments import check_arguments

            check_arguments(self.name or "", ctx.params, ctx.meta[TYPED])
        return super().invoke(ctx)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the parts in order; `epilog` holds the examples."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        self.format_epilog(ctx, formatter)
        self.format_options(ctx, formatter)


class Program(ExamplesFirst, click.Group):
    """All commands, shown in groups with a whole line for each, and the exit codes at the end."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is named; a word that people guess is answered with the command."""
        meant = find_meant(args[0], self.commands)
        if args[0] in self.commands or args[0].startswith("-") or meant is None:
            return super().resolve_command(ctx, args)
        raise click.UsageError(f"No such command '{args[0]}'. Did you mean `opusmap {meant}`?", ctx)

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


GUESSED = {
    **dict.fromkeys(("validate", "verify", "lint", "analyse", "analyze", "dry-run", "dryrun"), "check"),
    **dict.fromkeys(
        ("send", "upload", "run", "push", "import", "ingest", "load", "resume", "start"), "submit"
    ),
    **dict.fromkeys(("convert", "transform", "export"), "map"),
    **dict.fromkeys(("draft", "new", "create", "generate", "setup"), "init"),
    **dict.fromkeys(("show", "view", "head", "sample"), "preview"),
    **dict.fromkeys(("simulate", "rehearse", "mock"), "emulator"),
    **dict.fromkeys(("compare", "changes"), "diff"),
    **dict.fromkeys(("status", "history", "results", "runs"), "report"),
    **dict.fromkeys(("resend", "fix", "correct", "rejects"), "retry"),
    **dict.fromkeys(("dispose", "delete", "remove"), "destroy"),
    **dict.fromkeys(("ui", "gui", "web", "serve"), "studio"),
    **dict.fromkeys(("diagnose", "doc"), "doctor"),
}
"""Words that people type for a command, as other programs name it -> the command."""


def find_meant(word: str, commands: Iterable[str]) -> str | None:
    """Return the command that a word is typed for: one of that meaning, or of almost that name."""
    from opusmap.wording import list_near

    typed, known = word.lower(), list(commands)
    if typed in GUESSED or typed in known:
        return GUESSED.get(typed, typed)
    return next(iter(list_near(typed, known, least=75, most=1)), None)


class Family(ExamplesFirst, click.Group):
    """A command with its own commands, shown in their order with a whole line for each."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """Return the names in the order in which a person needs them."""
        return list(self.commands)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, then the options."""
        width = max(map(len, self.commands))
        with formatter.section("Commands"):
            for name, each in self.commands.items():
                formatter.write(f"{'':>{formatter.current_indent}}{name:<{width}}  {each.short_help}\n")
        click.Command.format_options(self, ctx, formatter)


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
