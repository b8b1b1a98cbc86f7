"""Group commit: what gathers while the disk is busy goes there together, in order; failures reach all."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from opusmap.errors import JournalError
from opusmap.journal import GroupCommit, Item, Journal, Run, State, Timestamp, WriteSet, run_inline

NOW = Timestamp(1.0, 1.0)


class Disk:
    """Syncs only when it is let."""

    def __init__(self) -> None:
        self._asked: list[Callable[[], None]] = []
        self.commits = 0

    def __call__(self, sync: Callable[[], None], then: Callable[[BaseException | None], None]) -> None:
        self._asked.append(lambda: run_inline(sync, then))

    async def let(self) -> None:
        """Let the one commit that is asked for by now go through, and who waits for it hear of it."""
        await asyncio.sleep(0)
        self.commits += 1
        self._asked.pop()()
        await asyncio.sleep(0)


def start() -> tuple[Journal, Run]:
    journal = Journal.open(":memory:")
    return journal, journal.start_run(origin="o", connection="c", mapping="m")


def intent(journal: Journal, run: Run, key: str) -> WriteSet:
    return journal.plan_begin(run, [Item(2, key, b"h")], NOW)


def test_what_comes_while_the_disk_is_busy_is_one_commit() -> None:
    async def main() -> int:
        journal, run = start()
        disk = Disk()
        async with GroupCommit(journal, disk) as commits:
            first = commits.make(intent(journal, run, "a"))
            await asyncio.sleep(0)
            rest = [commits.make(intent(journal, run, key)) for key in "bcdefgh"]
            assert not any(change.done() for change in (first, *rest))
            await disk.let()
            assert first.done()
            assert not any(change.done() for change in rest)
            await disk.let()
            assert all(change.done() for change in rest)
        assert journal.counts(run)[State.PENDING] == 8
        return disk.commits

    assert asyncio.run(main()) == 2


class Full(Journal):
    """Lies on a disk that takes nothing more."""

    def sync(self) -> None:
        raise JournalError("j.db", "no space left")


@pytest.mark.parametrize("fails", ["the write", "the sync"])
def test_a_commit_that_fails_is_told_to_all_who_wait_and_to_all_who_come(fails: str) -> None:
    async def main() -> None:
        journal, run = start()
        disk = Disk()
        changes = [intent(journal, run, key) for key in "abc"]
        async with GroupCommit(journal, disk) as commits:
            waiting = [commits.make(change) for change in changes[:2]]
            if fails == "the write":
                journal.close()
                await asyncio.sleep(0)
            else:
                journal.__class__ = Full
                await disk.let()
            for change in waiting:
                with pytest.raises(JournalError):
                    await change
            with pytest.raises(JournalError):
                await commits.make(changes[2])

    asyncio.run(main())


def test_who_is_cancelled_while_waiting_takes_nobody_along() -> None:
    async def main() -> int:
        journal, run = start()
        disk = Disk()
        async with GroupCommit(journal, disk) as commits:
            one, other = (commits.make(intent(journal, run, key)) for key in "ab")
            one.cancel()
            await disk.let()
            await other
        return journal.counts(run)[State.PENDING]

    assert asyncio.run(main()) == 2


def test_no_thread_to_be_had_is_told_to_who_waits_and_ends_nothing_else() -> None:
    async def main() -> None:
        journal, run = start()

        def sync_executor(_sync: Callable[[], None], _then: Callable[[BaseException | None], None]) -> None:
            raise RuntimeError("can't start new thread")

        async with GroupCommit(journal, sync_executor) as commits:
            with pytest.raises(RuntimeError):
                await commits.make(intent(journal, run, "a"))

    asyncio.run(main())


@pytest.mark.parametrize("where", ["write", "sync"])
def test_ctrl_c_while_the_event_loop_writes_or_syncs_ends_all_at_once(
    where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        journal, run = start()
        changes = [intent(journal, run, key) for key in "ab"]
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_later(2.0, lambda: late.append(task.cancel()))
        monkeypatch.setattr(journal, where, interrupt)
        async with GroupCommit(journal, run_inline) as commits:
            await asyncio.gather(*map(commits.make, changes))

    late = list[bool]()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    gc.collect()
    assert late == [], "it waited for ever"
    assert [record for record in caplog.records if record.name == "asyncio"] == []


def test_a_change_that_is_not_urgent_goes_with_the_next_that_is_and_at_the_end_in_any_case() -> None:
    async def main() -> list[int]:
        journal, run = start()
        sizes = []

        def sync_executor(sync: Callable[[], None], then: Callable[[BaseException | None], None]) -> None:
            sizes.append(len(waiting))
            run_inline(sync, then)

        async with GroupCommit(journal, sync_executor) as commits:
            waiting = [commits.make(intent(journal, run, "a"), urgent=False)]
            await asyncio.sleep(0)
            waiting.append(commits.make(intent(journal, run, "b")))
            await asyncio.gather(*waiting)
            waiting = [commits.make(intent(journal, run, "c"), urgent=False)]
        await asyncio.gather(*waiting)
        assert journal.counts(run)[State.PENDING] == 3
        return sizes

    assert asyncio.run(main()) == [2, 1]


class Watched(Journal):
    """Notes whether the event loop's thread waits for the disk, which takes as long as is said."""

    takes = 0.0
    long = False
    by_loop: list[bool]

    @property
    def has_long_log(self) -> bool:
        return self.long

    def sync(self) -> None:
        self.by_loop.append(threading.current_thread() is threading.main_thread())
        time.sleep(self.takes)


@pytest.mark.parametrize(
    ("disk", "by_loop"),
    [((0.0, False), [False, True, True]), ((0.01, False), [False] * 3), ((0.0, True), [False] * 3)],
    ids=["quick", "slow", "quick, with a long log"],
)
def test_a_quick_disk_is_waited_for_at_once_and_a_slow_one_in_a_thread(
    disk: tuple[float, bool], by_loop: list[bool], tmp_path: Path
) -> None:
    async def main(journal: Watched, run: Run) -> None:
        async with GroupCommit(journal) as commits:
            for key in "abc":
                await commits.make(intent(journal, run, key))

    with Journal.open(tmp_path / "j.db") as journal:
        run = journal.start_run(origin="o", connection="c", mapping="m")
        journal.__class__ = Watched
        assert isinstance(journal, Watched)
        (journal.takes, journal.long), journal.by_loop = disk, []
        asyncio.run(main(journal, run))
        assert journal.by_loop == by_loop


def test_who_is_cancelled_twice_still_waits_for_a_sync_that_is_under_way(tmp_path: Path) -> None:
    began, ended = threading.Event(), threading.Event()

    class Slow(Journal):
        def sync(self) -> None:
            began.set()
            time.sleep(0.2)
            ended.set()

    async def main(journal: Journal, run: Run) -> None:
        async def work() -> None:
            async with GroupCommit(journal) as commits:
                await commits.make(intent(journal, run, "a"))

        task = asyncio.create_task(work())
        await asyncio.to_thread(began.wait)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([task])
        assert ended.is_set()

    with Journal.open(tmp_path / "j.db") as journal:
        run = journal.start_run(origin="o", connection="c", mapping="m")
        journal.__class__ = Slow
        asyncio.run(main(journal, run))
