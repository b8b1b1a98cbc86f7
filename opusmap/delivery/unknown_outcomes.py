"""Resuming: what the journal's knowledge of a record means for sending it now.

Pure. A record is known by its rowKey and content, never by its position. A request whose answer was lost may
still take effect, so another content of the same record waits until that is unlikely.
"""

from __future__ import annotations

from dataclasses import dataclass

from opusmap.journal import Item, JournalRecord, State, Timestamp


@dataclass(frozen=True, slots=True)
class ResumePolicy:
    """Decides whether a record is sent, and how long it waits before.

    `late_effect_window`: seconds after which a request whose answer was lost is taken to have no effect any
    more. `resend`: send records, too, that Opus took already as they are, by the journal.
    """

    late_effect_window: float = 30.0
    resend: bool = False

    def is_unchanged(self, entry: Item, known: JournalRecord | None, trusted_from: int = 0) -> bool:
        """Tell whether a record need not be sent: Opus took this very content, and nothing else since.

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
        """Tell whether a request that ended at a moment without a clear answer may still take effect."""
        return self.count_elapsed(unanswered, now) < self.late_effect_window

    def count_elapsed(self, since: Timestamp, now: Timestamp) -> float:
        """Return how many seconds have surely passed between two moments, by the two clocks.

        The wall clock may have been set forth or back, the other may have started again with the machine;
        what has passed since then is all that is sure in that case. The smaller of the two counts, so that a
        clock set forth cuts no wait short; and one set back can lengthen none beyond the window.
        """
        by_ticks = now.ticks - since.ticks if now.ticks >= since.ticks else now.ticks
        return max(0.0, min(now.wall - since.wall, by_ticks))
