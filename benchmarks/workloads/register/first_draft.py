"""What a competent developer writes first for this work: plain Python with orjson, nothing memoised.

It does not look for control characters, skipped hours, repeated keys or long texts, which opusmap does,
and gives no reason for a row that it refuses.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from workloads.shared import bracketed, map_lines, read_address, read_amount, split, write_time

SYDNEY = ZoneInfo("Australia/Sydney")
NOTHING = ("", "N/A", "NULL")
DOC_TYPES = {"Contract": "1", "Deed": "2", "Lease": "3", "NDA": "4", "Variation": "5"}
TAGS = ("legal", "finance", "hr", "insurance", "renewal", "confidential", "grant")
TAG_ORDERS = {**{name: order for order, name in enumerate(TAGS, 1)}, "human resources": 3}
DEPARTMENTS = {
    "FIN": "Finance",
    "HR": "People and Culture",
    "IT": "Technology",
    "LEG": "Legal Services",
    "PRP": "Property",
    "OPS": "Operations",
}


def map_file(source: str, target: str) -> tuple[int, int]:
    """Write the records of a JSON Lines file; return how many rows were mapped and how many refused."""
    return map_lines(source, target, map_row)


def map_row(row: dict[str, str]) -> dict[str, object]:
    """Return the record of a row; ValueError or KeyError if it can't be one."""
    row = {name: "" if value in NOTHING else value for name, value in row.items()}
    record = {
        "rowKey": "CT-" + required(row["ContractNo"]),
        "leafName": required(single_line(row["Title"].strip())),
        "termFullPath": "/".join(required(part.strip()) for part in row["Class"].split("/")),
        "timeCreated": write_time(datetime.fromisoformat(row["CreatedUtc"])),
        "timeModified": write_time(read_local(row["Modified"])),
        "createdBy": required(single_line(row["CreatedBy"])),
        "modifiedBy": single_line(row["ModifiedBy"]) or row["CreatedBy"],
        "_Doc_%20_Type": DOC_TYPES[row["DocType"].strip()] if row["DocType"] else None,
        "_Tags": bracketed(str(TAG_ORDERS[tag.lower()]) for tag in split(row["Tags"])),
        "_Owners": bracketed(read_address(owner) for owner in split(row["Owners"])),
        "_Amount": read_amount(row["Amount"]) if row["Amount"] else None,
        "_Department": DEPARTMENTS.get(row["Dept"], "Unknown"),
        "_Supplier": " ".join(row["Supplier"].split()),
        "_Signed_%20_On": read_day(row["SignedOn"]) if row["SignedOn"] else None,
        "_Notes": row["Notes"],
    }
    return {name: value for name, value in record.items() if value not in (None, "")}


def required(text: str) -> str:
    """Return the text unless it is empty."""
    if not text:
        raise ValueError("empty")
    return text


def single_line(text: str) -> str:
    """Return the text unless it has several lines."""
    if "\n" in text or "\r" in text:
        raise ValueError("line break")
    return text


def read_local(text: str) -> datetime:
    """Return a time of Sydney's clock."""
    return datetime.strptime(text, "%m/%d/%Y %I:%M %p").replace(tzinfo=SYDNEY)


def read_day(text: str) -> str | None:
    """Return the day, or nothing for what is none."""
    try:
        return datetime.strptime(text, "%d/%m/%Y").strftime("%Y-%m-%d 00:00:00")  # noqa: DTZ007 - a day
    except ValueError:
        return None
