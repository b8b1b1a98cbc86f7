"""The same work as `first_draft.py`, tuned by hand: rows as lists, what repeats remembered."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import orjson
from workloads import shared

from . import first_draft as draft

HEADER = [
    "Number", "Subject", "Section", "Subsection", "Received", "Changed", "Clerk", "Kind", "Signed", "Office",
    "Pages", "Reader", "Remarks",
]  # fmt: skip


read_signed = shared.remember(draft.read_signed)
read_changed = shared.local_times(
    lambda text: shared.write_time(datetime.strptime(text, "%Y/%m/%d %H:%M").replace(tzinfo=draft.BERLIN)),
    draft.BERLIN,
    "%Y/%m/%d",
    "%H:%M",
)


@shared.remember
def read_received(text: str) -> str:
    """Return a day as Opus takes it."""
    return datetime.strptime(text.strip(), "%d.%m.%Y").strftime("%Y-%m-%d 00:00:00")  # noqa: DTZ007 - a day


@shared.remember
def read_kind(text: str) -> str:
    """Return the order of a kind."""
    return draft.KINDS[text.strip().lower()]


@shared.remember
def read_reader(text: str) -> str:
    """Return the one address of a list."""
    return f"[{shared.read_address(text.strip())}]"


def map_file(source: str, target: str) -> tuple[int, int]:
    """Write the records of a CSV file; return how many rows were mapped and how many refused."""
    mapped = rejected = 0
    encode = orjson.dumps
    with (
        Path(source).open(encoding="utf-8", newline="") as file,
        Path(target).open("wb") as out,
        Path(f"{target}.refused.csv").open("w", encoding="utf-8", newline="") as refused,
    ):
        rows = csv.reader(file)
        if next(rows) != HEADER:
            raise ValueError("other columns")
        write_refused = csv.writer(refused).writerow
        for row in rows:
            try:
                record = map_row(row)
            except (ValueError, KeyError) as error:
                write_refused([rows.line_num, error, *row])
                rejected += 1
                continue
            out.write(encode(record) + b"\n")
            mapped += 1
    return mapped, rejected


def map_row(row: list[str]) -> dict[str, object]:
    """Return the record of a row; ValueError or KeyError if it can't be one."""
    nothing = draft.NOTHING
    number, subject, section, subsection, received, changed, *others = row
    clerk, kind, signed, office, pages, reader, remarks = others
    if number in nothing or subject in nothing or clerk in nothing:
        raise ValueError("no line of text")
    person = draft.required(clerk.strip()).lower()
    record: dict[str, object] = {
        "rowKey": draft.required(number.strip()),
        "leafName": draft.required(" ".join(subject.split())),
    }
    terms = [term for text in (section, subsection) if text not in nothing and (term := text.strip())]
    if terms:
        record["termFullPath"] = "/".join(terms)
    record["timeCreated"] = read_received(received)
    record["timeModified"] = read_changed(changed)
    record["createdBy"] = record["modifiedBy"] = person
    if kind not in nothing:
        record["_Kind"] = read_kind(kind)
    if signed not in nothing and (day := read_signed(signed)) is not None:
        record["_Signed_%20_On"] = day
    record["_Office"] = draft.OFFICES.get(office.strip(), "Unknown")
    record["_Pages"] = int(pages) if pages.isdigit() else 0
    if reader not in nothing:
        record["_Reader"] = read_reader(reader)
    if remarks not in nothing and (text := remarks.strip()):
        record["_Remarks"] = text
    return record
