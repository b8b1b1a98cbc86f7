"""What a run does to a journal, one step at a time, each durable when it returns; and what it then holds."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from opusmap.journal import Item, Journal, JournalRecord, Result, Run, Session, State, Timestamp


def begin(journal: Journal, run: Run, items: Iterable[Item], sent: Timestamp) -> None:
    _do(journal, run, lambda session: session.begin(items, sent))


def finish(journal: Journal, run: Run, results: Iterable[Result]) -> None:
    _do(journal, run, lambda session: session.finish(results))


def cancel(journal: Journal, run: Run, keys: Iterable[str]) -> None:
    _do(journal, run, lambda session: session.cancel(keys))


def look_up(journal: Journal, run: Run, keys: Sequence[str]) -> dict[str, JournalRecord]:
    found: dict[str, JournalRecord] = _do(journal, run, lambda session: session.look_up(keys))
    return found


def count_states(journal: Journal, run: Run) -> dict[State, int]:
    counted = Counter(each.state for each in journal.records(run))
    return {state: counted[state] for state in State}


def _do(journal: Journal, run: Run, step: Callable[[Session], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with journal.session(run) as session:
            return await step(session)

    return asyncio.run(main())
