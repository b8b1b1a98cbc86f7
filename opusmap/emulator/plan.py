"""The plan of faults: how often each kind comes, how slow and how busy Opus is; named levels.

Owns what a user may write: `harsh`, `mild,throttle=20%`, a file of such lines, the JSON of the control
endpoint. What each kind of fault is made of is the business of `opusmap.emulator.chance`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from opusmap.diagnostics import quote_value, suggest
from opusmap.errors import SettingsError
from opusmap.records import JsonValue

__all__ = ["FAULTS_PATH", "KINDS", "LEVELS", "FaultPlan", "make_plan", "read_plan"]

FAULTS_PATH = "/emulator/faults"
"""Where the plan is shown (GET) and changed (POST) while the emulator runs."""

KINDS: Mapping[str, str] = {
    "throttle": "answered with 429; Retry-After in seconds, as a date, or missing",
    "error-before": "answered with 500, 502, 503 or 504; nothing was processed",
    "error-after": "the same, and all was processed",
    "error-halfway": "answered with 500, and only the first records were processed",
    "lost-before": "the connection closes without an answer; nothing was processed",
    "lost-after": "the same, and all was processed",
    "late": "no answer, or 504; processed some time later",
    "slow": "the right answer, some time later",
    "drip": "the right answer, byte by byte",
    "cut": "the answer breaks off; processed",
    "garbled": "201 with a body that is not the documented JSON; processed",
    "lying-status": "201 whose body says 500; only the first records were processed",
    "unmatched": "failedItems names nobody, or strangers; processed",
    "refuse": "some records fail for no reason of theirs, named in any known shape",
    "expire": "401, and no token is good any more",
    "sign-in": "a sign-in is answered with 429 or 503, or not at all",
}
"""Kind of fault -> what becomes of a request that meets it; `sign-in` strikes sign-ins, the rest records."""

LEVELS: Mapping[str, Mapping[str, float]] = {
    "none": {},
    "mild": {
        "throttle": 0.01,
        "error-before": 0.005,
        "error-after": 0.002,
        "lost-after": 0.002,
        "slow": 0.01,
        "expire": 0.001,
    },
    "harsh": {
        "throttle": 0.02,
        "error-before": 0.01,
        "error-after": 0.01,
        "error-halfway": 0.01,
        "lost-before": 0.005,
        "lost-after": 0.01,
        "late": 0.005,
        "slow": 0.01,
        "drip": 0.005,
        "cut": 0.005,
        "garbled": 0.005,
        "lying-status": 0.005,
        "unmatched": 0.005,
        "refuse": 0.005,
        "expire": 0.002,
        "sign-in": 0.2,
    },
}
"""Level -> share of requests that meet each kind. `harsh` needs about as many repeats as a client affords."""

_OF_SIGN_INS = "sign-in"
_FILE_LIMIT = 1 << 16


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """What an emulator does to its clients.

    Attributes:
        shares: kind of fault -> share of the requests that meet it, 0 to 1.
        seed: the same seed does the same to the same number of request.
        latency: milliseconds that each request with records takes at least.
        rate: requests with records that are dealt with a second; the rest gets 429. 0 is no limit.
        seconds: the longest that slow, dripping and late processing take.
        retry_after: the most seconds that a `Retry-After` asks for.

    Raises:
        SettingsError: a value is out of its bounds, or a kind is unknown.
    """

    shares: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    latency: float = 0.0
    rate: float = 0.0
    seconds: float = 3.0
    retry_after: int = 1

    def __post_init__(self) -> None:
        for name, share in self.shares.items():
            if name not in KINDS:
                raise SettingsError("faults", f"there is no fault {quote_value(name)}", _suggest(name))
            _check_bounds(name, share, 1, "a share of requests: 0 to 1, or 0% to 100%")
        if math.fsum(share for name, share in self.shares.items() if name != _OF_SIGN_INS) > 1:
            raise SettingsError("faults", "the shares of requests come to more than 100%")
        _check_bounds("seed", self.seed, 2**63, "a whole number from 0 on")
        _check_bounds("latency", self.latency, 600_000, "milliseconds, 0 to 600000")
        _check_bounds("rate", self.rate, 1_000_000, "requests a second, 0 (no limit) to 1000000")
        _check_bounds("seconds", self.seconds, 600, "seconds, 0 to 600")
        _check_bounds("retry-after", self.retry_after, 3600, "seconds, 0 to 3600")

    def as_json(self) -> dict[str, JsonValue]:
        """Return the plan as the control endpoint shows and takes it."""
        numbers: dict[str, JsonValue] = {name: getattr(self, name.replace("-", "_")) for name in _NUMBERS}
        return {**numbers, **{name: share for name, share in self.shares.items() if share}}


_NUMBERS: Mapping[str, type[int | float]] = {
    "seed": int,
    "latency": float,
    "rate": float,
    "seconds": float,
    "retry-after": int,
}


def read_plan(text: str) -> FaultPlan:
    """Read what stands on a command line: a level or a file first, if any, then `name=value`; commas between.

    A file holds the same, a line each; `#` begins a remark.

    Raises:
        SettingsError: it can't be read, with what can stand there.
    """
    words = _split(text)
    if words and "=" not in words[0] and words[0] not in LEVELS:
        words[:1] = _split(_read_file(words[0]))
    values: dict[str, JsonValue] = {}
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if equals:
            values[name.strip()] = value.strip()
        elif place == 0:
            values["level"] = word
        else:
            raise SettingsError("faults", f"{quote_value(word)} is not written as name=value")
    return make_plan(values)


def make_plan(values: Mapping[str, JsonValue]) -> FaultPlan:
    """Make a plan of names and values: `level`, a kind of fault, or one of the plan's numbers.

    Raises:
        SettingsError: a name or a value that can't be.
    """
    level = values.get("level", "none")
    if not isinstance(level, str) or level not in LEVELS:
        raise SettingsError("faults", "there is no such level", f"take one of {', '.join(LEVELS)}")
    shares, numbers = dict(LEVELS[level]), dict[str, float]()
    for name, value in values.items():
        if name in _NUMBERS:
            numbers[name.replace("-", "_")] = _NUMBERS[name](_read_number(name, value))
        elif name in KINDS:
            shares[name] = _read_number(name, value)
        elif name != "level":
            raise SettingsError("faults", f"there is no fault {quote_value(name)}", _suggest(name))
    return FaultPlan(shares, **numbers)  # type: ignore[arg-type]  # each by its own type, see _NUMBERS


def _split(text: str) -> list[str]:
    lines = (line.partition("#")[0] for line in text.splitlines())
    return [word for line in lines for each in line.split(",") if (word := each.strip())]


def _read_file(name: str) -> str:
    levels = f"take {', '.join(LEVELS)}, name=value, or a file of such lines"
    try:
        with Path(name).open("rb") as file:
            data = file.read(_FILE_LIMIT + 1)
        text = data.decode("utf-8-sig")
    except (OSError, ValueError):
        help_text = suggest(name, LEVELS) or levels
        problem = f"{quote_value(name)} is neither a level nor a file that can be read"
        raise SettingsError("faults", problem, help_text) from None
    if len(data) > _FILE_LIMIT:
        raise SettingsError("faults", f"the file is larger than {_FILE_LIMIT} bytes")
    return text


def _read_number(name: str, value: JsonValue) -> float:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?%?", value):
        number = float(value.removesuffix("%"))
        return number / 100 if value.endswith("%") else number
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise SettingsError("faults", f"{name}: this is no number", "write 0.05, or 5%")


def _check_bounds(name: str, number: float, most: float, allowed: str) -> None:
    if not 0 <= number <= most:  # NaN is outside, too
        raise SettingsError("faults", f"{name}: the number is out of bounds", f"{name} is {allowed}")


def _suggest(name: str) -> str:
    known = ("level", *_NUMBERS, *KINDS)
    return suggest(name, known) or f"there are: {', '.join(known)}"
