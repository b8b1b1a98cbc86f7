"""Checking a source offline: what would become of each row, and what sending the records would meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from opusmap.connection import ColumnType
from opusmap.converters.zones import time_zone
from opusmap.profile import FarDates
from opusmap.records import Chunk
from opusmap.report import Forecast, Forecaster, Pace, ProfilingSource, Report
from opusmap.run.map import MapStream
from opusmap.run.open import Work
from opusmap.run.parallel import Workers


class SourceCheck:
    """Runs every row through the mapping, offline. Iterate it once for the totals as they grow.

    `report` and `forecast` say then what would become of the rows, and what sending them would meet.
    """

    def __init__(
        self,
        work: Work,
        workers: Workers | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        each: Callable[[Chunk], object] = lambda _chunk: None,
    ) -> None:
        """Begin with a mapping and its source.

        Args:
            work: what is checked.
            workers: as for `MapStream`.
            clock: tells the time, with a zone: dates after today are noted, as today is where times are
                written.
            each: is given each chunk, for one who wants more than the totals.
        """
        self._source = ProfilingSource(work.source, work.mapper.spec.source.empty)
        target, columns = work.mapper.spec.target, work.mapper.plan.columns
        dates = tuple(one.column.internal_name for one in columns if one.column.type is ColumnType.DATE_TIME)
        today = clock().astimezone(time_zone(target.timezone)).date()
        self._forecaster = Forecaster(work.mapper, FarDates(dates, target.datetime_format, today))
        self._stream = MapStream(replace(work, source=self._source), workers)
        self._each = each

    def __iter__(self) -> Iterator[Report]:
        """Yield the totals after each chunk.

        Raises:
            SourceError, StoppedEarly: as `MapStream` does.
        """
        for chunk in self._stream:
            self._forecaster.add(chunk)
            self._each(chunk)
            yield self._stream.report()

    def report(self) -> Report:
        """Return the totals so far."""
        return self._stream.report()

    def forecast(self, pace: Pace | None = None) -> Forecast:
        """Return what sending would meet; `pace` is what an earlier run reached, for the time it takes."""
        return self._forecaster.forecast(self._source, pace)
