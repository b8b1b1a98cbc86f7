"""The page on sources is true: its files, read as its mappings say, give its rows."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from documentation import ROOT, Block, blocks, complete, section, table

from opusmap.mapping import parse_spec
from opusmap.mapping.schema import load_schema
from opusmap.records import Row
from opusmap.sources import all_formats, open_with
from opusmap.sources.folder import FOLDER_COLUMNS

PAGE = ROOT / "docs" / "sources.md"
EXAMPLES = [
    (mapping, rows)
    for mapping, rows in zip(blocks(PAGE), blocks(PAGE)[1:], strict=False)
    if mapping.comment == "mapping" and rows.comment == "rows"
]


def write(block: Block, folder: Path) -> None:
    """Write the file that a block shows; a workbook's and a database's content are shown as text."""
    path = folder / block.comment.removeprefix("source: ")
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".sqlite":
        with closing(sqlite3.connect(path)) as database:
            database.executescript(block.text)
    elif path.suffix == ".xlsx":
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.Workbook()
        book.active.title = "Register"
        for cells in csv.reader(io.StringIO(block.text)):
            book.active.append([typed(cell) for cell in cells])
        book.save(path)
    else:
        path.write_text(block.text, "utf-8")


def typed(cell: str) -> Any:
    """Return a cell as a person would enter it: numbers as such unless they have zeros in front."""
    if re.fullmatch(r"[1-9][0-9]*", cell):
        return int(cell)
    return date.fromisoformat(cell) if re.fullmatch(r"\d{4}-\d\d-\d\d", cell) else cell or None


def shown(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


@pytest.mark.parametrize(("mapping", "rows"), EXAMPLES, ids=[str(mapping) for mapping, _ in EXAMPLES])
def test_each_example_gives_the_rows_shown(mapping: Block, rows: Block, tmp_path: Path) -> None:
    for block in blocks(PAGE):
        if block.comment.startswith("source: "):
            write(block, tmp_path)
    ((_, text),) = complete(mapping)
    options = parse_spec(text, "m.yaml").source
    assert options.path
    with open_with(tmp_path / options.path, options, tmp_path) as source:
        found = [
            {name: shown(value) for name, value in row.values.items()}
            for row in source.rows()
            if isinstance(row, Row)
        ]
    assert found == [json.loads(line) for line in rows.text.splitlines()]


def test_there_is_an_example_for_each_format_that_can_be_shown() -> None:
    assert len(EXAMPLES) >= 7


def test_every_key_is_described() -> None:
    assert [key for key, *_ in table(section(PAGE, "Keys"))] == list(
        load_schema()["properties"]["source"]["properties"]
    )


def test_every_key_is_said_to_be_for_the_formats_that_take_it() -> None:
    words = {"csv": "CSV", "jsonl": "JSON Lines", "json": "JSON", "excel": "Excel", "parquet": "Parquet"}
    words |= {"singer": "Singer", "dataport": "DataPort"}
    for key, formats, _ in table(section(PAGE, "Keys")):
        takers = {words[one.name] for one in all_formats() if one.name in words and key in one.options}
        if formats not in ("all", "databases", "files", "packages"):
            assert set(formats.split(", ")) == takers, key


def test_every_format_is_listed_with_its_suffixes_and_what_it_needs() -> None:
    rows = table(section(PAGE, "Formats"))
    listed = [(row[0], tuple(re.findall(r"\.\w+", row[1])), row[3]) for row in rows]
    assert listed == [
        (one.name, one.suffixes, f"opusmap[{one.extra}]" if one.extra else "") for one in all_formats()
    ]


def test_every_column_of_a_folder_is_described() -> None:
    assert tuple(row[0] for row in table(section(PAGE, "A folder of files"))) == FOLDER_COLUMNS
