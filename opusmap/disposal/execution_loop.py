"""A plan executed from its first record to its last, in its own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from opusmap.disposal.destruction_plan import PlanFile
from opusmap.disposal.executing import ExecutionOptions, Outcome, execute
from opusmap.errors import DestructionRefused
from opusmap.journal import open_journal

if TYPE_CHECKING:
    from opusmap.settings import Settings


def run_execution(
    file: PlanFile,
    settings: Settings,
    options: ExecutionOptions,
    on_start: Callable[[Callable[[], object], Callable[[], object]], object],
) -> Outcome:
    """Execute a plan; see `execute`.

    Args:
        file: the plan.
        settings: where Opus is, how to sign in, and where the journal is.
        options: how to execute it.
        on_start: called with two functions, for any thread: the first lets requests in flight end and then
            stops, the second stops at once.

    Raises:
        DestructionRefused: the settings are of another service than the plan; or as `execute`.
        OpusUnavailable, SignInError, JournalError, SettingsError: as `execute`.
    """
    if settings.base_url != file.plan.origin:
        problem = f"the plan is for {file.plan.origin}, and the settings name {settings.base_url}"
        raise DestructionRefused(str(file.path), problem, "use the settings that the plan was made with")

    async def go() -> Outcome:
        from opusmap.opus.client import OpusClient  # noqa: PLC0415 - httpx is slow to load

        loop, main, stop = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()
        assert main is not None
        on_start(lambda: loop.call_soon_threadsafe(stop.set), lambda: loop.call_soon_threadsafe(main.cancel))
        with open_journal(settings.journal) as journal:
            async with OpusClient(settings) as client:
                return await execute(file, journal, client, options, stop=stop)

    try:
        return asyncio.run(go())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
