"""`opusmap retry`: sends corrected rejects, or what Opus refused, again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opusmap.cli.logs import log
from opusmap.cli.options import (
    MAPPING,
    common,
    custom,
    example,
    open_mapping,
    read_settings,
    registry,
    reject_writer,
)
from opusmap.cli.sending import CONCURRENCY, FAULTS, TO, YES, fault_plan, open_target, send

if TYPE_CHECKING:
    from opusmap.settings import Settings


@click.command(
    epilog=example(
        "opusmap retry mapping.yaml", "opusmap retry mapping.yaml mapping.run-3.rejects.csv --to emulator"
    )
)
@MAPPING
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@TO
@FAULTS
@CONCURRENCY
@click.option("--run", "number", type=click.IntRange(1), help="Only what is still open of this run.")
@click.option("--rejects", help="File for what is rejected again.  [default: beside the mapping]")
@YES
@custom
@common
def retry(
    mapping: str,
    file: str | None,
    to: str,
    faults: str | None,
    concurrency: int,
    number: int | None,
    rejects: str | None,
    converters: tuple[str, ...],
    *,
    yes: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Send again what was rejected and has been fixed in FILE, or what Opus refused.

    FILE is a file of rejects that a run wrote: fix its cells and leave its columns. Without FILE, it is the
    file of the latest run, if that was edited. Otherwise, and with --run, the rows of the mapping's source
    are sent again whose records Opus refused, or whose answer was lost.
    """
    from opusmap.run.history import keys_to_retry
    from opusmap.run.open import open_corrected_rejects
    from opusmap.run.parallel import Workers

    plan = fault_plan(to, faults)
    if file is not None and number is not None:
        raise click.UsageError("--run selects rows of the mapping's source; FILE has its own")
    if file is None and plan is not None:
        raise click.UsageError("the embedded emulator keeps no journal; pass a corrected rejects FILE")
    settings = read_settings(mapping) if plan is None else None
    if file is None and number is None and settings is not None:
        file = _find_edited_rejects(mapping, settings, quiet=quiet)
    if file is None:
        work = open_mapping(mapping, None, converters, quiet=quiet or as_json)
    else:
        work = open_corrected_rejects(mapping, file, registry(converters))
    target = open_target(work, settings, plan, yes=yes, quiet=quiet)
    only = None if file else keys_to_retry(work.mapper, target.settings, number)
    writer = reject_writer(work, rejects, None, "run" if plan is None else "rehearsal")
    return send(
        work,
        target,
        writer,
        as_json=as_json,
        quiet=quiet,
        workers=Workers(None, converters),
        concurrency=concurrency,
        only=only,
    )


def _find_edited_rejects(mapping: str, settings: Settings, *, quiet: bool) -> str | None:
    """Return the latest run's file of rejects if a person edited it since; log which it is, or why not."""
    from opusmap.run.history import find_rejects

    found = find_rejects(mapping, settings)
    if found is None:
        return None
    if found.why_not:
        if not quiet:
            log(f"note: {found.why_not}")
        return None
    if not quiet:
        log(f"sending the rows of {found.path}, the rejects of run {found.run}, as they were edited")
    return str(found.path)
