"""A run in a journal on disk for tests of reports, made by the real road against an emulator."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from opusmap.emulator import Fault
from opusmap.journal import open_journal
from opusmap.rejects import RejectWriter
from opusmap.report import Report
from opusmap.run.open import open_work
from opusmap.run.rehearsal import embedded_opus
from opusmap.run.submit import SubmitOptions, submit_source

CONTRACTS = Path(__file__).resolve().parents[2] / "mappings" / "contracts"
HOSTILE = "<script>document.title='owned'</script><img src=https://evil.example/x onerror=alert(1)>"
"""A cell that must stay text wherever it is shown."""
CHANGED = {
    "Status": "Active",
    "Title": HOSTILE,
    "DocType": "</style>" + HOSTILE,
    "Supplier": "=1+1 \u202e evil \x1b[31m",
}


@dataclass(frozen=True)
class RecordedRun:
    """Where a run's journal and rejects are, and what it reported."""

    journal: Path
    rejects: Path
    report: Report


def record_run(folder: Path, rows: int = 120) -> RecordedRun:
    """Submit the first rows of the contract register, the first one hostile; Opus refuses CT-000002.

    In a folder that has a run already it is the next one.
    """
    for name in ("mapping.yaml", "contracts.connection.json", "staff.csv"):
        (folder / name).write_bytes((CONTRACTS / name).read_bytes())
    with (CONTRACTS / "contracts.csv").open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, restkey="more")
        kept = [row for _, row in zip(range(rows), reader, strict=False) if "more" not in row]
        names = reader.fieldnames or []
    kept[0] |= CHANGED
    with (folder / "contracts.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(kept)
    work = open_work(folder / "mapping.yaml")
    emulator, settings = embedded_opus(work.mapper)
    body = {"statusCode": 418, "failedItems": [{"rowKey": "CT-000002", "message": HOSTILE}]}
    refusal = Fault(418, after=True, body=json.dumps(body).encode())
    emulator.faults = lambda request: refusal if "CT-000002" in request.keys else None
    journal = folder / "opusmap-journal.db"
    with work.source, RejectWriter.beside(folder / "mapping.yaml", work.source, sending="run") as writer:
        report = submit_source(
            work,
            replace(settings, journal=journal),
            SubmitOptions(httpx.ASGITransport(emulator)),
            writer,
        )
    open_journal(journal, write=False).close()
    return RecordedRun(journal, writer.path, report)


def lengthen_run(recorded: RecordedRun, seconds: int = 60) -> None:
    """Give a recorded run the timeline of one that took so many seconds, so that its page has charts."""
    spans = [[second % 7 + 1, second % 3, 15, 0.05, 0.1 + second % 5 / 10] for second in range(seconds)]
    with open_journal(recorded.journal) as journal:
        run = max(journal.runs(), key=lambda one: one.id)
        journal.keep_evidence(run, {**journal.evidence(run), "timeline": {"step": 1.0, "spans": spans}})
