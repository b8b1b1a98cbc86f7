"""The review of due records: for each of them the decision of a person, in the end under that person's name.

Decisions are kept in a file beside the mapping from the first one on. Signing adds the files that go on from
there: the rowKeys that must be kept, a file of holds, and the page to print. `opusmap destroy plan --review`
reads the review with them.
Owns what a decision is of (the content that was seen), and what has changed since the signing. Nothing is
destroyed here, and no plan is made or approved.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

import msgspec

from opusmap.disposal.due import DueEntry, DueList, DueState
from opusmap.disposal.holds import NAMED, encode_hold, read_hold
from opusmap.disposal.review import SignedReview, render_review
from opusmap.disposal.signed_review import HOLDS, DueReview, Signature, read_review_file
from opusmap.errors import DestructionRefused, SettingsError
from opusmap.kept_files import write_kept
from opusmap.output_files import File, hash_file, write_whole
from opusmap.report.list_files import write_page
from opusmap.studio.sign_off import Change, Signer, compare_files
from opusmap.wording import counted, quote_names, show_command

_REASON_LIMIT = 500
_ENDING = ".review.json"


class Choice(StrEnum):
    """What a review says of a due record. Each record has exactly one of these."""

    DESTROY = "destroy"
    KEEP = "keep"
    LEFT_OUT = "left-out"
    """Nothing was decided, and no plan may have it: it is not `known`."""
    OPEN = "open"


WORDS = {
    Choice.DESTROY: "may be destroyed",
    Choice.KEEP: "must be kept",
    Choice.LEFT_OUT: "can't be planned yet",
    Choice.OPEN: "not decided",
}
"""The choices in words."""


def review_path(mapping: Path, until: date | str) -> Path:
    """Return the path of a review: `mapping.due-2026-06-30.review.json` beside `mapping.yaml`."""
    return mapping.with_suffix(f".due-{until}{_ENDING}")


def list_reviews(mapping: Path) -> tuple[str, ...]:
    """Return the days of a mapping's reviews, the latest first."""
    start = f"{mapping.stem}.due-"
    names = (path.name for path in mapping.parent.iterdir() if path.name.endswith(_ENDING))
    days = (name.removeprefix(start).removesuffix(_ENDING) for name in names if name.startswith(start))
    return tuple(sorted((day for day in days if _is_day(day)), reverse=True))


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def read_review(mapping: Path, until: date | str) -> DueReview | None:
    """Return the review of what is due by a day, None if there is none.

    Raises:
        SettingsError: the file can't be read, or is not a review of this version.
    """
    return read_review_file(review_path(mapping, until))


def open_review(mapping: Path, until: date, *, opus: str, connection: str) -> DueReview:
    """Return the review of what an Opus lists as due by a day, or one without decisions if there is none.

    Raises:
        SettingsError: the file can't be read, or is the review of another Opus or connection.
    """
    found = read_review(mapping, until)
    if found is None:
        return DueReview(opus=opus, connection=connection, until=str(until))
    if problem := found.find_other_target(opus, connection):
        hint = "move the file away to review what this one lists"
        raise SettingsError(str(review_path(mapping, until)), problem, hint)
    return found


def write_review_file(review: DueReview, mapping: Path) -> Path:
    """Write a review beside its mapping, in place of what it was; return its path.

    Raises:
        SettingsError: the file can't be written.
    """
    path = review_path(mapping, review.until)
    write_kept(path, review)
    return path


def choice_of(review: DueReview, entry: DueEntry) -> Choice:
    """Return what a review says of a record that is due.

    An agreement is of the content that was seen: a record that was submitted again is open.
    """
    if entry.key in review.kept:
        return Choice.KEEP
    if entry.state is not DueState.KNOWN:
        return Choice.LEFT_OUT
    return Choice.DESTROY if review.agreed.get(entry.key) == entry.content else Choice.OPEN


def count_choices(review: DueReview, due: DueList) -> dict[Choice, int]:
    """Return how many of the records that are due there are of each choice; together they are all."""
    found = Counter(choice_of(review, entry) for entry in due.entries)
    return {choice: found[choice] for choice in Choice}


def choose(review: DueReview, entries: Iterable[DueEntry], choice: Choice, reason: str = "") -> DueReview:
    """Return a review with another decision about some records.

    Args:
        review: as it is.
        entries: the records. Those that are not `known`, or that must be kept, can't be agreed to, and stay
            as they are: a person takes such a decision back first.
        choice: `DESTROY`, `KEEP`, or `OPEN` to take a decision back.
        reason: why they must be kept.

    Raises:
        SettingsError: records are to be kept without a reason, or with one that is too long.
    """
    reason, entries = " ".join(reason.split()), tuple(entries)
    if choice is Choice.KEEP and not 0 < len(reason) <= _REASON_LIMIT:
        problem = f"this is longer than {_REASON_LIMIT} characters" if reason else "no reason is given"
        raise SettingsError("reason", problem, "say in a few words why the records must be kept")
    if choice is Choice.DESTROY:
        entries = tuple(one for one in entries if one.state is DueState.KNOWN and one.key not in review.kept)
    agreed, kept = dict(review.agreed), dict(review.kept)
    for entry in entries:
        agreed.pop(entry.key, None)
        kept.pop(entry.key, None)
        if choice is Choice.DESTROY:
            agreed[entry.key] = entry.content
        elif choice is Choice.KEEP:
            kept[entry.key] = reason
    return msgspec.structs.replace(review, agreed=agreed, kept=kept)


def draft_declaration(counts: dict[Choice, int]) -> str:
    """Return what a person may declare of a review, to be edited."""
    kept, out = counts[Choice.KEEP], counts[Choice.LEFT_OUT]
    text = (
        f"I have reviewed the {counted(sum(counts.values()), 'record')} of this list. "
        f"{counted(counts[Choice.DESTROY], 'record')} may be destroyed: the sentence of each is still right, "
        "and I know of no freeze, legal proceedings or request for access that concerns one of them."
    )
    if kept:
        text += f" {counted(kept, 'record')} {WORDS[Choice.KEEP]}, for the reasons that the list names."
    if out:
        text += f" {counted(out, 'record')} {WORDS[Choice.LEFT_OUT]}, for the reasons that the list names."
    return text


def sign_review(
    review: DueReview,
    due: DueList,
    mapping: Path,
    signer: Signer,
    *,
    now: datetime | None = None,
    note: Callable[[int], None] = lambda _done: None,
    writing: AbstractContextManager[object] | None = None,
) -> DueReview:
    """Sign a review: write its file of holds, its page and, with the signature, itself.

    The file of holds has each record that was not agreed to, also one that can't be planned yet: it may
    become `known` before a plan is made.

    Args:
        review: with a decision about each record that can be planned.
        due: the list that was reviewed.
        mapping: the mapping, beside which the files are written.
        signer: who signs, and what this person declares.
        now: when; the present by default.
        note: is called now and then with how many records are on the page so far.
        writing: is entered before the first file is written; what it raises leaves all as it is.

    Raises:
        SettingsError: a decision is missing, or a file can't be written.
        DestructionRefused: a rowKey can't be written into a file of holds, or the one that is there can't be
            read, or holds records that someone else wrote into it.
    """
    counts = check_signing(review, due)
    at = (now or datetime.now(UTC)).replace(microsecond=0)
    held = {one.key: "" for one in due.entries if choice_of(review, one) is not Choice.DESTROY}
    held |= review.kept
    holds, page = (mapping.with_suffix(f".due-{due.until}{ending}") for ending in (".holds.txt", ".html"))
    content = encode_hold(holds, held)
    decisions = {one.key: _say(review, one) for one in due.entries}
    totals = {choice.value: count for choice, count in counts.items()}
    signing = SignedReview(*signer, at, decisions, totals, holds.name, sha256(content).hexdigest())
    rendered = render_review(due, mapping.name, signing, note)
    with writing or nullcontext():
        _refuse_lost_holds(holds, held, review.signed)
        with write_whole(holds) as file:
            file.write(content)
        write_page(str(page), rendered)
        files = [_sign_file(role_, path) for role_, path in ((HOLDS, holds), ("review page", page))]
        signed = _add_signature(review, due, signing, files)
        write_review_file(signed, mapping)
    return signed


def _refuse_lost_holds(path: Path, held: Collection[str], last: Signature | None) -> None:
    """Refuse to replace a file of holds to which a person has added rowKeys that are not `held`.

    It may go if it is as it was signed last. What that signature kept may go, too: someone took that back.
    """
    signed = {file.sha256 for file in last.files if file.role == HOLDS} if last else set()
    now = hash_file(HOLDS, path)
    if not os.path.lexists(path) or (now is not None and now.sha256 in signed):
        return
    if lost := sorted(read_hold(path).reasons.keys() - {*held, *(last.kept if last else ())}):
        named = quote_names(lost, NAMED, 60)
        problem = f"it holds {counted(len(lost), 'record')} that the review does not keep: {named}"
        hint = "keep them in the review first, or move their lines to another file of holds, for --hold"
        raise DestructionRefused(str(path), problem, hint)


def check_signing(review: DueReview, due: DueList) -> dict[Choice, int]:
    """Return how many records there are of each choice, if a review can be signed.

    Raises:
        SettingsError: a decision is missing.
    """
    counts = count_choices(review, due)
    if not due.entries or counts[Choice.OPEN]:
        open_ = counted(counts[Choice.OPEN], "record is", "records are")
        problem = f"{open_} not decided yet" if due.entries else "nothing is due"
        raise SettingsError("review", problem, "decide about each record, then sign")
    return counts


def _add_signature(review: DueReview, due: DueList, signing: SignedReview, files: list[File]) -> DueReview:
    signature = Signature(
        name=signing.name,
        role=signing.role,
        declaration=signing.declaration,
        signed=signing.at.isoformat(),
        counts=dict(signing.counts),
        agreed={one.key: one.content for one in due.entries if choice_of(review, one) is Choice.DESTROY},
        kept=review.kept,
        files=files,
    )
    return msgspec.structs.replace(review, agreed=signature.agreed, signed=signature)


def _say(review: DueReview, entry: DueEntry) -> str:
    choice = choice_of(review, entry)
    return WORDS[choice] + (f": {review.kept[entry.key]}" if choice is Choice.KEEP else "")


def _sign_file(role: str, path: Path) -> File:
    found = hash_file(role, path)
    assert found is not None
    return replace(found, path=path.name)


def next_command(review: DueReview, mapping: str) -> str:
    """Return the command that makes a plan by a signed review; empty if there is nothing to plan.

    Args:
        review: the review.
        mapping: the mapping's path, as the command names it.
    """
    if review.signed is None or not review.signed.agreed:
        return ""
    return show_command("destroy", "plan", mapping, "--review", str(review_path(Path(mapping), review.until)))


@dataclass(frozen=True, slots=True)
class ReviewStanding:
    """A signed review, and what became of it.

    Attributes:
        signature: who signed what.
        changes: files that are no longer as they were signed.
        decided_since: whether decisions were changed after the signing.
        unseen: rowKeys that could be planned now, with content about which no one decided.
        missing: rowKeys that were agreed to, and that a plan would not have now.
        compared: whether there is a list of now, without which `unseen` and `missing` are not known.
    """

    signature: Signature
    changes: tuple[Change, ...] = ()
    decided_since: bool = False
    unseen: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    compared: bool = False

    @property
    def is_valid(self) -> bool:
        """Whether a plan can be made by it: decisions and files are as they were signed."""
        return not (self.changes or self.decided_since)


def look_up_review(review: DueReview | None, mapping: Path, due: DueList | None) -> ReviewStanding | None:
    """Return what became of a signed review; None if none was signed. `due` is what is due now, if known."""
    if review is None or review.signed is None:
        return None
    signature, decided_since = review.signed, review.decided_since
    changes = tuple(compare_files(signature.files, mapping))
    if due is None:
        return ReviewStanding(signature, changes, decided_since)
    agreed, known = (
        signature.agreed,
        {one.key: one.content for one in due.entries if one.state is DueState.KNOWN},
    )
    new = known.keys() - signature.kept.keys()
    unseen = tuple(key for key, content in known.items() if key in new and agreed.get(key) != content)
    missing = tuple(key for key, content in agreed.items() if known.get(key) != content)
    return ReviewStanding(signature, changes, decided_since, unseen, missing, compared=True)
