"""`opusmap prune`: forgets single records of old runs."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from opusmap.cli.help import command
from opusmap.cli.options import ANY_MAPPING, JOURNAL, Output, common, refuse_absent
from opusmap.cli.output import print_json, print_note
from opusmap.wording import counted


@command(
    "Remove row keys and rejects of old runs",
    "opusmap prune mapping.yaml --older-than 90",
    "opusmap prune --older-than 90 --json",
)
@ANY_MAPPING
@click.option(
    "--older-than",
    "days",
    metavar="DAYS",
    required=True,
    type=click.IntRange(1),
    help="Prune runs that ended at least this many days ago.",
)
@JOURNAL
@common
def prune(mapping: Path | None, days: int, journal: str | None, out: Output) -> int:
    """Forget the row keys and reasons of old runs of MAPPING, and remove their rejects.

    Without MAPPING, of all runs in this folder's journal. Counts, times and hashes of a run stay.
    Records that are still in a source are sent again by the next run. Rejects that were edited stay.
    """
    refuse_absent(mapping)
    prune_and_print(mapping, journal, days, out)
    return 0


def prune_and_print(mapping: Path | None, journal: str | None, days: int, out: Output) -> None:
    """Prune the runs of a mapping (of all for None) that ended so many days ago, and print what went."""
    from opusmap.run.history import find_journal
    from opusmap.run.prune import prune_runs

    path = find_journal(mapping, journal, os.environ)
    pruned = prune_runs(path, mapping, time.time() - days * 86400)
    if out.as_json:
        print_json({"pruned": pruned.as_json()})
        return
    if out.quiet:
        return
    forgotten = counted(pruned.records, "record")
    print_note(f"{counted(len(pruned.runs), 'run')} pruned: {forgotten} forgotten. Their counts stay.")
    if pruned.records:
        print_note(
            f"Those still in a source will be sent again: about {counted(pruned.requests, 'request')}."
        )
    for file in pruned.removed:
        print_note(f"removed: {file}")
    for file in pruned.kept:
        print_note(f"kept, because it was changed after the run: {file}")
