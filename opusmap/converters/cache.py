"""What a function made of a text, remembered for a while.

Owns the bound: no mapping and no source can make a memory grow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")

CACHE_SIZE = 16_384
"""Texts that are remembered at most; then all are forgotten, so that sorted data finds room again."""
_KEY_LIMIT = 100
"""Characters of a text that is worth remembering, at most."""
_RESULT_LIMIT = 1_000
"""Characters of a text that is remembered for it, at most."""
_CHANGEABLE = (list, dict)


class Cache(dict[Any, Result]):
    """A dictionary that asks its function for what it lacks: `cache[key]` costs a look-up the next time.

    A key is a value, or the tuple of several. Texts and None are remembered, and tuples of these; for other
    values the function is asked each time, for 1, 1.0 and True would be one key, and so it is where it gives
    a long text, a list or an object. The function must be pure. A dictionary is the fastest memory that
    Python has; `functools.lru_cache` costs more than many a converter.
    """

    __slots__ = ("function",)

    def __init__(self, function: Callable[[Any], Result]) -> None:
        super().__init__()
        self.function = function

    def __missing__(self, key: Any) -> Result:
        result: Any = self.function(key)
        if (
            len(result) <= _RESULT_LIMIT if result.__class__ is str else result.__class__ not in _CHANGEABLE
        ) and (len(key) if key.__class__ is str else _length(key)) <= _KEY_LIMIT:
            if len(self) >= CACHE_SIZE:
                self.clear()
            self[key] = result
        return result  # type: ignore[no-any-return]


def _length(key: Any) -> int:
    """Return how long a key is; more than may be remembered where it has other parts than texts and None."""
    length = 0
    for part in key if key.__class__ is tuple else (key,):
        length += 1 if part is None else 1 + len(part) if part.__class__ is str else CACHE_SIZE
    return length
