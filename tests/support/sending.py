"""Delivering records as tests do: any iterable of them, read to the end, summed up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from typing import Any

from opusmap.delivery import Clock, DeliveryOptions, Event, SubmitTotals, deliver
from opusmap.journal import Journal, Run
from opusmap.opus import EncodedRecord, Sender, encode_records
from opusmap.records import Record

CLOCK = ("clock", "wall_clock", "random", "sleep")


async def encode_all(records: Iterable[Record]) -> AsyncIterator[EncodedRecord]:
    for item in encode_records(records):
        yield item


async def send_records(
    records: Iterable[Record],
    client: Sender,
    journal: Journal,
    run: Run,
    *,
    stop: asyncio.Event | None = None,
    on_event: Callable[[Event, SubmitTotals], object] = lambda _event, _totals: None,
    **options: Any,
) -> SubmitTotals:
    """Send records; `options` are those of `DeliveryOptions` and of `Clock`."""
    totals = SubmitTotals()
    clock = Clock(**{name: options.pop(name) for name in CLOCK if name in options})
    events = deliver(
        encode_all(records), client, journal, run, DeliveryOptions(**options), stop=stop, clock=clock
    )
    async with aclosing(events):  # type: ignore[type-var]
        async for event in events:
            totals.add(event)
            on_event(event, totals)
    return totals
