"""Checkpoints: none is confirmed before every row ahead of it has been dealt with."""

from __future__ import annotations

from collections import deque
from typing import Literal, TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from opusmap.run.checkpoints import Checkpoints
from opusmap.sources import Checkpoint, from_rows

_End: TypeAlias = Literal["submitted", "failed", "uncertain", "unchanged", "not_sent", "rejected", "filtered"]
_ENDS: tuple[_End, ...] = (
    "submitted",
    "failed",
    "uncertain",
    "unchanged",
    "not_sent",
    "rejected",
    "filtered",
)
_LINES = 3
"""A row's number is its line's, and there are other lines between rows."""


def begun(rows: int, after: set[int]) -> Checkpoints:
    """Return the checkpoints of a source with so many rows, those after these numbers of rows."""
    source = from_rows([])
    source.checkpoints = deque(
        Checkpoint(count, count * _LINES, str(count).encode()) for count in range(rows + 1) if count in after
    )
    return Checkpoints(source)


@given(st.data())
def test_a_state_is_given_when_and_only_when_all_rows_before_it_are_dealt_with(data: st.DataObject) -> None:
    ends = data.draw(st.lists(st.sampled_from(_ENDS), max_size=12))
    after = data.draw(st.sets(st.integers(0, len(ends))))
    checkpoints, read, dealt = begun(len(ends), after), 0, [False] * len(ends)
    waiting = dict[int, _End]()
    while read < len(ends) or waiting:
        if read < len(ends) and (not waiting or data.draw(st.booleans())):
            end = ends[read]
            read += 1
            if end == "rejected":
                checkpoints.hold(read * _LINES)
            elif end == "filtered":
                dealt[read - 1] = True
            else:
                checkpoints.begin(read * _LINES)
                waiting[read] = end
            checkpoints.note_read(read)
        else:
            row = data.draw(st.sampled_from(sorted(waiting)))
            end = waiting.pop(row)
            assert end not in ("rejected", "filtered")
            checkpoints.end(row * _LINES, end)
            dealt[row - 1] = end in ("submitted", "unchanged")
        assert checkpoints.state() == newest(after, read, dealt)
    dealt = [done or end in ("rejected", "failed") for done, end in zip(dealt, ends, strict=True)]
    checkpoints.release()
    assert checkpoints.state() == newest(after, read, dealt)


def newest(after: set[int], read: int, dealt: list[bool]) -> str:
    """Return the newest state that may be given, by the words of the promise."""
    safe = [count for count in after if count <= read and all(dealt[:count])]
    return str(max(safe)) if safe else ""


def test_a_source_without_checkpoints_costs_nothing() -> None:
    checkpoints = Checkpoints(from_rows([]))
    checkpoints.begin(1)
    checkpoints.end(1, "submitted")
    checkpoints.note_read(1)
    assert checkpoints.state() == ""
