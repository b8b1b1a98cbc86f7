"""Rows for the work `typed`: a museum's catalogue as its API gives it, one JSON object a line."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

SUBJECTS = ("Art", "History", "Maps", "Nature", "People", "Places", "Trade")
GROUPS = ("Fine art", "Photographs", "Maps and plans", "Ephemera")
PLACES = ("Kyōto", "Lyon", "Αθήνα", "Hobart", "Çanakkale", "Oslo", "Владивосток")
TEXTS = ("A view of the harbour", "Portrait, seated", "Carte générale", "風景", "Ledger of the trade company")


def make_rows(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield rows; the same seed gives the same rows."""
    dice = random.Random(seed)
    for number in range(1, count + 1):
        row: dict[str, Any] = {
            "id": number,
            "title": f"{dice.choice(TEXTS)}, no. {dice.randint(1, 9_000)}",
            "collection": {"group": dice.choice(GROUPS), "name": f"Collection {dice.randint(1, 40)}"},
            "issued": _time(dice),
            "record": {
                "modified": None if dice.random() < 0.3 else _time(dice),
                "status": dice.choice(("draft", "current", "current", "superseded")),
                "author": {"name": f"curator {dice.randint(1, 60)}", "id": dice.randint(1, 60)},
                "editor": dice.choice((None, {"name": f"editor {dice.randint(1, 20)}"})),
            },
            "subjects": dice.sample(SUBJECTS, dice.randint(0, 3)),
            "rights": {
                "open": dice.random() < 0.6,
                "licence": dice.choice(
                    (None, {"code": "CC0", "version": 1.0}, {"code": "CC-BY", "version": 4.0})
                ),
            },
            "contacts": [f"desk{dice.randint(1, 30)}@museum.example" for _ in range(dice.randint(0, 2))],
            "size": {
                "height": dice.choice((None, dice.randint(50, 3_000) / 10)),
                "width": dice.choice((dice.randint(50, 3_000) / 10, dice.randint(5, 300))),
            },
            "places": [
                {"name": place, "lat": dice.uniform(-60, 60)}
                for place in dice.sample(PLACES, dice.randint(0, 2))
            ],
            "description": dice.choice(
                (None, "Ink on paper.\nFoxed at the edges.", "Gelatin silver print.", "紙本墨画")
            ),
        }
        if dice.random() < 0.5:
            row["pages"] = dice.randint(1, 400)
        yield row


def _time(dice: random.Random) -> str:
    day = f"{dice.randint(1998, 2023)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"
    return f"{day}T{dice.randint(0, 23):02}:{dice.randint(0, 59):02}:{dice.randint(0, 59):02}Z"
