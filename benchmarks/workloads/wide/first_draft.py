"""What a competent developer writes first for this work: `csv.DictReader`, and a dict of names.

It does not look for control characters, repeated keys or long texts, which opusmap does, and gives no
reason for a row that it refuses.
"""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import orjson

OPTIONAL = (
    "Barcode", "Old reference", "Box", "Shelf", "Room", "Building", "Campus", "Custodian", "Owner unit",
    "Sub unit", "Function", "Activity", "Transaction", "Keywords", "Abstract", "Language", "Medium",
    "Extent", "Condition", "Access note", "Rights", "Source system", "Source path", "Source owner",
    "Loan status", "Loaned to", "Loan note", "Conservation note", "Transfer no", "Consignment", "Agency",
    "Former agency", "Jurisdiction", "Suburb", "Street", "Lot", "Plan", "Parish", "County", "Map sheet",
    "Applicant", "Agent", "Officer", "Delegate", "Resolution", "Meeting", "Minute ref", "Related file",
    "Part", "Volume", "Format note", "Scan batch", "Remarks",
)  # fmt: skip
LONG = ("Abstract", "Conservation note", "Remarks")
COLUMNS = {
    "File number": "rowKey",
    "Title": "leafName",
    "Series": "termFullPath",
    "Date created": "timeCreated",
    "Date changed": "timeModified",
    "Created by": "createdBy",
    "Changed by": "modifiedBy",
    **{name: "_" + name.replace(" ", "_%20_") for name in OPTIONAL},
}
REQUIRED = ("File number", "Title", "Date created", "Date changed", "Created by", "Changed by")
DATES = ("Date created", "Date changed")


def map_file(source: str, target: str) -> tuple[int, int]:
    """Write the records of a CSV file; return how many rows were mapped and how many refused."""
    mapped = rejected = 0
    with Path(source).open(encoding="utf-8", newline="") as file, Path(target).open("wb") as out:
        for row in csv.DictReader(file):
            try:
                record = map_row(row)
            except (ValueError, KeyError):
                rejected += 1
                continue
            out.write(orjson.dumps(record) + b"\n")
            mapped += 1
    return mapped, rejected


def map_row(row: dict[str, str]) -> dict[str, object]:
    """Return the record of a row; ValueError if it can't be one."""
    record: dict[str, object] = {}
    for name, column in COLUMNS.items():
        value = row[name]
        if not value:
            if name in REQUIRED:
                raise ValueError("empty")
            continue
        if name in DATES:
            value = f"{date.fromisoformat(value)} 00:00:00"
        elif name == "Series":
            value = term_path(value)
        elif name not in LONG and ("\n" in value or "\r" in value):
            raise ValueError("line break")
        record[column] = value
    return record


def term_path(text: str) -> str:
    """Return a term's path, each of its terms trimmed."""
    terms = [term.strip() for term in text.split("/")]
    if not all(terms):
        raise ValueError("empty term")
    return "/".join(terms)
