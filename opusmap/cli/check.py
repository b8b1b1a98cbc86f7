"""`opusmap check`: what is wrong in a mapping, and what each row of its source would become."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from opusmap.cli.diagnostics import print_diagnostics
from opusmap.cli.options import (
    MAPPING,
    SOURCE,
    WORKERS,
    Output,
    common,
    custom,
    example,
    open_mapping,
    read_settings,
    registry,
)
from opusmap.cli.output import (
    describe_no_rows,
    print_changes,
    print_json,
    print_note,
    print_reasons,
    print_replaced,
    print_totals,
    shorten,
)
from opusmap.cli.progress import progress_line
from opusmap.cli.sending import print_host
from opusmap.cli.terminal import escape, make_console, write_result

if TYPE_CHECKING:
    from opusmap.report import Forecast

_VALUES_SHOWN, _COLUMNS_SHOWN = 20, 40


@click.command(epilog=example("opusmap check mapping.yaml", "opusmap check mapping.yaml export.csv --json"))
@MAPPING
@SOURCE
@click.option(
    "--online", is_flag=True, help="Verify the settings as well: sign in to Opus, without sending a record."
)
@click.option("--no-source", is_flag=True, help="Check the mapping alone; its source is not needed.")
@WORKERS
@custom
@common
def check(
    mapping: str,
    converters: tuple[str, ...],
    source: str | None,
    count: int,
    out: Output,
    *,
    online: bool,
    no_source: bool,
) -> int:
    """Report every problem in MAPPING, and what each row of its source would become.

    Nothing is sent. The rows go through the very code that `submit` uses.
    """
    from opusmap.compiler import load_mapping
    from opusmap.compiler.lint import lint
    from opusmap.run.check import SourceCheck
    from opusmap.run.history import find_earlier_pace
    from opusmap.run.open import check_lock, find_warnings
    from opusmap.run.parallel import Workers

    if no_source and source is not None:
        raise click.UsageError("--no-source checks the mapping alone; it takes no SOURCE")
    proved = {}
    if online:
        proved["online"] = _prove_settings(mapping, converters, out)
    if no_source:
        mapper = load_mapping(mapping, converters=registry(converters))
        check_lock(mapper)
        warnings = (*mapper.warnings, *lint(mapper.plan))
        print_diagnostics(warnings)
        if out.as_json:
            print_json({"diagnostics": [warning.as_json() for warning in warnings], **proved})
        elif not out.quiet:
            print_note(f"{mapping}: no errors. No row was looked at (--no-source).")
        return 0
    with Workers(count, converters) as workers:
        work = open_mapping(mapping, source, converters, out)
        with work.source, progress_line("checking", work.source, quiet=out.silent) as progress:
            warnings = find_warnings(work)
            checked = SourceCheck(work, workers)
            for report in checked:
                progress(report)
            report, forecast = checked.report(), checked.forecast(find_earlier_pace(work.mapper, os.environ))
    warnings = tuple(sorted((*warnings, *forecast.patterns), key=lambda one: one.place))
    print_diagnostics(warnings)
    if out.as_json:
        found = {"diagnostics": [warning.as_json() for warning in warnings]}
        print_json({**report.as_json(), **forecast.as_json(), **found, **proved})
    else:
        print_totals(report, sent=False)
        if not (report.read or out.quiet):
            print_note(describe_no_rows(work.source))
        print_reasons("Rejected rows, by column and reason", report.reasons, work.place)
        print_replaced(report.replaced, work.place)
        print_reasons("Unusual, but not an error", report.notes, work.place)
        _print_forecast(forecast)
    print_changes(report.source_changed)
    return 0 if report.clean else 1


def _prove_settings(mapping: str, converters: tuple[str, ...], out: Output) -> dict[str, Any]:
    """Sign in and ask Opus one harmless question; print what that proved, and return it as plain data.

    Raises:
        OpusUnavailable: a setting is wrong, or can't be verified now.
    """
    from opusmap.compiler import load_mapping
    from opusmap.run.history import check_online

    mapper = load_mapping(mapping, converters=registry(converters))
    settings = read_settings(mapping)
    if not out.quiet:
        print_host(settings)
    online = check_online(mapper, settings)
    if not out.silent:
        print_note("Online, proved without sending a record:")
        for sentence in online.proved:
            print_note(f"  {sentence}")
        print_note(
            f"Not proved: that Opus accepts the records; `opusmap submit {mapping} --limit 1` sends one."
        )
    return asdict(online)


def _print_forecast(forecast: Forecast) -> None:
    """Print what sending the source would meet, a table for each kind of finding."""
    shown = forecast.unmatched[:_VALUES_SHOWN]
    _print_table(
        "Values not in the option list",
        ("rows", "column", "value", "nearest option", "first rows"),
        [(f"{one.count:,}", one.column, one.value, one.nearest, _rows(one.rows, one.count)) for one in shown],
        _rest(len(forecast.unmatched) - len(shown), forecast.more_unmatched),
    )
    keys = forecast.repeated[:_VALUES_SHOWN]
    _print_table(
        "Row keys that another row has already",
        ("rows", "key", "first rows"),
        [(f"{one.count:,}", one.key, _rows(one.rows, one.count)) for one in keys],
        _rest(len(forecast.repeated) - len(keys), forecast.more_repeated),
    )
    _print_table(
        "Dates after today or before 1600: is the century right?",
        ("rows", "column", "dates", "first", "farthest", "first rows"),
        [
            (
                f"{one.count:,}",
                one.column,
                one.kind.replace("-", " "),
                one.example,
                one.farthest,
                _rows(one.rows, one.count),
            )
            for one in forecast.dates[:_COLUMNS_SHOWN]
        ],
        _rest(len(forecast.dates) - _COLUMNS_SHOWN, 0),
    )
    _print_table(
        "Dates in one of several formats, by the format that reads them",
        ("rows", "column", "format"),
        [(f"{one.count:,}", one.column, one.format) for one in forecast.formats],
    )
    for title, cells in (
        ("Empty cells, by source column", forecast.source),
        ("Records without a value, by column of Opus", forecast.target),
    ):
        some = [one for one in cells if one.empty]
        _print_table(
            title,
            ("rows", "share", "column"),
            [(f"{one.empty:,}", _share(one.rate), one.column) for one in some[:_COLUMNS_SHOWN]],
            _rest(len(some) - _COLUMNS_SHOWN, 0),
        )
    if (estimate := forecast.estimate).requests:
        quick, slow = map(_duration, estimate.seconds)
        time = slow if quick == slow else f"{quick} to {slow}"
        needed = f"{estimate.requests:,} request" + ("" if estimate.requests == 1 else "s")
        write_result(f"\nTo send all: {needed}, about {time} ({estimate.basis})")


def _print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], ending: str = "") -> None:
    """Print a table whose first column is a count; nothing if it has no rows."""
    from rich.table import Table

    if not rows:
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in head:
        table.add_column(name, justify="right" if name in ("rows", "share") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(shorten(cell, 80)) for cell in row))
    console = make_console()
    console.print(f"\n[italic]{escape(title)}[/]", soft_wrap=True)
    console.print(table)
    if ending:
        console.print(ending)


def _rows(rows: Sequence[int], count: int) -> str:
    return ", ".join(map(str, rows)) + (" …" if count > len(rows) else "")


def _rest(values: int, rows: int) -> str:
    more = [f"{values:,} more"] if values > 0 else []
    more += [f"{rows:,} more rows with other values"] if rows else []
    return "and " + ", and ".join(more) if more else ""


def _share(rate: float) -> str:
    return "< 1 %" if 0 < rate < 0.01 else f"{rate:.0%}".replace("%", " %")  # noqa: PLR2004 - a hundredth


_MINUTE, _HOUR = 60, 3_600


def _duration(seconds: float) -> str:
    """Return a duration in the unit that suits it."""
    if seconds < 1:
        return "1 s"
    if seconds < 2 * _MINUTE:
        return f"{seconds:,.0f} s"
    return f"{seconds / _MINUTE:,.0f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:,.1f} h"
