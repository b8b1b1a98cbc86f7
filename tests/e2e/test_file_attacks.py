"""Source files that naive readers mishandle: each row of the list of attacks has a test of its name.

Each file goes through `opusmap map` in a process of its own: it ends with an exit code that it means to
have, says what is wrong and where in plain words, and keeps within 300 MB.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
import zlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from opusmap.errors import SourceError
from opusmap.work import open_work

OPUSMAP = (sys.executable, "-c", "import sys; from opusmap.cli import main; sys.exit(main())")
MEMORY = 300 << 20
CONNECTION = {
    "id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11",
    "data": [{"rowKey": "SingleText", "_Title": "MultipleText", "_Sum": "Number"}],
}
SHEET = "xl/worksheets/sheet1.xml"
HEADER = "key,title,sum\n"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: its exit code, its records, what it rejected (by row) and what it said."""

    code: int
    records: list[dict[str, Any]]
    rejects: dict[int, str]
    said: str


def mapped(folder: Path, name: str, content: bytes | str | None, source: str = "") -> Ending:
    """Map a file; what is looked at of any run is looked at here."""
    write(folder, name, content, source)
    code, said = run(folder)
    if code == 2:
        return Ending(code, [], {}, said)
    reasons = json.loads(said.splitlines()[0])["reasons"]
    records = [json.loads(line) for line in (folder / "out.jsonl").read_text("utf-8").splitlines()]
    return Ending(code, records, {row: one["code"] for one in reasons for row in one["rows"]}, said)


def write(folder: Path, name: str, content: bytes | str | None, source: str = "") -> None:
    """Write a source (unless it is there), a connection and a mapping."""
    if content is not None:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "c.json").write_text(json.dumps(CONNECTION), "utf-8")
    (folder / "m.yaml").write_text(
        f"opusmap: 1\nconnection: c.json\nsource: {{path: {name}{source}}}\n"
        "fields: {rowKey: key, Title: title, Sum: sum}\n",
        "utf-8",
    )


MEASURED = (
    "import os, pathlib, subprocess, sys\n"
    "process = subprocess.Popen(sys.argv[1:])\n"
    "_, status, usage = os.wait4(process.pid, 0)  # of the process and those that it waited for\n"
    "pathlib.Path('peak').write_text(str(usage.ru_maxrss), 'utf-8')\n"
    "sys.exit(os.waitstatus_to_exitcode(status))\n"
)
"""Runs a command and notes its peak of memory. A process starts with the peak of what it is forked from,
so it must not be forked from the tests, which have become large."""


def run(folder: Path, output: str = "out.jsonl") -> tuple[int, str]:
    """Run `opusmap map`; return its exit code and all that it said."""
    measured = (sys.executable, "-S", "-c", MEASURED) if hasattr(os, "wait4") else ()
    command = [*measured, *OPUSMAP, "map", "m.yaml", "-o", output, "--json"]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        code = subprocess.run(
            command, cwd=folder, stdout=said, stderr=said, timeout=120, check=False
        ).returncode
        said.seek(0)
        text = said.read()
    if measured:
        peak = int((folder / "peak").read_text("utf-8")) * (1 if sys.platform == "darwin" else 1024)
        assert peak < MEMORY, f"{peak >> 20} MB"
    assert code in (0, 1, 2), text  # no crash, no kill by the system, no bug of ours (70)
    assert "Traceback" not in text
    return code, text


def place(ending: Ending) -> tuple[str, int | None]:
    """Return code and row of the error that ended a run."""
    found = re.search(r"(?:, row (\d+))?: error\[([\w-]+)\]", ending.said)
    assert found, ending.said
    return found[2], int(found[1]) if found[1] else None


def workbook(parts: dict[str, bytes | str]) -> bytes:
    """A workbook with one sheet; `parts` come on top."""
    names = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.'
        'spreadsheetml.sheet.main+xml"/></Types>',
        "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
        'officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>'
        '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
        'relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
        'relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as package:
        for name, content in {**names, **parts}.items():
            package.writestr(name, content)
    return file.getvalue()


def sheet(rows: str) -> str:
    return (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        f"{rows}</sheetData></worksheet>"
    )


def cell(address: str, text: str) -> str:
    return f'<c r="{address}" t="inlineStr"><is><t>{text}</t></is></c>'


def row(number: int, *texts: str) -> str:
    cells = "".join(cell(f"{letter}{number}", text) for letter, text in zip("ABC", texts, strict=False))
    return f'<row r="{number}">{cells}</row>'


GOOD_SHEET = sheet(row(1, "key", "title", "sum") + row(2, "007", "x", "1"))
EXCEL = pytest.mark.usefixtures("_excel")


@pytest.fixture
def _excel() -> None:
    pytest.importorskip("python_calamine", reason="the extra excel is not installed")


# CSV.


def test_csv_with_an_unclosed_quote(tmp_path: Path) -> None:
    ending = mapped(tmp_path, "x.csv", HEADER + '1,a,1\n2,"open,2\n' + "3,c,3\n" * 50_000)
    assert (ending.code, place(ending)) == (2, ("unclosed-quote", 3))


@pytest.mark.parametrize(
    ("header", "code"), [("key,title,key\n", "duplicate-header"), ("key,,sum\n", "empty-header")]
)
def test_csv_with_duplicate_or_empty_header_names(tmp_path: Path, header: str, code: str) -> None:
    ending = mapped(tmp_path, "x.csv", header + "1,a,1\n")
    assert (ending.code, place(ending)) == (2, (code, 1))


def test_csv_with_short_and_long_rows(tmp_path: Path) -> None:
    ending = mapped(tmp_path, "x.csv", HEADER + "1,a,1\n2\n3,b,3,4\n4,c,4\n")
    assert (ending.code, ending.rejects) == (1, {3: "ragged-row", 4: "ragged-row"})
    assert [record["rowKey"] for record in ending.records] == ["1", "4"]


@pytest.mark.parametrize(("length", "code"), [(131_073, None), (1_000_001, "field-too-long")])
def test_csv_with_a_field_of_131073_characters(tmp_path: Path, length: int, code: str | None) -> None:
    ending = mapped(tmp_path, "x.csv", f"{HEADER}1,{'x' * length},1\n2,b,2\n")
    if code is None:
        assert len(ending.records[0]["_Title"]) == length
    else:
        assert ending.rejects == {2: code}
    assert ending.records[-1]["rowKey"] == "2"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_csv_in_utf_8_with_bom_and_in_utf_16(tmp_path: Path, encoding: str) -> None:
    stated = ", encoding: utf-16-le" if encoding == "utf-16-le" else ""
    ending = mapped(tmp_path, "x.csv", (HEADER + "1,Łódź,1\n").encode(encoding), stated)
    assert (ending.code, ending.records[0]["_Title"]) == (0, "Łódź")


def test_csv_in_utf_16_without_bom_is_told_how_to_say_so(tmp_path: Path) -> None:
    ending = mapped(tmp_path, "x.csv", (HEADER + "1,a,1\n").encode("utf-16-le"))
    assert (ending.code, place(ending)) == (2, ("nul-byte", 1))
    assert "encoding: utf-16-le" in ending.said


def test_csv_with_cp1252_bytes_in_a_utf_8_file(tmp_path: Path) -> None:
    content = (HEADER + "1,Łódź,1\n").encode() + "2,café,2\n".encode("cp1252")
    ending = mapped(tmp_path, "x.csv", content)
    assert (ending.code, place(ending)) == (2, ("encoding", 3))
    assert "encoding: cp1252" in ending.said
    assert "café" in ending.said


def test_csv_with_nul_bytes(tmp_path: Path) -> None:
    ending = mapped(tmp_path, "x.csv", HEADER + "1,a\0b,1\n2,b,2\n")
    assert (ending.code, ending.rejects) == (1, {2: "nul-byte"})


def test_cells_that_begin_a_formula(tmp_path: Path) -> None:
    """In records they are exact; in a file of rejects for people they are no formula, and come back exact."""
    texts = [f"{start}HYPERLINK('x')" for start in "=+-@\t\r"]
    content = io.StringIO()
    cells = csv.writer(content)
    cells.writerow(["key", "title", "sum"])
    cells.writerows(
        [f"{total}{number}", text, total] for total in ("1", "none") for number, text in enumerate(texts)
    )
    ending = mapped(tmp_path, "x.csv", content.getvalue())
    assert [record["_Title"] for record in ending.records] == texts
    with (tmp_path / "out.rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [shown["title"] for shown in csv.DictReader(file)] == ["'" + text for text in texts]


# Workbooks.


@EXCEL
def test_xlsx_whose_two_cells_are_a1_and_xfd1048576(tmp_path: Path) -> None:
    last = f'<row r="1048576">{cell("XFD1048576", "x")}</row>'
    content = workbook({SHEET: sheet(row(1, "key", "title", "sum") + last)})
    assert len(content) < 3_000
    ending = mapped(tmp_path, "x.xlsx", content)
    assert (ending.code, place(ending)) == (2, ("unpacked-too-large", None))
    assert "too large for its file" in ending.said


@EXCEL
@pytest.mark.skipif(
    sys.platform in ("win32", "darwin"), reason="memory is limited by the system on Linux only"
)
def test_xlsx_with_far_cells_that_hide_from_the_scan(tmp_path: Path) -> None:
    """Whatever the scan misses meets the limit of the process that reads."""
    last = '<row r="1048576"><c r="&#88;FD1048576"><v>1</v></c></row>'
    ending = mapped(tmp_path, "x.xlsx", workbook({SHEET: sheet(row(1, "key", "title", "sum") + last)}))
    assert (ending.code, place(ending)[0]) == (2, "source-damaged")


@EXCEL
def test_xlsx_of_390_kb_that_unpacks_to_over_1_gb(tmp_path: Path) -> None:
    piece = (cell("A2", "0") * 20_000)[: 1 << 20].encode()
    packer = zlib.compressobj(9, wbits=-15)
    chunk = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)  # so it can be repeated as it is
    packed = chunk * 1_300 + packer.flush()
    size, crc = len(piece) * 1_300, 0
    assert size > 1 << 30
    content = workbook({SHEET: b"?"})
    # The part is put in by hand: the library would need the gigabyte.
    central = content.index(b"PK\x01\x02")
    start = content.rindex(b"PK\x03\x04", 0, central)
    local = bytearray(content[start : start + 30 + len(SHEET)])
    local[14:26] = b"".join(value.to_bytes(4, "little") for value in (crc, len(packed), size))
    directory = bytearray(content[central:])
    entry = directory.rindex(b"PK\x01\x02")
    directory[entry + 16 : entry + 28] = local[14:26]
    end = directory.rindex(b"PK\x05\x06")
    moved = start + len(local) + len(packed)
    directory[end + 16 : end + 20] = moved.to_bytes(4, "little")
    content = content[:start] + bytes(local) + packed + bytes(directory)
    assert len(content) < 5_000_000
    ending = mapped(tmp_path, "x.xlsx", content)
    assert (ending.code, place(ending)) == (2, ("unpacked-too-large", None))


@EXCEL
@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "xl/sharedStrings.xml", "docProps/app.xml"])
def test_xlsx_with_a_dtd_or_an_external_entity(tmp_path: Path, part: str) -> None:
    text = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + GOOD_SHEET
    encoding = "utf-16" if part == "xl/workbook.xml" else "utf-8"
    ending = mapped(tmp_path, "x.xlsx", workbook({SHEET: GOOD_SHEET, part: text.encode(encoding)}))
    assert (ending.code, place(ending)) == (2, ("document-type", None))


@EXCEL
def test_xlsx_made_for_these_tests_is_read_when_nothing_is_wrong(tmp_path: Path) -> None:
    """So that what is refused above is refused for its own reason."""
    ending = mapped(tmp_path, "x.xlsx", workbook({SHEET: GOOD_SHEET}))
    assert (ending.code, ending.records) == (0, [{"rowKey": "007", "_Title": "x", "_Sum": 1}])


@EXCEL
def test_ods_whose_cells_are_repeated_to_the_end_of_the_sheet(tmp_path: Path) -> None:
    namespaces = (
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    )
    repeated = (
        '<table:table-row table:number-rows-repeated="1048576"><table:table-cell '
        'table:number-columns-repeated="16384" office:value-type="string"><text:p>x</text:p>'
        "</table:table-cell></table:table-row>"
    )
    content = (
        f"<office:document-content {namespaces}><office:body><office:spreadsheet>"
        f'<table:table table:name="S">{repeated}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        package.writestr("content.xml", content)
        package.writestr("META-INF/manifest.xml", "<x/>")
    ending = mapped(tmp_path, "x.ods", file.getvalue())
    assert ending.code == 2
    assert place(ending)[0] in ("unpacked-too-large", "source-damaged")


# Parquet.


MAKE_PARQUET = """
import sys
import pyarrow as pa
import pyarrow.parquet as pq
table = pa.table({"key": [str(n) for n in range(300)], "title": ["x" * 1_000_000] * 300, "sum": ["1"] * 300})
with pq.ParquetWriter(sys.argv[1], table.schema, compression="zstd") as writer:
    writer.write_table(table, row_group_size=300)
"""


def test_parquet_of_2_kb_that_expands_to_1_mb_a_row(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    # Made in a process of its own: what this one has had in memory would count for those that it starts.
    subprocess.run([sys.executable, "-c", MAKE_PARQUET, str(tmp_path / "x.parquet")], check=True)
    assert (tmp_path / "x.parquet").stat().st_size < 20_000
    write(tmp_path, "x.parquet", None)
    code, said = run(tmp_path, os.devnull)
    assert (code, json.loads(said.splitlines()[0])["read"]) == (0, 300)


# JSON Lines.


BAD_LINES = {
    '{"key": "2", "title": "x", "sum": NaN}': "json-syntax",
    '{"key": "2", "title": "x", "sum": -Infinity}': "json-syntax",
    '{"key": "2", "title": "\\ud800", "sum": 1}': "json-surrogate",
    '{"key": "2", "title": ' + "[" * 5_000 + "]" * 5_000 + ', "sum": 1}': "json-too-deep",
    '{"key": "2", "title": "x", "sum": 1, "key": "3"}': "json-repeated-name",
    '{"key": "2", "title": "x", "sum": 1e10000000}': "number-too-large",
    '{"key": "2", "title": "x", "sum": 1e999999999999999999999}': "json-number",
}


@pytest.mark.parametrize("name", ["x.jsonl", "x.json"])
def test_json_with_nan_infinity_a_lone_surrogate_5000_levels_duplicate_keys(
    tmp_path: Path, name: str
) -> None:
    good = '{"key": "%s", "title": "x", "sum": 1}'
    lines = [good % "first", *BAD_LINES, good % "last"]
    content = "\n".join(lines) if name.endswith("l") else f"[{','.join(lines)}]"
    ending = mapped(tmp_path, name, content)
    assert (ending.code, ending.rejects) == (1, dict(enumerate(BAD_LINES.values(), 2)))
    assert [record["rowKey"] for record in ending.records] == ["first", "last"]


# Numbers.


def test_numbers_1e10000000_arabic_indic_digits_and_underscores(tmp_path: Path) -> None:
    numbers = ["1e10000000", "٣٤", "1_000", "0x10", "1e5", "Infinity", "1,23", "--1", "½"]
    lines = [f'{number},a,"{text}"\n' for number, text in enumerate(numbers)]
    ending = mapped(tmp_path, "x.csv", HEADER + "".join(lines) + "last,b,2\n")
    assert (ending.code, len(ending.records)) == (1, 1)
    assert json.loads(ending.said.splitlines()[0])["rejected"] == len(numbers)
    assert set(ending.rejects.values()) == {"bad-number"}


# Outputs.


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links need rights here")
@pytest.mark.parametrize("name", ["out.jsonl", "out.rejects.csv"])
def test_a_symlink_where_an_output_should_go(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / name).symlink_to(victim)
    write(tmp_path, "x.csv", HEADER + "1,a,1\n2,b,no number\n")
    run(tmp_path)  # an error, or the link is replaced: either way what it leads to stays
    assert victim.read_text() == "precious"
    for written in (tmp_path / "out.jsonl", tmp_path / "out.rejects.csv"):
        if written.exists() and not written.is_symlink():
            assert written.stat().st_mode & 0o777 == 0o600


def test_devices_are_written_as_they_are(tmp_path: Path) -> None:
    write(tmp_path, "x.csv", HEADER + "1,a,1\n")
    code, said = run(tmp_path, os.devnull)
    assert (code, json.loads(said.splitlines()[0])["mapped"]) == (0, 1)


# A mapping from a stranger.


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("path: ../secret.csv", "outside-folder"),
        ("path: /etc/passwd, format: csv", "outside-folder"),
        ("path: '../*.csv'", "outside-folder"),
        ("path: https://127.0.0.1/x.csv", "outside-folder"),
        ("path: 's3://bucket/x.csv'", "outside-folder"),
        ("path: 'file:///etc/passwd', format: csv", "outside-folder"),
        ("path: link.csv", "outside-folder"),
        ("path: 'link/*.csv'", "outside-folder"),
        ("path: 'l*.csv'", "outside-folder"),
        ("path: link, format: files", "outside-folder"),
        ("database: HOME, sql: SELECT 1", "no-database"),
        ("path: x.sqlite, sql: \"ATTACH '../secret.sqlite' AS s\"", "bad-query"),
    ],
)
@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links need rights here")
def test_a_mapping_reaches_for_what_is_not_its_own(tmp_path: Path, source: str, code: str) -> None:
    (tmp_path / "secret.csv").write_text("key,title,sum\n1,secret,1\n")
    folder = tmp_path / "mapping"
    folder.mkdir()
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "link").symlink_to(tmp_path)
    with closing(sqlite3.connect(folder / "x.sqlite")) as database:
        database.execute("CREATE TABLE t (a)")
    (folder / "c.json").write_text(json.dumps(CONNECTION), "utf-8")
    (folder / "m.yaml").write_text(
        f"opusmap: 1\nconnection: c.json\nsource: {{{source}}}\n"
        "fields: {rowKey: key, Title: title, Sum: sum}\n"
    )
    with pytest.raises(SourceError) as caught:
        open_work(folder / "m.yaml")
    assert caught.value.code == code
