"""What the tuned contestants share: a memory of what a function made of a text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Memo"]


class Memo(dict):  # type: ignore[type-arg]
    """A function's results by its argument, forgotten once there are `limit` of them."""

    def __init__(self, function: Callable[[Any], Any], limit: int = 16_384) -> None:
        self._function = function
        self._limit = limit

    def __missing__(self, key: Any) -> Any:
        value = self._function(key)
        if len(self) >= self._limit:
            self.clear()
        self[key] = value
        return value
