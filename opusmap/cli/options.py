"""What the commands share: their arguments and options, logging, and opening a mapping with its source."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import click

from opusmap.cli.logs import begin_logs, log, set_level
from opusmap.cli.output import print_note
from opusmap.errors import OpusmapError
from opusmap.wording import find_nearest, quote_value

if TYPE_CHECKING:
    from opusmap.compiler import Mapper
    from opusmap.converters import Registry
    from opusmap.emulator import FaultPlan
    from opusmap.rejects import RejectWriter
    from opusmap.run.open import Work
    from opusmap.settings import Settings
    from opusmap.sources import Source

Command = TypeVar("Command", bound=Callable[..., Any])


class OneOf(click.Choice[str]):
    """One of a few words, in any letter case; the error on another one names the word that is like it."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(words, case_sensitive=False)

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return what is wrong with a value."""
        message = super().get_invalid_choice_message(value, ctx)
        near = find_nearest(str(value), self.choices)
        return message if near is None else f"{message} Did you mean '{near}'?"


MAPPING = click.argument("mapping", type=click.Path(dir_okay=False))
ANY_MAPPING = click.argument("mapping", required=False, type=click.Path(dir_okay=False, path_type=Path))
"""A mapping, or none: then the command is about this folder. See `refuse_absent`."""
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
JOURNAL = click.option(
    "--journal",
    type=click.Path(dir_okay=False),
    help="Journal's file or address.  [default: OPUSMAP_JOURNAL, or in MAPPING's folder or this one]",
)
SOURCE = click.argument("source", required=False)
WORKERS = click.option(
    "--workers",
    "count",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Number of mapping processes (at most the number of CPUs).",
)


ALL = click.option(
    "--all", "every", is_flag=True, help="Show every reason, not only those that fit the screen."
)
_VERBOSITY = (
    click.option("-q", "--quiet", is_flag=True, help="No progress, no notes."),
    click.option(
        "-v",
        "--verbose",
        count=True,
        help="Log more: -v steps, -vv each request.",
        expose_value=False,
        callback=lambda _context, _option, count: set_level(count),
    ),
    click.option(
        "--log-format",
        type=OneOf(["text", "json"]),
        default="text",
        show_default=True,
        help="Format of the lines on standard error.",
        expose_value=False,
        is_eager=True,
        callback=lambda _context, _option, form: begin_logs(form),
    ),
)


@dataclass(frozen=True, slots=True)
class Output:
    """What a command prints: one JSON object, if asked; with `quiet` no progress and no notes."""

    as_json: bool
    quiet: bool

    @property
    def silent(self) -> bool:
        """Whether nothing is printed for a person."""
        return self.as_json or self.quiet


def gather(name: str, make: Callable[..., Any], *options: str) -> Callable[[Command], Command]:
    """Return a decorator: the command gets some options as one argument, which `make` makes of them."""

    def decorate(command: Command) -> Command:
        @wraps(command)
        def run(**values: Any) -> Any:
            values[name] = make(**{option: values.pop(option) for option in options})
            return command(**values)

        return cast("Command", run)

    return decorate


def limit_option(help: str, *, default: int, old: str) -> Callable[[Command], Command]:
    """Return the option that says how many; the command gets `limit`. Its old name is read, with a note."""

    def note(_context: click.Context, _option: click.Parameter, value: int | None) -> int | None:
        if value is not None:
            note_old_option(old, "--limit")
        return value

    def decorate(command: Command) -> Command:
        command = gather("limit", lambda now, old: now if old is None else old, "now", "old")(command)
        command = click.option(old, "old", type=click.IntRange(1), hidden=True, callback=note)(command)
        counts = click.IntRange(1)
        return click.option("--limit", "now", default=default, show_default=True, type=counts, help=help)(
            command
        )

    return decorate


def verbosity(command: Command) -> Command:
    """Add the options that say what is printed beside a result; every command has them."""
    for option in _VERBOSITY:
        command = option(command)
    return command


def common(command: Command, kind: type[Output] = Output) -> Command:
    """Add the options that every command with a result has; it gets them as `out`, an object of `kind`."""
    command = gather("out", kind, *(field.name for field in fields(kind) if field.init))(command)
    return JSON(verbosity(command))


def custom(command: Command) -> Command:
    """Add the option that names files with custom converters."""
    return click.option(
        "--converters",
        multiple=True,
        type=click.Path(dir_okay=False),
        help="Python file with custom converters; its code runs. May be given several times.",
    )(command)


def html_option(help: str) -> Callable[[Command], Command]:
    """Return the option that writes a page: into the named file, or into one with a default name."""
    return click.option("--html", is_flag=False, flag_value="", metavar="[FILE]", help=help, callback=_page)


def _page(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Refuse a file that is not named like a page: an export given by mistake would be overwritten."""
    if value and value != "-" and not value.lower().endswith((".html", ".htm")):
        raise click.BadParameter(f"{value} does not end in .html; put all other arguments before --html")
    return value


def write_html(text: str, path: str) -> None:
    """Write a page into a file that only its owner can read, and print where it is."""
    from opusmap.output_files import write_whole

    with write_whole(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))
    if path != "-":
        print_note(f"page: {path}")


def registry(converters: tuple[str, ...]) -> Registry:
    """Return all converters: built in, installed, and those of the files named."""
    from opusmap.converters.plugins import all_converters

    return all_converters(converters)


def refuse_absent(mapping: Path | None) -> None:
    """Refuse a mapping that is named and is not there."""
    if mapping is not None and not mapping.is_file():
        raise click.UsageError(f"there is no mapping {quote_value(str(mapping))}")


def read_settings(mapping: str) -> Settings:
    """Return the settings from the environment and the `.env` file beside a mapping."""
    from opusmap.settings import load_settings

    return load_settings({}, os.environ, Path(mapping).parent)


def note_old_option(old: str, new: str) -> None:
    """Log that an option was given by its old name."""
    log(f"warning: {old} is an old name, which the next release does not read; use {new}", logging.WARNING)


def read_faults(faults: str | None, **numbers: str | None) -> FaultPlan:
    """Return the plan of an emulator's faults, from `--faults` and from its separate options."""
    from opusmap.emulator import read_plan

    given = [f"{name}={value}" for name, value in numbers.items() if value is not None]
    return read_plan(",".join([faults or "none", *given]))


def open_mapping(
    mapping: str,
    source: str | None,
    converters: tuple[str, ...],
    out: Output,
    *,
    around_to_do: bool = False,
) -> Work:
    """Open a mapping and its source; print what the reader decided for itself. See `open_work`."""
    from opusmap.run.open import open_work

    work = open_work(mapping, source, registry(converters), around_to_do=around_to_do)
    if not out.silent:
        for note in work.source.notes:
            print_note(f"{work.source.name}: {note}")
    return work


def refuse_own_input(mapper: Mapper, option: str, output: str, source: Source | None = None) -> None:
    """Refuse to replace a file that is read: the source, the mapping, or what belongs to it."""
    from opusmap.errors import SettingsError
    from opusmap.output_files import is_same_file

    read = [mapper.spec.path, mapper.connection.path, *mapper.spec.files]
    if source is not None:
        read += source.files or (source.name,)
    if output != "-" and any(is_same_file(output, name) for name in read):
        raise SettingsError(option, f"this would overwrite {output}, which is an input", "name another file")


def reject_writer(
    work: Work, given: str | None, output: str | None, sending: Literal["", "rehearsal", "run"] = ""
) -> RejectWriter:
    """Return the writer of a run's rejects: into the file given, else beside the output or the mapping."""
    from opusmap.rejects import RejectWriter

    mapping = work.mapper.spec.path
    if given is not None:
        try:
            refuse_own_input(work.mapper, "--rejects", given)
        except OpusmapError:
            with work.source:  # which is open, and closed by this
                raise
    beside = Path(mapping if output in (None, "-") else str(output))
    return RejectWriter.beside(beside, work.source, given, mapping=mapping, sending=sending)


def print_rejects_note(writer: RejectWriter) -> None:
    """Log why rejects are in another file than usual, or in none."""
    if writer.note:
        log(f"note: {writer.note}")
