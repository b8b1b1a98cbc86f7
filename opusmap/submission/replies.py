"""Replies: what one request came to, for the engine and for the pace.

Pure. Owns joining the client's exchange with what the answer says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from opusmap.submission.answers import Outcome, read_answer
from opusmap.submission.exchange import Exchange, NoAnswer, Trouble

__all__ = ["Pace", "Reply", "read_exchange"]


class Pace(Enum):
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

    problem: int | Trouble | None
    words: str
    pace: Pace
    seconds: float
    outcome: Outcome | None = None
    retry_after: float | None = None
    token: int = 0
    path: str = ""


def read_exchange(exchange: Exchange, keys: Sequence[str], seconds: float) -> Reply:
    """Return what an exchange came to for the records with these rowKeys, after so many seconds."""
    if isinstance(exchange, NoAnswer):
        nothing = exchange.trouble in (Trouble.SIGN_IN, Trouble.UNTRUSTED)
        pace = Pace.NOT_SENT if nothing else Pace.TROUBLE
        return Reply(exchange.trouble, exchange.detail, pace, seconds, retry_after=exchange.retry_after)
    outcome = read_answer(exchange.status, exchange.body, keys)
    words = f"Opus answers {outcome.status}" + (f": {outcome.message}" if outcome.message else "")
    problem = None if outcome.settled else Trouble.UNCLEAR if outcome.uncertain else outcome.status
    pace = _read_pace(exchange.status)
    return Reply(problem, words, pace, seconds, outcome, exchange.retry_after, exchange.token, exchange.path)


def _read_pace(status: int) -> Pace:
    if status in (429, 503):
        return Pace.TOO_MUCH
    return Pace.TROUBLE if status == 408 or status >= 500 else Pace.KEPT  # noqa: PLR2004 - HTTP
