"""`opusmap init`: drafts a mapping from a connection and a source."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from opusmap.cli.help import command
from opusmap.cli.next_step import Given, print_next
from opusmap.cli.options import Output, common, custom, gather, limit_option, registry
from opusmap.cli.output import print_json, print_note
from opusmap.cli.terminal import write_error, write_result
from opusmap.wording import counted, quote_value

if TYPE_CHECKING:
    from opusmap.drafting import Carried, Draft, Drafted


def complete_source_key(typed: str) -> list[str]:
    """Return the keys of `source` that begin with what was typed, and `format=` with each format."""
    from opusmap.sources import all_formats
    from opusmap.sources.formats import COMMON_OPTIONS

    formats = list(all_formats())
    keys = dict.fromkeys((*COMMON_OPTIONS, *(option for one in formats for option in one.options)))
    offered = [*(f"{key}=" for key in keys if key != "format"), *(f"format={one.name}" for one in formats)]
    return [text for text in offered if text.startswith(typed)]


@dataclass(frozen=True, slots=True)
class Known:
    """The time zone of the source and the date format of Opus, as given on the command line."""

    timezone: str | None
    datetime_format: str | None


def decide(draft: Draft, known: Known, path: str, *, asks: bool) -> Draft:
    """Return the draft with its time zone and date format; if `asks`, ask for those that are not known.

    `path` is the file that the draft is written to.
    """
    from opusmap.drafting import EXAMPLE_DATE, read_timezone

    zone, pattern = draft.timezone, draft.datetime_format
    if known.timezone is not None:
        zone = read_timezone(known.timezone)
    if known.datetime_format is not None:
        pattern = _read_given_format(known.datetime_format)
    asks_zone = asks and zone is None and bool(draft.zone_needed)
    asks_format = asks and pattern is None and draft.has_dates
    if asks_zone or asks_format:
        count = "two questions" if asks_zone and asks_format else "one question"
        write_error(
            f"This drafts a mapping from the connection and the source, and writes it to {path}. "
            f"Nothing is sent. First, {count} that these files can't answer:"
        )
    if asks_zone:
        columns = ", ".join(draft.zone_needed)
        zone = _ask(
            f"In which time zone are the times of {columns}? For example Europe/London.", read_timezone
        )
    if asks_format:
        question = (
            f"How does Opus write {EXAMPLE_DATE}? See Opus > Settings > General settings. "
            "Such as 2024-12-19 18:15:00."
        )
        pattern = _ask(question, _make_format_reader())
    return replace(draft, timezone=zone, datetime_format=pattern)


def _read_given_format(text: str) -> str:
    """Return the format that `--datetime-format` names; a date without a time of day is not taken for one.

    Raises:
        SettingsError: it can't be read, or is a date that does not show how Opus writes the time.
    """
    from opusmap.converters.format_parts import writes_time
    from opusmap.drafting import read_datetime_format
    from opusmap.errors import SettingsError

    pattern = read_datetime_format(text)
    if "%" not in text and not writes_time(pattern):
        problem = f"{quote_value(text)} has no time of day, so 18:15 would be lost"
        hint = f'write it with its time, such as "{text} 18:15"; if Opus shows none, write "{pattern}"'
        raise SettingsError("--datetime-format", problem, hint)
    return pattern


def _make_format_reader() -> Callable[[str], str]:
    """Return what reads how Opus writes dates; it takes one without a time of day only the second time."""
    from opusmap.converters.format_parts import writes_time
    from opusmap.drafting import read_datetime_format
    from opusmap.errors import SettingsError

    refused = set[str]()

    def read(text: str) -> str:
        pattern = read_datetime_format(text)
        if not writes_time(pattern) and pattern not in refused:
            refused.add(pattern)
            problem = f"{quote_value(text)} has no time of day, so 18:15 would be lost"
            hint = "write it with its time; or the same again, if Opus shows none"
            raise SettingsError("--datetime-format", problem, hint)
        return pattern

    return read


def _ask(question: str, read: Callable[[str], str]) -> str | None:
    """Return the answer to a question as `read` reads it; None for no answer, which leaves a TODO."""
    from opusmap.errors import SettingsError

    write_error(f"{question} Press Enter to decide later.")
    while answer := sys.stdin.readline().strip():
        try:
            return read(answer)
        except SettingsError as error:
            write_error(f"{error.problem}; {error.help}\nType it again, or press Enter to decide later.")
    return None


@command(
    "Draft a mapping from a connection file and your export",
    "opusmap init contracts.connection.json contracts.csv",
    "opusmap init contracts.connection.json export.txt --set header_row=3 -o draft.yaml",
    'opusmap init deeds.connection.json --set database=OPUSMAP_DATABASE --set "sql=SELECT * FROM Deed"',
)
@click.argument("connection", type=click.Path(dir_okay=False))
@click.argument("source", required=False)
@click.option(
    "-o", "--output", help="File for the draft; `-` prints it.  [default: mapping.yaml beside the connection]"
)
@limit_option("Maximum number of rows to look at.", default=50_000, old="--rows")
@click.option(
    "--set",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=lambda _context, _parameter, typed: complete_source_key(typed),
    help="Set a key of the mapping's `source`.",
)
@click.option(
    "--from",
    "earlier",
    type=click.Path(dir_okay=False),
    help="Earlier mapping to update: keeps what still fits, and finds renamed columns.",
)
@click.option("--timezone", help="Time zone of source times that have none, such as Europe/London.")
@click.option(
    "--datetime-format",
    help="How Opus writes 19 December 2024, 18:15:00 (General settings), or the format of that.",
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
@gather("known", Known, "timezone", "datetime_format")
@custom
@common
def init(
    connection: str,
    source: str | None,
    output: str | None,
    limit: int,
    options: tuple[str, ...],
    earlier: str | None,
    known: Known,
    converters: tuple[str, ...],
    out: Output,
    *,
    force: bool,
) -> int:
    """Draft a mapping from a CONNECTION file and a SOURCE, for you to finish.

    The draft names the source column for each column of Opus, and how certain that is. What only you
    can decide is marked TODO; on a terminal, you are asked for the time zone of the source and the date
    format of Opus. Without a SOURCE, `--set database=…` names a database. Nothing is sent anywhere.
    """
    from opusmap.drafting import default_output, draft_files, refuse_existing, write_draft, write_files

    path = str(default_output(connection)) if output is None else output
    base = "mapping.yaml" if path == "-" else path
    asks = not out.silent and path != "-" and sys.stdin.isatty() and sys.stderr.isatty()
    if asks and not force:
        refuse_existing(path)
    known_converters = registry(converters)
    draft = draft_files(
        connection,
        source,
        base,
        options=options,
        rows=limit,
        earlier=earlier,
        converters=known_converters,
        decide=lambda draft: decide(draft, known, path, asks=asks),
    )
    if path == "-":
        write_result(write_draft(draft), end="")
        return 0
    drafted = write_files(draft, path, force=force, converters=known_converters)
    if out.as_json:
        print_json(_facts(drafted))
    elif not out.quiet:
        for line in _summary(drafted):
            print_note(line)
        open_ = sum(one.severity == "error" for one in drafted.diagnostics)
        todos = f", and the {counted(open_, 'TODO')} to decide" if open_ else ""
        print_next(out, f"see what is mapped{todos}", Given(str(drafted.path)).command("check"))
    return 0


def _facts(drafted: Drafted) -> dict[str, Any]:
    return {
        "mapping": str(drafted.path),
        "schema": str(drafted.schema),
        "columns": [
            {
                "column": match.column.internal_name,
                "source": None if match.chosen is None else match.chosen.source,
                "confidence": None if match.chosen is None else round(match.chosen.confidence, 3),
                "candidates": [[one.source, round(one.confidence, 3)] for one in match.candidates],
            }
            for match in drafted.draft.matches
        ],
        "carried": None if drafted.draft.carried is None else _carried_facts(drafted.draft.carried),
        "profile": drafted.draft.profile.as_json(),
        "diagnostics": [one.as_json() for one in drafted.diagnostics],
    }


def _carried_facts(carried: Carried) -> dict[str, Any]:
    return {
        "from": carried.path,
        "kept": list(carried.kept),
        "renamed": [
            {"from": one.name, "to": one.now, "confidence": round(one.confidence, 3), "lines": list(lines)}
            for one, lines in carried.fates
            if one.now is not None
        ],
        "missing": [
            {"column": one.name, "candidates": [name for name, _ in one.candidates], "lines": list(lines)}
            for one, lines in carried.fates
            if one.now is None
        ],
        "elsewhere": list(carried.elsewhere),
        "gone": list(carried.gone),
        "unbound": list(carried.unbound),
    }


def _carried_lines(carried: Carried) -> list[str]:
    """Return what was done with each column of an earlier mapping."""
    told = [f"{carried.path}: {len(carried.kept)} source columns are kept"]
    for one, lines in carried.fates:
        where = f" (line{'s' if lines[1:] else ''} {', '.join(map(str, lines))})" if lines else ""
        if one.now is not None:
            told.append(f'  renamed: "{one.name}" is now "{one.now}", {round(100 * one.confidence)} %{where}')
        elif one.candidates:
            near = ", ".join(f'"{name}"' for name, _ in one.candidates)
            told.append(f'  to decide: "{one.name}" is not in the source; nearest: {near}{where}')
        else:
            told.append(f'  gone: "{one.name}" is not in the source, and no column is similar{where}')
    told += [f"  to change by hand, in a shared file: {place}" for place in carried.elsewhere]
    told += [f'  gone from the connection: "{name}"' for name in carried.gone]
    if carried.drafted:
        names = ", ".join(f'"{one.column.display_name}"' for _, one in carried.drafted)
        told.append(f"  new in the connection: {names}")
    if carried.unbound:
        told.append(f"  without a binding: {', '.join(carried.unbound)}")
    return told


def _summary(drafted: Drafted) -> list[str]:
    from opusmap.drafting import count_questions

    draft = drafted.draft
    profile = draft.profile
    looked = counted(profile.rows, "row") if profile.whole else f"the first {counted(profile.rows, 'row')}"
    unreadable = f", and {profile.rejected:,} that could not be read" if profile.rejected else ""
    open_ = [one for one in drafted.diagnostics if one.severity == "error"]
    bound = sum(one.binding is not None for one in draft.bindings)
    lines = [f"{profile.name}: {note}" for note in profile.notes]
    lines.append(f"{profile.name}: {counted(len(profile.columns), 'column')}, {looked}{unreadable}")
    if draft.carried is not None:
        lines += _carried_lines(draft.carried)
    else:
        lines.append(
            f"{drafted.path}: found a source for {bound} of the connection's {len(draft.matches)} columns"
        )
    if draft.preset is not None:
        known = f"recognised as {draft.preset.name}"
        lines.append(f"{known}: its columns were matched by its documentation")
        if draft.other_format is not None:
            lines.append(f"if it wrote this file as text, read it with --set format={draft.other_format}")
    if drafted.schema_written:
        lines.append(f"{drafted.schema}: with this, an editor completes and checks the mapping as you type")
    lines += [f"  line {one.place.line}: {one.message}" for one in open_]
    if questions := count_questions(draft):
        more = counted(questions, "more TODO" if open_ else "TODO")
        are = "is in a comment" if questions == 1 else "are in comments"
        lines.append(f"  {more} {are}: questions about a column, and columns that Opus can do without")
    return lines
