"""What a function made of a text, remembered for a while.

Owns the bound: no mapping and no source can make a memory grow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["Memo"]

Result = TypeVar("Result")

MEMO_SIZE = 16_384
"""Texts that are remembered at most; then all are forgotten, so that sorted data finds room again."""
_KEY_LIMIT = 100
"""Characters of a text that is worth remembering, at most."""


class Memo(dict[str, Result]):
    """A dictionary that asks its function for what it lacks: `memo[text]` costs a look-up the next time.

    The function must be pure, and its results never changed. A dictionary is the fastest memory that
    Python has; `functools.lru_cache` costs more than many a converter.
    """

    __slots__ = ("function",)

    def __init__(self, function: Callable[[str], Result]) -> None:
        super().__init__()
        self.function = function

    def __missing__(self, text: str) -> Result:
        result = self.function(text)
        if len(text) <= _KEY_LIMIT:
            if len(self) >= MEMO_SIZE:
                self.clear()
            self[text] = result
        return result
