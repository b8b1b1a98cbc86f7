"""Dates of records that lie after today or before 1600: often a wrong century, a slip or a placeholder.

Owns which dates are far, not what is done about them: an expiry date lies in the future rightly.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, TypeAlias

from opusmap.converters.cache import Memo
from opusmap.converters.datetime_fastpath import time_reader

__all__ = ["FarDates", "FarKind"]

FarKind: TypeAlias = Literal["after-today", "before-1600"]

FIRST_YEAR = 1600
"""Records are rarely older; a date before it is mostly a slip."""

_ISO = "%Y-%m-%d"
_ISO_LENGTH = len("2024-01-31")


class FarDates:
    """Finds such dates among the values of a record, as they are written for Opus. It can be pickled.

    Attributes:
        columns: internal names of the columns whose values are dates.
        pattern: how they are written, as for strftime.
        today: the last day that is not far.
    """

    def __init__(self, columns: tuple[str, ...], pattern: str, today: date) -> None:
        """Look in these columns."""
        self.columns, self.pattern, self.today = columns, pattern, today
        self._read = time_reader(pattern)
        self._known = Memo(self._judge)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes the same one in another process."""
        return FarDates, (self.columns, self.pattern, self.today)

    def find(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Return the values of a record that are far, by column; a column may be missing, or have None."""
        known = self._known
        return {
            name: value for name in self.columns if (value := values.get(name)) and known[value] is not None
        }

    def judge(self, value: str) -> tuple[FarKind, date] | None:
        """Return in which way a written date is far, and its day; None if it is not."""
        return self._known[value]

    def _judge(self, value: str) -> tuple[FarKind, date] | None:
        day = self._day(value)
        if day is None:
            return None
        return (
            ("after-today", day)
            if day > self.today
            else ("before-1600", day)
            if day.year < FIRST_YEAR
            else None
        )

    def _day(self, value: str) -> date | None:
        if self.pattern.startswith(_ISO):
            try:
                return date.fromisoformat(value[:_ISO_LENGTH])
            except ValueError:
                return None
        moment = self._read(value)
        return None if moment is None else moment.date()
