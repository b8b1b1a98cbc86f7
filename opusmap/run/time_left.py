"""How much of a source has been read, and how long the rest may take, for those who watch a run."""

from __future__ import annotations

from opusmap.sources import Source

_COUNTED_BYTES = 8 << 20
"""A file of at most so many bytes is read once to count its rows; of a larger one the share read is shown."""

_WORTH_GUESSING, _TOLD_BY = 3.0, 0.001
"""Seconds, and the share of the source, from which on a guess of the time left is worth something."""


def count_rows(source: Source) -> int | None:
    """Return how many rows a small file has, None for anything else: a database would be asked twice."""
    size = source.size()
    if size is None or size > _COUNTED_BYTES or not source.rereadable:
        return None
    return sum(1 for _ in source.rows())


def find_share(source: Source, total: int | None, read: int) -> float | None:
    """Return the share of a source's rows that were read, 0 to 1; None if it is not known.

    Args:
        source: what is read.
        total: how many rows it has, where that is known.
        read: how many of them were read.
    """
    if total is not None:
        return read / total if total else 1.0
    share = source.share_read()
    return None if share == 1.0 else share  # read ahead to its end: what is left is not known


def guess_seconds_left(elapsed: float, share: float | None) -> float | None:
    """Return how many seconds the rest may take; None where a guess is worth nothing.

    >>> guess_seconds_left(10.0, 0.5)
    10.0
    """
    if share is None or share < _TOLD_BY or elapsed < _WORTH_GUESSING or share >= 1:
        return None
    return elapsed * (1 - share) / share
