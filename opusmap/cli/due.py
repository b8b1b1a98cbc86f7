"""`opusmap due`: which records Opus says are due, and what the journal and the source know of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from opusmap.cli.help import command
from opusmap.cli.next_step import print_next
from opusmap.cli.options import (
    MAPPING,
    SOURCE,
    Output,
    common,
    custom,
    open_mapping,
    read_settings,
    refuse_own_input,
)
from opusmap.cli.output import print_json, print_list, print_note, print_table
from opusmap.cli.sending import print_host
from opusmap.wording import counted, show_command

if TYPE_CHECKING:
    from opusmap.disposal.due import DueList

UNTIL = click.option(
    "--until", metavar="DATE", help="The last day that counts, such as 2026-06-30.  [default: today]"
)
_SHOWN = 20


@command(
    "List the records that Opus says are due",
    "opusmap due mapping.yaml",
    "opusmap due mapping.yaml --until 2026-06-30 -o due.xlsx",
)
@MAPPING
@SOURCE
@UNTIL
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    help="File for those who review the list: .csv, .xlsx or .html.",
)
@click.option("--all", "every", is_flag=True, help=f"Show all records, not only the first {_SHOWN}.")
@custom
@common
def due(
    mapping: str,
    source: str | None,
    until: str | None,
    output: str | None,
    converters: tuple[str, ...],
    out: Output,
    *,
    every: bool,
) -> int:
    """List the records that Opus says are due for disposal, and what the journal and the source know of them.

    Nothing is changed. Only a record that is `known` can be destroyed by a plan.
    """
    from opusmap.disposal.due import find_due, read_day
    from opusmap.disposal.review import write_review
    from opusmap.report.list_files import check_list_file

    day = read_day(until, "--until")
    if output is not None:
        check_list_file(output)
    settings = read_settings(mapping)
    work = open_mapping(mapping, source, converters, out)
    with work.source:
        if output is not None:
            refuse_own_input(work.mapper, "--output", output, work.source)
        if not out.quiet:
            print_host(settings)
        found = find_due(work, settings, day)
    replaced = output is not None and Path(output).is_file()
    if output is not None:
        write_review(found, output, mapping)
    if out.as_json:
        print_json({"until": str(found.until), "due": [entry.as_json() for entry in found.entries]})
    elif not out.quiet:
        _print_entries(found, every=every)
        _print_meanings(found)
        if output is not None:
            print_list(output, replaced=replaced)
        if found.entries:
            words = [mapping] if source is None else [mapping, source]
            words += [word for file in converters for word in ("--converters", file)]
            freeze = show_command("destroy", "plan", *words, "--until", str(found.until), "-o", "plan.json")
            print_next(out, "freeze what may be destroyed into a plan", freeze)
    return 0


def _print_entries(found: DueList, *, every: bool) -> None:
    """Print the list, as many records as fit unless all are asked for."""
    shown = found.entries if every else found.entries[:_SHOWN]
    if not shown:
        return
    titles = ("key", "name", "classification", "modified", "state", "source")
    facts = ((one.key, one.name, one.term, one.modified, one.state.value, one.place or "-") for one in shown)
    print_table(titles, facts, 60)
    if len(shown) < len(found.entries):
        print_note(f"and {counted(len(found.entries) - len(shown), 'more record')}; --all shows each")


def _print_meanings(found: DueList) -> None:
    from opusmap.disposal.due import MEANINGS, DueState, describe_counts

    print_note(describe_counts(found))
    for state in found.counts:
        if state != DueState.KNOWN:
            print_note(f"  {state}: {MEANINGS[DueState(state)]}")
