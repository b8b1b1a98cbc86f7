"""Rows for the work `wide`: a file register of sixty text columns as CSV, half of the cells empty."""

from __future__ import annotations

import random
from collections.abc import Iterator

from .first_draft import COLUMNS, LONG

WORDS = (
    "harbour", "bridge", "registre", "pläne", "survey", "file", "map", "日誌", "grant", "reserve", "road",
    "акт", "lease", "transfer", "drainage", "école", "north", "ward", "minute", "letter", "consent",
    "objection",
)  # fmt: skip
ALWAYS = tuple(COLUMNS)[:7]


def make_rows(count: int, seed: int) -> Iterator[list[str]]:
    """Yield the columns' names, then rows; the same seed gives the same rows."""
    dice = random.Random(seed)
    yield list(COLUMNS)
    for number in range(1, count + 1):
        row = dict.fromkeys(COLUMNS, "")
        day = f"{dice.randint(1950, 2023)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"
        row |= {
            "File number": f"F{number:07}",
            "Title": _words(dice, 5),
            "Series": f"Records/{dice.choice(WORDS)}/{dice.choice(WORDS)}",
            "Date created": day,
            "Date changed": day,
            "Created by": f"officer{dice.randint(1, 80)}",
            "Changed by": f"officer{dice.randint(1, 80)}",
        }
        for name in COLUMNS:
            if name not in ALWAYS and dice.random() < 0.5:
                row[name] = f"{_words(dice, 8)}\n{_words(dice, 6)}" if name in LONG else _words(dice, 2)
        yield list(row.values())


def _words(dice: random.Random, count: int) -> str:
    return " ".join(dice.choices(WORDS, k=count))
