"""Rows for the work `expressions`: a contract register as JSON Lines, titles and notes in several scripts."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path

GENERATE = Path(__file__).resolve().parents[3] / "mappings" / "contracts" / "generate.py"
PEOPLE = 400
TITLES = (
    "Lease of the town hall", "Café in the  gallery", "Договор аренды склада", "Μίσθωση αποθήκης",
    "図書館システムの保守", "Whānau community grant", "Street lighting maintenance", "Nettoyage d'été",
    "عقد صيانة الحدائق", "Vehicle  fleet insurance", "Übernahme der Straßenreinigung", "Payroll software",
)  # fmt: skip
NOTES = (
    "", "", "", "N/A", "Original in strong room B.", "Signed copy missing,\nasked for on 3 May.",
    "Siehe auch den Nachtrag.\n\nUnterschrieben am 3. Mai.", "原本は書庫Bにある。", "Renewal reminder sent ✔",
    "Оригинал в хранилище.\nКопия у юристов.",
)  # fmt: skip


def make_rows(count: int, seed: int) -> Iterator[dict[str, str]]:
    """Yield rows; the same seed gives the same rows."""
    generate = runpy.run_path(str(GENERATE))
    dice, sound_row = generate["Dice"](seed), generate["sound_row"]
    for number in range(1, count + 1):
        row = sound_row(dice, number)
        row["Status"] = "Draft" if dice.chance(0.05) else dice.pick(("Active", "Active", "Expired"))
        row["Title"] = f"{dice.pick(TITLES)}, no. {dice.below(5_000)}"
        row["Notes"] = dice.pick(NOTES)
        row["CreatedBy"] = f"Person{dice.below(PEOPLE):03}"
        row["ModifiedBy"] = "" if dice.chance(0.3) else f"person{dice.below(PEOPLE):03}"
        row["Owners"] = ";".join(f"person{dice.below(PEOPLE):03}@Example.ORG" for _ in range(dice.below(4)))
        yield row
