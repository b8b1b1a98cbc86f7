"""Commits: what gathers while the disk is busy goes there together, in order; a failure reaches everybody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from opusmap.errors import JournalError
from opusmap.journal import Change, Commits, Entry, Journal, Moment, Run, State

NOW = Moment(1.0, 1.0)


class Disk:
    """Runs each commit only when it is let."""

    def __init__(self) -> None:
        self.let = asyncio.Semaphore(0)
        self.commits = 0

    async def __call__(self, commit: Callable[[], None]) -> None:
        await self.let.acquire()
        self.commits += 1
        commit()


def start() -> tuple[Journal, Run]:
    journal = Journal.open(":memory:")
    return journal, journal.start_run(origin="o", connection="c", mapping="m")


def intent(journal: Journal, run: Run, key: str) -> Change:
    return journal.plan_intent(run, [Entry(2, key, b"h")], NOW)


def test_what_comes_while_the_disk_is_busy_is_one_commit() -> None:
    async def main() -> int:
        journal, run = start()
        disk = Disk()
        async with Commits(journal, disk) as commits:
            first = asyncio.create_task(commits.make(intent(journal, run, "a")))
            await asyncio.sleep(0)
            rest = [asyncio.create_task(commits.make(intent(journal, run, key))) for key in "bcdefgh"]
            await asyncio.sleep(0)
            assert not any(task.done() for task in (first, *rest))
            disk.let.release()
            await first
            assert not any(task.done() for task in rest)
            disk.let.release()
            await asyncio.gather(*rest)
        assert journal.counts(run)[State.INTENDED] == 8
        return disk.commits

    assert asyncio.run(main()) == 2


def test_a_commit_that_fails_is_told_to_all_who_wait_and_to_all_who_come() -> None:
    async def main() -> None:
        journal, run = start()
        disk = Disk()
        changes = [intent(journal, run, key) for key in "abc"]
        async with Commits(journal, disk) as commits:
            waiting = [asyncio.create_task(commits.make(change)) for change in changes[:2]]
            await asyncio.sleep(0)
            journal.close()
            disk.let.release()
            for task in waiting:
                with pytest.raises(JournalError):
                    await task
            with pytest.raises(JournalError):
                await commits.make(changes[2])

    asyncio.run(main())


def test_who_is_cancelled_while_waiting_takes_nobody_along() -> None:
    async def main() -> int:
        journal, run = start()
        disk = Disk()
        async with Commits(journal, disk) as commits:
            one, other = (asyncio.create_task(commits.make(intent(journal, run, key))) for key in "ab")
            await asyncio.sleep(0)
            one.cancel()
            disk.let.release()
            await other
        return journal.counts(run)[State.INTENDED]

    assert asyncio.run(main()) == 2
