"""Which records were marked as destroyed after a run, because its report counts them as accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opusmap.journal import DestructionState
from opusmap.report.later_runs import Later, name_runs
from opusmap.report.status import name_opus
from opusmap.wording import counted, them, was

if TYPE_CHECKING:
    from opusmap.journal import Journal, Run


def describe_destroyed(journal: Journal, run: Run, later: Later | None) -> str:
    """Return how many records of a run's connection were destroyed since it began, in sentences; "" if none.

    The journal does not say which rows a run left unchanged. So records that another run sent may be of its
    rows or not. Who sent the records is left out if the journal lacks one: it may be pruned.

    Args:
        journal: which knows the destructions.
        run: the run.
        later: what later runs made of its rows, if anything.

    Raises:
        JournalError: the journal can't be read.
    """
    since = [
        each
        for each in journal.destructions(run.origin, run.connection)
        if each.is_tombstone and each.at >= run.started
    ]
    keys = {each.key for each in since if each.state is DestructionState.DESTROYED}
    unsure = {each.key for each in since} - keys
    if not since:
        return ""
    runs = [run.id, *(later.retries if later is not None else ())]
    sent = journal.find_accepted(run.origin, run.connection, keys) if keys else {}
    own = sum(record.run in runs for record in sent.values())
    told = ""
    if keys:
        many = f"{name_runs(runs)} sent {own:,} of them"
        one = f"{name_runs(runs) if own else 'another run'} sent it"
        sent_by = f"; {one if len(keys) == 1 else many}" if len(sent) == len(keys) else ""
        records = f"{counted(len(keys), 'record')} of this connection {was(len(keys))}"
        told = f"Since run {run.id} began, {records} marked as destroyed{sent_by}. "
    if unsure:
        records, it = counted(len(unsure), "record"), them(len(unsure))
        told += f"Of {records} it is not known whether {name_opus(run)} marked {it} as destroyed. "
    return f"{told}The counts of this report leave that out: these records still count as accepted."
