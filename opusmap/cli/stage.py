"""`opusmap stage`: the records of a source as a staged run, which is sent later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opusmap.cli.help import command
from opusmap.cli.next_step import print_next
from opusmap.cli.options import ALL, MAPPING, SOURCE, WORKERS, Output, common, custom, open_mapping
from opusmap.cli.output import describe_no_rows, print_changes, print_json, print_note
from opusmap.cli.progress import progress_line
from opusmap.cli.summary import print_sections, reject_reasons, replaced_reasons
from opusmap.wording import counted, show_command

if TYPE_CHECKING:
    from opusmap.report import Report
    from opusmap.staging import StagedRun


@command(
    "Write the records as Parquet parts that are sent later",
    "opusmap stage mapping.yaml -o run-7",
    "opusmap stage mapping.yaml export.parquet -o s3://bucket/run-7 --parts 64",
)
@MAPPING
@SOURCE
@click.option(
    "-o", "--output", required=True, help="Folder or address for the staged run; it must not exist yet."
)
@click.option(
    "--parts",
    default=8,
    show_default=True,
    type=click.IntRange(1, 512),
    help="Number of files for the records; that many processes can send at once.",
)
@WORKERS
@ALL
@custom
@common
def stage(
    mapping: str,
    source: str | None,
    output: str,
    parts: int,
    count: int,
    converters: tuple[str, ...],
    out: Output,
    *,
    every: bool,
) -> int:
    """Write the records of a source as a staged run: Parquet files with a manifest, and send nothing.

    Records with one row key are in one part. Rejects are in the folder `rejects` beside the records.
    """
    from opusmap.run.parallel import Workers

    with Workers(count, converters) as workers:  # they get ready while this process does
        from opusmap.run.map import MapStream
        from opusmap.staging import StagedWriter

        work = open_mapping(mapping, source, converters, out)
        with (
            work.source,
            StagedWriter(output, work.mapper, work.source, parts=parts) as writer,
            progress_line("staging", work.source, quiet=out.silent) as progress,
        ):
            stream = MapStream(work, workers)
            for chunk in stream:
                progress(stream.report())
                writer.write(chunk)
            report = stream.report()
            staged = writer.finish(report.source_changed)
    if out.as_json:
        facts = {"address": staged.name, "content_hash": staged.content_hash, "parts": len(staged.parts)}
        print_json({**report.as_json(), **facts})
    elif not out.quiet:
        _print_totals(staged, report)
        if not report.read:
            print_note(describe_no_rows(work.source))
        sections = reject_reasons(report, work.place), replaced_reasons(report.replaced, work.place)
        print_sections(sections, every=every, stderr=True)
    print_changes(report.source_changed)
    print_next(out, "look at what will be sent", show_command("report", "--staged", output))
    return 0 if report.clean else 1


def _print_totals(staged: StagedRun, report: Report) -> None:
    print_note(
        f"{counted(report.read, 'row')} read: {report.mapped:,} staged, {report.filtered:,} filtered, "
        f"{report.rejected:,} rejected, in {report.seconds:,.1f} s"
    )
    print_note(f"staged run: {staged.name}, {counted(len(staged.parts), 'part')}")
