"""Whatever runs, retries and edits follow one another: no report says of a row what is not so.

An emulator refuses some records; rejects are corrected, deleted, given another key or left wrong; the source
is corrected and sent again. After each run, all reports are compared with what the emulator holds.
"""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opusmap.emulator import Fault
from opusmap.journal import Journal, Run, open_journal
from opusmap.rejects import RejectWriter
from opusmap.report import Evidence
from opusmap.report.earlier_runs import read_history
from opusmap.report.later_rows import LaterRows, read_later
from opusmap.report.later_runs import Later, LaterRuns
from opusmap.report.row_places import find_places
from opusmap.report.status import count_attention
from opusmap.run.open import open_corrected_rejects, open_work
from opusmap.run.rehearsal import embedded_opus
from opusmap.run.submit import SubmitOptions, submit_source

CONNECTION = {
    "id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11",
    "data": [{"rowKey": "SingleText", "_Number": "Number", "termFullPath": "Taxonomy"}],
}
MAPPING = """\
opusmap: 1
connection: c.connection.json
source: {path: rows.csv}
conflict: overwrite
where: Skip != "yes"
fields:
  rowKey: No
  Number: Amount
  Classification: {const: "A/B"}
"""


class Story:
    """Rows and runs in a folder, and what became of them."""

    def __init__(self, folder: Path, draw: random.Random) -> None:
        self.folder, self.draw = folder, draw
        (folder / "c.connection.json").write_text(json.dumps(CONNECTION), "utf-8")
        (folder / "mapping.yaml").write_text(MAPPING, "utf-8")
        self.rows = [
            {"No": f"K{at}", "Amount": draw.choice("1xx2"), "Skip": draw.choice(["no", "no", "no", "yes"])}
            for at in range(draw.randint(2, 6))
        ]
        self.write(folder / "rows.csv", [[*self.rows[0]], *([*row.values()] for row in self.rows)])
        with (work := open_work(folder / "mapping.yaml")).source:
            self.emulator, self.settings = embedded_opus(work.mapper)
        self.refused = frozenset[str]()
        self.emulator.faults = lambda request: Fault(refuses=self.refused.intersection(request.keys))

    def write(self, path: Path, rows: list[list[str]]) -> None:
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            csv.writer(file).writerows(rows)

    def go_on(self) -> None:
        """Submit the source, perhaps corrected, or retry a file of rejects, often an older one."""
        draw = self.draw
        files = sorted(self.folder.glob("*.rejects.csv"))
        self.refused = frozenset({f"K{draw.randint(0, 6)}"} if draw.random() < 0.3 else ())
        if files and draw.random() < 0.5:
            work = open_corrected_rejects(self.folder / "mapping.yaml", self.correct(draw.choice(files)))
        else:
            if draw.random() < 0.5:
                draw.choice(self.rows)["Amount"] = draw.choice("1x5")
                self.write(
                    self.folder / "rows.csv", [[*self.rows[0]], *([*row.values()] for row in self.rows)]
                )
            work = open_work(self.folder / "mapping.yaml")
        rejects = RejectWriter.beside(self.folder / "mapping.yaml", work.source, sending="run")
        options = SubmitOptions(httpx.ASGITransport(self.emulator))
        with work.source, rejects:
            submit_source(work, replace(self.settings, journal=self.folder / "j.db"), options, rejects)

    def correct(self, path: Path) -> Path:
        """Correct a file of rejects as a person may: some rows right, some wrong, some gone, some renamed."""
        with path.open(newline="", encoding="utf-8-sig") as file:
            head, *rows = csv.reader(file)
        amount, key = head.index("Amount"), head.index("No")
        kept = list[list[str]]()
        for row in rows:
            match self.draw.choice(["right", "right", "as it is", "deleted", "other key", "wrong"]):
                case "deleted":
                    continue
                case "wrong":
                    row[amount] = "y"
                case "right":
                    row[amount] = "7"
                case "other key":
                    row[amount], row[key] = "7", f"{row[key]}b"
            kept.append(row)
        self.write(path, [head, *(kept or rows)])
        return path

    def count_held(self) -> int:
        """Return how many of the source's rows the emulator has a record of, whatever key they were given."""
        held = {key.rstrip("b") for key in self.emulator.records}
        return sum(row["No"] in held for row in self.rows)


def check_head(run: Run, later: Later | None, rows: LaterRows) -> None:
    """The numbers at the top of a report are those of its rows."""
    fates = Counter(row.fate for row in rows.rows.values())
    attention = count_attention(run.counts) if later is None else later.attention
    is_open = sum(fates[fate] for fate in ("open", "kept", "rekeyed", "deleted_earlier"))
    assert is_open + rows.more <= attention, (later, rows)
    assert fates["sent"] <= (0 if later is None else later.sent), (later, rows)
    assert fates["deleted"] <= (later.deleted if later is not None and later.exact else len(rows.rows))
    if later is not None and later.exact and fates.total() == later.of and not fates["unknown"]:
        assert (fates["sent"], is_open) == (later.sent, attention), (later, rows)


def check_reports(story: Story, journal: Journal) -> None:
    wholes = [run for run in journal.runs() if Evidence.read(journal.evidence(run)).rows_of is None]
    for run in journal.runs():
        evidence, since = Evidence.read(journal.evidence(run)), LaterRuns(journal, run.id)
        later, rows = read_later(since, run)
        places = find_places(run, evidence, later, rows)
        assert places is not None
        assert sum(place.count for place in places.places) == places.read
        assert all(place.count > 0 for place in places.places)
        check_head(run, later, rows)
        for row in rows.rows.values():
            if row.fate == "open" and not story.refused:
                assert row.key not in story.emulator.records, row
            if row.fate in ("sent", "kept", "rekeyed") and row.key:
                assert (row.sent_as or row.key) in story.emulator.records, row
        # Rows that were not sent now may have a record from before.
        is_plain = not any(run.counts.get(name) for name in ("filtered", "uncertain"))
        if run.id == wholes[0].id and is_plain:
            held = story.count_held()
            assert places.accepted == held if places.exact else places.accepted <= held, places
        if (history := read_history(journal, run)) is not None:
            for past in history.runs:
                assert min(past.accepted, past.attention, past.left_out) >= 0, past
                assert past.older <= min(past.accepted, past.attention), past
            assert history.runs[-1].accepted == places.accepted
            assert history.runs[-1].older == places.older


@given(st.randoms(use_true_random=False))
@settings(deadline=None)
def test_a_report_says_of_no_row_what_is_not_so(
    tmp_path_factory: pytest.TempPathFactory, draw: random.Random
) -> None:
    story = Story(tmp_path_factory.mktemp("story"), draw)
    for _ in range(draw.randint(2, 6)):
        story.go_on()
        with open_journal(story.folder / "j.db", write=False) as journal:
            check_reports(story, journal)
