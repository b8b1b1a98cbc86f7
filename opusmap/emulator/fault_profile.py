"""The plan of faults: how often each kind comes, how slow and how busy Opus is; named levels.

Owns what a user may write: `harsh`, `mild,throttle=20%`, a file of such lines, the JSON of the control
endpoint. What each kind of fault is made of is the business of `opusmap.emulator.fault_injector`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from opusmap.errors import SettingsError
from opusmap.records import JsonValue
from opusmap.safe_files import UnreadableFile, read_text
from opusmap.wording import quote_value, suggest

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
    "unmatched": "failedItems names no record, or unknown ones; processed",
    "refuse": "some valid records fail, named in any known shape",
    "expire": "401, and all tokens become invalid",
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

NUMBERS: Mapping[str, tuple[type[int | float], int, str]] = {
    "seed": (int, 2**53, "the seed of the faults"),
    "latency": (float, 600_000, "minimum milliseconds for each request with records"),
    "rate": (float, 1_000_000, "requests with records a second, the rest gets 429; 0: no limit"),
    "seconds": (float, 600, "the longest that slow, dripping and late processing take"),
    "retry-after": (int, 3600, "the most seconds that a Retry-After asks for"),
}
"""Other values of a plan: name -> its kind, its upper bound, what it is."""

_OF_SIGN_INS = "sign-in"
_FILE_LIMIT = 1 << 16


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """What an emulator does to its clients.

    Attributes:
        shares: kind of fault -> share of the requests that meet it, 0 to 1.
        seed: the same seed does the same to the same number of request.
        latency: minimum milliseconds for each request with records.
        rate: requests with records that are dealt with a second; the rest gets 429. 0 means no limit.
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
        for name, (kind, most, unit) in NUMBERS.items():
            number = getattr(self, name.replace("-", "_"))
            whole = " whole" if kind is int else ""
            _check_bounds(name, number, most, f"{unit}: a{whole} number from 0 to {most}")

    def as_json(self) -> dict[str, JsonValue]:
        """Return the plan as the control endpoint shows and takes it."""
        numbers: dict[str, JsonValue] = {name: getattr(self, name.replace("-", "_")) for name in NUMBERS}
        return {**numbers, **{name: share for name, share in self.shares.items() if share}}


def read_plan(text: str) -> FaultPlan:
    """Read a plan from the command line: a level or a file first, if any, then `name=value`; commas between.

    A file holds the same, a line each; `#` begins a remark.

    Raises:
        SettingsError: it can't be read; the help says what is allowed.
    """
    words = _split(text)
    if words and "=" not in words[0] and words[0] not in LEVELS:
        words[:1] = _split(_read_file(words[0]))
    values: dict[str, JsonValue] = {}
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if equals:
            values[name.strip()] = value.strip() if name.strip() == "level" else _read_number(name, value)
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
        raise SettingsError("faults", "unknown level", f"use one of {', '.join(LEVELS)}")
    shares, numbers = dict(LEVELS[level]), dict[str, float]()
    for name, value in values.items():
        if name in NUMBERS:
            numbers[name.replace("-", "_")] = _check_number(name, value, NUMBERS[name][0])
        elif name != "level":
            shares[name] = _check_number(name, value, float)
    return FaultPlan(shares, **numbers)  # type: ignore[arg-type]  # each by its own type, see NUMBERS


def _split(text: str) -> list[str]:
    lines = (line.partition("#")[0] for line in text.splitlines())
    return [word for line in lines for each in line.split(",") if (word := each.strip())]


def _read_file(name: str) -> str:
    levels = f"take {', '.join(LEVELS)}, name=value, or a file of such lines"
    try:
        return read_text(name, _FILE_LIMIT, devices=True)
    except UnreadableFile as error:
        if error.code == "file-too-large":
            raise SettingsError("faults", error.message) from None
        hint = suggest(name, LEVELS) or levels
        problem = f"{quote_value(name)} is neither a level nor a file that can be read"
        raise SettingsError("faults", problem, hint) from None


def _read_number(name: str, text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?%?", text.strip()):
        raise SettingsError("faults", f"{name.strip()}: this is not a number", "write 0.05, or 5%")
    number = float(text.strip().removesuffix("%"))
    return number / 100 if text.strip().endswith("%") else number


def _check_number(name: str, value: JsonValue, kind: type[int | float]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SettingsError("faults", f"{quote_value(name)[1:-1]}: this is not a number", "write 0.05")
    if kind is float:
        return value
    if not float(value).is_integer():
        raise SettingsError("faults", f"{name}: this is not a whole number")
    return int(value)


def _check_bounds(name: str, number: float, most: float, allowed: str) -> None:
    if not 0 <= number <= most:  # NaN is outside, too
        raise SettingsError("faults", f"{name}: the number is out of range", f"{name} is {allowed}")


def _suggest(name: str) -> str:
    known = ("level", *NUMBERS, *KINDS)
    return suggest(name, known) or f"faults are: {', '.join(known)}"
