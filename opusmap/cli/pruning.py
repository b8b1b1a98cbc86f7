"""`report --prune`: forgetting what old runs know of single records."""

from __future__ import annotations

import time
from pathlib import Path

__all__ = ["prune"]


def prune(path: Path, days: int, *, as_json: bool) -> None:
    """Forget the records of runs that ended so many days ago, and remove their files of rejects."""
    from opusmap.cli.output import print_json, say
    from opusmap.journal import Journal
    from opusmap.report import Evidence, remove_rejects

    if not path.exists():
        Journal.open(path, write=False).close()  # says that there is none
    with Journal.open(path) as journal:
        pruned = journal.prune(time.time() - days * 86400)
        evidence = [Evidence.read(journal.evidence(run)) for run in journal.runs() if run.id in pruned.runs]
    files = list(remove_rejects(evidence, path.parent))
    removed = [str(file) for file, gone in files if gone]
    kept = [str(file) for file, gone in files if not gone]
    if as_json:
        facts = {"runs": list(pruned.runs), "records": pruned.records, "removed": removed, "kept": kept}
        print_json({"pruned": facts})
        return
    say(f"{len(pruned.runs):,} runs pruned: {pruned.records:,} records forgotten. Their counts stay.")
    if pruned.records:
        requests = -(-pruned.records // 15)
        say(f"Those that are still in a source will be sent again: about {requests:,} requests.")
    for file in removed:
        say(f"removed: {file}")
    for file in kept:
        say(f"kept, for it is not as the run wrote it: {file}")
