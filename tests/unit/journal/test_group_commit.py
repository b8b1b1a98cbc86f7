"""Group commit: what gathers while the disk is busy goes there together, in order; failures reach all."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterable

import pytest

from opusmap.errors import JournalError
from opusmap.journal.group_commit import GroupCommit, run_inline
from opusmap.journal.write_set import WriteSet


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


class Store:
    """Notes what is written, and which thread waits for the disk, which takes as long as is said."""

    def __init__(self, *, takes: float = 0.0, has_long_log: bool = False) -> None:
        self.written: list[int] = []
        self.synced: list[list[int]] = []
        self.by_loop: list[bool] = []
        self.fails_at: dict[str, BaseException] = {}
        self.has_long_log = has_long_log
        self.now = 0.0
        self._takes = takes

    def write(self, sets: Iterable[WriteSet]) -> None:
        if error := self.fails_at.get("write"):
            raise error
        self.written += [number for writes in sets for number in writes.requests]

    def sync(self) -> None:
        if error := self.fails_at.get("sync"):
            raise error
        self.by_loop.append(threading.current_thread() is threading.main_thread())
        self.now += self._takes
        self.synced.append(self.written.copy())


def request(number: int) -> WriteSet:
    return WriteSet({number: None})


def test_what_comes_while_the_disk_is_busy_is_one_commit_in_its_order() -> None:
    async def main() -> None:
        store, disk = Store(), Disk()
        async with GroupCommit(store, disk) as commits:
            first = commits.add(request(0))
            await asyncio.sleep(0)
            rest = [commits.add(request(number)) for number in range(1, 8)]
            assert not any(durable.done() for durable in (first, *rest))
            await disk.let()
            assert first.done()
            assert not any(durable.done() for durable in rest)
            await disk.let()
            assert all(durable.done() for durable in rest)
        assert store.written == [*range(8)]
        assert disk.commits == 2

    asyncio.run(main())


@pytest.mark.parametrize("where", ["write", "sync"])
def test_a_commit_that_fails_is_told_to_all_who_wait_and_to_all_who_come(where: str) -> None:
    async def main() -> None:
        store = Store()
        store.fails_at[where] = JournalError("j.db", "no space left")
        async with GroupCommit(store, run_inline) as commits:
            waiting = [commits.add(request(number)) for number in range(2)]
            for durable in waiting:
                with pytest.raises(JournalError):
                    await durable
            with pytest.raises(JournalError):
                await commits.add(request(2))

    asyncio.run(main())


def test_who_is_cancelled_while_waiting_takes_nobody_along() -> None:
    async def main() -> None:
        store, disk = Store(), Disk()
        async with GroupCommit(store, disk) as commits:
            one, other = (commits.add(request(number)) for number in range(2))
            one.cancel()
            await disk.let()
            await other
        assert store.synced == [[0, 1]]

    asyncio.run(main())


def test_no_thread_to_be_had_is_told_to_who_waits_and_ends_nothing_else() -> None:
    async def main() -> None:
        def executor(_sync: Callable[[], None], _then: Callable[[BaseException | None], None]) -> None:
            raise RuntimeError("can't start new thread")

        async with GroupCommit(Store(), executor) as commits:
            with pytest.raises(RuntimeError):
                await commits.add(request(0))

    asyncio.run(main())


@pytest.mark.parametrize("where", ["write", "sync"])
def test_ctrl_c_while_the_event_loop_writes_or_syncs_ends_all_at_once(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        store = Store()
        store.fails_at[where] = KeyboardInterrupt()
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_later(2.0, lambda: late.append(task.cancel()))
        async with GroupCommit(store, run_inline) as commits:
            await asyncio.gather(*(commits.add(request(number)) for number in range(2)))

    late = list[bool]()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    gc.collect()
    assert late == [], "it waited for ever"
    assert [record for record in caplog.records if record.name == "asyncio"] == []


def test_what_is_not_urgent_goes_with_the_next_that_is_and_at_the_end_in_any_case() -> None:
    async def main() -> None:
        def executor(sync: Callable[[], None], then: Callable[[BaseException | None], None]) -> None:
            run_inline(sync, then)

        store = Store()
        async with GroupCommit(store, executor) as commits:
            waiting = [commits.add(request(0), urgent=False)]
            await asyncio.sleep(0)
            assert store.synced == []
            waiting.append(commits.add(request(1)))
            await asyncio.gather(*waiting)
            last = commits.add(request(2), urgent=False)
        await last
        assert store.synced == [[0, 1], [0, 1, 2]]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("store", "by_loop"),
    [
        (Store(), [False, True, True]),
        (Store(takes=0.01), [False] * 3),
        (Store(has_long_log=True), [False] * 3),
    ],
    ids=["quick", "slow", "quick, with a long log"],
)
def test_a_quick_disk_is_waited_for_at_once_and_a_slow_one_in_a_thread(
    store: Store, by_loop: list[bool]
) -> None:
    async def main() -> None:
        async with GroupCommit(store, clock=lambda: store.now) as commits:
            for number in range(3):
                await commits.add(request(number))

    asyncio.run(main())
    assert store.by_loop == by_loop


def test_who_is_cancelled_twice_still_waits_for_a_sync_that_is_under_way() -> None:
    began = threading.Event()

    class Slow(Store):
        def sync(self) -> None:
            began.set()
            super().sync()

    async def main() -> None:
        store = Slow(takes=0.2)

        async def work() -> None:
            async with GroupCommit(store) as commits:
                await commits.add(request(0))

        task = asyncio.create_task(work())
        await asyncio.to_thread(began.wait)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([task])
        assert store.synced == [[0]]

    asyncio.run(main())
