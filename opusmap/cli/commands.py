"""The commands. Each parses its options, calls the pipeline and prints what comes back."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opusmap.cli import init, language, runs
from opusmap.cli.emulator import emulator
from opusmap.cli.options import (
    MAPPING,
    SOURCE,
    WORKERS,
    common,
    custom,
    example,
    html_option,
    open_mapping,
    print_rejects_note,
    refuse_own_input,
    registry,
    reject_writer,
    set_up,
    write_html,
)
from opusmap.cli.shell import completion, version_option

if TYPE_CHECKING:
    from opusmap.rejects import RejectWriter
    from opusmap.report import Report
    from opusmap.run.open import Work

__all__ = ["opusmap"]


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=example("opusmap demo", "opusmap check mapping.yaml", "opusmap submit mapping.yaml --to emulator"),
)
@version_option
def opusmap() -> None:
    """Map records metadata into AvePoint Opus by one YAML file.

    Exit codes: 0 all done; 1 some records were rejected or failed; 2 wrong usage, mapping, source
    or settings; 3 Opus could not be reached or signed in to; 4 stopped early, run again to go on;
    70 a bug in opusmap.
    """


@opusmap.command(epilog=example("opusmap check mapping.yaml", "opusmap check mapping.yaml export.csv --json"))
@MAPPING
@SOURCE
@click.option("--online", is_flag=True, help="Prove the settings, too: sign in to Opus, send no record.")
@click.option("--no-source", is_flag=True, help="Check the mapping alone; its source need not be there.")
@WORKERS
@custom
@common
def check(
    mapping: str,
    converters: tuple[str, ...],
    source: str | None,
    count: int,
    *,
    online: bool,
    no_source: bool,
    as_json: bool,
    quiet: bool,
    verbose: int,
) -> int:
    """Report every problem in MAPPING, and what each row of its source would become.

    Nothing is sent. The rows go through the very code that `submit` uses.
    """
    from opusmap.cli.forecast import earlier_pace, print_forecast
    from opusmap.cli.online import prove_settings
    from opusmap.cli.output import (
        describe_no_rows,
        print_changes,
        print_diagnostics,
        print_json,
        print_note,
        print_reasons,
        print_replaced,
        print_totals,
    )
    from opusmap.cli.progress import progress_line
    from opusmap.compiler import load_mapping
    from opusmap.compiler.lint import lint
    from opusmap.run.check import check_source
    from opusmap.run.open import check_lock, find_warnings
    from opusmap.run.parallel import Workers

    set_up(verbose)
    if no_source and source is not None:
        raise click.UsageError("--no-source checks the mapping alone; it takes no SOURCE")
    proved = {}
    if online:
        proved["online"] = prove_settings(mapping, converters, quiet=quiet, silent=quiet or as_json)
    if no_source:
        mapper = load_mapping(mapping, converters=registry(converters))
        check_lock(mapper)
        warnings = (*mapper.warnings, *lint(mapper.plan))
        print_diagnostics(warnings)
        if as_json:
            print_json({"diagnostics": [warning.as_json() for warning in warnings], **proved})
        elif not quiet:
            print_note(f"{mapping}: no errors. No row was looked at (--no-source).")
        return 0
    with Workers(count, converters) as workers:
        work = open_mapping(mapping, source, converters, quiet=quiet or as_json)
        with work.source, progress_line("checking", work.source, quiet=quiet or as_json) as progress:
            warnings = find_warnings(work)
            report, forecast = check_source(
                work, on_progress=progress, pace=earlier_pace(work), workers=workers
            )
    warnings = tuple(sorted((*warnings, *forecast.patterns), key=lambda one: one.place))
    print_diagnostics(warnings)
    if as_json:
        found = {"diagnostics": [warning.as_json() for warning in warnings]}
        print_json({**report.as_json(), **forecast.as_json(), **found, **proved})
    else:
        print_totals(report, sent=False)
        if not (report.read or quiet):
            print_note(describe_no_rows(work.source))
        print_reasons("Rejected rows, by column and reason", report.reasons, work.place)
        print_replaced(report.replaced, work.place)
        print_reasons("Odd, but no error", report.notes, work.place)
        print_forecast(forecast)
    print_changes(report.source_changed)
    return 0 if report.clean else 1


@opusmap.command(epilog=example("opusmap preview mapping.yaml -n 3"))
@MAPPING
@SOURCE
@click.option("-n", "count", default=5, show_default=True, type=click.IntRange(1), help="Rows to show.")
@html_option("Write a page instead.  [default: MAPPING's name with .preview.html]")
@custom
@common
def preview(
    mapping: str,
    converters: tuple[str, ...],
    source: str | None,
    count: int,
    html: str | None,
    *,
    as_json: bool,
    quiet: bool,
    verbose: int,
) -> int:
    """Show the first rows side by side with their records."""
    from itertools import islice

    from opusmap.cli.output import describe_no_rows, print_json, print_note, print_preview
    from opusmap.records import Reject

    set_up(verbose)
    work = open_mapping(mapping, source, converters, quiet=quiet or as_json)
    with work.source:
        rows = list(islice(work.source.rows(), count))
    shown = [
        (dict(row.values), row if isinstance(row, Reject) else work.mapper.map_row(row.values, row.number))
        for row in rows
    ]
    if not (shown or as_json or quiet):
        print_note(describe_no_rows(work.source))
    if as_json:
        print_json(
            {"rows": [{"values": values, "becomes": language.becomes(mapped)} for values, mapped in shown]}
        )
    if html is not None:
        from opusmap.report.pages import render_preview

        page = render_preview(work.mapper, work.source.name, shown, datetime.now(UTC))
        write_html(page, html or str(Path(mapping).with_suffix(".preview.html")))
    elif not as_json:
        print_preview(work.mapper, shown)
    return 0


@opusmap.command(
    "map",
    epilog=example(
        "opusmap map mapping.yaml -o records.jsonl", "opusmap map mapping.yaml --payloads > bodies.jsonl"
    ),
)
@MAPPING
@SOURCE
@click.option(
    "-o", "--output", default="-", show_default="standard output", help="File for the records, as JSON Lines."
)
@click.option("--rejects", help="File for the rejects, in the source's shape.  [default: beside the output]")
@click.option("--payloads", is_flag=True, help="Write whole request bodies of at most 15 records.")
@WORKERS
@custom
@common
def map_(
    mapping: str,
    source: str | None,
    output: str,
    rejects: str | None,
    count: int,
    converters: tuple[str, ...],
    *,
    payloads: bool,
    as_json: bool,
    quiet: bool,
    verbose: int,
) -> int:
    """Write the records of a source as JSON Lines, the rejects to their own file."""
    from opusmap.cli.output import print_changes, print_json, print_replaced
    from opusmap.run.parallel import Workers

    set_up(verbose)
    if as_json and output == "-":
        raise click.UsageError(
            "--json prints the totals on standard output; name a file for the records with -o"
        )
    with Workers(count, converters) as workers:  # they get ready while this process does
        from opusmap.cli.progress import progress_line
        from opusmap.output_files import write_whole
        from opusmap.run.map import MapStream, PayloadWriter

        work = open_mapping(mapping, source, converters, quiet=quiet or as_json)
        refuse_own_input(work.mapper, "-o", output, work.source)
        writer = reject_writer(work, rejects, output)
        with (
            work.source,
            write_whole(output) as file,
            writer,
            progress_line("mapping", work.source, quiet=quiet or as_json) as progress,
        ):
            stream = MapStream(work, workers)
            with PayloadWriter(work, file) if payloads else nullcontext() as bodies:
                for chunk in stream.with_progress(progress):
                    if bodies is None:
                        file.write(chunk.lines)
                    else:
                        bodies.write(chunk)
                    for reject in chunk.rejects():
                        writer.write(reject)
    report = replace(stream.report(), requests=0 if bodies is None else bodies.requests)
    if as_json:
        print_json({**report.as_json(), "rejects": str(writer.path) if writer.count else None})
    elif not quiet:
        _print_totals(work, report, writer)
        print_replaced(report.replaced, work.place, stderr=True)
    print_rejects_note(writer)
    print_changes(report.source_changed)
    return 0 if report.clean else 1


@opusmap.command(epilog=example("opusmap demo"))
@common
def demo(*, as_json: bool, quiet: bool, verbose: int) -> int:
    """Map a bundled contract register and submit it to the embedded Opus: the whole story."""
    from opusmap.cli.demo import run_demo

    set_up(verbose)
    return run_demo(as_json=as_json, quiet=quiet)


def _print_totals(work: Work, report: Report, writer: RejectWriter) -> None:
    from opusmap.cli.output import describe_no_rows, print_note

    rejects = f" (see {writer.path})" if writer.count else ""
    print_note(
        f"{report.read:,} rows read: {report.mapped:,} mapped, {report.filtered:,} filtered, "
        f"{report.rejected:,} rejected{rejects}, in {report.seconds:,.1f} s"
    )
    if not report.read:
        print_note(describe_no_rows(work.source))


COMMANDS = (
    init.init,
    emulator,
    runs.submit,
    runs.retry,
    runs.report,
    language.test,
    language.explain,
    language.lock,
    language.converters,
    language.schema,
    completion,
)
for _command in COMMANDS:
    opusmap.add_command(_command)
