"""What a competent developer writes first for this work: `csv.DictReader` and `strptime`, nothing memoised.

It does not look for control characters, skipped hours, repeated keys or long texts, which opusmap does.
Rows that can't become records go to a file beside the target, with the first thing that is wrong.
"""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
from workloads.shared import read_address, write_time

BERLIN = ZoneInfo("Europe/Berlin")
NOTHING = ("", "-", "n/a")
KINDS = {
    "letter": "1",
    "report": "2",
    "plan": "3",
    "drawing": "3",
    "contract": "4",
    "photograph": "5",
    "photo": "5",
}
OFFICES = {"B": "Building", "F": "Finance", "P": "Personnel", "S": "Social affairs", "T": "Transport"}


def map_file(source: str, target: str) -> tuple[int, int]:
    """Write the records of a CSV file; return how many rows were mapped and how many refused."""
    mapped = rejected = 0
    with (
        Path(source).open(encoding="utf-8", newline="") as file,
        Path(target).open("wb") as out,
        Path(f"{target}.refused.csv").open("w", encoding="utf-8", newline="") as refused,
    ):
        rows = csv.DictReader(file)
        writer = csv.writer(refused)
        for row in rows:
            try:
                record = map_row(row)
            except (ValueError, KeyError) as error:
                writer.writerow([rows.line_num, error, *row.values()])
                rejected += 1
                continue
            out.write(orjson.dumps(record) + b"\n")
            mapped += 1
    return mapped, rejected


def map_row(row: dict[str, str]) -> dict[str, object]:
    """Return the record of a row; ValueError or KeyError if it can't be one."""
    row = {name: "" if value in NOTHING else value for name, value in row.items()}
    clerk = required(row["Clerk"].strip()).lower()
    record = {
        "rowKey": required(row["Number"].strip()),
        "leafName": required(" ".join(row["Subject"].split())),
        "termFullPath": "/".join(part for name in ("Section", "Subsection") if (part := row[name].strip())),
        "timeCreated": datetime.strptime(row["Received"].strip(), "%d.%m.%Y").strftime("%Y-%m-%d 00:00:00"),  # noqa: DTZ007 - a day
        "timeModified": write_time(
            datetime.strptime(row["Changed"], "%Y/%m/%d %H:%M").replace(tzinfo=BERLIN)
        ),
        "createdBy": clerk,
        "modifiedBy": clerk,
        "_Kind": KINDS[row["Kind"].strip().lower()] if row["Kind"] else None,
        "_Signed_%20_On": read_signed(row["Signed"]) if row["Signed"] else None,
        "_Office": OFFICES.get(row["Office"].strip(), "Unknown"),
        "_Pages": read_pages(row["Pages"]),
        "_Reader": f"[{read_address(row['Reader'].strip())}]" if row["Reader"] else None,
        "_Remarks": row["Remarks"].strip(),
    }
    return {name: value for name, value in record.items() if value not in (None, "")}


def required(text: str) -> str:
    """Return one line of text."""
    if not text or "\n" in text or "\r" in text:
        raise ValueError("no line of text")
    return text


def read_signed(text: str) -> str | None:
    """Return the day, or nothing for what is none."""
    try:
        return datetime.strptime(text, "%d %b %Y").strftime("%Y-%m-%d 00:00:00")  # noqa: DTZ007 - a day
    except ValueError:
        return None


def read_pages(text: str) -> int:
    """Return the number of pages, 0 for what is none."""
    return int(text) if text.isdigit() else 0
