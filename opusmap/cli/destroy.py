"""`opusmap destroy`: from a plan, by approvals and confirmations, to a certificate.

Only `run` changes anything in Opus, and it needs OPUSMAP_ALLOW_DESTROY=1.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opusmap.cli.destroy_plan import HOLD, NAMED, plan, print_unknown_holds
from opusmap.cli.help import ExamplesFirst, Family, command, show_examples
from opusmap.cli.next_step import print_next
from opusmap.cli.options import MAPPING, SOURCE, Output, common, custom, open_mapping, read_settings
from opusmap.cli.output import print_json, print_note, shorten
from opusmap.cli.sending import print_host
from opusmap.cli.terminal import write_error
from opusmap.errors import SettingsError
from opusmap.wording import counted, quote_names, quote_value, show_command, write_time

if TYPE_CHECKING:
    from opusmap.disposal.destruction_plan import PlanFile
    from opusmap.disposal.executing import Outcome

PLAN = click.argument("plan", type=click.Path(dir_okay=False, path_type=Path))
PERSON = click.option("--as", "person", metavar="PERSON", required=True, help='Who acts: "Name <address>".')
COUNT = click.option(
    "--count", type=click.IntRange(1), help="The number of records in the plan, instead of typing it."
)

_LONGEST_COMMENT = 1000


@click.group(
    "destroy",
    cls=Family,
    short_help="Destroy due records by an approved plan, and certify it",
    epilog=show_examples("opusmap destroy plan mapping.yaml -o plan.json"),
)
def destroy() -> None:
    """Destroy due records by an approved plan, and certify it.

    The objects are in the source, and their owner destroys them. Opus then marks their records.
    """


@command(
    "Approve a plan",
    "opusmap destroy approve plan.json --as 'Ann Lee <ann@x.org>' --comment 'Checked with legal'",
)
@PLAN
@PERSON
@click.option("--comment", default="", help="What the certificate quotes.")
@COUNT
@common
def approve(plan: Path, person: str, comment: str, count: int | None, out: Output) -> int:
    """Approve a plan, by its hash: by typing the number of its records, or by a signature.

    With OPUSMAP_APPROVAL_CERTIFICATE the approval is signed with that certificate.
    """
    from dataclasses import replace

    from opusmap.disposal.approvals import Approval, find_flaws, read_person
    from opusmap.disposal.destruction_plan import read_plan_file, update_plan_file
    from opusmap.disposal.signatures import load_signer
    from opusmap.errors import DestructionRefused

    if len(comment) > _LONGEST_COMMENT:
        problem = f"the comment has {len(comment)} characters, and may have {_LONGEST_COMMENT}"
        raise SettingsError("--comment", problem, "say it shorter, and name the document with the rest")
    who, file, now = read_person(person), read_plan_file(plan), time.time()
    records = len(file.plan.records)
    approval = Approval(file.sha256, str(who), records, write_time(now), shorten(comment, _LONGEST_COMMENT))
    if (signer := load_signer(now)) is not None:
        approval = replace(approval, signature=signer.sign(approval.statement))
    else:
        _check_count(file, count, f"{who} approves that {_describe(file)} are destroyed")

    def add(latest: PlanFile) -> PlanFile:
        if who.identity in {read_person(one.by).identity for one in latest.executions}:
            problem = f"{who} has run this plan, and a person who runs a plan can't approve it"
            raise DestructionRefused(str(plan), problem, "another person must approve it")
        if flaws := find_flaws(latest.approvals, sha256=file.sha256, records=records, needed=0):
            help_text = "the file was changed: take it from a backup, or make a new plan"
            raise DestructionRefused(str(plan), "; ".join(flaws), help_text)
        approvals = (*latest.approvals, approval)
        if flaws := find_flaws(approvals, sha256=file.sha256, records=records, needed=0):
            raise DestructionRefused(str(plan), "; ".join(flaws), "another person must approve it")
        return replace(latest, approvals=approvals)

    approved = update_plan_file(file, add)
    missing = max(0, file.plan.approvals_needed - len(approved.approvals))
    if out.as_json:
        signed = approval.signature is not None
        print_json({"sha256": file.sha256, "approvals": len(approved.approvals), "signed": signed})
    elif not out.quiet:
        print_note(f"{who} has approved plan {file.sha256}")
        if missing:
            print_note(f"{counted(missing, 'more person', 'more people')} must approve it.")
        else:
            confirm_it = show_command("destroy", "confirm", str(plan), str(file.mapping))
            print_next(out, "destroy the objects in the source, and have that confirmed", confirm_it)
    return 0


@command(
    "Confirm that the objects of a plan are gone",
    "opusmap destroy confirm plan.json mapping.yaml",
    "opusmap destroy confirm plan.json mapping.yaml --certificate vendor.pdf",
)
@PLAN
@MAPPING
@SOURCE
@click.option(
    "--certificate",
    type=click.Path(dir_okay=False),
    help="Certificate of those who destroyed the objects; its hash confirms all records of the plan.",
)
@custom
@common
def confirm(
    plan: Path,
    mapping: str,
    source: str | None,
    certificate: str | None,
    converters: tuple[str, ...],
    out: Output,
) -> int:
    """Check whether each record's row is gone from the source. The exit code is 1 if one is not confirmed."""
    from functools import reduce

    from opusmap.disposal.confirming import confirm_by_certificate, confirm_by_source
    from opusmap.disposal.destruction_plan import PlanFile, read_plan_file, update_plan_file

    file, found = read_plan_file(plan), []
    if certificate is not None:
        found.append(confirm_by_certificate(file, certificate, time.time()))
    work = open_mapping(mapping, source, converters, out)
    with work.source:
        seen, rows = confirm_by_source(file, work, time.time())
    file = update_plan_file(file, lambda latest: reduce(PlanFile.confirm, [*found, seen], latest))
    there = [record.key for record in file.plan.records if record.key in rows.found]
    confirmed = file.confirmed
    missing = [record.key for record in file.plan.records if record.key not in confirmed]
    if out.as_json:
        facts = {"confirmed": len(confirmed), "not_confirmed": missing, "rows": rows.read}
        print_json({"sha256": file.sha256, **facts})
    elif not out.quiet:
        print_note(f"{counted(rows.read, 'row')} of {work.source.name} read")
        if not rows.read:
            print_note("  A source without rows confirms nothing: a failed export looks the same.")
            print_note("  If the register is empty now, name a signed note that says so: --certificate FILE")
        for key in there[:NAMED]:
            print_note(f"  still there: {quote_value(key)}, {work.source.place(rows.found[key].number)}")
        if len(there) > NAMED:
            print_note(f"  and {len(there) - NAMED} more")
        print_note(f"{len(file.plan.records) - len(missing)} of {_describe(file)} are confirmed")
        if not missing:
            run_it = show_command("destroy", "run", str(plan), "--as", "Name <address>", "--limit", "1")
            print_next(out, "destroy one record first, with OPUSMAP_ALLOW_DESTROY=1", run_it)
    return 1 if missing else 0


@command(
    "Run a plan: Opus marks its records as destroyed",
    "opusmap destroy run plan.json --as 'Cy Orr <cy@x.org>' --limit 1",
)
@PLAN
@PERSON
@COUNT
@click.option("--limit", type=click.IntRange(1), help="Maximum number of records to mark.")
@HOLD
@click.option("--yes", is_flag=True, help="Don't ask for the number of records.")
@common
def run(
    plan: Path,
    person: str,
    count: int | None,
    limit: int | None,
    holds: tuple[str, ...],
    out: Output,
    *,
    yes: bool,
) -> int:
    """Check a plan again, and have Opus mark its records as destroyed. It needs OPUSMAP_ALLOW_DESTROY=1.

    It stops before the first request if one of its records is no longer due, is held, changed or not
    confirmed, or if the plan is not approved. After a stop, run the same command again to continue.
    """
    from opusmap.cli.signals import stopped_by_signals
    from opusmap.delivery import RetryPolicy
    from opusmap.disposal.approvals import read_person
    from opusmap.disposal.destruction_plan import read_plan_file
    from opusmap.disposal.executing import ExecutionOptions, refuse_flaws, run_execution
    from opusmap.disposal.planning import find_unknown_holds
    from opusmap.journal import open_journal
    from opusmap.settings import may_destroy

    who, file = read_person(person), read_plan_file(plan)
    if not may_destroy(os.environ):
        problem = "not 1, so nothing is marked as destroyed"
        raise SettingsError("OPUSMAP_ALLOW_DESTROY", problem, "set it to 1 for this command alone")
    refuse_flaws(file, str(who), holds)
    settings = read_settings(str(file.mapping))
    with open_journal(settings.journal, write=False) as journal:
        unknown = find_unknown_holds(file, journal, holds)
    if not out.quiet:
        print_host(settings)
        print_unknown_holds(unknown)
    if not yes:
        what = f"Opus will be asked to mark {_describe(file)} as destroyed, which can't be undone"
        most = "" if limit is None else f" (at most {limit} now)"
        _check_count(file, count, what + most)
    options = ExecutionOptions(
        str(who),
        limit,
        holds,
        late_effect_window=settings.late_effect_window,
        retries=RetryPolicy(settings.retry_timeout),
    )
    with stopped_by_signals() as on_start:
        outcome = run_execution(file, settings, options, on_start)
    _print_outcome(outcome, limit, out)
    if outcome.stopped is not None:
        return outcome.stopped.exit_code
    counts = outcome.counts
    return 1 if counts["failed"] or counts["uncertain"] or (limit is None and counts["not_sent"]) else 0


def _print_outcome(outcome: Outcome, limit: int | None, out: Output) -> None:
    from opusmap.cli.logs import log_error

    if out.as_json:
        print_json(outcome.as_json())
    elif not out.quiet:
        print_note(", ".join(f"{name.replace('_', ' ')} {count}" for name, count in outcome.counts.items()))
        for state in outcome.records:
            if state.state in ("failed", "uncertain"):
                print_note(f"  {state.state}: {quote_value(state.key)}: {state.answer}")
        if outcome.newly_due:
            count = counted(len(outcome.newly_due), "record")
            named = quote_names(outcome.newly_due, NAMED, 60)
            print_note(f"left out: {count} that became due after the plan was made: {named}")
    if outcome.stopped is not None:
        log_error(outcome.stopped)
    path = str(outcome.file.path)
    if outcome.counts["destroyed"] == outcome.counts["planned"]:
        print_next(out, "certify it", show_command("destroy", "certificate", path, "-o", "certificate"))
    elif limit is not None and outcome.stopped is None:
        print_next(out, "look at it in Opus, and go on", show_command("destroy", "run", path, "--as", "…"))


@command(
    "Certify what became of the records of a plan", "opusmap destroy certificate plan.json -o certificate"
)
@PLAN
@click.option(
    "-o", "--output", metavar="NAME", help="NAME.html and NAME.json are written.  [default: beside PLAN]"
)
@common
def certificate(plan: Path, output: str | None, out: Output) -> int:
    """Write a certificate: a page to read and print, and a JSON file with the same facts.

    With OPUSMAP_TIMESTAMP_URL, a time-stamp authority confirms when the JSON file existed.
    """
    from opusmap.disposal.destruction_certificate import write_certificate
    from opusmap.disposal.destruction_plan import read_plan_file
    from opusmap.disposal.executing import count_states, list_states
    from opusmap.disposal.time_stamps import describe_time_stamp, load_authority
    from opusmap.journal import open_journal
    from opusmap.run.history import find_journal

    file, authority = read_plan_file(plan), load_authority(os.environ)
    with open_journal(find_journal(file.mapping, None, os.environ), write=False) as journal:
        states = list_states(file.plan, journal, file.sha256)
    name = output or str(plan.with_suffix("")) + ".certificate"
    name = str(Path(name).with_suffix("")) if Path(name).suffix in (".html", ".json") else name
    page, data, stamping = write_certificate(file, states, name, time.time(), authority)
    counts = count_states(states)
    if out.as_json:
        print_json({"page": page, "data": data, "plan": file.sha256, **counts, **stamping.as_json()})
    elif not out.quiet:
        print_note(f"page: {page}")
        print_note(f"data: {data}")
        if stamping.stamp is not None:
            print_note(f"time stamp: {stamping.path}: {describe_time_stamp(stamping.stamp)}")
        print_note(f"{counts['destroyed']} of {_describe(file)} are destroyed")
    if stamping.removed:
        write_error(f"{stamping.path} was removed: it belonged to the earlier certificate")
    if stamping.problem:
        if stamping.kept:
            write_error(f"{page} and {data} stay as they are, because they have a time stamp")
        what = "a new certificate" if stamping.kept else data
        write_error(f"{what} has no time stamp: {stamping.problem}")
        write_error("Run the same command again to make the certificate and ask for a time stamp again.")
    print_next(out, "verify it", show_command("destroy", "verify", page))
    return 0 if counts["destroyed"] == counts["planned"] and not stamping.problem else 1


@command("Verify a plan or a certificate, offline", "opusmap destroy verify certificate.html")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@common
def verify(file: Path, out: Output) -> int:
    """Verify the hashes, approvals, signatures, counts and time stamp of a plan or a certificate.

    It needs no network. OPUSMAP_TIMESTAMP_CA names a file of certificates that you trust: that of a time
    stamp must lead to one of them.
    """
    from opusmap.disposal.time_stamps import time_stamp_as_json
    from opusmap.disposal.verifying import verify as verify_file

    found = verify_file(file)
    if out.as_json:
        stamp = None if found.time_stamp is None else time_stamp_as_json(found.time_stamp)
        facts = {"kind": found.kind, "verified": not found.flaws, "flaws": list(found.flaws)}
        print_json({**facts, "time_stamp": stamp})
    else:
        for sentence in () if out.quiet else found.holds:
            print_note(f"{file}: {sentence}")
        for sentence in found.flaws:
            write_error(f"{file}: not verified: {sentence}")
    return 2 if found.flaws else 0


@command(
    "Let a destroyed record be submitted again",
    "opusmap destroy lift mapping.yaml 'BP-0101' --as 'Ann Lee <ann@x.org>' --reason 'Wrong key in plan'",
)
@MAPPING
@click.argument("key")
@PERSON
@click.option("--reason", required=True, help="Why; the journal keeps it.")
@common
def lift(mapping: str, key: str, person: str, reason: str, out: Output) -> int:
    """Let a record that was marked as destroyed be submitted again. Opus is not asked or changed."""
    from opusmap.compiler import load_mapping
    from opusmap.disposal.approvals import read_person
    from opusmap.run.tombstones import lift_tombstone

    if not reason.strip():
        raise SettingsError("--reason", "this is empty", "say why the record may be submitted again")
    who, settings = read_person(person), read_settings(mapping)
    words = f"{who}, {write_time(time.time())}: {shorten(reason, 500)}"
    lift_tombstone(settings, load_mapping(mapping).connection.id, key, words)
    if out.as_json:
        print_json({"lifted": key})
    elif not out.quiet:
        print_note(f"{quote_value(key)} can be submitted again")
    return 0


def _describe(file: PlanFile) -> str:
    return counted(len(file.plan.records), "record")


def _check_count(file: PlanFile, count: int | None, what: str) -> None:
    """Ask for the number of a plan's records, or compare the given one.

    Raises:
        SettingsError: it is another number, or there is no terminal to ask at.
    """
    records = len(file.plan.records)
    if count is None:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            problem = "there is no terminal on which to type the number of records"
            raise SettingsError("--count", problem, "give the number of records in the plan with --count")
        for record in file.plan.records[:NAMED]:
            write_error(f"  {record.key}  {record.name}  {record.term}")
        if records > NAMED:
            write_error(f"  and {counted(records - NAMED, 'more record')}; {file.path} lists each")
        write_error(f"{what}. Plan {file.sha256}")
        count = click.prompt("Type the number of records", type=int, err=True)
    if count != records:
        raise SettingsError(
            "--count", f"the plan does not have {counted(count, 'record')}", "look at it again"
        )


for _command in (plan, approve, confirm, run, certificate, verify, lift):
    assert isinstance(_command, ExamplesFirst)
    destroy.add_command(_command)
