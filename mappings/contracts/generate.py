"""Writes the bundled contract register: invented rows, the same bytes on every run.

Owns the register's data and its flaws (`FLAWS`, one entry a kind); how rows become records is the
business of `mapping.yaml`. Names, people and companies are made up.

    python generate.py                         # contracts.csv beside this file, 1,200 rows
    python generate.py 100000 -o big.csv       # more of the same; the first 1,200 rows are equal
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import TypeVar

__all__ = ["COLUMNS", "main", "make_rows", "write_register"]

SEED = 20240701
ROWS = 1_200
DRAFT_SHARE = 0.12
FLAW_SHARE = 0.08

COLUMNS = (
    "ContractNo", "Title", "Status", "DocType", "Class1", "Class2", "Class3", "CreatedUtc", "Modified",
    "CreatedBy", "ModifiedBy", "Tags", "Owners", "Amount", "Dept", "Supplier", "SignedOn", "Restricted",
    "FilePath", "Notes",
)  # fmt: skip

Row = dict[str, str]
Item = TypeVar("Item")

DOC_TYPES = ("Contract", "Contract", "Contract", "Deed", "Lease", "Lease", "NDA", "Variation")
TAGS = ("Legal", "Finance", "HR", "Insurance", "Renewal", "Confidential", "Grant")
DEPARTMENTS = ("FIN", "HR", "IT", "LEG", "PRP", "OPS")
SCHEME = {
    "Property": {"Leasing": ("Halls", "Depots", "Shopfronts", ""), "Acquisition": ("Land", "Easements")},
    "Procurement": {"Tenders": ("Goods", "Works", "Services"), "Panels": ("Advisory", "")},
    "Technology": {"Licences": ("Software", "Maps"), "Support": ("Managed services", "Telephony", "")},
    "People": {"Recruitment": ("Agencies",), "Training": ("Providers", "Venues")},
    "Community": {"Grants": ("Arts", "Sport", "Heritage"), "Partnerships": ("Schools", "Libraries")},
}
SUBJECTS = (
    "Lease of the town hall", "Street lighting maintenance", "Library management system",
    "Pool chemicals supply", "Waste collection, northern wards", "Payroll software licence",
    "Café in the gallery", "Tree pruning panel", "Playground equipment", "Records digitisation",
    "Catering for events", "Rent of depot no. 4", "Translation services 中文 / English",
    "Whānau community grant", "Archive boxes (acid-free)", "Nettoyage d'été", "Bridge inspection",
    '"Green Street" planting', "Vehicle fleet insurance", "Parking meters & kiosks",
)  # fmt: skip
SUPPLIERS = (
    "Harbour Civil Pty Ltd", "Brightline  Electrical", "Østergaard & Søn", "Nguyễn Landscaping",
    "Papirus S.A.", "Müller Gebäudetechnik GmbH", "O'Brien Catering", "Te Awa Trust",
    "Northern  Waste   Group", "株式会社さくら",
)  # fmt: skip
STAFF = (
    "achen", "bsmith", "cokafor", "dnguyen", "epetrov", "fkowalski", "gtaylor", "hsingh", "imoreau", "jdoe",
    "kmuller", "lrossi", "mhassan", "nwalker", "oobrien", "pjones",
)  # fmt: skip
NOTES = (
    "", "", "", "N/A", "Original in strong room B.", "Signed copy missing,\nasked for on 3 May.",
    'Known as the "old" agreement.\n\nSee also the deed of variation.', "=SUM(A1:A9) was in the cell",
    "Renewal reminder sent ✔", "Scanned at 300 dpi;\ttext layer added", "- first year free\n- then CPI",
)  # fmt: skip
SUFFIXES = ("pdf", "pdf", "PDF", "docx", "tif")


class Dice:
    """Choices from a seed. Built on `Random.random` alone, the one method whose results never change."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed).random

    def chance(self, share: float) -> bool:
        """Return true in this share of cases."""
        return self._random() < share

    def below(self, limit: int) -> int:
        """Return a number from 0 up to, not including, the limit."""
        return int(self._random() * limit)

    def pick(self, items: Sequence[Item]) -> Item:
        """Return one of the items."""
        return items[self.below(len(items))]

    def some(self, items: Sequence[Item], most: int) -> list[Item]:
        """Return up to `most` of the items, none twice."""
        return list(dict.fromkeys(self.pick(items) for _ in range(self.below(most + 1))))


def make_rows(count: int, seed: int = SEED) -> Iterator[list[str]]:
    """Yield the cells of each row, flaws included."""
    dice = Dice(seed)
    flaws = 0
    for number in range(1, count + 1):
        row = sound_row(dice, number)
        row["Status"] = "Draft" if dice.chance(DRAFT_SHARE) else dice.pick(("Active", "Active", "Expired"))
        cells = list(row.values())
        if dice.chance(FLAW_SHARE) and row["Status"] != "Draft":
            cells = FLAWS[flaws % len(FLAWS)](row)
            flaws += 1
        yield cells


def sound_row(dice: Dice, number: int) -> Row:
    created = datetime(2004, 1, 1) + timedelta(minutes=dice.below(20 * 365 * 24 * 60), seconds=dice.below(60))  # noqa: DTZ001
    modified = created + timedelta(minutes=dice.below(3 * 365 * 24 * 60))
    signed = created - timedelta(days=dice.below(60))
    class_1 = dice.pick(tuple(SCHEME))
    class_2 = dice.pick(tuple(SCHEME[class_1]))
    author = dice.pick(STAFF)
    return {
        "ContractNo": f"{number:06}",
        "Title": _title(dice, number),
        "Status": "",
        "DocType": dice.pick(DOC_TYPES),
        "Class1": class_1,
        "Class2": class_2,
        "Class3": dice.pick(SCHEME[class_1][class_2]),
        "CreatedUtc": f"{created:%Y-%m-%dT%H:%M:%S}Z",
        "Modified": _local_time(modified),
        "CreatedBy": author,
        "ModifiedBy": "" if dice.chance(0.2) else dice.pick(STAFF),
        "Tags": dice.pick(("; ", ";")).join(dice.some((*TAGS, "Human Resources", "legal"), 3)),
        "Owners": ";".join(dice.some(STAFF, 3)),
        "Amount": _amount(dice),
        "Dept": "" if dice.chance(0.05) else dice.pick(DEPARTMENTS),
        "Supplier": dice.pick(("", "NULL", *SUPPLIERS, *SUPPLIERS)),
        "SignedOn": dice.pick(("", "circa 1998", *[f"{signed:%d/%m/%Y}"] * 18)),
        "Restricted": dice.pick(("No", "No", "No", "Yes", "")),
        "FilePath": f"S:\\Contracts\\{created:%Y}\\CT-{number:06}.{dice.pick(SUFFIXES)}",
        "Notes": dice.pick(NOTES),
    }


def _title(dice: Dice, number: int) -> str:
    title = f"{dice.pick(SUBJECTS)}, part {number % 97 + 1}"
    return f"  {title} " if dice.chance(0.05) else title


def _local_time(time: datetime) -> str:
    """Sydney's clock as the register prints it. The hours that daylight saving touches are left out."""
    safe = time.replace(hour=time.hour + 2) if 1 <= time.hour <= 3 else time  # noqa: PLR2004 - clock hours
    return f"{safe:%m/%d/%Y %I:%M %p}"


def _amount(dice: Dice) -> str:
    whole = dice.below(10 ** (2 + dice.below(6)))
    return dice.pick(("", "N/A", *[f"{whole:,}.{dice.below(100):02}"] * 10, f"{whole:,}", f"-{whole:,}.50"))


def _with(**changes: str) -> Callable[[Row], list[str]]:
    """Return the flaw that puts other texts into some columns."""
    return lambda row: list((row | changes).values())


FLAWS: tuple[Callable[[Row], list[str]], ...] = (
    _with(DocType="Memo"),  # an option that Opus does not have
    _with(Tags="Legal;Miscellaneous"),
    _with(CreatedUtc="2019-02-30T10:00:00Z"),
    _with(Modified="31/12/2020 10:00 AM"),  # day and month the wrong way round
    _with(ContractNo=""),
    _with(Owners="achen;zz_leaver"),  # not in staff.csv
    _with(Owners="qformer"),  # in staff.csv, without an address
    _with(Amount="TBA"),
    _with(Amount="1.234,50"),
    _with(Title="Lease of the depot\nand yard"),  # a name is one line
    _with(Class2="Leasing/Licensing"),  # a term can't hold the separator of terms
    _with(Modified="10/03/2021 02:30 AM"),  # an hour that daylight saving skipped in Sydney
    _with(Title="Bell \a in the title"),  # a control character
    _with(CreatedBy=""),
    _with(Dept="ZZZ"),  # not in the table of departments: filed as Unknown
    _with(ContractNo="000002"),  # a key that another row has
    _with(DocType="lease", Amount="12,34.5", Modified="yesterday"),  # several at once
    _with(CreatedUtc=""),
    _with(Class1="", Class2="", Class3="", DocType=""),  # both optional: a record, though a bare one
    lambda row: [
        *list(row.values())[:2],
        "Pty Ltd",
        *list(row.values())[2:],
    ],  # an unquoted comma in the title
)
"""What is wrong on purpose, in turn."""


def write_register(path: Path, count: int) -> None:
    """Write the header and `count` rows to a CSV file (UTF-8, line feeds)."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(make_rows(count))


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description="Writes the contract register.")
    parser.add_argument("rows", nargs="?", type=int, default=ROWS)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_name("contracts.csv"))
    options = parser.parse_args()
    write_register(options.output, options.rows)


if __name__ == "__main__":
    main()
