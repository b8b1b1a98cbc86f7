"""A look into a workbook's parts before a spreadsheet reader gets it: sizes, extent, errors in cells.

Owns what is refused: a package that unpacks to too much, a sheet far larger than what is written in it,
document types. Parts are unpacked block by block and nothing of them is kept.
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

__all__ = ["Scan", "column_letters", "column_number", "errors_of_sheet", "scan_workbook"]

BLOCK = 1 << 16
UNPACKED_LIMIT = 2 << 30
"""Bytes of a package's parts together, at most."""

UNPACKED_FREE, RATIO_LIMIT = 64 << 20, 100
"""Beyond the first, unpacked parts may be that many times larger than the file."""

PART_LIMIT = 10_000
"""Parts of a package, at most."""

AREA_FREE, AREA_RATIO = 1_000_000, 4
"""Cells that a sheet may span: the first, or that many times the bytes that are written of it."""

ERRORS_KEPT = 100_000
"""Cells with errors whose text is kept."""

_OVERLAP = 512
"""Bytes of a block looked at again with the next one: more than the start of a cell takes."""


@dataclass(slots=True)
class Scan:
    """What the look found: bytes unpacked, and by part the cells that hold errors such as `#N/A`."""

    unpacked: int = 0
    errors: dict[str, dict[tuple[int, int], str]] = field(default_factory=dict)


def scan_workbook(path: Path, name: str) -> Scan | None:
    """Look through the parts of a workbook; return None if it is no ZIP package, as `.xls` is none.

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
        problem = "the workbook is damaged: its parts can't be unpacked"
        raise SourceError(name, "source-damaged", problem, help="save it anew in Excel") from None
    except OSError as error:
        problem = f"the source can't be read: {error.strerror or error}"
        raise SourceError(name, "source-unreadable", problem, help="name a file that is there") from None


def errors_of_sheet(path: Path, scan: Scan, sheet: str) -> dict[tuple[int, int], str]:
    """Return the errors that stand in a sheet's cells, by row and column from 1."""
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
    part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    return scan.errors.get(part, {})


def _tags(text: str, name: str) -> list[dict[str, str]]:
    """Return the attributes of each element of a name, their prefixes cut off."""
    elements = re.findall(rf"<(?:\w+:)?{name}\s([^>]*)>", text)
    attributes = re.compile(r"""(?:\w+:)?(\w+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
    return [{key: one or two for key, one, two in attributes.findall(element)} for element in elements]


def _scan(file: IO[bytes], size: int, name: str) -> Scan:
    limit = min(UNPACKED_LIMIT, max(UNPACKED_FREE, RATIO_LIMIT * size))
    scan = Scan()
    parts = zipfile.ZipFile(file).infolist()
    if len(parts) > PART_LIMIT:
        raise zipfile.BadZipFile
    if sum(part.file_size for part in parts) > limit:
        raise _too_large(name, limit)  # what it declares is enough; what it does not is found below
    for part in parts:
        look = _look_for(part.filename)
        for block in _unpacked(file, part):
            scan.unpacked += len(block)
            if scan.unpacked > limit:
                raise _too_large(name, limit)
            look.take(block, name)
        look.judge(name)
        if look.errors:
            scan.errors[part.filename] = look.errors
    return scan


def _too_large(name: str, limit: int) -> SourceError:
    problem = f"the workbook unpacks to more than {limit >> 20:,} MB"
    hint = "if it is right, save the sheet as CSV and map that"
    return SourceError(name, "unpacked-too-large", problem, help=hint)


def _unpacked(file: IO[bytes], part: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield what a part really holds, whatever size it declares (APPNOTE.TXT, section 4.3.7)."""
    file.seek(part.header_offset)
    header = file.read(30)
    if header[:4] != b"PK\x03\x04" or len(header) < 30:  # noqa: PLR2004 - the length of a local header
        raise zipfile.BadZipFile
    file.seek(sum(unpack_from("<HH", header, 26)), 1)
    if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or part.flag_bits & 1:
        raise zipfile.BadZipFile
    unpacker = zlib.decompressobj(wbits=-15) if part.compress_type == zipfile.ZIP_DEFLATED else None
    left = part.compress_size
    while left > 0 and (packed := file.read(min(BLOCK, left))):
        left -= len(packed)
        if unpacker is None:
            yield packed
            continue
        while packed:
            yield unpacker.decompress(packed, BLOCK * 4)
            packed = unpacker.unconsumed_tail


def _look_for(part: str) -> _Look:
    if part.lower().startswith("xl/worksheets/") and part.lower().endswith(".xml"):
        return _SheetLook()
    return _Look() if part.lower().endswith((".xml", ".rels", ".vml")) else _Nothing()


class _Look:
    """What is looked for in an XML part: a document type, with which entities could be defined."""

    def __init__(self) -> None:
        self.errors: dict[tuple[int, int], str] = {}
        self._rest = b""

    def take(self, block: bytes, name: str) -> None:
        """Look at the next block."""
        window = self._rest + block
        if b"<!DOCTYPE" in window or b"<!ENTITY" in window or window.startswith((b"\xff\xfe", b"\xfe\xff")):
            problem = "the workbook holds a document type, as no spreadsheet program writes it"
            hint = "don't open it; ask where it comes from"
            raise SourceError(name, "document-type", problem, help=hint)
        self.look(window, len(self._rest))
        self._rest = window[-_OVERLAP:]

    def look(self, window: bytes, seen: int) -> None:
        """Look at a window whose first `seen` bytes were looked at before."""

    def judge(self, name: str) -> None:
        """Tell whether the part as a whole is refused."""


class _Nothing(_Look):
    def take(self, block: bytes, name: str) -> None:
        """Pictures and the like are only unpacked, to know their size."""


_CELL = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{1,3})([0-9]{1,7})["']""")
_ERROR = re.compile(
    rb"""<(?:\w+:)?c\s(?=[^>]*\bt\s*=\s*["']e["'])[^>]*?\br\s*=\s*["']([A-Z]{1,3})([0-9]{1,7})["'][^>]*>"""
    rb"""(?:<(?:\w+:)?f[^>]*(?:/>|>[^<]*</(?:\w+:)?f>))?<(?:\w+:)?v>(#[^<]{1,20})</"""
)


class _SheetLook(_Look):
    """Besides, in a sheet: how far its cells reach, and which of them hold errors."""

    def __init__(self) -> None:
        super().__init__()
        self._letters: set[bytes] = set()
        self._rows = (1 << 30, 0)
        self._size = 0

    def look(self, window: bytes, seen: int) -> None:
        self._size += len(window) - seen
        cells = _CELL.findall(window)
        if cells:
            self._letters.update({letters for letters, _ in cells})
            rows = set(map(int, {row for _, row in cells}))
            self._rows = min(self._rows[0], *rows), max(self._rows[1], *rows)
        if b'"e"' in window or b"'e'" in window:
            for letters, row, text in _ERROR.findall(window):
                if len(self.errors) < ERRORS_KEPT:
                    self.errors[int(row), column_number(letters.decode())] = text.decode("ascii", "replace")

    def judge(self, name: str) -> None:
        columns = [column_number(letters.decode()) for letters in self._letters]
        if not columns:
            return
        area = (max(columns) - min(columns) + 1) * (self._rows[1] - self._rows[0] + 1)
        if area > max(AREA_FREE, AREA_RATIO * self._size):
            problem = f"the sheet is too large for its file: its cells span {area:,} places"
            hint = "delete stray cells far outside the table, or save the table as CSV and map that"
            raise SourceError(name, "unpacked-too-large", problem, help=hint)


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
        number, place = divmod(number - 1, 26)
        letters = chr(65 + place) + letters
    return letters
