"""Checking a source offline: what would become of each row, and what sending the records would meet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from opusmap.compiler import Mapper
from opusmap.connection import ColumnType
from opusmap.converters.dates import time_zone
from opusmap.profile import FarDates
from opusmap.report import Forecast, Forecaster, Pace, ProfilingSource, Report
from opusmap.run.map import MapStream
from opusmap.run.open import Work
from opusmap.run.parallel import Workers

__all__ = ["check_source"]


def check_source(
    work: Work,
    *,
    on_progress: Callable[[Report], object] = lambda _report: None,
    pace: Pace | None = None,
    workers: Workers | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> tuple[Report, Forecast]:
    """Run every row through the mapping, offline, and foresee what sending them would meet.

    `pace` is what an earlier run reached, for the time that it takes; `workers` are as for `MapStream`.
    `clock` tells the time, with a zone: dates after today are noted, as today is where times are written.
    """
    watched = ProfilingSource(work.source, work.mapper.spec.source.empty)
    forecaster = Forecaster(work.mapper, _far_dates(work.mapper, clock()))
    stream = MapStream(Work(work.mapper, watched), workers)
    for chunk in stream.with_progress(on_progress):
        forecaster.add(chunk)
    return stream.report(), forecaster.forecast(watched, pace)


def _far_dates(mapper: Mapper, now: datetime) -> FarDates:
    target, columns = mapper.spec.target, mapper.plan.columns
    dated = [one.column.internal_name for one in columns if one.column.type is ColumnType.DATE_TIME]
    today = now.astimezone(time_zone(target.timezone)).date()
    return FarDates(tuple(dated), target.datetime_format, today)
