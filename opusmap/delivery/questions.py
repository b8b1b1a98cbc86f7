"""Questions: asking Opus for all records that are due, page by page, at a run's pace and with its retries.

A question changes nothing, so it is asked again however it went wrong, as long as the retry policy says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from opusmap.delivery.attempts import NOT_REACHED
from opusmap.delivery.early_abort import StopSignal
from opusmap.delivery.rate_limit import Clock, RateLimiter
from opusmap.delivery.retry_policy import Retry, RetryPolicy, StopRun
from opusmap.errors import OpusUnavailable, SignInError
from opusmap.opus.due_pages import PAGE_SIZE, DuePage, DueRecord, read_due_page
from opusmap.opus.exchange import Exchange
from opusmap.opus.responses import AttemptResult, LoadSignal, Verdict

_log = logging.getLogger("opusmap.delivery")

_AGAIN = "try again later; nothing was changed"
_CONNECTION = (
    "compare the connection file with Opus: is it of this tenant, and does the connection still exist?"
)
_PAGES = 1_000_000
"""Pages that are asked for at most: a service that never ends its list is out of order."""


class DueSource(Protocol):
    """What is asked: a client."""

    @property
    def url(self) -> str:
        """The service's base URL, for messages."""

    async def ask_due(self, connection: str, before: str, start: str, items: int) -> Exchange:
        """Ask for one page; see `OpusClient.ask_due`."""


async def ask_all_due(
    client: DueSource,
    connection: str,
    before: str,
    *,
    retries: RetryPolicy | None = None,
    clock: Clock | None = None,
    note: Callable[[int], None] = lambda _listed: None,
) -> tuple[DueRecord, ...]:
    """Return all records of a connection that are due before a time, each rowKey once, in Opus's order.

    Args:
        client: what asks.
        connection: the connection's id.
        before: a time without a zone, ISO.
        retries: decides how often a page is asked for again.
        clock: time and chance.
        note: is called after each page with how many records are listed; what it raises ends the question.

    Raises:
        OpusUnavailable: Opus stays away, refuses the question, or its answers can't be read.
        SignInError: it refuses who asks.
    """
    clock, retries = clock or Clock(), retries or RetryPolicy()
    limiter = RateLimiter(1, clock, StopSignal(), retries)
    found: dict[str, DueRecord] = {}
    start, seen = "", {""}
    for _ in range(_PAGES):
        page = await _ask_page(client, (connection, before, start, PAGE_SIZE), limiter, retries, clock)
        for record in page.records:
            found.setdefault(record.key, record)
        note(len(found))
        if page.next is None:
            return tuple(found.values())
        start = page.next
        if start in seen:
            break
        seen.add(start)
    raise OpusUnavailable(client.url, "the list of due records has no end: a page comes twice", _AGAIN)


async def _ask_page(
    client: DueSource,
    question: tuple[str, str, str, int],
    limiter: RateLimiter,
    retries: RetryPolicy,
    clock: Clock,
) -> DuePage:
    attempt, spent, reached = 0, 0.0, False
    while True:
        await limiter.admit()
        began, signal = clock.clock(), LoadSignal.NOT_SENT
        try:
            result, page = read_due_page(await client.ask_due(*question))
            signal = result.signal
        finally:
            limiter.leave(began, signal)
        result = replace(result, seconds=clock.clock() - began)
        if result.verdict is Verdict.ACCEPTED:
            limiter.note_success()
            return page
        attempt, spent = attempt + 1, spent + result.seconds
        reached = reached or result.error not in NOT_REACHED
        decision = retries.decide(
            result,
            attempt=attempt,
            size=1,
            alone=result.unreadable,
            left=retries.limit_time(reached=reached) - spent,
            random=clock.random,
        )
        _log.debug("due records, attempt %d: %s", attempt, result.message)
        if not isinstance(decision, Retry):
            raise _give_up(client.url, result, decision)
        if decision.everyone:
            limiter.hold(decision.delay)
        else:
            spent += decision.delay
        await limiter.wait(decision.delay)
        await limiter.afford_retry()


def _give_up(url: str, result: AttemptResult, decision: object) -> OpusUnavailable:
    if isinstance(decision, StopRun) and result.verdict is Verdict.REFUSED:
        kind = SignInError if decision.sign_in else OpusUnavailable
        return kind(url, result.message, decision.help)
    refused = result.verdict is Verdict.REFUSED
    return OpusUnavailable(url, result.message, _CONNECTION if refused else _AGAIN)
