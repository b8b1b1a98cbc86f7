"""Questions before a run: what Opus says to the settings, and what the journal knows of the connection.

Owns asking, and changes nothing: no record is sent, no journal is written.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from opusmap.compiler import Mapper
from opusmap.errors import JournalError

if TYPE_CHECKING:
    from opusmap.settings import Settings
    from opusmap.submission.online import Online

__all__ = ["check_online", "is_first_overwrite", "keys_to_retry"]


def check_online(mapper: Mapper, settings: Settings) -> Online:
    """Prove the settings against Opus without sending a record; return what was proved.

    Raises:
        OpusUnavailable: Opus can't be reached, or refuses the sign-in (`SignInError`) or the question.
        SettingsError: the certificate can't be used.
    """
    from opusmap.submission.client import OpusClient  # noqa: PLC0415 - httpx is slow to load
    from opusmap.submission.online import check_online  # noqa: PLC0415 - slow to load

    async def ask() -> Online:
        async with OpusClient(settings) as client:
            return await check_online(client, mapper.connection.id)

    return asyncio.run(ask())


def is_first_overwrite(mapper: Mapper, settings: Settings) -> bool:
    """Tell whether no run that the journal knows has overwritten records of this connection yet.

    A journal that can't be read says nothing here; the run itself will say why.
    """
    from opusmap.journal import Journal  # noqa: PLC0415 - slow to load

    if mapper.spec.conflict != "overwrite" or str(settings.journal) == ":memory:":
        return False
    if not settings.journal.exists():
        return True
    try:
        with Journal.open(settings.journal, write=False) as journal:
            target = (settings.base_url, mapper.connection.id)
            runs = (run for run in journal.runs() if (run.origin, run.connection) == target)
            return not any(journal.evidence(run).get("conflict") == "overwrite" for run in runs)
    except JournalError:
        return False


def keys_to_retry(mapper: Mapper, settings: Settings, run: int | None = None) -> frozenset[str]:
    """Return the row keys that Opus refused, or whose answer was lost, as far as the journal knows.

    Args:
        mapper: whose connection counts.
        settings: which Opus, and where the journal is.
        run: the number of the one run that is asked about; all runs if None.

    Raises:
        JournalError: there is no journal, it can't be read, or it knows no such run of this connection.
    """
    from opusmap.journal import Journal, State  # noqa: PLC0415 - slow to load

    with Journal.open(settings.journal, write=False) as journal:
        target = (settings.base_url, mapper.connection.id)
        runs = [each for each in journal.runs() if (each.origin, each.connection) == target]
        if run is not None and run not in (each.id for each in runs):
            problem = f"the journal knows no run {run} of this connection"
            raise JournalError(str(settings.journal), problem, "`opusmap report` lists the runs")
        return frozenset(
            record.key
            for each in runs
            if run in (None, each.id)
            for record in journal.records(each, State.FAILED, State.UNCERTAIN, State.INTENDED)
        )
