"""What a competent developer writes first for this work: plain Python with orjson, nothing memoised.

It does not look for control characters, repeated keys, long texts or wrong kinds, which opusmap does,
and gives no reason for a row that it refuses.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from workloads.shared import bracketed, map_lines, read_address, write_time

STATUS = {"draft": "1", "current": "2", "superseded": "3"}
SUBJECTS = {
    name: str(order)
    for order, name in enumerate(("Art", "History", "Maps", "Nature", "People", "Places", "Trade"), 1)
}


def map_file(source: str, target: str) -> tuple[int, int]:
    """Write the records of a JSON Lines file; return how many rows were mapped and how many refused."""
    return map_lines(source, target, map_row)


def map_row(row: dict[str, Any]) -> dict[str, object]:
    """Return the record of a row; ValueError, KeyError or TypeError if it can't be one."""
    details, rights, size = row["record"], row["rights"], row["size"]
    height, width, places = size["height"], size["width"], row["places"]
    author = (details["author"] or {}).get("name") or "unknown"
    record = {
        "rowKey": f"OBJ-{row['id']}",
        "leafName": required(row["title"]),
        "termFullPath": "/".join((row["collection"]["group"].strip(), row["collection"]["name"].strip())),
        "timeCreated": read_time(row["issued"]),
        "timeModified": read_time(details["modified"] or row["issued"]),
        "createdBy": author,
        "modifiedBy": (details["editor"] or {}).get("name") or author,
        "_Status": STATUS[details["status"]],
        "_Subjects": bracketed(SUBJECTS[name] for name in row["subjects"]),
        "_Open": "2" if rights["open"] else "1",
        "_Contacts": bracketed(read_address(text) for text in row["contacts"]),
        "_Height": plain(height),
        "_Width": plain(width),
        "_Area": None if height is None or width is None else plain(round(height * width, 2)),
        "_Pages": row.get("pages", 1),
        "_Place": places[0]["name"] if places else None,
        "_Licence": rights["licence"]["code"] if rights["licence"] else "none given",
        "_Description": row["description"],
    }
    return {name: value for name, value in record.items() if value not in (None, "")}


def required(text: str) -> str:
    """Return one line of text."""
    if not text.strip() or "\n" in text or "\r" in text:
        raise ValueError("no line of text")
    return text


def read_time(text: str) -> str:
    """Return an ISO time in UTC."""
    return write_time(datetime.fromisoformat(text))


def plain(number: float | None) -> float | None:
    """Return a whole number as one."""
    return int(number) if isinstance(number, float) and number.is_integer() else number
