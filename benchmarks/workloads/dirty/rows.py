"""Rows for the work `dirty`: a register typed by hand, as CSV; one row in ten is no record."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

COLUMNS = (
    "Number", "Subject", "Section", "Subsection", "Received", "Changed", "Clerk", "Kind", "Signed", "Office",
    "Pages", "Reader", "Remarks",
)  # fmt: skip
SUBJECTS = (
    "Brücke am Markt", "Schule  Nord", "Lärmschutz", "Archiv, Umzug", "Haushalt", "Straßenbahn  Linie 4",
)  # fmt: skip
SECTIONS = {
    "Works": ("Roads", "Bridges", ""),
    "People": ("Staff", "Pensions"),
    "Money": ("Tax", "Grants", ""),
}
KINDS = ("Letter", "letter", "Report", "PLAN", "Photo", "Drawing", "Contract ", " Report")
REMARKS = ("", "-", "see file 12", "  two sheets missing ", "Kopie beim Amt.\nOriginal im Tresor.", "n/a")

FLAWS: tuple[Callable[[random.Random], dict[str, str]], ...] = (
    lambda dice: {"Kind": f"Memo {dice.randint(1, 999)}"},
    lambda dice: {"Received": f"2{dice.randint(0, 9)}.13.2001"},
    lambda _dice: {"Number": ""},
    lambda dice: {"Changed": f"{dice.randint(1, 28)}/5/99 noon"},
    lambda dice: {"Reader": f"reader {dice.randint(1, 9999)}"},
    lambda _dice: {"Clerk": "  "},
    lambda dice: {"Kind": "?", "Received": "unknown", "Changed": f"about {dice.randint(1900, 1999)}"},
)


def make_rows(count: int, seed: int) -> Iterator[list[str]]:
    """Yield the columns' names, then rows; the same seed gives the same rows."""
    dice = random.Random(seed)
    yield list(COLUMNS)
    for number in range(1, count + 1):
        received = datetime(1995, 1, 1) + timedelta(days=dice.randint(0, 9_000))  # noqa: DTZ001 - a clock on a wall
        changed = received + timedelta(days=dice.randint(0, 400), minutes=dice.randint(240, 1_400))
        section = dice.choice(tuple(SECTIONS))
        row = {
            "Number": f"R-{number:06}",
            "Subject": f"{dice.choice(SUBJECTS)} {dice.randint(1, 3_000)}",
            "Section": section,
            "Subsection": dice.choice(SECTIONS[section]),
            "Received": f"{received:%d.%m.%Y}",
            "Changed": f"{changed:%Y/%m/%d %H:%M}",
            "Clerk": f"Clerk{dice.randint(1, 40)}",
            "Kind": dice.choice(KINDS),
            "Signed": dice.choice(("", "undated", *[f"{received:%d %b %Y}"] * 8)),
            "Office": dice.choice(("B", "F", "P", "S", "T", "X", "", "Q9")),
            "Pages": dice.choice(("", "many", *map(str, range(1, 30)))),
            "Reader": dice.choice(("", "", f"desk{dice.randint(1, 50)}@Stadt.example")),
            "Remarks": dice.choice(REMARKS),
        }
        for name in ("Number", "Subject", "Received", "Clerk", "Office"):
            if dice.random() < 0.2:
                row[name] = f" {row[name]} " if row[name] else row[name]
        if dice.random() < 0.1:
            row |= dice.choice(FLAWS)(dice)
        yield list(row.values())
