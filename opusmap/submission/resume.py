"""Resuming: what the journal's knowledge of a record means for sending it now.

Pure. A record is known by its rowKey and content, never by its position. Owns the fence: a request whose
answer was lost may still take effect, so another content of the same record waits until that is unlikely.
"""

from __future__ import annotations

from opusmap.journal import Entry, JournalRecord, Moment, State

__all__ = ["FENCE", "count_elapsed", "fence_left", "is_unchanged", "keep_doubt"]

FENCE = 30.0
"""Seconds after which a request whose answer was lost is taken to have no effect any more."""


def is_unchanged(entry: Entry, known: JournalRecord | None, trusted_from: int = 0) -> bool:
    """Tell whether Opus took this very content before, and nothing else since.

    What a run before `trusted_from` sent says nothing: another journal's run may have replaced it.
    """
    return (
        known is not None
        and known.state is State.TAKEN
        and known.content == entry.content
        and known.run >= trusted_from
    )


def fence_left(entry: Entry, known: JournalRecord | None, now: Moment, fence: float) -> float:
    """Return the seconds that a record must wait before it is sent, 0..`fence`.

    The same content need not wait: it makes no difference which of the two requests comes last.
    """
    if known is None or known.unanswered is None or known.content == entry.content:
        return 0.0
    return max(0.0, fence - count_elapsed(known.unanswered, now))


def keep_doubt(entry: Entry, known: JournalRecord | None, now: Moment, fence: float) -> Moment | None:
    """Return when an earlier request with this content was sent that may still take effect, if one may.

    The journal must not forget it when the content is taken: a change that follows has to wait for it.
    """
    if known is None or known.unanswered is None or known.content != entry.content:
        return None
    return known.unanswered if count_elapsed(known.unanswered, now) < fence else None


def count_elapsed(sent: Moment, now: Moment) -> float:
    """Return how many seconds have surely passed between two moments, by the two clocks.

    The wall clock may have been set forth or back, the other may have started anew with the machine; what
    has passed since then is all that is sure in that case. The smaller of the two counts, so that a clock
    set forth cuts no fence short; and one set back can lengthen no wait beyond the fence.
    """
    by_ticks = now.ticks - sent.ticks if now.ticks >= sent.ticks else now.ticks
    return max(0.0, min(now.wall - sent.wall, by_ticks))
