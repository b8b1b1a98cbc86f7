"""`opusmap destroy plan`: what may be destroyed, frozen into one file. Nothing is changed in Opus."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opusmap.cli.due import UNTIL
from opusmap.cli.help import command
from opusmap.cli.next_step import print_next
from opusmap.cli.options import MAPPING, SOURCE, Output, common, custom, open_mapping, read_settings
from opusmap.cli.output import print_json, print_note, shorten
from opusmap.cli.sending import print_host
from opusmap.wording import counted, quote_names, quote_value, show_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opusmap.disposal.destruction_plan import Hold

HOLD = click.option(
    "--hold",
    "holds",
    multiple=True,
    type=click.Path(dir_okay=False),
    help="File of row keys that must be kept, one on each line (reason after a tab). May be repeated.",
)
NAMED = 10
"""Records that are named at most."""


@command(
    "Freeze what may be destroyed into a plan",
    "opusmap destroy plan mapping.yaml --authority 'GDA 12.3' --hold holds.txt -o plan.json",
    "opusmap destroy plan mapping.yaml --review mapping.due-2026-06-30.review.json -o plan.json",
)
@MAPPING
@SOURCE
@UNTIL
@HOLD
@click.option(
    "--review",
    type=click.Path(dir_okay=False),
    help="Review signed in the studio: the plan has only records that it agreed to, due by its day.",
)
@click.option(
    "--authority", default="", help="The disposal authority, such as the number of a schedule's class."
)
@click.option(
    "--approvals",
    default=2,
    show_default=True,
    type=click.IntRange(1, 20),
    help="Number of different people who must approve the plan.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The plan's file.  [default: beside MAPPING]",
)
@custom
@common
def plan(
    mapping: str,
    source: str | None,
    until: str | None,
    holds: tuple[str, ...],
    review: str | None,
    authority: str,
    approvals: int,
    output: Path | None,
    *,
    converters: tuple[str, ...],
    out: Output,
) -> int:
    """Freeze what is due, known and not held into one file, under one hash. Nothing is changed in Opus."""
    from opusmap.disposal.due import find_due, read_day
    from opusmap.disposal.planning import PlanTerms, find_unknown_holds, make_plan, refuse_existing
    from opusmap.disposal.signed_review import read_signed_review
    from opusmap.journal import open_journal
    from opusmap.output_files import hold_lock

    signed = None if review is None else read_signed_review(review)
    day = read_day(until or (signed.review.until if signed else None), "--until")
    path = output or Path(mapping).with_suffix(f".destroy-{day}.json")
    refuse_existing(path)
    settings = read_settings(mapping)
    work = open_mapping(mapping, source, converters, out)
    with work.source:
        if not out.quiet:
            print_host(settings)
        due = find_due(work, settings, day)
    terms = PlanTerms(settings.base_url, work.mapper.connection.id, mapping, authority, approvals)
    file = make_plan(due, path, terms, holds=holds, signed=signed, now=time.time())
    with open_journal(settings.journal, write=False) as journal:
        unknown = find_unknown_holds(file, journal)
    with hold_lock(path):  # asking Opus takes long: another process may have made a plan meanwhile
        refuse_existing(path)
        file.write()
    frozen = file.plan
    held = sum(len(hold.held) for hold in frozen.holds)
    if out.as_json:
        left_out = [{"key": one.key, "state": one.state, "why": one.why} for one in frozen.left_out]
        facts = {"plan": str(path), "sha256": file.sha256, "records": len(frozen.records), "held": held}
        print_json({**facts, "left_out": left_out, "unknown_holds": unknown})
    elif not out.quiet:
        print_note(f"plan: {path}, {counted(len(frozen.records), 'record')}, SHA-256 {file.sha256}")
        if frozen.review is not None:
            print_note(f"  reviewed by {frozen.review.by}, {frozen.review.signed}")
        for hold in frozen.holds:
            print_note(f"  held by {hold.path}: {_list_held(hold)}")
        print_unknown_holds(unknown)
        for one in frozen.left_out[:NAMED]:
            print_note(f"  left out: {quote_value(one.key)} ({one.state}): {one.why}")
        if len(frozen.left_out) > NAMED:
            print_note(f"  and {len(frozen.left_out) - NAMED} more; the plan names each")
        if not authority:
            print_note("  No disposal authority is named (--authority).")
        approve_it = show_command("destroy", "approve", str(path), "--as", "Name <address>")
        print_next(out, "have it approved", approve_it)
    return 0


def print_unknown_holds(unknown: Mapping[str, tuple[str, ...]]) -> None:
    """Warn of lines of files of holds that hold nothing, by file."""
    for path, keys in unknown.items():
        are = counted(len(keys), "line is not the key", "lines are not keys")
        print_note(f"  warning: in {path}, {are} of a submitted record: {quote_names(keys, NAMED, 60)}")
    if unknown:
        print_note("  Such a line holds nothing: correct it before a record is destroyed.")


def _list_held(hold: Hold) -> str:
    reasons = ((quote_value(key), hold.reasons.get(key)) for key in hold.held)
    named = (f"{key} ({shorten(reason, 200)})" if reason else key for key, reason in reasons)
    return ", ".join(named) or "none that is due"
