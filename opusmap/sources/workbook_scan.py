"""Checks the members of a workbook before it is read: their sizes, the extent of sheets, errors in cells.

Refused are a package that unpacks to too much, a sheet whose cells span far more than its bytes, and
document types. Members are unpacked block by block, and only the errors are kept.
"""

from __future__ import annotations

import html
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from struct import unpack_from
from typing import IO

from opusmap.errors import SourceError
from opusmap.sources.damage import explain_workbook

BLOCK = 1 << 16
UNPACKED_LIMIT = 2 << 30
"""Bytes of a package's members together, at most."""

UNPACKED_FREE, RATIO_LIMIT = 64 << 20, 100
"""Every package may unpack to the bytes of the first; a larger one, to the second times its size."""

MEMBER_LIMIT = 10_000
"""Members of a package, at most."""

AREA_FREE, AREA_RATIO = 1_000_000, 4
"""Every sheet may span the cells of the first; a larger one, the second times its bytes."""

ERRORS_KEPT = 100_000
"""Cells of a sheet whose errors are kept, at most."""

_OVERLAP = 512
"""Bytes of a block that are read again with the next one: more than the start of a cell takes."""


@dataclass(slots=True)
class Scan:
    """The result: bytes unpacked; for each member, its errors like `#N/A` by row and column from 1."""

    unpacked: int = 0
    errors: dict[str, dict[tuple[int, int], str]] = field(default_factory=dict)


def scan_workbook(path: Path, name: str) -> Scan | None:
    """Check the members of a workbook; return None if it is not a ZIP package, as an `.xls` file is not.

    Raises:
        SourceError: `unpacked-too-large`, `document-type`, `source-damaged`, `source-unreadable`.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04":
                return None
            file.seek(0)
            return _scan(file, path.stat().st_size, name)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, IndexError):
        damage = explain_workbook(path, Path(name).suffix.lower())
        problem = damage.describe("a workbook")
        raise SourceError(name, "source-damaged", problem, help=damage.hint) from None
    except OSError as error:
        problem = f"the source can't be read: {error.strerror or error}"
        raise SourceError(name, "source-unreadable", problem, help="name a file that exists") from None


def _scan(file: IO[bytes], size: int, name: str) -> Scan:
    limit = min(UNPACKED_LIMIT, max(UNPACKED_FREE, RATIO_LIMIT * size))
    problem = f"the workbook unpacks to more than {limit >> 20:,} MB"
    too_large = SourceError(
        name, "unpacked-too-large", problem, help="if it is right, save the sheet as CSV and map that"
    )
    scan = Scan()
    members = zipfile.ZipFile(file).infolist()
    if len(members) > MEMBER_LIMIT:
        raise zipfile.BadZipFile
    if sum(member.file_size for member in members) > limit:
        raise too_large  # by the sizes that it declares; a member that declares less is found below
    for member in members:
        checked = _MemberCheck(member.filename, name)
        for block in _unpacked(file, member):
            scan.unpacked += len(block)
            if scan.unpacked > limit:
                raise too_large
            checked.take(block)
        checked.check_area()
        if checked.errors:
            scan.errors[member.filename] = checked.errors
    return scan


def _unpacked(file: IO[bytes], member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the content of a member, whatever size it declares (APPNOTE.TXT, section 4.3.7)."""
    file.seek(member.header_offset)
    header = file.read(30)
    if header[:4] != b"PK\x03\x04" or len(header) < 30:  # noqa: PLR2004 - the length of a local header
        raise zipfile.BadZipFile
    file.seek(sum(unpack_from("<HH", header, 26)), 1)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
        raise zipfile.BadZipFile
    unpacker = zlib.decompressobj(wbits=-15) if member.compress_type == zipfile.ZIP_DEFLATED else None
    remaining = member.compress_size
    while remaining > 0 and (packed := file.read(min(BLOCK, remaining))):
        remaining -= len(packed)
        if unpacker is None:
            yield packed
            continue
        while packed:
            yield unpacker.decompress(packed, BLOCK * 4)
            packed = unpacker.unconsumed_tail


_CELL = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{1,3})([0-9]{1,7})["']""")
_ERROR = re.compile(
    rb"""<(?:\w+:)?c\s(?=[^>]*\bt\s*=\s*["']e["'])[^>]*?\br\s*=\s*["']([A-Z]{1,3})([0-9]{1,7})["'][^>]*>"""
    rb"""(?:<(?:\w+:)?f[^>]*(?:/>|>[^<]*</(?:\w+:)?f>))?<(?:\w+:)?v>(#[^<]{1,20})</"""
)


class _MemberCheck:
    """Checks one member: XML for a document type, which could define entities; sheets also for extent.

    Of other members, such as pictures, only the size matters.
    """

    def __init__(self, member: str, name: str) -> None:
        self.errors: dict[tuple[int, int], str] = {}
        self._name = name
        self._is_xml = member.lower().endswith((".xml", ".rels", ".vml"))
        self._is_sheet = member.lower().startswith("xl/worksheets/") and member.lower().endswith(".xml")
        self._rest = b""
        self._letters: set[bytes] = set()
        self._rows = (1 << 30, 0)
        self._size = 0

    def take(self, block: bytes) -> None:
        """Check the next block."""
        self._size += len(block)
        if not self._is_xml:
            return
        window = self._rest + block
        self._rest = window[-_OVERLAP:]
        if b"<!DOCTYPE" in window or b"<!ENTITY" in window or window.startswith((b"\xff\xfe", b"\xfe\xff")):
            problem = "the workbook contains a document type, which no spreadsheet program writes"
            hint = "don't open it; find out where it comes from"
            raise SourceError(self._name, "document-type", problem, help=hint)
        if not self._is_sheet:
            return
        if cells := _CELL.findall(window):
            self._letters.update({letters for letters, _ in cells})
            rows = set(map(int, {row for _, row in cells}))
            self._rows = min(self._rows[0], *rows), max(self._rows[1], *rows)
        if b'"e"' in window or b"'e'" in window:
            for letters, row, text in _ERROR.findall(window):
                if len(self.errors) < ERRORS_KEPT:
                    self.errors[int(row), column_number(letters.decode())] = text.decode("ascii", "replace")

    def check_area(self) -> None:
        """Refuse a sheet whose cells span far more than its bytes, once all blocks were taken."""
        if not self._letters:
            return
        columns = [column_number(letters.decode()) for letters in self._letters]
        area = (max(columns) - min(columns) + 1) * (self._rows[1] - self._rows[0] + 1)
        if area > max(AREA_FREE, AREA_RATIO * self._size):
            problem = f"the sheet is too large for its file: it spans {area:,} cells"
            hint = "delete stray cells far outside the table, or save the table as CSV and map that"
            raise SourceError(self._name, "unpacked-too-large", problem, help=hint)


def errors_of_sheet(path: Path, scan: Scan, sheet: str) -> dict[tuple[int, int], str]:
    """Return the errors in a sheet's cells, by row and column from 1."""
    if not scan.errors:
        return {}
    with zipfile.ZipFile(path) as package:
        try:
            book = package.read("xl/workbook.xml").decode("utf-8", "replace")
            links = package.read("xl/_rels/workbook.xml.rels").decode("utf-8", "replace")
        except KeyError:
            return {}
    ids = {
        html.unescape(tag["name"]): tag["id"] for tag in _tags(book, "sheet") if {"name", "id"} <= tag.keys()
    }
    targets = {
        tag["Id"]: tag["Target"] for tag in _tags(links, "Relationship") if {"Id", "Target"} <= tag.keys()
    }
    target = targets.get(ids.get(sheet, ""), "")
    return scan.errors.get(target.lstrip("/") if target.startswith("/") else f"xl/{target}", {})


def _tags(text: str, name: str) -> list[dict[str, str]]:
    """Return the attributes of each element of a name, without their prefixes."""
    elements = re.findall(rf"<(?:\w+:)?{name}\s([^>]*)>", text)
    attributes = re.compile(r"""(?:\w+:)?(\w+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
    return [{key: one or two for key, one, two in attributes.findall(element)} for element in elements]


def column_number(letters: str) -> int:
    """Return the number of a column, from 1: A is 1, AA is 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def column_letters(number: int) -> str:
    """Return the letters of a column: 1 is A, 27 is AA."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
