"""The same work as `first_draft.py`, tuned by hand: rows as lists; days, lists and terms remembered."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import orjson
from workloads import shared

from . import first_draft as draft

HEADER = [
    "ContractNo", "Title", "Status", "DocType", "Class1", "Class2", "Class3", "CreatedUtc", "Modified",
    "CreatedBy", "ModifiedBy", "Tags", "Owners", "Amount", "Dept", "Supplier", "SignedOn", "Restricted",
    "FilePath", "Notes",
]  # fmt: skip
STAFF = draft.read_staff(draft.STAFF_FILE)
read_terms, read_signed = shared.remember(draft.term_path), shared.remember(draft.read_signed)
read_modified = shared.local_times(
    lambda text: shared.write_time(draft.read_modified(text)), draft.SYDNEY, "%m/%d/%Y", "%I:%M %p"
)


@shared.remember
def read_tags(text: str) -> str | None:
    """Return the orders of a list of tags."""
    return shared.bracketed(str(draft.TAGS[tag.lower()]) for tag in shared.split(text))


@shared.remember
def read_owners(text: str) -> str | None:
    """Return the addresses of a list of logins."""
    return shared.bracketed(STAFF[login] for login in shared.split(text))


def single_line(text: str) -> str:
    """Return the text unless it has several lines or holds control characters."""
    return text if text.isprintable() else draft.single_line(text)


def map_file(source: str, target: str) -> tuple[int, int]:
    """Write the records of a CSV file; return how many rows were mapped and how many refused."""
    keys: set[object] = set()
    rejected = 0
    encode = orjson.dumps
    with Path(source).open(encoding="utf-8", newline="") as file, Path(target).open("wb") as out:
        rows = csv.reader(file)
        if next(rows) != HEADER:
            raise ValueError("other columns")
        for row in rows:
            try:
                record = map_row(row)
            except (ValueError, KeyError):
                rejected += 1
                continue
            if record is None:
                continue
            if record["rowKey"] in keys:
                rejected += 1
                continue
            keys.add(record["rowKey"])
            out.write(encode(record) + b"\n")
    return len(keys), rejected


def map_row(row: list[str]) -> dict[str, object] | None:  # noqa: C901 - one column after the other
    """Return the record of a row, None for a draft; ValueError or KeyError if it can't be one."""
    nothing = draft.NOTHING
    row = ["" if value in nothing else value for value in row]
    number, title, status, kind, class_1, class_2, class_3, created_utc, modified, author, *others = row
    editor, tags, owners, amount, dept, supplier, signed, restricted, path, notes = others
    created = datetime.fromisoformat(created_utc)
    if status == "Draft":
        return None
    local = created.astimezone(draft.SYDNEY)
    author = single_line(draft.required(author))
    record: dict[str, object] = {
        "rowKey": "CT-" + draft.required(number),
        "leafName": single_line(draft.required(title.strip())),
    }
    if terms := read_terms(class_1, class_2, class_3):
        record["termFullPath"] = terms
    record["timeCreated"] = shared.cut_utc_time(created_utc) or shared.write_time(created)
    record["timeModified"] = read_modified(modified)
    record["createdBy"] = author
    record["modifiedBy"] = single_line(editor) if editor else author
    if kind:
        record["_Doc_%20_Type"] = draft.DOC_TYPES[kind.strip()]
    if tags and (orders := read_tags(tags)):
        record["_Tags"] = orders
    if owners and (addresses := read_owners(owners)):
        record["_Owners"] = addresses
    if amount:
        record["_Amount"] = draft.read_number(amount)
    record["_Fiscal_%20_Year"] = local.year + (1 if local.month >= 7 else 0)  # noqa: PLR2004 - July
    record["_Department"] = draft.DEPARTMENTS.get(dept, "Unknown")
    if supplier:
        record["_Supplier"] = single_line(" ".join(supplier.split()))
    if signed and (day := read_signed(signed)) is not None:
        record["_Signed_%20_On"] = day
    record["_Access"] = draft.ACCESS[restricted or "No"]
    if name := path.rpartition("\\")[2]:
        record["_File_%20_Name"] = single_line(name)
    if notes:
        record["_Notes"] = draft.no_control(notes)
    return record
