"""Replies: what one request came to, for the engine and for the rate limit.

Pure. Owns joining the client's exchange with what the answer says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from opusmap.opus.exchange import Answer, Exchange, NoAnswer, TransportError
from opusmap.opus.responses import Outcome, describe_body, name_answer, plain_text, read_answer

__all__ = ["LoadSignal", "Reply", "describe_answer", "read_exchange"]


class LoadSignal(Enum):
    """What a request says of how much Opus can bear."""

    KEPT = auto()  # Opus dealt with it
    TOO_MUCH = auto()
    TROUBLE = auto()
    NOT_SENT = auto()  # it never left for Opus


@dataclass(frozen=True, slots=True)
class Reply:
    """One request's result. `problem` is None when `outcome` is settled; `words` says it for a person.

    `seconds` is how long it took.
    """

    problem: int | TransportError | None
    words: str
    signal: LoadSignal
    seconds: float
    outcome: Outcome | None = None
    retry_after: float | None = None


def read_exchange(
    exchange: Exchange, keys: Sequence[str], seconds: float, *, trust_status: bool = False
) -> Reply:
    """Return what an exchange came to for the records with these rowKeys, after so many seconds.

    `trust_status`: see `read_answer`; a body that was cut off is not trusted in any case.
    """
    if isinstance(exchange, NoAnswer):
        nothing = exchange.trouble in (TransportError.SIGN_IN, TransportError.UNTRUSTED)
        signal = LoadSignal.NOT_SENT if nothing else LoadSignal.TROUBLE
        return Reply(exchange.trouble, exchange.detail, signal, seconds, retry_after=exchange.retry_after)
    trust = trust_status and not exchange.cut
    outcome = read_answer(exchange.status, exchange.body, keys, trust_status=trust)
    where = f" on {exchange.path}" if outcome.status in _PATH_STATUSES else ""
    words = name_answer(outcome.status) + where + (f": {outcome.message}" if outcome.message else "")
    if outcome.uncertain:
        words = describe_answer(exchange, outcome)
    problem = None if outcome.settled else TransportError.UNCLEAR if outcome.uncertain else outcome.status
    signal = _read_load_signal(exchange.status)
    return Reply(problem, words, signal, seconds, outcome, exchange.retry_after)


def describe_answer(answer: Answer, outcome: Outcome) -> str:
    """Return what came in place of a clear answer: its status, its type, what is wrong and how it begins."""
    kind = plain_text(answer.content_type.partition(";")[0], _KIND_LIMIT)
    came = "it broke off, or was too long" if answer.cut else describe_body(answer.body)
    return f"{name_answer(answer.status)}{f' ({kind})' if kind else ''}: {outcome.message}; {came}"


_PATH_STATUSES = (404, 405)
_KIND_LIMIT = 40
"""Characters of an answer's type that are shown."""


def _read_load_signal(status: int) -> LoadSignal:
    if status in (429, 503):
        return LoadSignal.TOO_MUCH
    return LoadSignal.TROUBLE if status == 408 or status >= 500 else LoadSignal.KEPT  # noqa: PLR2004 - HTTP
