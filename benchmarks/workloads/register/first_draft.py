"""What a competent developer writes first for this work: plain Python with orjson, nothing memoised.

It does not look for control characters, skipped hours, repeated keys or long texts, which opusmap does,
and gives no reason for a row that it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson

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
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def map_file(source: str | Path, target: str | Path) -> tuple[int, int]:
    """Write the records of a JSON Lines file; return how many rows were mapped and how many refused."""
    mapped = rejected = 0
    with Path(source).open("rb") as lines, Path(target).open("wb") as out:
        for line in lines:
            try:
                record = map_row(orjson.loads(line))
            except (ValueError, KeyError):
                rejected += 1
                continue
            out.write(orjson.dumps(record) + b"\n")
            mapped += 1
    return mapped, rejected


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


def split(text: str) -> Iterator[str]:
    """Yield the parts between semicolons."""
    return (part.strip() for part in text.split(";") if part.strip())


def bracketed(values: Iterator[str]) -> str | None:
    """Return a list as Opus takes it, each value once."""
    unique = dict.fromkeys(values)
    return "[" + ",".join(unique) + "]" if unique else None


def read_address(text: str) -> str:
    """Return an e-mail address, its domain in lower case."""
    if not ADDRESS.fullmatch(text):
        raise ValueError("no address")
    mailbox, _, domain = text.rpartition("@")
    return f"{mailbox}@{domain.lower()}"


def read_local(text: str) -> datetime:
    """Return a time of Sydney's clock."""
    return datetime.strptime(text, "%m/%d/%Y %I:%M %p").replace(tzinfo=SYDNEY)


def read_day(text: str) -> str | None:
    """Return the day, or nothing for what is none."""
    try:
        return datetime.strptime(text, "%d/%m/%Y").strftime("%Y-%m-%d 00:00:00")  # noqa: DTZ007 - a day
    except ValueError:
        return None


def write_time(time: datetime) -> str:
    """Return a time as Opus takes it: in UTC."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def read_amount(text: str) -> int | float:
    """Return the number that a text such as 1,234.50 stands for."""
    number = float(text.replace(",", ""))
    return int(number) if number.is_integer() else number
