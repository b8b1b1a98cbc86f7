"""The same work as `first_draft.py`, tuned by hand: objects decoded to types, lists remembered."""

from __future__ import annotations

import msgspec
from workloads import shared

from . import first_draft as draft


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


def read_time(text: str) -> str:
    """Return an ISO time in UTC."""
    return shared.cut_utc_time(text) or draft.read_time(text)


@shared.remember
def read_subjects(*names: str) -> str | None:
    """Return the orders of a list of subjects."""
    return shared.bracketed(draft.SUBJECTS[name] for name in names)


@shared.remember
def read_contacts(*texts: str) -> str | None:
    """Return the addresses of a list of contacts."""
    return shared.bracketed(map(shared.read_address, texts))


@shared.remember
def read_terms(group: str, name: str) -> str:
    """Return the path of a collection's term."""
    return f"{group.strip()}/{name.strip()}"


def map_file(source: str, target: str) -> tuple[int, int]:
    """Write the records of a JSON Lines file; return how many rows were mapped and how many refused."""
    return shared.map_lines(source, target, map_row, msgspec.json.Decoder(Row).decode)


def map_row(row: Row) -> dict[str, object]:
    """Return the record of a row; ValueError or KeyError if it can't be one."""
    details, rights = row.record, row.rights
    height, width = row.size.height, row.size.width
    author = (details.author and details.author.name) or "unknown"
    created = read_time(row.issued)
    record: dict[str, object] = {
        "rowKey": f"OBJ-{row.id}",
        "leafName": draft.required(row.title),
        "termFullPath": read_terms(row.collection.group, row.collection.name),
        "timeCreated": created,
        "timeModified": read_time(details.modified) if details.modified else created,
        "createdBy": author,
        "modifiedBy": (details.editor and details.editor.name) or author,
        "_Status": draft.STATUS[details.status],
    }
    if row.subjects:
        record["_Subjects"] = read_subjects(*row.subjects)
    record["_Open"] = "2" if rights.open else "1"
    if row.contacts:
        record["_Contacts"] = read_contacts(*row.contacts)
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
