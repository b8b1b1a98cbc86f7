"""The same work as `first_draft.py`, tuned by hand: days, addresses and lists remembered, times cut."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import orjson
from workloads.tuning import cut_utc_time, local_times, remember

from . import first_draft as draft

read_address, read_day = remember(draft.read_address), remember(draft.read_day)
read_modified = local_times(
    lambda text: draft.write_time(draft.read_local(text)), draft.SYDNEY, "%m/%d/%Y", "%I:%M %p"
)


@remember
def read_tags(text: str) -> str | None:
    """Return the orders of a list of tags."""
    return draft.bracketed(str(draft.TAG_ORDERS[tag.lower()]) for tag in draft.split(text))


@remember
def read_terms(text: str) -> str:
    """Return a term's path, each of its terms trimmed."""
    return "/".join(draft.required(part.strip()) for part in text.split("/"))


def read_created(text: str) -> str:
    """Return an ISO time in UTC."""
    return cut_utc_time(text) or draft.write_time(datetime.fromisoformat(text))


def map_file(source: str | Path, target: str | Path) -> tuple[int, int]:
    """Write the records of a JSON Lines file; return how many rows were mapped and how many refused."""
    mapped = rejected = 0
    decode, encode = orjson.loads, orjson.dumps
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
    if (value := row["Owners"]) not in nothing:
        owners = draft.bracketed(map(read_address, draft.split(value)))
        if owners:
            record["_Owners"] = owners
    if (value := row["Amount"]) not in nothing:
        record["_Amount"] = draft.read_amount(value)
    record["_Department"] = draft.DEPARTMENTS.get(row["Dept"], "Unknown")
    if (value := row["Supplier"]) not in nothing:
        record["_Supplier"] = " ".join(value.split())
    if (value := row["SignedOn"]) not in nothing and (day := read_day(value)) is not None:
        record["_Signed_%20_On"] = day
    if (value := row["Notes"]) not in nothing:
        record["_Notes"] = value
    return record
