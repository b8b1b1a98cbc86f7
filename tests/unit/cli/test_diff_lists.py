"""`opusmap diff -o`: the records that differ, in a file to open and look through."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from disposal_register import Register, open_register
from openpyxl import load_workbook

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")

COLUMNS = ["kind", "key", "place", "columns", "run", "state"]
LISTED = [
    ["changed", "b", "row 3", "Note", "1", "taken"],
    ["new", "d", "row 5", "", "", ""],
    ["gone", "c", "", "", "1", "taken"],
]


@pytest.fixture
def register(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Register]:
    with open_register(tmp_path, capsys, monkeypatch) as opened:
        opened.write("a", "b", "c")
        opened.submit()
        opened.remove("c")
        opened.write("b", Note="=new()")
        opened.write("x", Status="draft")
        opened.write("d")
        yield opened


@pytest.mark.parametrize("limit", ["0", "10"])
@pytest.mark.parametrize("name", ["changes.csv", "changes.xlsx"])
def test_a_list_has_each_record_that_differs_whatever_is_printed(
    register: Register, name: str, limit: str
) -> None:
    ended = register.run("diff", "mapping.yaml", "-o", name, "--limit", limit)
    assert ended.code == 0, ended.err
    assert f"list: {name}\n" in ended.err
    if name == "changes.csv":
        rows = list(csv.reader(io.StringIO(Path(name).read_bytes().decode("utf-8-sig"))))
    else:
        sheet = load_workbook(name).active
        rows = [["" if cell.value is None else str(cell.value) for cell in row] for row in sheet.iter_rows()]
    assert rows == [COLUMNS, *LISTED]


@pytest.mark.parametrize("limit", [0, 10])
def test_a_page_has_totals_columns_and_records_and_json_has_as_many_as_it_is_asked_for(
    register: Register, limit: int
) -> None:
    ended = register.run("diff", "mapping.yaml", "-o", "c.html", "--json", "--limit", str(limit))
    assert (ended.code, len(ended.json["records"]["new"])) == (0, min(1, limit))
    page = Path("c.html").read_text("utf-8")
    for words in ("would send 2 records", "Gone from the source", "<bdi>Note</bdi>", "Compared with what"):
        assert words in page
    assert page.index('<h2 id="kind-new"') < page.index('<h2 id="kind-changed"') < page.index("kind-gone")
    assert "<script" not in page
    assert "And " not in page


def test_a_page_has_the_first_of_very_many_and_says_where_the_others_are(register: Register) -> None:
    register.write(*(f"n{number:04}" for number in range(1200)))
    assert register.run("diff", "mapping.yaml", "-o", "c.html").code == 0
    page = Path("c.html").read_text("utf-8")
    assert page.count("<bdi>n") == 999  # and `d`
    assert "And 201 more" in page


@pytest.mark.parametrize("name", ["changes.txt", "permits.csv", "mapping.yaml"])
def test_a_file_that_cannot_be_a_list_or_is_read_is_refused_and_stays(register: Register, name: str) -> None:
    before = {path.name: path.read_bytes() for path in Path().glob("[mp]*")}
    ended = register.run("diff", "mapping.yaml", "-o", name)
    assert ended.code == 2, ended.err
    assert {path.name: path.read_bytes() for path in Path().glob("[mp]*")} == before


def test_it_is_said_that_a_list_took_the_place_of_a_file_that_a_person_may_have_edited(
    register: Register,
) -> None:
    register.make_due("a")
    for words in (("diff", "mapping.yaml"), ("due", "mapping.yaml")):
        name = f"{words[0]}.csv"
        Path(name).write_text("mine", "utf-8")
        assert (
            f"list: {name}, which replaces the file that was there\n" in register.run(*words, "-o", name).err
        )
        assert "mine" not in Path(name).read_text("utf-8-sig")
