"""`opusmap diff`: what a run would change: new, changed and unchanged records, and those that are gone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opusmap.cli.help import command
from opusmap.cli.next_step import Given, print_next
from opusmap.cli.options import (
    MAPPING,
    SOURCE,
    WORKERS,
    Output,
    common,
    custom,
    open_mapping,
    refuse_own_input,
)
from opusmap.cli.output import (
    print_changes,
    print_json,
    print_list,
    print_note,
    print_nothing_done,
    print_table,
)
from opusmap.cli.progress import progress_line
from opusmap.cli.terminal import escape, make_console, make_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from opusmap.report import Report
    from opusmap.run.differences import Diff, Difference
    from opusmap.run.open import Work
    from opusmap.run.parallel import Workers
    from opusmap.settings import JournalPlace


@command(
    "Show what a run would change: new, changed, gone",
    "opusmap diff mapping.yaml",
    "opusmap diff mapping.yaml export.csv -o changes.xlsx",
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
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    help="File that lists the records, but not the unchanged ones: .csv, .xlsx or .html.",
)
@WORKERS
@custom
@common
def diff(
    mapping: str,
    source: str | None,
    limit: int,
    output: str | None,
    count: int,
    converters: tuple[str, ...],
    out: Output,
) -> int:
    """Show what a run of MAPPING would send, by what the journal knows of earlier runs.

    Nothing is sent, and Opus is not asked. For records that changed, it shows the columns. Records that
    are gone were accepted earlier, and the source has no row of them now; nothing is deleted.
    """
    from opusmap.report.list_files import check_list_file
    from opusmap.run.diff import find_target
    from opusmap.run.differences import describe_notes
    from opusmap.run.parallel import Workers

    if output is not None:
        check_list_file(output)
    given = Given(mapping, source, converters)
    with Workers(count, converters) as workers:
        work = open_mapping(mapping, source, converters, out)
        with work.source, progress_line("comparing", work.source, quiet=out.silent) as progress:
            if output is not None:
                refuse_own_input(work.mapper, "--output", output, work.source)
            target = find_target(work.mapper, os.environ)
            replaced = output is not None and Path(output).is_file()
            found = _compare(work, target, workers, progress, output, limit)
    origin = target[1]
    if out.as_json:
        print_json({"origin": origin or None, **found.as_json()})
    else:
        _print_counts(found)
        _print_columns(found)
        _print_records(found)
        if not out.quiet:
            print_nothing_done(work, found.report)
            for note in describe_notes(found, origin):
                print_note(note)
            if output is not None:
                print_list(output, replaced=replaced)
    print_changes(found.report.source_changed)
    print_next(out, *_choose_next(found, given))
    return 0 if found.report.clean else 1


def _compare(
    work: Work,
    target: tuple[JournalPlace, str],
    workers: Workers,
    progress: Callable[[Report], object],
    output: str | None,
    limit: int,
) -> Diff:
    """Compare the source, and write the list that is asked for."""
    from opusmap.report.list_files import is_page, write_page, write_rows
    from opusmap.run.diff import SourceDiff
    from opusmap.run.diff_page import MOST, render_diff
    from opusmap.run.differences import ROW

    def compare(named: int, each: Callable[[Difference], object] = lambda _difference: None) -> Diff:
        compared = SourceDiff(work, *target, workers, limit=named, each=each)
        for report in compared:
            progress(report)
        return compared.result()

    if output is None:
        return compare(limit)
    if is_page(output):
        found = compare(max(limit, MOST))  # the page names so many, and the terminal `limit` of them
        write_page(output, render_diff(found.first(MOST), work.mapper.spec.path, target[1]))
        return found.first(limit)
    with write_rows(output, ROW) as write:
        return compare(limit, lambda difference: write(difference.as_row()))


def _print_counts(found: Diff) -> None:
    """Print how many rows and records there are of each kind, and what that means."""
    from opusmap.run.differences import MEANINGS, Kind

    table = make_table()
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
    if not found.columns and not found.columns_unknown:
        return
    table = make_table(titles=True)
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
    from opusmap.run.differences import TITLES, Kind

    for kind in Kind:
        examples = found.examples[kind]
        if not examples or kind is Kind.UNCHANGED:
            continue
        console = make_console()
        console.print(f"\n[italic]{TITLES[kind]}[/]", soft_wrap=True)
        titles = _HEADS[kind.value]
        rows = ((one.key, *(_cell(one, title) for title in titles)) for one in examples)
        print_table(("key", *titles), rows, 200)
        if more := found.counts[kind] - len(examples):
            console.print(f"and {more:,} more (--limit)", soft_wrap=True)


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
            return one.describe_columns()
        case "run":
            return "" if one.run is None else str(one.run)
        case _:
            return one.state


def _choose_next(found: Diff, given: Given) -> tuple[str, str]:
    """Return what to do next, and the command."""
    if found.to_send and found.journal is not None:
        return "send what is new or changed", given.command("submit")
    if found.report.rejected:
        return "see why rows are rejected", given.command("check")
    if found.to_send:
        return "rehearse sending", given.command("submit", "--to", "emulator")
    if found.journal is None:
        return "check the mapping", given.command("check")
    return "look at earlier runs", Given(given.mapping).command("report")
