"""`opusmap submit`: sends the records of a source to Opus, or to an emulator of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opusmap.cli.options import (
    MAPPING,
    SOURCE,
    common,
    custom,
    example,
    note_old_option,
    open_mapping,
    read_settings,
    reject_writer,
)
from opusmap.cli.sending import CONCURRENCY, FAULTS, TO, YES, fault_plan, open_target, send

if TYPE_CHECKING:
    from opusmap.run.submit import MaxErrors


@click.command(
    epilog=example(
        "opusmap submit mapping.yaml --to emulator",
        "opusmap submit mapping.yaml export.csv --concurrency 16",
    )
)
@MAPPING
@SOURCE
@TO
@FAULTS
@CONCURRENCY
@click.option("--limit", type=click.IntRange(1), help="Maximum number of records to send.")
@click.option(
    "--resend", is_flag=True, help="Send all records, also those that Opus accepted before as they are now."
)
@click.option("--full", is_flag=True, hidden=True)
@click.option("--max-errors", help="Stop when more rows than this are rejected or failed: 100, or 5%.")
@click.option("--rejects", help="File for the rejects, in the source's shape.  [default: beside the mapping]")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="Number of mapping processes.  [default: one more as soon as mapping fills this one's core]",
)
@YES
@custom
@common
def submit(
    mapping: str,
    source: str | None,
    to: str,
    faults: str | None,
    concurrency: int,
    limit: int | None,
    max_errors: str | None,
    rejects: str | None,
    workers: int | None,
    converters: tuple[str, ...],
    *,
    resend: bool,
    full: bool,
    yes: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Send the records of a source to Opus.

    Where Opus is and how to sign in comes from OPUSMAP_* settings, in the environment or in a `.env`
    file beside the mapping: OPUSMAP_DATA_CENTER (or OPUSMAP_BASE_URL and OPUSMAP_TOKEN_URL),
    OPUSMAP_CLIENT_ID, OPUSMAP_CLIENT_SECRET (or OPUSMAP_CLIENT_SECRET_FILE, or OPUSMAP_CERTIFICATE).
    `--to emulator` needs none.
    """
    from opusmap.run.parallel import Workers

    if full:
        note_old_option("--full", "--resend")
    plan = fault_plan(to, faults)
    limits = _max_errors(max_errors)
    # A missing setting is reported before the source is read, which may take long.
    settings = read_settings(mapping) if plan is None else None
    work = open_mapping(mapping, source, converters, quiet=quiet or as_json)
    return send(
        work,
        open_target(work, settings, plan, yes=yes, quiet=quiet),
        reject_writer(work, rejects, None, "run" if plan is None else "rehearsal"),
        as_json=as_json,
        quiet=quiet,
        concurrency=concurrency,
        limit=limit,
        resend=resend or full,
        max_errors=limits,
        workers=Workers(workers, converters),
    )


def _max_errors(text: str | None) -> MaxErrors | None:
    from opusmap.run.submit import MaxErrors

    if text is None:
        return None
    number = text.removesuffix("%")
    if not (number.isascii() and number.isdigit()):
        raise click.BadParameter(
            "give a number of rows such as 100, or a share such as 5%", param_hint="--max-errors"
        )
    return MaxErrors(share=int(number) / 100) if text.endswith("%") else MaxErrors(count=int(number))
