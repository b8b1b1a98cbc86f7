"""What a competent developer writes first for this work: `csv.DictReader` and orjson, nothing memoised.

The flaws of the register are known, so it looks for control characters, skipped hours and repeated keys.
It gives no reason for a row that it refuses.
"""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
from workloads.shared import bracketed, read_amount, split, write_time

SYDNEY = ZoneInfo("Australia/Sydney")
NOTHING = ("", "N/A", "NULL")
STAFF_FILE = Path(__file__).parents[3] / "mappings" / "contracts" / "staff.csv"

DOC_TYPES = {
    name: str(order) for order, name in enumerate(["Contract", "Deed", "Lease", "NDA", "Variation"], 1)
}
TAGS = {
    name: order
    for order, name in enumerate(
        ["legal", "finance", "hr", "insurance", "renewal", "confidential", "grant"], 1
    )
}
TAGS["human resources"] = TAGS["hr"]
ACCESS = {"Open": "1", "Restricted": "2", "No": "1", "Yes": "2"}
DEPARTMENTS = {
    "FIN": "Finance",
    "HR": "People and Culture",
    "IT": "Technology",
    "LEG": "Legal Services",
    "PRP": "Property",
    "OPS": "Operations",
}

ADDRESS = re.compile(r"[^@\s<>()|:,;]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]+")
NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def map_file(source: str, target: str) -> tuple[int, int]:
    """Write the records of a CSV file; return how many rows were mapped and how many refused."""
    staff = read_staff(STAFF_FILE)
    keys: set[object] = set()
    rejected = 0
    with Path(source).open(encoding="utf-8", newline="") as file, Path(target).open("wb") as out:
        for row in csv.DictReader(file):
            try:
                record = map_row(row, staff)
            except (ValueError, KeyError):
                rejected += 1
                continue
            if record is None:
                continue
            if record["rowKey"] in keys:
                rejected += 1
                continue
            keys.add(record["rowKey"])
            out.write(orjson.dumps(record) + b"\n")
    return len(keys), rejected


def read_staff(path: Path) -> dict[str, str]:
    """Return each login's e-mail address, where there is one."""
    staff = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if found := ADDRESS.search(row["email"]):
                mailbox, _, domain = found[0].rpartition("@")
                staff[row["login"]] = f"{mailbox}@{domain.lower()}"
    return staff


def map_row(row: dict[str, str], staff: dict[str, str]) -> dict[str, object] | None:
    """Return the record of a row, None for a draft; ValueError or KeyError if it can't be one."""
    if None in row or None in row.values():
        raise ValueError("ragged row")
    row = {name: "" if value in NOTHING else value for name, value in row.items()}
    created = datetime.fromisoformat(row["CreatedUtc"])
    if row["Status"] == "Draft":
        return None
    local = created.astimezone(SYDNEY)
    record = {
        "rowKey": "CT-" + required(row["ContractNo"]),
        "leafName": single_line(required(row["Title"].strip())),
        "termFullPath": term_path(row["Class1"], row["Class2"], row["Class3"]),
        "timeCreated": write_time(created),
        "timeModified": write_time(read_modified(row["Modified"])),
        "createdBy": single_line(required(row["CreatedBy"])),
        "modifiedBy": single_line(row["ModifiedBy"] or row["CreatedBy"]),
        "_Doc_%20_Type": DOC_TYPES[row["DocType"].strip()] if row["DocType"] else None,
        "_Tags": bracketed(str(TAGS[tag.lower()]) for tag in split(row["Tags"])),
        "_Owners": bracketed(staff[login] for login in split(row["Owners"])),
        "_Amount": read_number(row["Amount"]) if row["Amount"] else None,
        "_Fiscal_%20_Year": local.year + (1 if local.month >= 7 else 0),  # noqa: PLR2004 - July
        "_Department": DEPARTMENTS.get(row["Dept"], "Unknown"),
        "_Supplier": single_line(" ".join(row["Supplier"].split())),
        "_Signed_%20_On": read_signed(row["SignedOn"]) if row["SignedOn"] else None,
        "_Access": ACCESS[row["Restricted"] or "No"],
        "_File_%20_Name": single_line(row["FilePath"].rpartition("\\")[2]),
        "_Notes": no_control(row["Notes"]),
    }
    return {name: value for name, value in record.items() if value not in (None, "")}


def term_path(*terms: str) -> str:
    """Return the terms as a path, leaving out the empty ones."""
    if any("/" in term for term in terms):
        raise ValueError("slash in a term")
    return single_line("/".join(term.strip() for term in terms if term.strip()))


def required(text: str) -> str:
    """Return the text unless it is empty."""
    if not text:
        raise ValueError("empty")
    return text


def no_control(text: str) -> str:
    """Return the text unless it holds control characters."""
    if CONTROL.search(text):
        raise ValueError("control character")
    return text


def single_line(text: str) -> str:
    """Return the text unless it has several lines."""
    if "\n" in text or "\r" in text:
        raise ValueError("line break")
    return no_control(text)


def read_modified(text: str) -> datetime:
    """Return a time of Sydney's clock, unless daylight saving skipped it."""
    time = datetime.strptime(text, "%m/%d/%Y %I:%M %p").replace(tzinfo=SYDNEY)
    if time.astimezone(UTC).astimezone(SYDNEY).replace(tzinfo=SYDNEY) != time:
        raise ValueError("skipped hour")
    return time


def read_signed(text: str) -> str | None:
    """Return the day, or nothing for what is none."""
    try:
        return datetime.strptime(text, "%d/%m/%Y").strftime("%Y-%m-%d 00:00:00")  # noqa: DTZ007 - a day
    except ValueError:
        return None


def read_number(text: str) -> int | float:
    """Return the number that a text such as 1,234.50 stands for."""
    if not NUMBER.fullmatch(text):
        raise ValueError("not a number")
    return read_amount(text)
