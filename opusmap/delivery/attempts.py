"""Attempts: one body is sent, again as long as that is what is decided, until there is an end to it.

Owns waiting until a request may be sent, the intent before it goes, reading the answer, carrying out what
`retry_policy` decides. What becomes of the records is up to the engine.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from opusmap.delivery.batcher import Batch, KeyLocks
from opusmap.delivery.early_abort import StopSignal, UnknownOutcomes
from opusmap.delivery.rate_limit import Clock, RateLimiter
from opusmap.delivery.results import Outlook, Results
from opusmap.delivery.retry_policy import (
    ATTEMPTS,
    REFUSED_RECORDS,
    Decision,
    ResumePolicy,
    Retry,
    RetryPolicy,
    StopRun,
)
from opusmap.errors import OpusUnavailable, SignInError
from opusmap.opus.exchange import (
    Answer,
    Conflict,
    ConflictKey,
    Exchange,
    Sender,
    TransportError,
    encode_body,
    encode_destruction,
)
from opusmap.opus.responses import AttemptResult, LoadSignal, Verdict, advise_absent, read_exchange

_log = logging.getLogger("opusmap.delivery")


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """How records are sent.

    Attributes:
        conflict: whether Opus overwrites or skips a record that it has.
        conflict_key: the spelling of that option.
        concurrency: requests in flight at most; how many there are adapts to what Opus bears.
        resume: decides what is sent at all, and what waits for an earlier request's late effect.
        retries: decides what follows a request that did not settle its records.
        key_locks: makes what keeps the versions of a rowKey in order, for one run.
        trust_status: believe an HTTP status of success that comes without a body; what it took is counted.
        destroys: records are not submitted but marked as destroyed; the JSON of each is its rowKey's.
        shared: other processes send the same run, and what they have sent counts as submitted by it.
    """

    conflict: Conflict
    conflict_key: ConflictKey = "both"
    concurrency: int = 8
    resume: ResumePolicy = field(default_factory=ResumePolicy)
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    key_locks: Callable[[], KeyLocks] = KeyLocks
    trust_status: bool = False
    destroys: bool = False
    shared: bool = False


class Attempts:
    """Sends bodies for all workers. `heard` counts answers that show that Opus is there and working."""

    def __init__(
        self,
        client: Sender,
        results: Results,
        rate_limiter: RateLimiter,
        stop_signal: StopSignal,
        clock: Clock,
        options: DeliveryOptions,
    ) -> None:
        self.heard = 0
        self.unknown = UnknownOutcomes(stop_signal)
        self._client = client
        self._results = results
        self._rate_limiter = rate_limiter
        self._stop_signal = stop_signal
        self._clock = clock
        self._options = options
        self._reached = False  # whether anything was ever sent as far as Opus
        self._trouble = ""  # the last one, in words
        self._silent_since: float | None = None  # the first trouble since the last success
        self._told_at = float("-inf")  # when a wait was last logged
        self._outlook = Outlook(0)  # as it was last given

    def give_up(self) -> None:
        """Stop the run: Opus stays away."""
        help_text = advise_absent(self._client.url, self._trouble)
        help_text = help_text or "run the same command again later: it sends what is left"
        self._stop_signal.stop(OpusUnavailable(self._client.url, self._trouble, help_text))

    async def wait_for_late_effects(self, seconds: float) -> None:
        """Wait, if any time at all, until an earlier request can't take effect any more."""
        if seconds > 0.0:
            said = self._tell_wait(seconds, "an earlier request for these records may still take effect")
            await self._rate_limiter.wait(seconds)
            self._end_wait(said)

    def _tell_wait(self, seconds: float, words: str) -> str:
        """Show why a worker waits; log it now and then, where nothing has succeeded for some time."""
        said = self._rate_limiter.waiting = f"waiting {max(1.0, seconds):.0f} s: {words}"
        self._show_outlook()
        now = self._clock.clock()
        since = now if self._silent_since is None else self._silent_since
        if now + seconds - since >= _LONG_WAIT and now - self._told_at >= _SELDOM:
            self._told_at = now
            _log.warning("%s", said)
        return said

    def _end_wait(self, said: str) -> None:
        if self._rate_limiter.waiting == said:
            self._rate_limiter.waiting = ""
            self._show_outlook()

    def _show_outlook(self) -> None:
        outlook = Outlook(self._rate_limiter.allowed, self._rate_limiter.waiting)
        if outlook != self._outlook:
            self._outlook = outlook
            self._results.note(outlook)

    def give_up_unreadable(self) -> None:
        """Stop the run: whatever answers, what it says can't be read."""
        problem = f"the answers to the last requests can't be read. {self.unknown.words}"
        self._stop_signal.stop(OpusUnavailable(self._client.url, problem, _WHO_ANSWERS))

    async def send(
        self, batch: Batch, *, alone: bool, once: bool, maybe: bool
    ) -> tuple[AttemptResult, Decision | None]:
        """Send a batch as one body, again as long as that is what is decided.

        `alone`, `once`: see `RetryPolicy.decide`; `maybe`: a request before this one may have been processed.

        Return what the last request came to, and the last decision, None where it was accepted or the run
        halts. The verdict is unknown if any request may have been processed, and none was accepted.
        """
        body = self._encode([record.json for record in batch.records])
        end = AttemptResult(Verdict.UNKNOWN if maybe else Verdict.RETRY, _HALTED)
        attempt, heard, spent = 0, self.heard, 0.0
        try:
            while (result := await self._attempt(batch, body, attempt + 1)) is not None:
                if result.verdict is Verdict.ACCEPTED:
                    return result, None
                attempt, spent = attempt + 1, spent + result.seconds
                timeout = self._options.retries.limit_time(reached=self._reached)
                decision = self._options.retries.decide(
                    result,
                    attempt=attempt,
                    size=len(batch.records),
                    alone=alone,
                    once=once,
                    heard=self.heard > heard,
                    left=timeout - spent,
                    random=self._clock.random,
                )
                end = replace(result, verdict=Verdict.UNKNOWN) if end.verdict is Verdict.UNKNOWN else result
                cost = await self._carry_on(decision, result, attempt)
                if cost is None:
                    return end, decision
                if attempt % ATTEMPTS == 0 or spent >= timeout:
                    heard, spent = self.heard, 0.0
                spent += cost
        except SignInError as error:
            self._stop_signal.stop(error)
        return end, None

    def _encode(self, records: Sequence[bytes]) -> bytes:
        if self._options.destroys:
            return encode_destruction(records)
        return encode_body(
            records,
            connection_id=self._results.run.connection,
            conflict=self._options.conflict,
            conflict_key=self._options.conflict_key,
        )

    async def _attempt(self, batch: Batch, body: bytes, attempt: int) -> AttemptResult | None:
        """Send a body as soon as it may be, its intent durable before; None when the run halts.

        The client may send it again, with a new token or to the other path; that is not a separate attempt,
        but is counted and reported as a request.
        """
        if not await self._rate_limiter.admit():
            return None
        began, signal = self._clock.clock(), LoadSignal.NOT_SENT

        def read(exchange: Exchange) -> AttemptResult:
            seconds = self._clock.clock() - began
            trust, destroys = self._options.trust_status, self._options.destroys
            result = read_exchange(
                exchange, batch.keys, seconds, trust_status=trust and not destroys, no_content=destroys
            )
            self._note_result(batch, result, attempt)
            return result

        async def before_resend(answer: Answer) -> None:
            nonlocal began, attempt
            read(answer)
            attempt += 1
            if not (await self._rate_limiter.wait_out_hold() and await self._may_send()):
                raise _Stopped
            began = self._clock.clock()

        try:
            await self._results.begin(batch, self._clock.now())
            if not await self._may_send():
                return None
            began = self._clock.clock()
            result = read(await self._client.send(body, before_resend))
            signal = result.signal
        except _Stopped:
            return None
        finally:
            self._rate_limiter.leave(began, signal)
        if result.verdict is Verdict.UNKNOWN:
            # Counted from now, not from when the request was begun: it may have left long after that.
            batch.state.unanswered.update(dict.fromkeys(batch.keys, self._clock.now()))
        return result

    async def _may_send(self) -> bool:
        """Wait as long as other processes say that Opus asked for it; return False when the run halts.

        Raises:
            JournalError: another process has taken over what this one sends.
        """
        while not self._stop_signal.is_set and (held := await self._results.may_send()):
            # Not all processes at the same moment.
            self._rate_limiter.hold(held + self._clock.random() * min(held, _SPREAD))
            said = self._tell_wait(held, "another process was asked to wait, or finds Opus in trouble")
            await self._rate_limiter.wait_out_hold()
            self._end_wait(said)
        return not self._stop_signal.is_set

    def _note_result(self, batch: Batch, result: AttemptResult, attempt: int) -> None:
        """Count a request, report it, and log it under a new ID."""
        accepted = result.verdict is Verdict.ACCEPTED
        if result.error is not TransportError.SIGN_IN:
            self._results.note_attempt(result.seconds, again=attempt > 1)
        if result.signal is LoadSignal.KEPT:
            self.heard += 1
        if accepted:
            self._rate_limiter.note_success()
            self._silent_since, self._rate_limiter.waiting = None, ""
        else:
            self._trouble = result.message
            if self._silent_since is None:
                self._silent_since = self._clock.clock()
        if accepted or result.status in REFUSED_RECORDS:
            self.unknown.note_clear()
        elif result.unreadable:
            self._note_unreadable(batch, result.message)
        self._reached = self._reached or result.error not in NOT_REACHED
        self._show_outlook()
        if _log.isEnabledFor(logging.DEBUG):
            self._log_result(batch, result, attempt)

    def _note_unreadable(self, batch: Batch, message: str) -> None:
        if not batch.state.unreadable:
            batch.state.clear = self.unknown.clear
        batch.state.unreadable = message
        if not self.unknown.words:
            _log.warning(
                "an answer does not say what happened to its records; each is sent again alone: %s", message
            )
        self.unknown.note_unreadable(message)

    def _log_result(self, batch: Batch, result: AttemptResult, attempt: int) -> None:
        facts = {
            "request": f"{self._results.run.id}-{self._results.requests}",
            "batch": batch.number,
            "records": len(batch.records),
            "attempt": attempt,
            "outcome": result.message,
            "milliseconds": round(result.seconds * 1000),
        }
        _log.debug(
            "request %(request)s: batch %(batch)d, %(records)d records, attempt %(attempt)d: "
            "%(outcome)s in %(milliseconds)d ms",
            facts,
            extra={"facts": facts},
        )

    async def _carry_on(self, decision: Decision, result: AttemptResult, attempt: int) -> float | None:
        """Do what a decision asks; return the seconds of the timeout it cost, None after the last attempt.

        Waits that Opus asks for, or the retry budget, do not mean that Opus is away.
        """
        match decision:
            case Retry(delay, everyone):
                said = self._tell_wait(
                    max(delay, self._rate_limiter.retry_wait), f"{result.message} (attempt {attempt})"
                )
                if everyone:
                    self._rate_limiter.hold(delay)
                if everyone or self._is_outage():
                    self._results.hold(delay)
                await self._rate_limiter.wait(delay)
                await self._rate_limiter.afford_retry()
                self._end_wait(said)
                return 0.0 if everyone else delay
            case StopRun(sign_in, help):
                kind = SignInError if sign_in else OpusUnavailable
                help_text = advise_absent(self._client.url, result.message) or help
                self._stop_signal.stop(kind(self._client.url, result.message, help_text))
        return None

    def _is_outage(self) -> bool:
        """Return whether Opus is away, though it was there: else the address may be wrong."""
        since = self._silent_since
        return self._reached and since is not None and self._clock.clock() - since >= _LONG_WAIT


_HALTED = "the run stopped before there was an answer"


class _Stopped(Exception):
    """The run halts, so a request is not sent again."""


_SPREAD = 1.0
"""Seconds in which processes that waited for the same begin to send again."""

_LONG_WAIT, _SELDOM = 4.0, 60.0
"""Seconds without a success after which a wait is logged, and seconds between two such lines."""

_WHO_ANSWERS = (
    "check OPUSMAP_BASE_URL and OPUSMAP_API_PATH; does a proxy, a gateway or a sign-in page answer instead "
    "of Opus? Then run the same command again: it sends what is uncertain or left"
)

NOT_REACHED = frozenset({TransportError.UNREACHED, TransportError.SIGN_IN, TransportError.UNTRUSTED})
"""Why there is no answer although nothing came as far as Opus."""
