"""What a person types, as a patch of the text that a file has: its line breaks and byte-order mark stay."""

from __future__ import annotations

from typing import AnyStr

from opusmap.edits import Patch, TextEdit
from opusmap.wording import plain_breaks


def plain(text: str) -> str:
    """Return a text as an editor has it: with LF as line breaks, without a byte-order mark."""
    return plain_breaks(text).removeprefix("\ufeff")


def patch_between(before: str, after: str) -> Patch:
    """Return the patch that makes one text of another, in one span."""
    return Patch.of(before, (TextEdit(*find_difference(before, after)),))


def find_difference(before: AnyStr, after: AnyStr) -> tuple[int, int, AnyStr]:
    """Return what makes one text of another: all between what both begin and end with.

    That is the start and end of a span of the first, and what replaces it.
    """
    start = _count_common(before, after)
    most = min(len(before), len(after)) - start
    end = _count_common(before[::-1][:most], after[::-1][:most])
    return start, len(before) - end, after[start : len(after) - end]


def _count_common(one: AnyStr, other: AnyStr) -> int:
    """Return how many characters two texts begin with alike."""
    most = min(len(one), len(other))
    if one[:most] == other[:most]:
        return most
    low, high = 0, most  # the first `low` are alike, the first `high` are not
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


def patch_typed(before: str, text: str) -> Patch:
    """Return the patch of a text that a person makes by typing another in its plain form.

    Outside what was typed, line breaks and a byte-order mark stay as they are; new lines break as the first
    line of the text does.
    """
    mark = before.startswith("\ufeff")
    start, end, new = find_difference(plain(before), text)
    at, offsets = int(mark), []
    while at < len(before):
        offsets.append(at)
        at += 2 if before.startswith("\r\n", at) else 1
    offsets.append(at)
    newline = "\r\n" if before.partition("\n")[0].endswith("\r") else "\n"
    return Patch.of(before, [TextEdit(offsets[start], offsets[end], new.replace("\n", newline))])
