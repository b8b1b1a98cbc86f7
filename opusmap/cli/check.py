"""`opusmap check`: what is wrong in a mapping, and what each row of its source would become."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from opusmap.cli.diagnostics import print_diagnostics
from opusmap.cli.drain_time import LINES, print_drain_time, print_estimate
from opusmap.cli.help import command
from opusmap.cli.next_step import Given, print_next, print_next_of_check
from opusmap.cli.options import (
    ALL,
    MAPPING,
    SOURCE,
    WORKERS,
    Output,
    common,
    custom,
    open_mapping,
    read_settings,
    registry,
)
from opusmap.cli.output import (
    facts_of_to_do,
    mark_spaces,
    print_changes,
    print_date_format,
    print_json,
    print_left_out,
    print_marks,
    print_note,
    print_nothing_done,
)
from opusmap.cli.progress import progress_line
from opusmap.cli.sending import print_host
from opusmap.cli.summary import (
    Finding,
    Section,
    empty_cells,
    make_reasons,
    print_summary,
    reject_reasons,
    replaced_reasons,
)
from opusmap.errors import InvalidMapping
from opusmap.wording import counted

if TYPE_CHECKING:
    from opusmap.report import Forecast, Report


@command(
    "Report every problem of a mapping, and of each row",
    "opusmap check mapping.yaml",
    "opusmap check mapping.yaml export.csv --json",
)
@MAPPING
@SOURCE
@click.option(
    "--online", is_flag=True, help="Verify the settings as well: sign in to Opus, without sending a record."
)
@click.option("--no-source", is_flag=True, help="Check the mapping alone; its source is not needed.")
@click.option(
    "--drain-time", is_flag=True, help="Show how long sending everything takes, and by what that is known."
)
@WORKERS
@ALL
@custom
@common
def check(
    mapping: str,
    converters: tuple[str, ...],
    source: str | None,
    count: int,
    out: Output,
    *,
    every: bool,
    online: bool,
    no_source: bool,
    drain_time: bool,
) -> int:
    """Report every problem in MAPPING and what each source row would become.

    Nothing is sent. The rows go through the same code as in `submit`. Columns that are still TODO are
    left out, and the exit code is 2.
    """
    from opusmap.report.drain_time import forecast_drain_time
    from opusmap.run.check import SourceCheck
    from opusmap.run.history import find_earlier_pace
    from opusmap.run.open import find_warnings
    from opusmap.run.parallel import Workers

    given = Given(mapping, source, converters)
    for option, used in (("SOURCE", source is not None), ("--drain-time", drain_time)):
        if no_source and used:
            raise click.UsageError(f"--no-source checks the mapping alone; it takes no {option}")
    proved = {"online": _prove_settings(mapping, converters, out)} if online else {}
    if no_source:
        return _check_alone(given, out, proved)
    with Workers(count, converters) as workers:
        work = open_mapping(mapping, source, converters, out, around_to_do=True)
        with work.source, progress_line("checking", work.source, quiet=out.silent) as progress:
            warnings = find_warnings(work)
            checked = SourceCheck(work, workers)
            for report in checked:
                progress(report)
            pace = find_earlier_pace(work.mapper, os.environ)
            report, forecast = checked.report(), checked.forecast(pace)
    problems = work.in_order((*work.to_do, *warnings, *forecast.patterns))
    print_diagnostics(problems)
    drained = forecast_drain_time(report.mapped, pace, _measure_mapping(report)) if drain_time else None
    if out.as_json:
        if drained is not None:
            proved["drain_time"] = drained.as_json()
        found = {"diagnostics": [problem.as_json() for problem in problems]}
        print_json({**report.as_json(), **forecast.as_json(), **found, **facts_of_to_do(work), **proved})
    else:
        below = 2 if drained is None else LINES
        print_left_out(work)
        sections = (
            reject_reasons(report, work.place),
            replaced_reasons(report.replaced, work.place),
            make_reasons("Unusual, but not an error", report.notes, work.place),
            *_forecast_sections(forecast),
        )
        print_summary(report, sections, sent=False, every=every, below=below + bool(work.to_do))
        if drained is not None and drained.requests:
            print_drain_time(drained)
        elif forecast.estimate.requests and not work.to_do:
            print_estimate(forecast.estimate)
        if not out.quiet:
            print_marks((*(one.value for one in forecast.unmatched), *(one.key for one in forecast.repeated)))
            print_nothing_done(work, report)
            print_date_format(work)
    print_changes(report.source_changed)
    print_next_of_check(out, given, work, report, online=online)
    return InvalidMapping.exit_code if work.to_do else 0 if report.clean else 1


def _check_alone(given: Given, out: Output, proved: dict[str, Any]) -> int:
    """Check a mapping without its source; return the exit code."""
    from opusmap.compiler import load_mapping
    from opusmap.compiler.lint import lint
    from opusmap.run.open import check_lock

    mapper = load_mapping(given.mapping, converters=registry(given.converters))
    check_lock(mapper)
    warnings = (*mapper.warnings, *lint(mapper.plan))
    print_diagnostics(warnings)
    if out.as_json:
        print_json({"diagnostics": [warning.as_json() for warning in warnings], **proved})
    elif not out.quiet:
        unseen = "No row was looked at, nor the names of the source's columns (--no-source)."
        print_note(f"{given.mapping}: no errors. {unseen}")
        print_next(out, "check each row of the source", given.command("check"))
    return 0


def _measure_mapping(report: Report) -> float | None:
    """Return the rows a second that were mapped just now; None where the start took most of the time."""
    return report.read / report.seconds if report.read >= _MANY_ROWS and report.seconds > 0 else None


_MANY_ROWS = 10_000


def _prove_settings(mapping: str, converters: tuple[str, ...], out: Output) -> dict[str, Any]:
    """Sign in, send one request that changes nothing, print what that verified, and return it as plain data.

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
        print_note("Verified online, without sending a record:")
        for sentence in online.proved:
            print_note(f"  {sentence}")
        print_note(
            f"Not verified: that Opus accepts the records; `opusmap submit {mapping} --limit 1` sends one."
        )
    return asdict(online)


def _forecast_sections(forecast: Forecast) -> Iterator[Section]:
    """Yield what sending the source would meet, a section for each kind of finding."""
    yield Section(
        "Values not in the option list",
        ("rows", "column", "value", "nearest option", "first rows"),
        tuple(
            Finding(one.count, (one.column, mark_spaces(one.value), one.nearest, _rows(one.rows, one.count)))
            for one in forecast.unmatched
        ),
        _rest(forecast.more_unmatched, "with other values"),
        what="value",
    )
    yield Section(
        "Duplicate row keys",
        ("rows", "key", "first rows"),
        tuple(
            Finding(one.count, (mark_spaces(one.key), _rows(one.rows, one.count)))
            for one in forecast.repeated
        ),
        _rest(forecast.more_repeated, "with other keys"),
        what="key",
    )
    yield Section(
        "Dates after today or before 1600: is the century right?",
        ("rows", "column", "dates", "first", "farthest", "first rows"),
        tuple(
            Finding(
                one.count,
                (
                    one.column,
                    one.kind.replace("-", " "),
                    one.example,
                    one.farthest,
                    _rows(one.rows, one.count),
                ),
            )
            for one in forecast.dates
        ),
        what="group",
    )
    yield Section(
        "Dates in one of several formats, by the format that reads them",
        ("rows", "column", "format"),
        tuple(Finding(one.count, (one.column, one.format)) for one in forecast.formats),
        what="format",
    )
    yield empty_cells("Empty cells, by source column", forecast.source)
    yield empty_cells("Records without a value, by column of Opus", forecast.target)


def _rows(rows: Sequence[int], count: int) -> str:
    return ", ".join(map(str, rows)) + (" …" if count > len(rows) else "")


def _rest(rows: int, what: str) -> str:
    return f"{counted(rows, 'more row')} {what}" if rows else ""
