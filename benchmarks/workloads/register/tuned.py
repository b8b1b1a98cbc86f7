"""The same work as `first_draft.py`, tuned by hand: days, addresses and lists remembered, times cut."""

from __future__ import annotations

from datetime import datetime

from workloads import shared

from . import first_draft as draft

read_address, read_day = shared.remember(shared.read_address), shared.remember(draft.read_day)
read_modified = shared.local_times(
    lambda text: shared.write_time(draft.read_local(text)), draft.SYDNEY, "%m/%d/%Y", "%I:%M %p"
)


@shared.remember
def read_tags(text: str) -> str | None:
    """Return the orders of a list of tags."""
    return shared.bracketed(str(draft.TAG_ORDERS[tag.lower()]) for tag in shared.split(text))


@shared.remember
def read_terms(text: str) -> str:
    """Return a term's path, each of its terms trimmed."""
    return "/".join(draft.required(part.strip()) for part in text.split("/"))


def read_created(text: str) -> str:
    """Return an ISO time in UTC."""
    return shared.cut_utc_time(text) or shared.write_time(datetime.fromisoformat(text))


def map_file(source: str, target: str) -> tuple[int, int]:
    """Write the records of a JSON Lines file; return how many rows were mapped and how many refused."""
    return shared.map_lines(source, target, map_row)


def map_row(row: dict[str, str]) -> dict[str, object]:
    """Return the record of a row; ValueError or KeyError if it can't be one."""
    nothing, single_line = draft.NOTHING, draft.single_line
    number, title, author = row["ContractNo"], row["Title"].strip(), row["CreatedBy"]
    if number in nothing or title in nothing or author in nothing:
        raise ValueError("empty")
    editor = row["ModifiedBy"]
    record: dict[str, object] = {
        "rowKey": "CT-" + number,
        "leafName": single_line(title),
        "termFullPath": read_terms(row["Class"]),
        "timeCreated": read_created(row["CreatedUtc"]),
        "timeModified": read_modified(row["Modified"]),
        "createdBy": single_line(author),
        "modifiedBy": author if editor in nothing else single_line(editor),
    }
    if (value := row["DocType"]) not in nothing:
        record["_Doc_%20_Type"] = draft.DOC_TYPES[value.strip()]
    if (value := row["Tags"]) not in nothing and (tags := read_tags(value)):
        record["_Tags"] = tags
    if (value := row["Owners"]) not in nothing and (owners := shared.split(value)):
        record["_Owners"] = shared.bracketed(map(read_address, owners))
    if (value := row["Amount"]) not in nothing:
        record["_Amount"] = shared.read_amount(value)
    record["_Department"] = draft.DEPARTMENTS.get(row["Dept"], "Unknown")
    if (value := row["Supplier"]) not in nothing:
        record["_Supplier"] = " ".join(value.split())
    if (value := row["SignedOn"]) not in nothing and (day := read_day(value)) is not None:
        record["_Signed_%20_On"] = day
    if (value := row["Notes"]) not in nothing:
        record["_Notes"] = value
    return record
