"""The same work as `first_draft.py`, tuned by hand: objects decoded to types, lists remembered."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import first_draft as draft
import msgspec
from memo import Memo


class Named(msgspec.Struct):
    """Something with a name."""

    name: str | None = None


class Collection(msgspec.Struct):
    """Where an object belongs."""

    group: str
    name: str


class Details(msgspec.Struct):
    """The record of an object's record."""

    status: str
    modified: str | None = None
    author: Named | None = None
    editor: Named | None = None


class Licence(msgspec.Struct):
    """A licence's code."""

    code: str


class Rights(msgspec.Struct):
    """Who may see it."""

    open: bool
    licence: Licence | None = None


class Size(msgspec.Struct):
    """Centimetres."""

    height: float | int | None = None
    width: float | int | None = None


class Row(msgspec.Struct, gc=False):
    """One object of the catalogue."""

    id: int
    title: str
    collection: Collection
    issued: str
    record: Details
    subjects: list[str]
    rights: Rights
    contacts: list[str]
    size: Size
    places: list[Named]
    description: str | None = None
    pages: int = 1


def write_time(text: str) -> str:
    """Return an ISO time in UTC: validated, then cut."""
    datetime.fromisoformat(text)
    if len(text) == 20 and text[10] == "T" and text[19] == "Z" and text[4] == "-" != text[5]:  # noqa: PLR2004
        return f"{text[:10]} {text[11:19]}"
    return draft.write_time(text)


SUBJECTS = Memo(lambda names: draft.bracketed([draft.SUBJECTS[name] for name in names]))
CONTACTS = Memo(lambda texts: draft.bracketed([draft.read_address(text) for text in texts]))
TERMS = Memo(lambda pair: "/".join((pair[0].strip(), pair[1].strip())))


def map_file(source: str | Path, target: str | Path) -> tuple[int, int]:
    """Write the records of a JSON Lines file; return how many rows were mapped and how many refused."""
    mapped = rejected = 0
    decode, encode = msgspec.json.Decoder(Row).decode, msgspec.json.Encoder().encode
    with Path(source).open("rb") as lines, Path(target).open("wb") as out:
        for line in lines:
            try:
                record = map_row(decode(line))
            except (ValueError, KeyError):
                rejected += 1
                continue
            out.write(encode(record) + b"\n")
            mapped += 1
    return mapped, rejected


def map_row(row: Row) -> dict[str, object]:
    """Return the record of a row; ValueError or KeyError if it can't be one."""
    details, rights, title = row.record, row.rights, row.title
    height, width = row.size.height, row.size.width
    author = (details.author and details.author.name) or "unknown"
    if title.isspace() or not title.isprintable():
        draft.required(title)
    created = write_time(row.issued)
    record: dict[str, object] = {
        "rowKey": f"OBJ-{row.id}",
        "leafName": title,
        "termFullPath": TERMS[row.collection.group, row.collection.name],
        "timeCreated": created,
        "timeModified": write_time(details.modified) if details.modified else created,
        "createdBy": author,
        "modifiedBy": (details.editor and details.editor.name) or author,
        "_Status": draft.STATUS[details.status],
    }
    if row.subjects:
        record["_Subjects"] = SUBJECTS[tuple(row.subjects)]
    record["_Open"] = "2" if rights.open else "1"
    if row.contacts:
        record["_Contacts"] = CONTACTS[tuple(row.contacts)]
    if height is not None:
        record["_Height"] = draft.plain(height)
    if width is not None:
        record["_Width"] = draft.plain(width)
    if height is not None and width is not None:
        record["_Area"] = draft.plain(round(height * width, 2))
    record["_Pages"] = row.pages
    if row.places:
        record["_Place"] = row.places[0].name
    record["_Licence"] = rights.licence.code if rights.licence else "none given"
    if row.description:
        record["_Description"] = row.description
    return record
