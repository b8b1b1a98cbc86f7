"""The same work as `first_draft.py`, tuned by hand: days and addresses remembered, times cut."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import first_draft as draft
import orjson
from memo import Memo


def _sydney_date(hour: str) -> tuple[int, int]:
    """Return the year and the month that Sydney's calendar shows in an hour of UTC, such as 2024-06-30T23."""
    local = datetime.fromisoformat(hour + ":00:00Z").astimezone(draft.SYDNEY)
    return local.year, local.month


def _day_of(text: str) -> tuple[tuple[str, str, str], Memo]:
    """Return a local day and its neighbours in UTC, and the clock of its offset; odd days have none."""
    noon = datetime.strptime(text + " 12", "%m/%d/%Y %H").replace(tzinfo=draft.SYDNEY)
    offset = noon.utcoffset()
    midnight = noon.replace(hour=0)
    if midnight.utcoffset() != offset or (midnight + timedelta(hours=23, minutes=59)).utcoffset() != offset:
        raise LookupError(text)
    before, at, after = (f"{noon + timedelta(days=step):%Y-%m-%d }" for step in (-1, 0, 1))
    return (before, at, after), CLOCKS[offset]


def _clock_of(offset: timedelta, text: str) -> tuple[int, str]:
    moved = datetime.strptime("2000-01-02 " + text, "%Y-%m-%d %I:%M %p") - offset  # noqa: DTZ007 - a clock
    return moved.day - 1, f"{moved:%H:%M:%S}"


HOURS, DAYS = Memo(_sydney_date), Memo(_day_of)
CLOCKS = Memo(lambda offset: Memo(lambda text: _clock_of(offset, text)))
ADDRESSES, AUTHORS = (
    Memo(draft.read_address),
    Memo(lambda text: draft.required(text).lower() + "@example.org"),
)
TERMS = Memo(lambda parts: draft.term_path(*parts))


def read_modified(text: str) -> str:
    """Return a time of Sydney's clock in UTC."""
    day, _, clock = text.partition(" ")
    try:
        days, clocks = DAYS[day]
    except LookupError:
        return draft.write_time(draft.read_local(text))
    step, utc = clocks[clock]
    return days[step] + utc  # type: ignore[no-any-return]


def read_created(text: str) -> tuple[str, int, int]:
    """Return an ISO time in UTC, and the year and month in Sydney."""
    time = datetime.fromisoformat(text)
    if len(text) == 20 and text[10] == "T" and text[19] == "Z" and text[4] == "-" != text[5]:  # noqa: PLR2004
        return f"{text[:10]} {text[11:19]}", *HOURS[text[:13]]
    local = time.astimezone(draft.SYDNEY)
    return draft.write_time(time), local.year, local.month


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
            if record is not None:
                out.write(encode(record) + b"\n")
                mapped += 1
    return mapped, rejected


def map_row(row: dict[str, str]) -> dict[str, object] | None:  # noqa: C901 - one column after the other
    """Return the record of a row, None for a draft; ValueError or KeyError if it can't be one."""
    if row["Status"] == "Draft":
        return None
    nothing = draft.NOTHING
    number, title, class_1, author = row["ContractNo"], row["Title"], row["Class1"], row["CreatedBy"]
    if number in nothing or title in nothing or class_1 in nothing or author in nothing:
        raise ValueError("empty")
    if "  " in title or not title.isprintable() or title != title.strip():
        title = draft.required(" ".join(title.split()))
    class_2, class_3 = row["Class2"], row["Class3"]
    if class_3 in nothing:
        class_3 = ""
    created, year, month = read_created(row["CreatedUtc"])
    fiscal = year + 1 if month >= 7 else year  # noqa: PLR2004 - July
    dept = row["Dept"]
    editor, kind, supplier = row["ModifiedBy"], row["DocType"], row["Supplier"]
    if supplier in nothing:
        supplier = "UNKNOWN"
    else:
        supplier = (" ".join(supplier.split()) if "  " in supplier else supplier.strip()).upper()
    record: dict[str, object] = {
        "rowKey": "CT-" + number,
        "leafName": title,
        "termFullPath": TERMS[class_1, "" if class_2 in nothing else class_2, class_3],
        "timeCreated": created,
        "timeModified": read_modified(row["Modified"]),
        "createdBy": AUTHORS[author],
        "modifiedBy": AUTHORS[author if editor in nothing else editor],
    }
    if kind not in nothing:
        record["_Doc_%20_Type"] = draft.DOC_TYPES[kind]
    value = row["Amount"]
    amount = None if value in nothing else draft.read_amount(value)
    record["_Large"] = "2" if amount is not None and amount > 100_000 else "1"  # noqa: PLR2004
    if (value := row["Owners"]) not in nothing:
        if ";" in value:
            record["_Owners"] = (
                f"[{','.join(dict.fromkeys([ADDRESSES[part.strip()] for part in value.split(';')]))}]"
            )
        else:
            record["_Owners"] = f"[{ADDRESSES[value]}]"
    if amount is not None:
        record["_Amount"] = amount
    record["_Fiscal_%20_Year"] = fiscal
    record["_Destroy_%20_After"] = year + 25 if kind == "Deed" else year + 7
    record["_Department"] = draft.DEPARTMENTS.get(dept, "Unknown")
    record["_Summary"] = f"{'NONE' if dept in nothing else dept.upper()}: {title} ({number}, FY{fiscal})"
    record["_Supplier"] = supplier
    record["_Series"] = f"{class_1} / {class_3}" if class_3 else class_1
    if (value := row["Notes"]) not in nothing:
        record["_Notes"] = value
    return record
