"""`report --prune`: forgetting what old runs know of single records."""

from __future__ import annotations

import time
from pathlib import Path

__all__ = ["prune"]


def prune(path: Path, days: int, mapping: Path | None, *, as_json: bool) -> None:
    """Forget the records of runs that ended so many days ago, and remove their files of rejects.

    `mapping` is the one whose runs are meant; those of all mappings if None.
    """
    from opusmap.cli.journals import find_runs
    from opusmap.cli.output import print_json, print_note
    from opusmap.journal import Journal
    from opusmap.report import Evidence
    from opusmap.run.prune import remove_other_rejects, remove_rejects

    before = time.time() - days * 86400
    with Journal.open(path) as journal:
        meant = find_runs(journal, mapping)
        pruned = journal.prune(before, None if mapping is None else {run.id for run in meant})
        old = [(run, Evidence.read(journal.evidence(run))) for run in meant if run.id in pruned.runs]
    folders = (path.parent, *({mapping.parent} if mapping else ()))
    files = list(remove_rejects(old, *folders))
    for each in _find_mappings({run.mapping for run in meant}, folders) if mapping is None else [mapping]:
        files += remove_other_rejects(each, before)
    removed = [str(file) for file, gone in files if gone]
    kept = [str(file) for file, gone in files if not gone]
    if as_json:
        facts = {"runs": list(pruned.runs), "records": pruned.records, "removed": removed, "kept": kept}
        print_json({"pruned": facts})
        return
    print_note(f"{len(pruned.runs):,} runs pruned: {pruned.records:,} records forgotten. Their counts stay.")
    if pruned.records:
        requests = -(-pruned.records // 15)
        print_note(f"Those that are still in a source will be sent again: about {requests:,} requests.")
    for file in removed:
        print_note(f"removed: {file}")
    for file in kept:
        print_note(f"kept, for it is not as the run wrote it: {file}")


def _find_mappings(names: set[str], folders: tuple[Path, ...]) -> list[Path]:
    """Return the mappings of runs that are still there, wherever they were named from."""
    places = {
        place for name in names for place in (Path(name), *(each / Path(name).name for each in folders))
    }
    return sorted({place.resolve(): place for place in sorted(places) if place.is_file()}.values())
