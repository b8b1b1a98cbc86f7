"""Due: what Opus says is due, what is known of it, a decision about each record, and a signature."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from opusmap.disposal.due import MEANINGS, DueEntry, DueList, DueState, read_day
from opusmap.disposal.signed_review import DueReview
from opusmap.errors import SettingsError
from opusmap.run.target import describe_host
from opusmap.studio import due_jobs
from opusmap.studio.due_review import (
    WORDS,
    Choice,
    check_signing,
    choice_of,
    choose,
    count_choices,
    draft_declaration,
    list_reviews,
    look_up_review,
    next_command,
    open_review,
    read_review,
    review_path,
    sign_review,
    write_review_file,
)
from opusmap.studio.jobs import Job
from opusmap.studio.send_jobs import read_settings
from opusmap.studio.sign_off import read_signer
from opusmap.studio.visit import Screen, Visit, read_number
from opusmap.studio.workbench import Workbench
from opusmap.wording import counted

PAGE = 50
"""Records on a page."""
_TERMS = 200
_AT_ONCE = 1.0
"""Seconds to wait for a signature, before the page shows how far it is."""
_REVIEWS = 20
_NONE = "-"
"""An empty classification, in an address."""
_WAYS_OUT = {
    Choice.KEEP: "take that decision back first",
    Choice.LEFT_OUT: "clear up what is known of them, and ask again",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A record in the list: what was decided, why it is kept, and the address of its row in the sample."""

    entry: DueEntry
    choice: Choice
    reason: str
    address: str


@dataclass(frozen=True, slots=True)
class Option:
    """A choice of a filter: its label, how many records it has, its address."""

    label: str
    count: int
    address: str
    current: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """The part of the list that is shown: the records of a filter, one page of them."""

    lines: tuple[Line, ...]
    found: int
    page: int
    pages: int
    previous: str
    next: str
    filters: tuple[tuple[str, str, tuple[Option, ...]], ...]
    """Of each filter its name in the address, its label, its options."""
    more_terms: int


def _view(visit: Visit) -> Mapping[str, Any]:
    job = visit.job(due_jobs.KIND)
    until = _until(visit, job)
    due = _list_of(job, until)
    review, problem = _read(visit, until, job)
    values: dict[str, Any] = {
        "until": until,
        "where": _where(visit),
        "job": job,
        "running": job is not None and job.running,
        "due": due,
        "signing": visit.job(due_jobs.SIGNING),
        "old": job is not None and due is not None and job.about.basis.is_old(visit.bench),
        "problem": problem,
        "meanings": {state.value: MEANINGS[state] for state in DueState},
        "labels": WORDS,
        "reviews": list_reviews(visit.path)[:_REVIEWS],
        "standing": look_up_review(review, visit.path, due),
        "command": "" if review is None else next_command(review, visit.bench.name),
        "counts": None,
        "listed": None,
        "declaration": "",
        "folder": str(visit.studio.folder.path),
        "file": review_path(visit.path, until).name,
    }
    if due is not None and review is not None and due.entries:
        counts = count_choices(review, due)
        values |= {"counts": counts, "listed": _list(visit, due, review)}
        values["declaration"] = draft_declaration(counts)
    return values


def _until(visit: Visit, job: Job | None) -> date:
    """Return the day of the address, else of the latest question, else today."""
    given = visit.query.get("until")
    if given:
        try:
            return read_day(given, "until")
        except SettingsError as error:
            visit.announce_error(error)
    return job.about.until if job is not None else read_day(None, "until")


def _list_of(job: Job | None, until: date) -> DueList | None:
    """Return the list of a day, if it is the one that was asked for last."""
    found = None if job is None else job.result
    return found if isinstance(found, DueList) and found.until == until else None


def _where(visit: Visit) -> tuple[str, str, str]:
    """Return which Opus would be asked; or else why that is not known, and what to do."""
    try:
        return describe_host(read_settings(visit.bench)), "", ""
    except SettingsError as error:
        return "", f"{error.setting}: {error.problem}", error.help


def _read(visit: Visit, until: date, job: Job | None) -> tuple[DueReview | None, SettingsError | None]:
    """Return the review of a day, an empty one if there is none but a list; or why it can't be read."""
    try:
        if job is None or _list_of(job, until) is None:
            return read_review(visit.path, until), None
        asked = job.about
        return open_review(visit.path, until, opus=asked.origin, connection=asked.connection), None
    except SettingsError as error:
        return None, error


def _list(visit: Visit, due: DueList, review: DueReview) -> Listed:
    entries = tuple(_filter(visit.query, due.entries, review))
    pages = max(1, -(-len(entries) // PAGE))
    page = min(max(1, read_number(visit.query.get("page", "")) or 1), pages)
    terms = Counter(entry.term for entry in due.entries).most_common()
    counts = count_choices(review, due)
    filters = (
        ("state", "State", [(state, state, count) for state, count in due.counts.items()]),
        (
            "decision",
            "Decision",
            [(one.value, WORDS[one], n) for one, n in counts.items() if n],
        ),
        ("term", "Classification", [(one or _NONE, one or "none", count) for one, count in terms[:_TERMS]]),
    )
    return Listed(
        lines=tuple(
            Line(
                entry,
                choice_of(review, entry),
                review.kept.get(entry.key, ""),
                visit.find_row(entry.place),
            )
            for entry in entries[(page - 1) * PAGE : page * PAGE]
        ),
        found=len(entries),
        page=page,
        pages=pages,
        previous=visit.address(page=page - 1) if page > 1 else "",
        next=visit.address(page=page + 1) if page < pages else "",
        filters=tuple(
            (name, label, tuple(_options(visit, name, found, len(due.entries))))
            for name, label, found in filters
        ),
        more_terms=len(terms[_TERMS:]),
    )


def _options(visit: Visit, name: str, found: Iterable[tuple[str, str, int]], whole: int) -> Iterator[Option]:
    now = visit.query.get(name, "")
    yield Option("all", whole, visit.address(page=None, **{name: None}), not now)
    for value, label, count in found:
        yield Option(label, count, visit.address(page=None, **{name: value}), now == value)


def _filter(query: Mapping[str, str], entries: Iterable[DueEntry], review: DueReview) -> Iterator[DueEntry]:
    """Yield the records that the address asks for."""
    state, term, decision = (query.get(name, "") for name in ("state", "term", "decision"))
    words = query.get("find", "").casefold().split()
    for entry in entries:
        text = f"{entry.key}\n{entry.name}\n{entry.term}".casefold() if words else ""
        if (
            (not state or entry.state.value == state)
            and (not term or (entry.term or _NONE) == term)
            and (not decision or choice_of(review, entry).value == decision)
            and all(word in text for word in words)
        ):
            yield entry


def _ask(visit: Visit) -> str:
    until = read_day(visit.field("until"), "until")
    settings = read_settings(visit.bench)
    due_jobs.start(visit.studio.jobs, visit.bench, settings, until)
    return visit.address("due", until=until)


def _stop(visit: Visit) -> None:
    visit.stop(due_jobs.KIND)


def _reviewed(visit: Visit) -> tuple[DueList, DueReview]:
    """Return the list that a form is about, and its review.

    Raises:
        SettingsError: the list was asked for again since, or the review can't be read.
    """
    job = visit.job(due_jobs.KIND)
    until = _until(visit, job)
    due = _list_of(job, until)
    if job is None or due is None or visit.field("list") != str(job.number):
        raise SettingsError("list", "the list was asked for again, or is gone", "look at it, and decide then")
    review, problem = _read(visit, until, job)
    if review is None:
        assert problem is not None
        raise problem
    return due, review


def _decide(visit: Visit) -> None:
    with visit.bench.lock:
        due, review = _reviewed(visit)
        choice = Choice(visit.field("decision"))
        entries = tuple(_filter(visit.query, due.entries, review))
        if visit.field("which") != "all":
            checked = frozenset(visit.lists.get("key", ()))
            entries = tuple(entry for entry in entries if entry.key in checked)
            if not entries:
                raise SettingsError("records", "none is checked", "check records, or choose all of the list")
        after = choose(review, entries, choice, visit.form.get("reason", ""))
        write_review_file(after, visit.path)
    found = Counter(choice_of(after, one) for one in entries)
    done = len(entries) if choice is Choice.OPEN else found.pop(choice, 0)
    words = "undecided again" if choice is Choice.OPEN else WORDS[choice]
    visit.announce("good", f"{counted(done, 'record')} {words}.")
    for other in (Choice.KEEP, Choice.LEFT_OUT):
        if choice is Choice.DESTROY and found[other]:
            what = f"{counted(found[other], 'record')} {WORDS[other]}, and so it stays."
            visit.announce("attention", what, _WAYS_OUT[other])


def _sign(visit: Visit) -> None:
    with visit.bench.lock:
        due, review = _reviewed(visit)
        job = visit.job(due_jobs.KIND)
        if job is not None and job.about.basis.is_old(visit.bench):
            problem = "the mapping, its source or what was sent has changed since the list was made"
            raise SettingsError("list", problem, "ask Opus again, look at what is different, and sign then")
        check_signing(review, due)
        signer = read_signer(*map(visit.field, ("name", "role", "declaration")))
    writing = _unless_changed(visit.bench, review)

    def sign(note: Callable[[int], None]) -> DueReview:
        return sign_review(review, due, path, signer, note=note, writing=writing)

    path = visit.path
    signing = due_jobs.start_signing(visit.studio.jobs, visit.bench.name, len(due.entries), sign)
    signing.wait(_AT_ONCE)
    if signing.running:
        return  # the page shows how far it is
    if signing.error is None:
        files = " and ".join(f"`{one.path}`" for one in signing.result.signed.files)
        visit.announce("good", f"The review is signed: {files} are beside the mapping.")


@contextmanager
def _unless_changed(bench: Workbench, review: DueReview) -> Iterator[None]:
    """Let nothing change a review while it is written.

    Raises:
        SettingsError: a decision was changed since, so that it is not what was signed.
    """
    with bench.lock:
        until = date.fromisoformat(review.until)
        if open_review(bench.path, until, opus=review.opus, connection=review.connection) != review:
            problem = "decisions were changed while the page was written"
            raise SettingsError("review", problem, "look at the decisions, and sign again")
        yield


SCREEN = Screen("due", "Due", _view, {"ask": _ask, "stop": _stop, "decide": _decide, "sign": _sign})
