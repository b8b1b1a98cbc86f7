"""Staged runs for tests: written from a mapping's source, read whole, and compared with what `map` gives."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from opusmap.compiler import Mapper
from opusmap.records import Chunk
from opusmap.run.map import MapStream
from opusmap.run.open import open_work
from opusmap.staging import StagedRun, StagedWriter

CONTRACTS = Path(__file__).parents[2] / "mappings" / "contracts" / "mapping.yaml"


def write_register(folder: Path, rows: int = 30) -> Path:
    """Write a small mapping with its connection and source; return the mapping.

    Of seven rows one is a reject and one is filtered; of three one has a replaced date.
    """
    names = ("rowKey", "leafName", "createdBy", "modifiedBy", "_Note")
    columns = dict.fromkeys(names, "SingleText") | {"timeCreated": "DateTime", "timeModified": "DateTime"}
    columns["_Kind"] = "SingleChoice"
    connection = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": columns}
    (folder / "register.connection.json").write_text(json.dumps(connection), "utf-8")
    lines = ["No,Title,Kind,Created,Note"]
    for number in range(rows):
        kind = {3: "Memo", 5: "Draft"}.get(number % 7, "Deed")
        date = "31/12/2024" if number % 3 else "soon"
        lines.append(f"R-{number},Tītle {number},{kind},{date},{'n' * (number % 5)}")
    (folder / "register.csv").write_text("\n".join(lines) + "\n", "utf-8")
    mapping = folder / "register.yaml"
    mapping.write_text(REGISTER, "utf-8")
    return mapping


REGISTER = """\
opusmap: 1
connection: register.connection.json
source: {path: register.csv}
where: row["Kind"] != "Draft"
choices:
  Kind: [Lease, Deed]
fields:
  rowKey: No
  Name: Title
  timeCreated: {const: "2024-01-01"}
  timeModified: {from: Created, format: "%d/%m/%Y", on_error: default, default: "01/01/1970"}
  createdBy: {const: registry}
  modifiedBy: {const: registry}
  Kind: Kind
  Note: Note
"""


def stage_source(
    mapping: Path, address: str | Path, source: Path | None = None, parts: int = 3
) -> tuple[StagedRun, list[Chunk]]:
    """Stage a mapping's source; return the staged run, and the chunks that `map` would write."""
    work = open_work(mapping, source)
    with work.source, StagedWriter(address, work.mapper, work.source, parts=parts) as writer:
        chunks = []
        for chunk in MapStream(work):
            writer.write(chunk)
            chunks.append(chunk)
        return writer.finish(), chunks


def stage_chunks(mapper: Mapper, address: str | Path, chunks: Iterable[Chunk], parts: int = 3) -> StagedRun:
    """Stage some chunks."""
    with StagedWriter(address, mapper, parts=parts) as writer:
        for chunk in chunks:
            writer.write(chunk)
        return writer.finish()


def everything(staged: StagedRun) -> list[tuple[int | None, str, bytes]]:
    """Return row, key and JSON of all records of a staged run, by their rows; read its rejects, too."""
    list(staged.rejects())
    found = [(one.row, one.key, one.body) for part in staged.parts for one in staged.read(part)]
    return sorted(found, key=lambda one: (one[0] or 0, one[1]))
