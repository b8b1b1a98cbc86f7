"""The same work as `first_draft.py`, tuned by hand: rows as lists, the required columns by position."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import orjson
from workloads import shared

from . import first_draft as draft

REQUIRED = 7
OPTIONAL = tuple(draft.COLUMNS.values())[REQUIRED:]
LONG = frozenset(draft.COLUMNS[name] for name in draft.LONG)
read_terms = shared.remember(draft.term_path)


@shared.remember
def read_day(text: str) -> str:
    """Return a day as Opus takes it."""
    return f"{date.fromisoformat(text)} 00:00:00"


def map_file(source: str, target: str) -> tuple[int, int]:
    """Write the records of a CSV file; return how many rows were mapped and how many refused."""
    mapped = rejected = 0
    encode = orjson.dumps
    with Path(source).open(encoding="utf-8", newline="") as file, Path(target).open("wb") as out:
        rows = csv.reader(file)
        if next(rows) != list(draft.COLUMNS):
            raise ValueError("other columns")
        for row in rows:
            try:
                record = map_row(row)
            except ValueError:
                rejected += 1
                continue
            out.write(encode(record) + b"\n")
            mapped += 1
    return mapped, rejected


def map_row(row: list[str]) -> dict[str, object]:
    """Return the record of a row; ValueError if it can't be one."""
    number, title, series, created, changed, author, editor = row[:REQUIRED]
    if not (number and title and created and changed and author and editor):
        raise ValueError("empty")
    record: dict[str, object] = {"rowKey": number, "leafName": title}
    if series:
        record["termFullPath"] = read_terms(series)
    record["timeCreated"] = read_day(created)
    record["timeModified"] = read_day(changed)
    record["createdBy"] = author
    record["modifiedBy"] = editor
    given = {column: value for column, value in zip(OPTIONAL, row[REQUIRED:], strict=True) if value}
    lines = number + title + author + editor + "".join([given[name] for name in given if name not in LONG])
    if "\n" in lines or "\r" in lines:
        raise ValueError("line break")
    return record | given
