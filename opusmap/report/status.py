"""How a run went, in words and a tone that match, and what in it needs a person, the most urgent first.

Owns when a run is good, needs attention or went wrong. Pages and colours are made of it elsewhere.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from opusmap.output_files import File
from opusmap.report.later_runs import Later
from opusmap.report.provenance import Evidence
from opusmap.service_address import is_on_this_machine
from opusmap.wording import counted, them, was

if TYPE_CHECKING:
    from opusmap.journal import Run
    from opusmap.report.later_rows import LaterRows

Tone = Literal["good", "attention", "bad"]


@dataclass(frozen=True, slots=True)
class Status:
    """How a run went, as a sentence without a full stop."""

    tone: Tone
    words: str


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a person should do or know: what it is, what to do, and where the page has more.

    `command` is what to run, or ""; `section` the id of a section, or ""; `rows` are sentences that name the
    first rows, with their keys; `note` is what else to know of it, in sentences.
    """

    what: str
    action: str = ""
    command: str = ""
    section: str = ""
    rows: tuple[str, ...] = ()
    note: str = ""


def count_attention(counts: Mapping[str, int]) -> int:
    """Return how many rows of a run a person has to look at: rejected, refused by Opus, or of unknown end."""
    return sum(counts.get(name, 0) for name in ("rejected", "failed", "uncertain"))


def is_rehearsal(run: Run) -> bool:
    """Return whether a run went to an emulator, for its Opus is on this machine."""
    return is_on_this_machine(run.origin)


def name_opus(run: Run) -> str:
    """Return what took a run's records, for a sentence: Opus, or the emulator of a rehearsal."""
    return "the emulator" if is_rehearsal(run) else "Opus"


def describe_status(run: Run, evidence: Evidence, later: Later | None = None, older: int = 0) -> Status:
    """Return how a run went; of its rows, those need attention that are open after `later` runs.

    The `older` ones of these have a record that an earlier run sent: before they were wrong, or from a file
    of rejects in which they were corrected.
    """
    count = count_attention(run.counts) if later is None else later.attention
    needs = counted(count, "row needs attention", "rows need attention")
    if later is not None and not later.exact:
        needs = f"at most {needs}"
    if older:
        which = "it" if count == 1 else f"all {older:,}" if older == count else f"{older:,} of them"
        record = "a record that an earlier run" if older == 1 else "records that earlier runs"
        needs = f"{needs}; {which} {'has' if older == 1 else 'have'} {record} sent"
    if run.finished is None:
        return Status("attention", "Not finished: the run is still going on, or it was killed")
    if run.ending != "done":
        return Status("bad", f"Stopped early: {run.ending}")
    if later is not None and later.deleted:
        also = f"{needs}{';' if older else ','} and " if count else ""
        return Status("attention", f"Finished: {also}{later.describe_deleted()}")
    if count:
        in_opus = run.counts.get("submitted", 0) + run.counts.get("unchanged", 0) + older
        return Status("attention" if in_opus else "bad", f"Finished: {needs}")
    if evidence.source_changed:
        return Status("attention", "Finished, but the source changed while it was being read")
    if evidence.journal_note:
        return Status("attention", "Finished, with a note about the journal")
    return Status("good", f"Finished: no row needs attention{'' if later is None else ' any more'}")


def describe_rejected_in_opus(count: int) -> str:
    """Return that so many of the rejected rows have a record, and what to do; without a full stop."""
    if count == 1:
        has = "1 of the rejected rows has a record that an earlier run sent, which stays as it is"
        return f"{has}. If you corrected this row in a rejects file, correct the source as well"
    have = f"{count:,} of the rejected rows have records that earlier runs sent, which stay as they are"
    return f"{have}. If you corrected these rows in a rejects file, correct the source as well"


def describe_rejected_deleted(count: int) -> str:
    """Return that so many of the rejected rows were deleted from an earlier rejects file, and what to do."""
    it = them(count)
    rows = f"{count:,} of the rejected rows {was(count)}"
    leave_out = f"To leave {it} out of later runs, exclude {it} with `where` in the mapping"
    return f"{rows} deleted from an earlier rejects file, so no retry sent {it}. {leave_out}"


def list_needs(
    run: Run, evidence: Evidence, later: Later | None = None, rows: LaterRows | None = None
) -> tuple[Need, ...]:
    """Return what a person should do or know about a run and `later` ones, the most urgent first.

    `rows` are those that are open after these, as far as they are known.
    """
    return tuple(_needs(run, evidence, later, rows))


def _needs(run: Run, evidence: Evidence, later: Later | None, rows: LaterRows | None) -> Iterator[Need]:
    sentences = () if rows is None else tuple(rows.sentences())
    newer = rows is not None and rows.newer_rejects
    again = "Run the same command again; it continues from there."
    if run.finished is None or run.ending != "done":
        left = run.counts.get("not_sent", 0)
        not_sent = f" {counted(left, 'record')} {was(left)} not sent." if left else ""
        yield Need(f"The run did not finish.{not_sent}", again, section="totals")
    if later is None or not later.describe():
        yield from _needs_of_rows(run, evidence, later, rows)
    elif later.still_open:
        section = "rejects" if run.counts.get("rejected") else "open-ends"
        to_do = _correct_later(run, evidence, later, newer=newer)
        yield Need(f"{later.describe()}.", *to_do, section, sentences)
    if evidence.source_changed:
        what = "The source changed while it was being read."
        yield Need(what, "Some rows may be old and some new: run again.", section="evidence")
    if evidence.journal_note:
        yield Need(f"{evidence.journal_note}.")
    if replaced := sum(reason.count for reason in evidence.replaced):
        what = f"{counted(replaced, 'wrong value')} {was(replaced)} replaced, as the mapping says."
        yield Need(what, "Check that the replacements are what you want.", section="replaced")
    if evidence.gone is not None and evidence.gone.records:
        gone = evidence.gone.without_keys()
        yield Need(
            f"{gone.describe()}.", gone.advise(name_opus(run)), section="gone", note="Nothing was deleted."
        )


def _needs_of_rows(
    run: Run, evidence: Evidence, later: Later | None, rows: LaterRows | None
) -> Iterator[Need]:
    """Yield what is to be done about the rows of a run that are not records in Opus."""
    again = _look_at_whole(later)
    newer = rows is not None and rows.newer_rejects
    correct = again or _correct(run, evidence.find("rejects"), newer=newer)
    if uncertain := run.counts.get("uncertain"):
        records, it = counted(uncertain, "record"), them(uncertain)
        what = f"Of {records} it is not known whether {name_opus(run)} took {it}."
        yield Need(what, f"Run the same command again; it sends {it} again.", section="open-ends")
    if failed := run.counts.get("failed"):
        who = name_opus(run)
        what = f"{who[:1].upper()}{who[1:]} refused {counted(failed, 'record')}."
        yield Need(what, *correct, "open-ends")
    if rejected := run.counts.get("rejected"):
        what = f"{counted(rejected, 'row')} {was(rejected)} rejected, and not sent."
        notes = []
        if evidence.rejected_in_opus:
            notes.append(f"{describe_rejected_in_opus(evidence.rejected_in_opus)}.")
        if evidence.rejected_deleted:
            notes.append(f"{describe_rejected_deleted(evidence.rejected_deleted)}.")
        if again is None and (evidence.rejected_in_opus or evidence.rejected_deleted):
            correct = _correct_source(run, evidence, rejected, newer=newer)
        named = () if rows is None else tuple(rows.sentences())
        yield Need(what, *correct, "rejects", named, " ".join(notes))


def _look_at_whole(later: Later | None) -> tuple[str, str] | None:
    """Return which report to read, and the command, if a run read the source again after all retries.

    To retry the rejects of the run before would put older values over newer ones.
    """
    if later is None or later.whole is None or later.whole[0] < max(later.retries, default=0):
        return None
    return f"{later.describe_whole()}. See", f"opusmap report {later.whole[0]} --html"


def _correct(run: Run, file: File | None, *, newer: bool) -> tuple[str, str]:
    """Return what to do with rows that are not records in Opus, and the command to run then.

    `newer`: a later run wrote a file of rejects, so the command has to name the one of this run.
    """
    mapping = shlex.quote(run.mapping)
    if file is None:
        return "Correct the source or the mapping, and run", f"opusmap submit {mapping}"
    return f"Correct the cells in {PurePath(file.path).name}, and run", _retry(run, file, newer=newer)


def _retry(run: Run, file: File, *, newer: bool) -> str:
    return _name_retry(run, PurePath(file.path).name if newer else "")


def _name_retry(run: Run, file: str) -> str:
    """Return the command that retries a file of rejects beside the mapping, or the newest one for ""."""
    named = f" {shlex.quote(str(PurePath(run.mapping).with_name(file)))}" if file else ""
    return f"opusmap retry {shlex.quote(run.mapping)}{named}"


def _correct_source(run: Run, evidence: Evidence, rejected: int, *, newer: bool) -> tuple[str, str]:
    """Return what to do with rejected rows of which some have a record or were deleted, and the command."""
    file, source = evidence.find("rejects"), evidence.find("source")
    in_opus, is_retry = evidence.rejected_in_opus, evidence.rows_of is not None
    others = rejected - in_opus - evidence.rejected_deleted
    if is_retry or file is None:
        return _correct(run, file, newer=newer)
    where, mapping = "the source" if source is None else PurePath(source.path).name, shlex.quote(run.mapping)
    if not in_opus and not others:
        those = "this row" if rejected == 1 else "these rows"
        return f"Exclude {those} with “where” in the mapping, and run", f"opusmap check {mapping}"
    if not others:
        those = "this row" if in_opus == 1 else "these rows"
        return f"Correct {those} in {where}, and run", f"opusmap submit {mapping}"
    cells = "the cells of the other one" if others == 1 else f"the cells of the other {others:,}"
    cells = f"{PurePath(file.path).name}, correct {cells}"
    those = "the row that has a record" if in_opus == 1 else f"the {in_opus:,} rows that have records"
    action = f"In {where}, correct {those}; in {cells}. Then run" if in_opus else f"In {cells}, and run"
    return action, _retry(run, file, newer=newer)


def _correct_later(run: Run, evidence: Evidence, later: Later, *, newer: bool) -> tuple[str, str]:
    """Return what to do with the rows that are open after later runs, and the command to run then."""
    if again := _look_at_whole(later):
        return again
    mapping = shlex.quote(run.mapping)
    if not later.attention:
        it, they, record = ("it", "it", "a record") if later.deleted == 1 else ("them", "they", "records")
        action = (
            f"If you deleted {it} on purpose, write the reason where you sign. If {they} should become "
            f"{record}, correct {it} in the source, and run"
        )
        return action, f"opusmap submit {mapping}"
    if not later.retries and (evidence.rejected_in_opus or evidence.rejected_deleted):
        return _correct_source(run, evidence, later.attention, newer=newer)
    if not later.retries or not later.rejects:
        return _correct(run, evidence.find("rejects"), newer=newer)
    return f"Correct the cells in {later.rejects}, and run", _name_retry(run, later.rejects)
