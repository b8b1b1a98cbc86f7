"""`opusmap submit`: sends the records of a source to Opus, or to an emulator of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opusmap.cli.help import advise_on_mapping, command
from opusmap.cli.next_step import Given
from opusmap.cli.options import (
    SOURCE,
    note_old_option,
    open_mapping,
    read_settings,
)
from opusmap.cli.sending import SendingOutput, fault_plan, open_target, send, sending

if TYPE_CHECKING:
    from opusmap.run.submit import MaxErrors


def _read_max_errors(_context: click.Context, _option: click.Parameter, text: str | None) -> MaxErrors | None:
    from opusmap.run.submit import MaxErrors

    if text is None:
        return None
    number = text.removesuffix("%")
    if not (number.isascii() and number.isdigit()):
        raise click.BadParameter("give a number of rows such as 100, or a share such as 5%")
    return MaxErrors(share=int(number) / 100) if text.endswith("%") else MaxErrors(count=int(number))


@command(
    "Send the records to Opus, or rehearse it with --to emulator",
    "opusmap submit mapping.yaml --to emulator",
    "opusmap submit mapping.yaml export.csv --concurrency 16",
    "opusmap submit --staged run-7",
)
@click.argument("mapping", required=False, type=click.Path(dir_okay=False))
@SOURCE
@click.option("--staged", metavar="ADDRESS", help="Send a staged run, alone or with other processes.")
@click.option("--limit", type=click.IntRange(1), help="Maximum number of records to send.")
@click.option(
    "--resend", is_flag=True, help="Send all records, including those that Opus already accepted unchanged."
)
@click.option("--full", is_flag=True, hidden=True)
@click.option(
    "--max-errors",
    callback=_read_max_errors,
    help="Stop when more rows than this are rejected or failed: 100, or 5%.",
)
@click.option("--rejects", help="File for the rejects, in the source's shape.  [default: beside the mapping]")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="Number of mapping processes.  [default: one more when mapping keeps one CPU busy]",
)
@sending
def submit(
    mapping: str | None,
    source: str | None,
    staged: str | None,
    limit: int | None,
    max_errors: MaxErrors | None,
    workers: int | None,
    out: SendingOutput,
    *,
    resend: bool,
    full: bool,
) -> int:
    """Send the records of a source to Opus, or those of a staged run.

    With --staged, mapping and connection are those of its manifest, and settings are read from the
    environment or a `.env` file in the working directory. With a journal in PostgreSQL, any number of
    processes may send one staged run at the same time.

    Where Opus is and how to sign in comes from OPUSMAP_* settings, in the environment or in a `.env`
    file beside the mapping: OPUSMAP_DATA_CENTER (or OPUSMAP_BASE_URL and OPUSMAP_TOKEN_URL),
    OPUSMAP_CLIENT_ID, OPUSMAP_CLIENT_SECRET (or OPUSMAP_CLIENT_SECRET_FILE, or OPUSMAP_CERTIFICATE).
    `--to emulator` needs none.
    """
    if full:
        note_old_option("--full", "--resend")
    if staged is not None:
        from opusmap.cli.submit_staged import refuse_with_staged, submit_staged

        refuse_with_staged(
            {
                "MAPPING": mapping,
                "SOURCE": source,
                "--limit": limit,
                "--max-errors": max_errors,
                "--workers": workers,
                "--rejects": out.rejects,
                "--converters": out.converters,
            }
        )
        return submit_staged(staged, out, resend=resend or full)
    if mapping is None:
        message = "Missing argument 'MAPPING'; or name a staged run with --staged."
        raise click.UsageError(advise_on_mapping(click.get_current_context(), message))
    from opusmap.run.parallel import Workers
    from opusmap.run.submit import SubmitOptions

    plan = fault_plan(out)
    # A missing setting is reported before the source is read, which may take long.
    settings = read_settings(mapping) if plan is None else None
    work = open_mapping(mapping, source, out.converters, out)
    target = open_target(work, settings, plan, out)
    processes = Workers(workers, out.converters)
    options = SubmitOptions(limit=limit, resend=resend or full, max_errors=max_errors, workers=processes)
    return send(work, target, options, out, Given(mapping, source, out.converters))
