"""Rows for the work `register`: fifteen columns of the bundled register, without drafts and flaws."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

GENERATE = Path(__file__).resolve().parents[3] / "mappings" / "contracts" / "generate.py"
PEOPLE = 200
WORDS = ("Annual", "Harbour", "Northern", "Civic", "Regional", "Coastal", "Interim", "Shared", "Digital")
WRONG = {
    "DocType": "Memo {}",
    "Amount": "TBA {}",
    "Modified": "{} days ago",
    "CreatedUtc": "{} days ago",
    "Tags": "Legal;Tag {}",
    "Owners": "somebody {}",
    "Title": "Contract\n{}",
    "Class": "Leasing//{}",
    "CreatedBy": "user\n{}",
    "ModifiedBy": "user\n{}",
    "Supplier": "Supplier \a {}",
    "Notes": "Bell \a {}",
    "ContractNo": "",
}
"""A wrong text for each column that can be wrong: the rest have a default, or leave out what is no date."""


def make_rows(
    count: int, seed: int, *, unique: bool = False, rejects: float = 0.0, wrong: int = 3
) -> Iterator[dict[str, str]]:
    """Yield rows.

    Args:
        count: how many.
        seed: the same seed gives the same rows.
        unique: whether times, people and names never repeat.
        rejects: the share of rows that are refused.
        wrong: how many columns of those are wrong, each with a text that no other row has.
    """
    generate = runpy.run_path(str(GENERATE))
    dice, sound_row = generate["Dice"](seed), generate["sound_row"]
    texts = dict(list(WRONG.items())[:wrong])
    for number in range(1, count + 1):
        cells = sound_row(dice, number)
        row = {
            "ContractNo": cells["ContractNo"],
            "Title": cells["Title"],
            "Class": "/".join(cells[name] for name in ("Class1", "Class2", "Class3") if cells[name]),
            **{name: cells[name] for name in ("CreatedUtc", "Modified", "CreatedBy", "ModifiedBy")},
            "DocType": cells["DocType"],
            "Tags": cells["Tags"],
            "Owners": ";".join(
                f"person.{dice.below(PEOPLE):03}@Records.Example.ORG" for _ in range(dice.below(4))
            ),
            **{name: cells[name] for name in ("Amount", "Dept", "Supplier", "SignedOn", "Notes")},
        }
        if unique:
            _vary(row, number, dice)
        if dice.chance(rejects):
            row |= {name: text.format(number) for name, text in texts.items()}
        yield row


def _vary(row: dict[str, str], number: int, dice: Any) -> None:
    """Make everything of a row that a cache could have seen before new, as far as columns allow it."""
    day = dice.below(40_000)  # of 40,000 days, none is near the last one
    year, month, date = 1930 + day % 97, 1 + day // 97 % 12, 1 + day // 1164 % 28
    clock = dice.below(86_400)
    hour, minute, second = clock // 3600, clock // 60 % 60, clock % 60
    row["CreatedUtc"] = f"{year}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}Z"
    row["Modified"] = f"{month:02}/{date:02}/{year + 1} {hour % 12 + 1:02}:{minute:02} PM"
    row["SignedOn"] = f"{date:02}/{month:02}/{year}"
    row["Owners"] = ";".join(f"p{number}.{place}@Example{number % 977}.ORG" for place in range(number % 4))
    row["CreatedBy"] = f"user{number}"
    row["Supplier"] = f"{WORDS[number % 9]}  {WORDS[number // 9 % 9]} no. {number}"
    row["Class"] = f"{WORDS[number // 7 % 9]}/{number // 13}/{number}"
    row["Tags"] = row["Tags"] and f"{row['Tags']}; {' ' * (number % 50)}Legal"
