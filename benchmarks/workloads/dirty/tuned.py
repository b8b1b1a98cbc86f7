"""The same work as `first_draft.py`, tuned by hand: rows as lists, what repeats remembered."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import first_draft as draft
import orjson
from memo import Memo

HEADER = [
    "Number", "Subject", "Section", "Subsection", "Received", "Changed", "Clerk", "Kind", "Signed", "Office",
    "Pages", "Reader", "Remarks",
]  # fmt: skip


def _received(text: str) -> str:
    return datetime.strptime(text.strip(), "%d.%m.%Y").strftime("%Y-%m-%d 00:00:00")  # noqa: DTZ007 - a day


def _changed(text: str) -> str:
    return draft.write_time(datetime.strptime(text, "%Y/%m/%d %H:%M").replace(tzinfo=draft.BERLIN))


def _changed_hour(hour: str) -> tuple[str, str]:
    """Return what stands before and behind the minutes of an hour of Berlin's clock, in UTC."""
    text = _changed(hour + ":00")
    return text[:14], text[16:]


def read_changed(text: str) -> str:
    """Return a time of Berlin's clock in UTC; zones of whole hours leave the minutes alone."""
    if len(text) == 16 and text[13] == ":" and text[14:].isdecimal() and text[14] < "6":  # noqa: PLR2004
        before, behind = HOURS[text[:13]]
        return before + text[14:] + behind
    return _changed(text)


RECEIVED, HOURS, SIGNED = Memo(_received), Memo(_changed_hour), Memo(draft.read_signed)
CLERKS = Memo(lambda text: draft.required(text.strip()).lower())
KINDS = Memo(lambda text: draft.KINDS[text.strip().lower()])
OFFICES = Memo(lambda text: draft.OFFICES.get(text.strip(), "Unknown"))
READERS = Memo(lambda text: f"[{draft.read_address(text.strip())}]")
SECTIONS = Memo(
    lambda pair: "/".join(part for text in pair if text not in draft.NOTHING and (part := text.strip()))
)


def map_file(source: str | Path, target: str | Path) -> tuple[int, int]:
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
    (
        number,
        subject,
        section,
        subsection,
        received,
        changed,
        clerk,
        kind,
        signed,
        office,
        pages,
        reader,
        remarks,
    ) = row
    if number in nothing or subject in nothing:
        raise ValueError("no line of text")
    person = CLERKS[clerk]
    record: dict[str, object] = {
        "rowKey": draft.required(number.strip()),
        "leafName": draft.required(" ".join(subject.split())),
    }
    if terms := SECTIONS[section, subsection]:
        record["termFullPath"] = terms
    record["timeCreated"] = RECEIVED[received]
    record["timeModified"] = read_changed(changed)
    record["createdBy"] = record["modifiedBy"] = person
    if kind not in nothing:
        record["_Kind"] = KINDS[kind]
    if signed not in nothing and (day := SIGNED[signed]) is not None:
        record["_Signed_%20_On"] = day
    record["_Office"] = OFFICES[office]
    record["_Pages"] = int(pages) if pages.isdigit() else 0
    if reader not in nothing:
        record["_Reader"] = READERS[reader]
    if remarks not in nothing and (text := remarks.strip()):
        record["_Remarks"] = text
    return record
