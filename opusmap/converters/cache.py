"""What a function made of a text, remembered for a while.

Owns the bound: no mapping and no source can make a memory grow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["CellMemo", "Memo"]

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


class CellMemo(dict[Any, Any]):
    """As `Memo`, for what follows from a cell, or from the tuple of several: texts and None are remembered.

    Of other values 1, 1.0 and True would be one key, so these are asked for each time.
    """

    __slots__ = ("function",)

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def __missing__(self, key: Any) -> Any:
        result = self.function(key)
        cells = key if key.__class__ is tuple else (key,)
        if not all(cell is None or cell.__class__ is str for cell in cells):
            return result
        if sum(len(cell) for cell in cells if cell) + len(cells) <= _KEY_LIMIT:
            if len(self) >= MEMO_SIZE:
                self.clear()
            self[key] = result
        return result
