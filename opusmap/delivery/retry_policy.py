"""The delivery policies: what follows a request that did not settle its records, and what resuming sends.

Pure: they neither wait nor send; the engine does what is decided here. A record is known by its rowKey and
content, never by its position. A request whose answer was lost may still take effect, so another content of
the same record waits until that is unlikely.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from opusmap.journal import Item, JournalRecord, State, Timestamp
from opusmap.opus.exchange import TransportError
from opusmap.opus.responses import (
    ADDRESS_HELP,
    PATH_HELP,
    PERMISSION_HELP,
    TRUST_HELP,
    AttemptResult,
    Verdict,
)

ATTEMPTS = 8
"""Times that one request is sent, unless others come through meanwhile."""

FIRST_TIMEOUT = 10.0
"""Seconds that one request is worked at while nothing was ever sent as far as Opus: a wrong address or a
closed network is reported soon."""

ATTEMPTS_ALONE = 3
"""The same for a record sent singly because nothing clear came of its batch."""

_FIRST_DELAY, _LONGEST_DELAY = 0.5, 60.0
REFUSED_RECORDS = frozenset({400, 409, 413, 422})
"""Refusals that may be due to one of the records: nothing was taken. Only 400 is documented."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Send it again after `delay` seconds; with `everyone`, no worker sends before that."""

    delay: float
    everyone: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """Send it in `parts`; `alone`: each part is one record, sent because nothing clear came of the batch."""

    parts: int
    alone: bool = False


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Send it no more. `refused`: Opus refused this record, so it failed; else it stays uncertain."""

    refused: bool


@dataclass(frozen=True, slots=True)
class StopRun:
    """Send nothing more at all; with `sign_in` because Opus refuses who we are, else it is out of reach."""

    sign_in: bool = False
    help: str = ""


Decision: TypeAlias = "Retry | Split | GiveUp | StopRun"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Decides what follows a request that was not accepted.

    `timeout`: seconds that one request is worked at, unless others come through; waits that Opus asks for
    don't count. `per_second` and `burst` limit all retries of a run together, see `RetryBudget`.
    """

    timeout: float = 120.0
    per_second: float = 1.0
    burst: float = 10.0

    def limit_time(self, *, reached: bool) -> float:
        """Return the seconds that one request is worked at; `reached`: one was sent as far as Opus."""
        return self.timeout if reached else min(FIRST_TIMEOUT, self.timeout)

    def decide(
        self,
        result: AttemptResult,
        *,
        attempt: int,
        size: int,
        left: float,
        alone: bool = False,
        once: bool = False,
        heard: bool = False,
        random: Callable[[], float],
    ) -> Decision:
        """Decide what follows a request that was not accepted.

        Args:
            result: what it came to.
            attempt: how many times this request has been sent, from 1.
            size: how many records it holds.
            left: the seconds of the timeout that are left; waits that the server asks for don't count.
            alone: it is a record sent singly because nothing clear came of its batch.
            once: it is such a record, and no answer about those before it could be read, however often asked.
            heard: Opus has answered others during the last `ATTEMPTS` or the timeout, so it is there.
            random: gives numbers in [0, 1).
        """
        if result.verdict is Verdict.REFUSED:
            if result.status in REFUSED_RECORDS:
                return Split(2) if size > 1 else GiveUp(refused=True)
            return _stop(result)
        if result.unreadable and size > 1:
            return Split(size, alone=True)
        unknown = result.verdict is Verdict.UNKNOWN
        attempts = 1 if once else ATTEMPTS_ALONE if alone else ATTEMPTS
        exhausted = attempt % (attempts if unknown else ATTEMPTS) == 0 or left <= 0.0
        if not exhausted or (heard and not unknown):
            if result.retry_after:
                return Retry(result.retry_after, everyone=True)
            # The last attempt comes at the end of the timeout, not long after.
            delay = draw_delay(attempt, random)
            return Retry(min(delay, left) if left > 0.0 else delay)
        if not unknown:
            return StopRun(help="run the same command again later: it sends what is left")
        # A single record may be what breaks the server: each is tried alone.
        return Split(size, alone=True) if size > 1 else GiveUp(refused=False)


def _stop(result: AttemptResult) -> StopRun:
    """Decide on a refusal that concerns every request alike, not these records."""
    if result.error is TransportError.UNTRUSTED:
        return StopRun(help=TRUST_HELP)
    if result.status in (401, 403):
        return StopRun(sign_in=True, help=PERMISSION_HELP)
    return StopRun(help=PATH_HELP if result.status == 404 else ADDRESS_HELP)  # noqa: PLR2004 - HTTP


def draw_delay(attempt: int, random: Callable[[], float]) -> float:
    """Return the seconds to wait after this attempt: exponential backoff with full jitter.

    Anything from 0 to a ceiling that doubles with each attempt, so that clients spread out
    (AWS Architecture Blog, "Exponential Backoff And Jitter").
    """
    return random() * min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(attempt, 32))


@dataclass(frozen=True, slots=True)
class ResumePolicy:
    """Decides whether a record is sent, and how long it waits before.

    `late_effect_window`: seconds after which a request whose answer was lost is taken to have no effect any
    more. `resend`: send records, too, that Opus took already as they are, by the journal.
    """

    late_effect_window: float = 30.0
    resend: bool = False

    def is_unchanged(self, entry: Item, known: JournalRecord | None, trusted_from: int = 0) -> bool:
        """Return whether a record need not be sent: Opus took this very content, and nothing else since.

        What a run before `trusted_from` sent says nothing: another journal's run may have replaced it.
        """
        return (
            not self.resend
            and known is not None
            and known.state is State.ACCEPTED
            and known.content == entry.content
            and known.run >= trusted_from
        )

    def count_wait(self, entry: Item, known: JournalRecord | None, now: Timestamp) -> float:
        """Return the seconds that a record must wait before it is sent, 0..`late_effect_window`.

        The same content need not wait: it makes no difference which of the two requests comes last.
        """
        if known is None or known.unanswered is None or known.content == entry.content:
            return 0.0
        return max(0.0, self.late_effect_window - self.count_elapsed(known.unanswered, now))

    def find_unanswered(self, entry: Item, known: JournalRecord | None, now: Timestamp) -> Timestamp | None:
        """Return when an earlier request with this content ended that may still take effect, if one may.

        The journal must not forget it when the content is taken: a change that follows has to wait for it.
        """
        if known is None or known.unanswered is None or known.content != entry.content:
            return None
        return known.unanswered if self.may_take_effect(known.unanswered, now) else None

    def may_take_effect(self, unanswered: Timestamp, now: Timestamp) -> bool:
        """Return whether a request that ended at a moment without a clear answer may still take effect."""
        return self.count_elapsed(unanswered, now) < self.late_effect_window

    def count_elapsed(self, since: Timestamp, now: Timestamp) -> float:
        """Return how many seconds have surely passed between two moments, by the two clocks.

        The wall clock may have been set forth or back, the other may have started again with the machine;
        what has passed since then is all that is sure in that case. The smaller of the two counts, so that a
        clock set forth cuts no wait short; and one set back can lengthen none beyond the window.
        """
        by_ticks = now.ticks - since.ticks if now.ticks >= since.ticks else now.ticks
        return max(0.0, min(now.wall - since.wall, by_ticks))
