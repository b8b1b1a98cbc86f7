"""`opusmap map`: the records of a source as JSON Lines or request bodies."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from opusmap.cli.help import command
from opusmap.cli.options import (
    ALL,
    MAPPING,
    SOURCE,
    WORKERS,
    Output,
    common,
    custom,
    open_mapping,
    print_rejects_note,
    refuse_own_input,
    reject_writer,
)
from opusmap.cli.output import describe_no_rows, print_changes, print_json, print_note
from opusmap.cli.progress import progress_line
from opusmap.cli.summary import print_sections, replaced_reasons
from opusmap.wording import counted

if TYPE_CHECKING:
    from opusmap.rejects import RejectWriter
    from opusmap.report import Report
    from opusmap.run.open import Work


@command(
    "Write the records to a file instead of sending them",
    "opusmap map mapping.yaml -o records.jsonl",
    "opusmap map mapping.yaml --payloads > bodies.jsonl",
    name="map",
)
@MAPPING
@SOURCE
@click.option(
    "-o", "--output", default="-", show_default="standard output", help="File for the records, as JSON Lines."
)
@click.option("--rejects", help="File for the rejects, in the source's shape.  [default: beside the output]")
@click.option("--payloads", is_flag=True, help="Write whole request bodies of at most 15 records.")
@WORKERS
@ALL
@custom
@common
def map_(
    mapping: str,
    source: str | None,
    output: str,
    rejects: str | None,
    count: int,
    converters: tuple[str, ...],
    out: Output,
    *,
    payloads: bool,
    every: bool,
) -> int:
    """Write the records of a source as JSON Lines, the rejects to their own file."""
    from opusmap.run.parallel import Workers

    if out.as_json and output == "-":
        raise click.UsageError(
            "--json prints the totals on standard output; name a file for the records with -o"
        )
    with Workers(count, converters) as workers:  # they get ready while this process does
        from opusmap.output_files import write_whole
        from opusmap.run.map import MapStream, PayloadWriter

        work = open_mapping(mapping, source, converters, out)
        refuse_own_input(work.mapper, "-o", output, work.source)
        writer = reject_writer(work, rejects, output)
        with (
            work.source,
            write_whole(output) as file,
            writer,
            progress_line("mapping", work.source, quiet=out.silent) as progress,
        ):
            stream = MapStream(work, workers)
            with PayloadWriter(work, file) if payloads else nullcontext() as bodies:
                for chunk in stream:
                    progress(stream.report())
                    if bodies is None:
                        file.write(chunk.lines)
                    else:
                        bodies.write(chunk)
                    for reject in chunk.rejects():
                        writer.write(reject)
    report = replace(stream.report(), requests=0 if bodies is None else bodies.requests)
    if out.as_json:
        print_json({**report.as_json(), "rejects": str(writer.path) if writer.count else None})
    elif not out.quiet:
        _print_totals(work, report, writer)
        print_sections([replaced_reasons(report.replaced, work.place)], every=every, stderr=True)
    print_rejects_note(writer)
    print_changes(report.source_changed)
    return 0 if report.clean else 1


def _print_totals(work: Work, report: Report, writer: RejectWriter) -> None:
    rejects = f" (see {writer.path})" if writer.count else ""
    print_note(
        f"{counted(report.read, 'row')} read: {report.mapped:,} mapped, {report.filtered:,} filtered, "
        f"{report.rejected:,} rejected{rejects}, in {report.seconds:,.1f} s"
    )
    if not report.read:
        print_note(describe_no_rows(work.source))
