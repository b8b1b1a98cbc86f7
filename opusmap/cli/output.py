"""What several commands print: notes, JSON, totals, reasons, changes of the source, tables."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opusmap.cli.logs import log
from opusmap.cli.terminal import (
    escape,
    flush_result,
    make_console,
    shown_json,
    write_json,
    write_result,
)
from opusmap.wording import visible

if TYPE_CHECKING:
    from rich.table import Table

    from opusmap.records import Mapped
    from opusmap.report import Reason, Report
    from opusmap.sources import FileChange, Source

ROWS_SHOWN = 5
"""Row numbers that are printed for each reason."""
CHANGES_SHOWN = 5
"""Changed files that are named each."""


def print_note(text: str) -> None:
    """Print one line for the person, beside the result."""
    log(visible(text))


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object, the result for a machine."""
    write_json(value)


def print_state(state: str) -> None:
    """Print a tap's state, as JSON, at once: what keeps it for the next run reads this."""
    write_result(shown_json(state))
    flush_result()


def print_totals(report: Report, *, sent: bool, stderr: bool = False) -> None:
    """Print what became of all rows."""
    from rich.table import Table

    names = ["read", "mapped", "filtered", "rejected"]
    names += (
        ["unchanged", "submitted", "failed", "uncertain", "not_sent", "requests", "retries"] if sent else []
    )
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="left")
    table.add_column(justify="right")
    for name in names:
        count = getattr(report, name)
        if count or name in ("read", "mapped", "rejected", "submitted"):
            table.add_row(name.replace("_", " "), f"{count:,}")
    table.add_row("seconds", f"{report.seconds:,.1f}")
    make_console(stderr=stderr).print(table)
    if report.trusted:
        print_note(describe_trusted(report.trusted))


def describe_trusted(count: int) -> str:
    """Return how many records count as submitted by nothing but the HTTP status."""
    return f"{count:,} of the submitted were accepted on the HTTP status alone (OPUSMAP_TRUST_STATUS)"


def print_replaced(
    reasons: Iterable[Reason],
    place: Callable[[int, str], str] = lambda row, _: str(row),
    *,
    stderr: bool = False,
) -> None:
    """Print which wrong values `on_error` or a `default` replaced in records, as `print_reasons` does."""
    print_reasons("Wrong values replaced in records, by column and reason", reasons, place, stderr=stderr)


def print_reasons(
    title: str,
    reasons: Iterable[Reason],
    place: Callable[[int, str], str] = lambda row, _: str(row),
    *,
    stderr: bool = False,
) -> None:
    """Print why rows were rejected: by column and code, with counts, rows, an example and its help.

    `place(row, column)` returns where in the source a row is, or a value of it.
    """
    from rich.table import Table

    rows = list(reasons)
    if not rows:
        return
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("rows", justify="right")
    for name in ("column", "code", "first rows"):
        table.add_column(name, no_wrap=True)
    table.add_column("example", overflow="fold")
    for reason in rows:
        places = [place(row, reason.column) for row in reason.rows[:ROWS_SHOWN]]
        # A number or a cell's name says enough; in several files it takes more words.
        compound = any("," in where for where in places)
        first = "; ".join(places) if compound else ", ".join(where.split(" ")[-1] for where in places)
        more = " …" if reason.count > ROWS_SHOWN else ""
        cells = [escape(cell) for cell in (reason.column, reason.code, first + more, reason.example)]
        cells[-1] += f"\n[cyan]{escape(reason.help)}[/]" if reason.help else ""
        table.add_row(f"{reason.count:,}", *cells)
    console = make_console(stderr=stderr)
    console.print()
    console.print(table)


def make_table(title: str, values: Mapping[str, Any]) -> Table:
    """Return a table of names and values, each value shortened to one line."""
    from rich.table import Table

    table = Table(
        title=escape(title), title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0)
    )
    table.add_column(style="cyan")
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(escape(str(name)), escape(shorten("" if value is None else value)))
    return table


def shorten(value: Any, limit: int = 200) -> str:
    """Return a value as one line of at most so many printable characters; JSON if it is no text."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    plain = "".join(char if char.isprintable() else " " for char in text)
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def mapped_as_json(mapped: Mapped) -> dict[str, Any]:
    """Return what became of a row as plain data."""
    from opusmap.records import Record, Reject

    if isinstance(mapped, Record):
        return {"record": mapped.values, "replaced": [one.as_json() for one in mapped.replaced]}
    if isinstance(mapped, Reject):
        return {"rejected": [one.as_json() for one in mapped.problems]}
    return {"filtered": True}


def print_changes(changes: Sequence[FileChange]) -> None:
    """Log, in quiet runs as well, which files of the source changed while it was read."""
    from opusmap.sources.changes import describe_state

    for change in changes[:CHANGES_SHOWN]:
        log(
            f"{change.path}: changed while being read: rows may come from either version\n"
            f"  before: {describe_state(change.before)}\n"
            f"  after:  {describe_state(change.after)}",
            logging.WARNING,
        )
    if len(changes) > CHANGES_SHOWN:
        log(f"and {len(changes) - CHANGES_SHOWN:,} more files", logging.WARNING)
    if changes:
        log("  help: run the same command again when nothing writes to the source", logging.WARNING)


def describe_no_rows(source: Source) -> str:
    """Return that a source has no rows, so that totals of zero are not taken for a mistake."""
    what = "column names and no rows" if source.columns else "no rows"
    return f"{source.name}: the source has {what}, so there was nothing to do"
