"""A file that is no workbook or Parquet file is told by its own bytes: what it is, or where it breaks off."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from opusmap.errors import SourceError
from opusmap.sources import open_source
from opusmap.sources.damage import explain_parquet, explain_workbook

pytest.importorskip("python_calamine", reason="the extra excel is not installed")
SAVE = "open it in Excel, and save it as .xlsx"
TABLE = "<table><tr><td>No</td><td>Title</td></tr></table>"


def package(*names: str) -> bytes:
    """A ZIP file with these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as members:
        for name in names:
            members.writestr(name, "<x/>")
    return file.getvalue()


def compound(*streams: str, sectors: int = 8) -> bytes:
    """A compound file with these names in its directory ([MS-CFB]), and its allocation table before that."""
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HHHHH", header, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<III", header, 44, 1, 1, 0)
    struct.pack_into("<109I", header, 76, 0, *[0xFFFFFFFF] * 108)
    used = [0xFFFFFFFD, *[0xFFFFFFFE] * (sectors - 1)]
    table = struct.pack("<128I", *used, *[0xFFFFFFFF] * (128 - sectors))
    directory = b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in streams).ljust(512, b"\0")
    return bytes(header) + table + directory + b"x" * 512 * (sectors - 2)


def encrypted(data: bytes) -> bytes:
    """A ZIP file whose members say that they are encrypted."""
    central, local = data.index(b"PK\x01\x02"), data.index(b"PK\x03\x04")
    changed = bytearray(data)
    changed[central + 8] |= 1
    changed[local + 6] |= 1
    return bytes(changed)


WORKBOOK = package("xl/workbook.xml")


@pytest.mark.parametrize(
    ("name", "content", "what", "hint"),
    [
        ("x.xls", b"", "it is empty (0 bytes)", "export or download it again"),
        ("x.xls", f"<html><body>{TABLE}".encode(), "it is an HTML page with the ending .xls", SAVE),
        ("x.XLS", f"\r\n <TABLE border=1>{TABLE}".encode(), "it is an HTML page with the ending .xls", SAVE),
        (
            "x.xlsx",
            f"\ufeff<!DOCTYPE html>{TABLE}".encode(),
            "it is an HTML page with the ending .xlsx",
            SAVE,
        ),
        ("x.xls", f"<html>{TABLE}".encode("utf-16"), "it is an HTML page", SAVE),
        ("x.xls", b'<?xml version="1.0"?><!-- a --><!-- b --><html xmlns="x">', "it is an HTML page", SAVE),
        ("x.xls", b"MIME-Version: 1.0\r\n", "it is a web page in one file (MHTML)", SAVE),
        (
            "x.xls",
            b'<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n<Workbook/>',
            "it is an XML file of Excel 2003 with the ending .xls",
            SAVE,
        ),
        ("x.xls", b"No,Title\n1,a\n", "it is a text file with the ending .xls", "write `format: csv` under"),
        ("x.xlsx", b"%PDF-1.4\n%\xe2\xe3", "it is a PDF document with the ending .xlsx", "name the export"),
        (
            "x.xlsx",
            WORKBOOK[:-9],
            "it ends early, so a part of it is missing",
            "download or copy the file again",
        ),
        ("x.xlsx", encrypted(WORKBOOK), "it is encrypted", "save it as .xlsx without one"),
        ("x.xlsx", compound("EncryptedPackage"), "it is encrypted", "save it as .xlsx without one"),
        ("x.xls", WORKBOOK, "it is a workbook of the kind .xlsx with the ending .xls", "ends in .xlsx"),
        ("x.xlsx", package("content.xml"), "it is a workbook of the kind .ods", "ends in .ods"),
        (
            "x.xlsx",
            package("word/document.xml"),
            "it is a Word document with the ending .xlsx",
            "name the workbook",
        ),
        ("x.xlsx", package("a.csv"), "it is a ZIP file with the ending .xlsx, and no workbook", "unpack it"),
        (
            "x.xlsx",
            compound("Workbook"),
            "it is an old workbook (.xls) with the ending .xlsx",
            "ends in .xls",
        ),
        ("x.xls", compound("WordDocument"), "it is an old Word document", "name the workbook"),
        (
            "x.xls",
            compound("Workbook")[:-512],
            "it ends early, so a part of it is missing",
            "download or copy",
        ),
        ("x.xls", compound("Workbook")[:700], "it ends early", "download or copy"),
        ("x.xls", b"\xd0\xcf\x11\xe0", "it ends early", "download or copy"),
        ("x.xls", compound("Workbook", "WordDocument"), "it is damaged (", "Excel can repair some files"),
        ("x.xlsx", package("xl/workbook.xml", "b"), "it is damaged (", "Excel can repair some files"),
        ("x.ods", b"\x01\x02\x03", "it is damaged (", "Excel can repair some files"),
    ],
)
def test_what_is_no_workbook_is_told_in_plain_words(
    tmp_path: Path, name: str, content: bytes, what: str, hint: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError) as caught:
        open_source(tmp_path / name)
    error = caught.value
    assert (error.path, error.code) == (str(tmp_path / name), "source-damaged")
    assert error.problem.startswith(f"this is not a workbook that can be read: {what}")
    assert ("(" in error.problem.replace("(0 bytes)", "").replace("(.xls)", "").replace("(MHTML)", "")) == (
        what.endswith("(")  # the library's words: only where nothing else is known
    )
    assert hint in error.help


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "it is empty (0 bytes)"),
        (f"<html>{TABLE}".encode(), "it is an HTML page with the ending .parquet"),
        (b"No,Title\n1,a\n", "it is a text file with the ending .parquet"),
        (b"PAR1", "it ends early"),
        (b"PAR1\x00\x15\x04\x00", "it ends early"),
        (b"PARE\x00\x15\x04\x00PARE", "it is encrypted"),
        (b"\x15\x04\x00\x04PAR1", "its beginning is missing"),
        (b"PAR1" + b"\0" * 40 + b"PAR1", "it is damaged ("),
        (b"\x00\x01\x02", "it is damaged ("),
    ],
)
def test_what_is_no_parquet_is_told_in_plain_words(tmp_path: Path, content: bytes, what: str) -> None:
    pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(SourceError) as caught:
        open_source(tmp_path / "x.parquet")
    assert caught.value.problem.startswith(f"this is not a Parquet file that can be read: {what}")
    assert (caught.value.code, bool(caught.value.help)) == ("source-damaged", True)


def test_a_compound_file_is_cut_off_or_not_at_every_length(tmp_path: Path) -> None:
    data, path = compound("Workbook"), tmp_path / "x.xls"
    for length in range(8, len(data) + 1, 100):
        path.write_bytes(data[:length])
        is_short = length <= len(data) - 512  # what is missing of the last sector may never have been written
        assert explain_workbook(path, ".xls").what == (
            "it ends early, so a part of it is missing" if is_short else "it is damaged"
        )


def test_a_file_that_is_gone_by_now_is_told(tmp_path: Path) -> None:
    for explain in (explain_workbook, explain_parquet):
        assert explain(tmp_path / "gone", "").what.startswith("it can't be opened: ")


def test_a_page_of_comments_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.xls"
    path.write_bytes(b"<!---->" * 500 + b"no page")  # a pattern that backtracks would take for ever
    assert explain_workbook(path, ".xls").what == "it is a text file with the ending .xls"
