"""What is wrong with a workbook or a Parquet file that its library can't read: said by the file's own bytes.

Owns the words for it, and what to do. A library says what it met in its format, which tells a person nothing.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from struct import iter_unpack, unpack_from

from opusmap.safe_files import name_binary
from opusmap.sources.text_io import advise_on_binary, find_byte_order_mark

_START = 4096
"""Bytes at the start of a file that show what it is."""

_SAVE = "open it in Excel, and save it as .xlsx"
_AGAIN = "download or copy the file again"
_WRITE_AGAIN = "fetch or write the file again"
_AS_TEXT = "if it is CSV, write `format: csv` under `source:`"


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with a file, such as `it ends early`, and what to do; `is_vague` if no more is known."""

    what: str
    hint: str
    is_vague: bool = False

    def describe(self, wanted: str, reason: str = "") -> str:
        """Return that the file is not what is `wanted`; a library's `reason` only where no more is known."""
        told = f" ({reason})" if reason and self.is_vague else ""
        return f"this is not {wanted} that can be read: {self.what}{told}"


def explain_workbook(path: Path, suffix: str, *, is_encrypted: bool = False) -> Damage:
    """Return what is wrong with a file that can't be read as a workbook.

    Args:
        path: the file.
        suffix: how its name ends, such as `.xls`; "" if it has no such name.
        is_encrypted: whether the library has found that it is.
    """
    if is_encrypted:
        return _ENCRYPTED
    try:
        with path.open("rb") as file:
            start = file.read(_START)
        ending = f" with the ending {suffix}" if suffix else ""
        if start.startswith(b"PK\x03\x04"):
            return _explain_zip(path, suffix, ending)
        if start.startswith(_OLE):
            return _explain_ole(path, suffix, ending)
    except OSError as error:
        return Damage(f"it can't be opened: {error.strerror or error}", "close other programs that use it")
    return _explain_other(start, ending, _SAVE) or _DAMAGED


def explain_parquet(path: Path, suffix: str) -> Damage:
    """Return what is wrong with a file that can't be read as Parquet; see `explain_workbook`."""
    try:
        with path.open("rb") as file:
            start = file.read(_START)
            size = path.stat().st_size
            file.seek(max(0, size - len(_PARQUET)))
            end = file.read()
    except OSError as error:
        return Damage(f"it can't be opened: {error.strerror or error}", "close other programs that use it")
    if _PARQUET_ENCRYPTED in (start[:4], end):
        return Damage("it is encrypted", "write it without encryption")
    if start.startswith(_PARQUET) and (end != _PARQUET or size < _PARQUET_LEAST):
        return Damage(_ENDS_EARLY, _WRITE_AGAIN)
    if end == _PARQUET and not start.startswith(_PARQUET):
        return Damage("its beginning is missing", _WRITE_AGAIN)
    other = _explain_other(
        start, f" with the ending {suffix}" if suffix else "", "export it as Parquet or CSV"
    )
    return other or Damage("it is damaged", _WRITE_AGAIN, is_vague=True)


_PARQUET, _PARQUET_ENCRYPTED = b"PAR1", b"PARE"
"""How a Parquet file begins and ends (Apache Parquet, file format and modular encryption)."""
_PARQUET_LEAST = 12

_ENDS_EARLY = "it ends early, so a part of it is missing"
_DAMAGED = Damage("it is damaged", f"{_SAVE}: Excel can repair some files; or {_AGAIN}", is_vague=True)
_ENCRYPTED = Damage("it is encrypted", "open it in Excel with its password, and save it as .xlsx without one")


def _explain_other(start: bytes, ending: str, convert: str) -> Damage | None:
    """Return what a file is that is of another kind; `convert` is what to do with a page or an XML file."""
    if not start:
        return Damage("it is empty (0 bytes)", "export or download it again")
    if kind := name_binary(start):
        return Damage(f"it is {kind}{ending}", advise_on_binary(kind))
    text = _read_text(start)
    if text is None:
        return None
    if _HTML.match(text):
        return Damage(f"it is an HTML page{ending}, as many programs export tables", convert)
    if _WEB_ARCHIVE.match(text):
        return Damage(f"it is a web page in one file (MHTML){ending}", convert)
    if _EXCEL_XML.match(text):
        return Damage(f"it is an XML file of Excel 2003{ending}", convert)
    return Damage(f"it is a text file{ending}", f"{_AS_TEXT}; otherwise {convert}")


_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*|<!--(?>.*?-->)\s*)*"
    r"<(?:!doctype\s+html|(?:html|head|body|title|meta|style|script|table|div|center|font|p|br)\b)",
    re.IGNORECASE | re.DOTALL,
)
_WEB_ARCHIVE = re.compile(r"\s*mime-version:", re.IGNORECASE)
_EXCEL_XML = re.compile(
    r"\s*<\?xml.*(?:Excel\.Sheet|urn:schemas-microsoft-com:office:spreadsheet)", re.DOTALL
)


def _read_text(start: bytes) -> str | None:
    """Return the start of a file as text, None if it is none."""
    mark = find_byte_order_mark(start)
    if mark is not None:
        return start[len(mark[0]) :].decode(mark[1], "replace")
    return None if _CONTROL.search(start) else start.decode("utf-8", "replace")


_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def _explain_zip(path: Path, suffix: str, ending: str) -> Damage:
    """Return what is wrong with a package, as workbooks of today are."""
    try:
        with zipfile.ZipFile(path) as package:
            members = package.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, IndexError, EOFError):
        return _DAMAGED if zipfile.is_zipfile(path) else Damage(_ENDS_EARLY, _AGAIN)
    if any(member.flag_bits & 1 for member in members):
        return _ENCRYPTED
    names = {member.filename for member in members}
    kind = next((suffix for name, suffix in _MAIN_PARTS.items() if name in names), "")
    if kind in (".docx", ".pptx"):
        return Damage(f"it is a {_OTHER_OFFICE[kind]}{ending}", "name the workbook instead")
    if not kind:
        return Damage(f"it is a ZIP file{ending}, and no workbook", "unpack it, and name the workbook in it")
    if suffix not in (kind, _SAME_KIND.get(kind, kind), ""):
        return Damage(f"it is a workbook of the kind {kind}{ending}", f"give it a name that ends in {kind}")
    return _DAMAGED


_MAIN_PARTS = {
    "xl/workbook.xml": ".xlsx",
    "xl/workbook.bin": ".xlsb",
    "content.xml": ".ods",
    "word/document.xml": ".docx",
    "ppt/presentation.xml": ".pptx",
}
_OTHER_OFFICE = {".docx": "Word document", ".pptx": "presentation"}
_SAME_KIND = {".xlsx": ".xlsm"}

_OLE = b"\xd0\xcf\x11\xe0"
"""How a compound file begins ([MS-CFB], 2.2): workbooks of Excel 97 to 2003, and encrypted ones of others."""


def _explain_ole(path: Path, suffix: str, ending: str) -> Damage:
    """Return what is wrong with a compound file; [MS-CFB] describes it."""
    with path.open("rb") as file:
        data = file.read(_READ)
    if _ends_early(data, path.stat().st_size):
        return Damage(_ENDS_EARLY, _AGAIN)
    streams = {name for name in _STREAMS if name.encode("utf-16-le") in data}
    if "EncryptedPackage" in streams:
        return _ENCRYPTED
    if "Workbook" in streams:
        if suffix in (".xls", ""):
            return _DAMAGED
        return Damage(f"it is an old workbook (.xls){ending}", "give it a name that ends in .xls")
    if "WordDocument" in streams:
        return Damage(f"it is an old Word document{ending}", "name the workbook instead")
    return _DAMAGED


_STREAMS = ("EncryptedPackage", "WordDocument", "Workbook")
"""Names of streams in the directory of a compound file, that show its kind."""


_READ = 32 << 20
"""Bytes of a compound file that are looked at, at most."""


def _ends_early(data: bytes, length: int) -> bool:
    """Return whether a compound file of this length ends before its last sector in use begins.

    `data` is as much of it as is looked at.
    """
    if length < _OLE_HEADER:
        return True
    size = _SECTORS.get(unpack_from("<H", data, 30)[0])
    if size is None:
        return False
    (count,) = unpack_from("<I", data, 44)
    last = 0
    for nth, sector in enumerate(unpack_from("<109I", data, 76)[:count]):  # of the file allocation table
        start = (sector + 1) * size
        if start + size > length:
            return bool(sector != _FREE)
        entries = [entry for (entry,) in iter_unpack("<I", data[start : start + size])]
        in_use = [place for place, entry in enumerate(entries) if entry != _FREE]
        last = max([last, sector, *(nth * size // 4 + place for place in in_use[-1:])])
    return (last + 1) * size >= length


_OLE_HEADER, _SECTORS, _FREE = 512, {9: 512, 12: 4096}, 0xFFFFFFFF
