"""A small register whose records become due: its mapping, its source, an Opus, and the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from opusmap import load_mapping
from opusmap.cli import main
from opusmap.emulator import TOKEN_PATH, Client, Emulator, Readings, served
from opusmap.run.rehearsal import make_emulator

ANN, BOB, RUN = "Ann Lee <ann@x.org>", "Bob Ray <bob@x.org>", "Cy Orr <cy@x.org>"
GUID = "2c3f5d0e-6a51-4f0b-9c77-0d5d7c1e4a90"
COLUMNS = {
    "rowKey": "SingleText",
    "leafName": "SingleText",
    "termFullPath": "Taxonomy",
    "timeCreated": "DateTime",
    "timeModified": "DateTime",
    "createdBy": "SingleText",
    "modifiedBy": "SingleText",
    "_Note": "SingleText",
}
MAPPING = """opusmap: 1
connection: permits.connection.json
source: {path: permits.csv}
timezone: UTC
where: "{{ Status != 'draft' }}"
fields:
  rowKey: No
  Name: Address
  Classification: {const: Records/Planning/Permits}
  timeCreated: Day
  timeModified: Day
  createdBy: {const: Ann}
  modifiedBy: {const: Ann}
  Note: Note
"""


@dataclass
class Ended:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Register:
    """A folder with a mapping and a source, and the Opus that it is submitted to."""

    folder: Path
    emulator: Emulator
    capsys: pytest.CaptureFixture[str]
    rows: dict[str, dict[str, str]] = field(default_factory=dict)

    def write(self, *keys: str, **changes: str) -> None:
        """Write the source with rows of these keys; `changes` are cells of all of them."""
        for key in keys:
            row = {"Address": f"{key} Mill Lane", "Day": "2020-01-02", "Note": "", "Status": "decided"}
            self.rows[key] = {**row, **changes}
        self.save()

    def remove(self, *keys: str) -> None:
        """Remove rows, as the owner of the objects does; if none is left, a later one comes."""
        for key in keys:
            del self.rows[key]
        if not self.rows:
            self.write("LATER")
        self.save()

    def save(self) -> None:
        names = ("Address", "Day", "Note", "Status")
        lines = [",".join((key, *(row[name] for name in names))) for key, row in self.rows.items()]
        text = "\n".join(["No,Address,Day,Note,Status", *lines, ""])
        (self.folder / "permits.csv").write_text(text, "utf-8")

    def make_due(self, *keys: str) -> None:
        for key in keys:
            self.emulator.set_due(key, date(2024, 1, 1))

    def run(self, *args: str) -> Ended:
        """Run a command of opusmap in this process."""
        self.capsys.readouterr()
        code = main(list(args))
        return Ended(code, *self.capsys.readouterr())

    def submit(self, *args: str) -> Any:
        """Submit the source; return the totals."""
        return self.run("submit", "mapping.yaml", "--json", *args).json

    def due(self, *args: str) -> dict[str, dict[str, Any]]:
        """Return what `due` lists, by rowKey."""
        listed = self.run("due", "mapping.yaml", "--json", *args).json["due"]
        return {entry["key"]: entry for entry in listed}


@contextmanager
def open_register(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    readings: Readings | None = None,
) -> Iterator[Register]:
    """Make a register in a folder, which becomes the working directory, and serve its Opus."""
    (folder / "permits.connection.json").write_text(json.dumps({"id": GUID, "data": [COLUMNS]}), "utf-8")
    (folder / "mapping.yaml").write_text(MAPPING, "utf-8")
    monkeypatch.chdir(folder)
    emulator = make_emulator(load_mapping("mapping.yaml"), Client("app", "s"), readings)
    with served(emulator) as url:
        variables = {"BASE_URL": url, "TOKEN_URL": url + TOKEN_PATH, "CLIENT_ID": "app", "CLIENT_SECRET": "s"}
        for name, value in variables.items():
            monkeypatch.setenv(f"OPUSMAP_{name}", value)
        yield Register(folder, emulator, capsys)
