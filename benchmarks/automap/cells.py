"""Cells for the exports: what a column holds is made up by its kind, always the same for the same column."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

ROWS = 60

_FIRST = ["Anna", "Jonas", "Marie", "Luca", "Sofia", "Erik", "Ines", "Pedro", "Ewa", "Tom", "Clara", "Nils"]
_LAST = ["Keller", "Rossi", "Martin", "Silva", "Jansen", "Berg", "Nowak", "Garcia", "Smith", "Weber"]
_JAPANESE, _CHINESE = (
    ["佐藤 健", "鈴木 花子", "高橋 誠", "田中 恵", "伊藤 学"],
    ["王伟", "李娜", "张敏", "刘洋", "陈静"],
)
_NOUNS = [
    "Harbour",
    "Archive",
    "Bridge",
    "Library",
    "Garden",
    "Station",
    "Museum",
    "School",
    "Market",
    "Tower",
]
_TOWNS = ["Kassel", "Lyon", "Porto", "Gdansk", "Utrecht", "Umea", "Torino", "Sevilla", "Leeds", "Basel"]
_OPTIONS = ["Open", "Draft", "Final", "Internal", "Standard", "Urgent", "External"]
_TAGS = ["energy", "water", "roads", "health", "budget", "staff"]
_PROSE = "Follows from the meeting; see what was agreed on the second page, and the two notes below it."


def cells(seed: str, kind: str) -> list[str]:
    """Return the cells of one column: `ROWS` texts of a kind, made from the seed alone."""
    random = Random(f"{seed}/{kind}")
    gaps = kind.endswith("gap")
    make = _KINDS[kind.removesuffix("gap") if gaps else kind]
    few = {"one": 1, "option": 3 + random.randrange(3)}.get(kind, 0)
    options = [make(random, row) for row in range(few)]
    texts = [random.choice(options) if options else make(random, row) for row in range(ROWS)]
    return ["" if gaps and random.random() < 0.3 else text for text in texts]  # noqa: PLR2004


def _day(random: Random) -> date:
    return date(2019, 1, 1) + timedelta(days=random.randrange(2_000))


def _time(random: Random) -> datetime:
    return datetime(2019, 1, 1, tzinfo=UTC) + timedelta(seconds=random.randrange(150_000_000))


def _person(random: Random) -> str:
    return f"{random.choice(_FIRST)} {random.choice(_LAST)}"


def _title(random: Random, row: int) -> str:
    return f"{random.choice(_NOUNS)} {random.choice(_NOUNS).lower()} of {random.choice(_TOWNS)} {row}"


def _phrase(random: Random) -> str:
    return f"{random.choice(_NOUNS)} with {random.choice(_NOUNS).lower()}, {random.choice(_TOWNS)}"


def _amount(random: Random) -> float:
    return random.randrange(10_000, 90_000_000) / 100


def _euro(value: float) -> str:
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


_KINDS: dict[str, Callable[[Random, int], str]] = {
    "int": lambda _, row: str(20_417 + row),
    "int2": lambda random, _: str(random.randrange(7_000, 7_040)),
    "id": lambda random, row: f"{random.choice('ABC')}-{2019 + row % 5}-{row + 118:05}",
    "id2": lambda random, _: f"V{random.randrange(40):04}/22",
    "uuid": lambda random, _: str(UUID(int=random.getrandbits(128), version=4)),
    "hash": lambda random, _: f"{random.getrandbits(96):024X}",
    "title": _title,
    "title2": lambda random, _: _title(random, random.randrange(9)),
    "phrase": lambda random, _: _phrase(random),
    "prose": lambda random, _: f"{_phrase(random)}. {_PROSE} {_phrase(random)}. " * random.randrange(1, 3),
    "person": lambda random, _: _person(random),
    "jperson": lambda random, _: random.choice(_JAPANESE),
    "cperson": lambda random, _: random.choice(_CHINESE),
    "names": lambda random, _: ";".join(_person(random) for _ in range(random.randrange(1, 4))),
    "first": lambda random, _: random.choice(_FIRST),
    "last": lambda random, _: random.choice(_LAST),
    "login": lambda random, _: f"{random.choice(_LAST).lower()}{random.randrange(9)}",
    "email": lambda random, _: f"{random.choice(_FIRST).lower()}.{random.choice(_LAST).lower()}@example.org",
    "org": lambda random, _: f"{random.choice(_LAST)} {random.choice(['GmbH', 'SA', 'Ltd', 'AB', 'B.V.'])}",
    "date": lambda random, _: _day(random).isoformat(),
    "eu": lambda random, _: f"{_day(random):%d.%m.%Y}",
    "us": lambda random, _: f"{_day(random):%m/%d/%Y}",
    "compact": lambda random, _: f"{_day(random):%Y%m%d}",
    "dt": lambda random, _: f"{_time(random):%Y-%m-%d %H:%M:%S}",
    "eudt": lambda random, _: f"{_time(random):%d.%m.%Y %H:%M}",
    "option": lambda random, _: random.choice(_OPTIONS),
    "one": lambda random, _: random.choice(_OPTIONS),
    "bool": lambda random, _: random.choice(["true", "false"]),
    "code": lambda random, _: f"{random.randrange(100, 180)}",
    "code2": lambda random, row: f"{random.choice(_NOUNS).lower()}-{row}",
    "count": lambda random, _: str(random.randrange(90)),
    "size": lambda random, _: str(random.randrange(1_000, 9_000_000)),
    "year": lambda random, _: str(random.randrange(1990, 2024)),
    "amount": lambda random, _: f"{_amount(random):.2f}",
    "euamount": lambda random, _: _euro(_amount(random)),
    "cur": lambda random, _: random.choice(["EUR", "USD", "CHF"]),
    "path": lambda random, _: f"Finance/{random.choice(_OPTIONS)}/{random.choice(_NOUNS)}",
    "file": lambda random, row: f"S:\\Records\\{random.choice(_NOUNS)}\\{row} plan.docx",
    "folder": lambda random, _: f"S:\\Records\\{random.choice(_NOUNS)}",
    "filename": lambda random, row: f"{random.choice(_NOUNS)} {row}.docx",
    "ext": lambda random, _: random.choice([".docx", ".pdf", ".xlsx"]),
    "mime": lambda random, _: random.choice(["application/pdf", "text/plain"]),
    "url": lambda _, row: f"https://example.org/items/{row + 7_001}",
    "version": lambda random, _: f"{random.randrange(1, 5)}.0",
    "place": lambda random, _: random.choice(_TOWNS),
    "tags": lambda random, _: ";".join(random.sample(_TAGS, random.randrange(1, 4))),
    "lang": lambda random, _: random.choice(["en", "de", "fr"]),
    "phone": lambda random, _: f"+49 561 {random.randrange(10_000, 99_999)}",
    "coord": lambda random, _: f"{random.uniform(40, 50):.5f}",
    "json": lambda _, row: f'{{"item": {row}, "text": "{_PROSE}"}}',
    "empty": lambda _random, _row: "",
}
