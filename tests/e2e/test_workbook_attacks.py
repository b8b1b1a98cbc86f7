"""Workbooks that naive readers mishandle: each row of the list of attacks has a test of its name.

As in `test_file_attacks`: an exit code that is meant, plain words, within 300 MB.
"""

from __future__ import annotations

import io
import sys
import zipfile
import zlib
from pathlib import Path

import pytest
from attacked_files import mapped, place

SHEET = "xl/worksheets/sheet1.xml"


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
