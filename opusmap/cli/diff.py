"""`opusmap diff`: what a run would change: new, changed and unchanged records, and those that are gone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from opusmap.cli.help import command
from opusmap.cli.next_step import Given, print_next
from opusmap.cli.options import MAPPING, SOURCE, WORKERS, Output, common, custom, open_mapping
from opusmap.cli.output import print_changes, print_json, print_note, print_nothing_done, shorten
from opusmap.cli.progress import progress_line
from opusmap.cli.terminal import escape, make_console
from opusmap.wording import counted

if TYPE_CHECKING:
    from opusmap.run.diff import Diff, Difference


@command(
    "Show what a run would change: new, changed, gone",
    "opusmap diff mapping.yaml",
    "opusmap diff mapping.yaml export.csv --limit 100 --json",
)
@MAPPING
@SOURCE
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="Records to name of each kind; all are counted.",
)
@WORKERS
@custom
@common
def diff(
    mapping: str,
    source: str | None,
    limit: int,
    count: int,
    converters: tuple[str, ...],
    out: Output,
) -> int:
    """Show what a run of MAPPING would send, by what the journal knows of earlier runs.

    Nothing is sent, and Opus is not asked. For records that changed, it shows the columns. Records that
    are gone were accepted earlier, and the source has no row of them now; nothing is deleted.
    """
    from opusmap.run.diff import SourceDiff, find_target
    from opusmap.run.parallel import Workers

    given = Given(mapping, source, converters)
    with Workers(count, converters) as workers:
        work = open_mapping(mapping, source, converters, out)
        with work.source, progress_line("comparing", work.source, quiet=out.silent) as progress:
            place, origin = find_target(work.mapper, os.environ)
            compared = SourceDiff(work, place, origin, workers, limit=limit)
            for report in compared:
                progress(report)
            found = compared.result()
    if out.as_json:
        print_json({"origin": origin or None, **found.as_json()})
    else:
        _print_counts(found)
        _print_columns(found)
        _print_records(found)
        if not out.quiet:
            print_nothing_done(work, found.report)
            for note in _notes(found, origin):
                print_note(note)
    print_changes(found.report.source_changed)
    print_next(out, *_choose_next(found, given))
    return 0 if found.report.clean else 1


def _print_counts(found: Diff) -> None:
    """Print how many rows and records there are of each kind, and what that means."""
    from rich.table import Table

    from opusmap.run.diff import MEANINGS, Kind

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("read", f"{found.report.read:,}", "rows")
    for name in ("filtered", "rejected"):
        if number := getattr(found.report, name):
            table.add_row(name, f"{number:,}", _ROWS[name])
    for kind in Kind:
        if found.counts[kind] or kind in (Kind.NEW, Kind.CHANGED, Kind.UNCHANGED, Kind.GONE):
            is_known = kind is not Kind.GONE or not found.gone_unknown
            number = f"{found.counts[kind]:,}" if is_known else "-"
            table.add_row(kind.value.replace("_", " "), number, MEANINGS[kind])
    make_console().print(table)


_ROWS = {"filtered": "excluded by `where`", "rejected": "can't become a record; `check` says why"}


def _print_columns(found: Diff) -> None:
    from rich.table import Table

    if not found.columns and not found.columns_unknown:
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("records", justify="right", no_wrap=True)
    table.add_column("column", overflow="fold")
    for name, number in found.columns.items():
        table.add_row(f"{number:,}", escape(name))
    if found.columns_unknown:
        table.add_row(f"{found.columns_unknown:,}", "not known: submitted by an older opusmap")
    console = make_console()
    console.print("\n[italic]Changed, by column of Opus[/]")
    console.print(table)


def _print_records(found: Diff) -> None:
    """Print the first records of each kind, one kind after the other."""
    from rich.table import Table

    from opusmap.run.diff import Kind

    for kind in Kind:
        examples = found.examples[kind]
        if not examples or kind is Kind.UNCHANGED:
            continue
        console = make_console()
        console.print(f"\n[italic]{_TITLES[kind.value]}[/]", soft_wrap=True)
        table = Table(box=None, padding=(0, 2, 0, 0))
        for title in ("key", *_HEADS[kind.value]):
            table.add_column(title, justify="left", overflow="fold")
        for one in examples:
            cells = (one.key, *(_cell(one, title) for title in _HEADS[kind.value]))
            table.add_row(*(escape(shorten(cell, 200)) for cell in cells))
        console.print(table)
        if more := found.counts[kind] - len(examples):
            console.print(f"and {more:,} more (--limit)", soft_wrap=True)


_TITLES = {
    "new": "New",
    "changed": "Changed",
    "again": "To be sent again unchanged",
    "open": "Not accepted yet",
    "gone": "Gone from the source",
    "left_out": "Left out by `where` now",
}
_HEADS: dict[str, tuple[str, ...]] = {
    "new": ("source",),
    "changed": ("source", "columns"),
    "again": ("source", "run"),
    "open": ("source", "run", "state"),
    "gone": ("run",),
    "left_out": ("run",),
}


def _cell(one: Difference, title: str) -> str:
    match title:
        case "source":
            return one.place
        case "columns":
            return "not known" if one.columns is None else ", ".join(one.columns)
        case "run":
            return "" if one.run is None else str(one.run)
        case _:
            return one.state


def _notes(found: Diff, origin: str) -> list[str]:
    """Return what a person must know to read the totals."""
    from opusmap.run.diff import Kind

    notes, gone = [], found.counts[Kind.GONE]
    if found.journal is None:
        notes.append("There is no journal yet, so all records are new.")
    else:
        notes.append(f"Compared with what {origin or 'Opus'} accepted, by the journal {found.journal}.")
    if found.note:
        notes.append(f"warning: {found.note}")
    if found.gone_unknown:
        notes.append("What is gone is not known: this source does not give all its rows.")
    if found.destroyed:
        are = "is" if found.destroyed == 1 else "are"
        rows = counted(found.destroyed, "rejected row")
        notes.append(f"{rows} {are} of records that were marked as destroyed.")
    if gone and found.unreadable:
        rows = counted(found.unreadable, "rejected row")
        notes.append(f"The row key of {rows} can't be read, so some records may not be gone.")
    if gone and found.where_unknown:
        notes.append("Some of them may be excluded by `where`: this source can be read only once.")
    if gone:
        notes.append("Nothing is deleted in Opus: what is gone is a list to look at.")
    return notes


def _choose_next(found: Diff, given: Given) -> tuple[str, str]:
    """Return what to do next, and the command."""
    if found.report.rejected:
        return "see why rows are rejected", given.command("check")
    if found.to_send and found.journal is None:
        return "rehearse sending", given.command("submit", "--to", "emulator")
    if found.to_send:
        return "send what is new or changed", given.command("submit")
    if found.journal is None:
        return "check the mapping", given.command("check")
    return "look at earlier runs", Given(given.mapping).command("report")
