"""The workload of the benchmarks: fifteen columns of the bundled contract register, as JSON Lines.

    python benchmarks/register.py 100000 -o register.jsonl
    python benchmarks/register.py 100000 -o other.jsonl --unique      times, people, names that never repeat
    python benchmarks/register.py 100000 -o bad.jsonl --rejects 0.5   half of the rows can't become records

Owns the rows only; the same arguments give the same bytes. Rows come from the register's own generator
(`mappings/contracts/generate.py`), without its drafts and flaws.
"""

from __future__ import annotations

import argparse
import json
import runpy
from collections.abc import Iterator
from pathlib import Path

__all__ = ["make_rows", "write_rows"]

ROOT = Path(__file__).resolve().parent.parent
SEED = 20240701
PEOPLE = 200
WORDS = ("Annual", "Harbour", "Northern", "Civic", "Regional", "Coastal", "Interim", "Shared", "Digital")


def make_rows(count: int, *, unique: bool = False, rejects: float = 0.0) -> Iterator[dict[str, str]]:
    """Yield rows; `rejects` is the share that is refused, each for three texts of its own."""
    generate = runpy.run_path(str(ROOT / "mappings" / "contracts" / "generate.py"))
    dice, sound_row = generate["Dice"](SEED), generate["sound_row"]
    for number in range(1, count + 1):
        cells = sound_row(dice, number)
        row = {
            "ContractNo": cells["ContractNo"],
            "Title": cells["Title"],
            "Class": "/".join(cells[name] for name in ("Class1", "Class2", "Class3") if cells[name]),
            **{name: cells[name] for name in ("CreatedUtc", "Modified", "CreatedBy", "ModifiedBy")},
            "DocType": cells["DocType"],
            "Tags": cells["Tags"],
            "Owners": ";".join(_address(dice.below(PEOPLE)) for _ in range(dice.below(4))),
            **{name: cells[name] for name in ("Amount", "Dept", "Supplier", "SignedOn", "Notes")},
        }
        if unique:
            _vary(row, number, dice.below)
        if dice.chance(rejects):
            row |= {"DocType": f"Memo {number}", "Amount": f"TBA {number}", "Modified": f"{number} days ago"}
        yield row


def _address(number: int) -> str:
    return f"person.{number:03}@Records.Example.ORG"


def _vary(row: dict[str, str], number: int, below) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Make everything of a row that a cache could have seen before new, as far as columns allow it."""
    day = below(40_000)  # of 40,000 days, none is near the last one
    year, month, date = 1930 + day % 97, 1 + day // 97 % 12, 1 + day // 1164 % 28
    clock = below(86_400)
    hour, minute, second = clock // 3600, clock // 60 % 60, clock % 60
    row["CreatedUtc"] = f"{year}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}Z"
    row["Modified"] = f"{month:02}/{date:02}/{year + 1} {hour % 12 + 1:02}:{minute:02} PM"
    row["SignedOn"] = f"{date:02}/{month:02}/{year}"
    row["Owners"] = ";".join(f"p{number}.{place}@Example{number % 977}.ORG" for place in range(number % 4))
    row["CreatedBy"] = f"user{number}"
    row["Supplier"] = f"{WORDS[number % 9]}  {WORDS[number // 9 % 9]} no. {number}"
    row["Class"] = f"{WORDS[number // 7 % 9]}/{number // 13}/{number}"
    row["Tags"] = row["Tags"] and f"{row['Tags']}; {' ' * (number % 50)}Legal"


def write_rows(path: Path, count: int, *, unique: bool = False, rejects: float = 0.0) -> None:
    """Write rows as JSON Lines."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in make_rows(count, unique=unique, rejects=rejects):
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the benchmarks' contract register.")
    parser.add_argument("rows", type=int)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--unique", action="store_true")
    parser.add_argument("--rejects", type=float, default=0.0)
    options = parser.parse_args()
    write_rows(options.output, options.rows, unique=options.unique, rejects=options.rejects)


if __name__ == "__main__":
    main()
