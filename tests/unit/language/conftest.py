"""A folder with a mapping's files, and a way to write where a position is: `‸`."""

from __future__ import annotations

import json

import pytest
from small_mapping import CONNECTION

from opusmap.language import LanguageService, Position

ROWS = (
    "Key,Title,Doc No,Signed,Seen,Kind,Tags\n"
    "k1,One,1,31/12/2020,01/02/2021,Red,Red;blu\n"
    "k2,Two,2,01/02/2021,03/04/2021,Rad,Green;blu\n"
    "k3,,3,,,Rad,\n"
)
START = (
    "opusmap: 1\n"
    "connection: c.json\n"
    "source: {path: rows.csv}\n"
    "choices: {Choice: [Red, Green, Blue], Choices: [Red, Green, Blue]}\n"
    "tables:\n  colours: {R: Red, G: Green}\n"
    'let:\n  title: "{{ Title | trim }}"\n'
    "fields:\n  rowKey: Key\n"
)


@pytest.fixture
def folder(tmp_path):
    data = {column.internal_name: column.type for column in CONNECTION.columns}
    (tmp_path / "c.json").write_text(json.dumps({"id": CONNECTION.id, "data": [data]}))
    (tmp_path / "rows.csv").write_text(ROWS)
    return tmp_path


@pytest.fixture
def asked(folder):
    """Return the service of a text with a mark, and the position of the mark; the text was whole before."""
    service = LanguageService(folder / "mapping.yaml")

    def ask(marked, *, whole=START):
        service.update(whole)
        assert [one for one in service.problems if one.severity == "error"] == []
        at = marked.index("‸")
        service.update(marked.replace("‸", ""))
        line = marked.count("\n", 0, at)
        return service, Position(line, at - marked.rfind("\n", 0, at) - 1)

    return ask


@pytest.fixture
def start():
    return START
