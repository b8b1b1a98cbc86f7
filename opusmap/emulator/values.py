"""What Opus takes as a value of each column type, judged from the contract alone.

Owns the checks of single values, one function a column type. It shares nothing with the mapper's own
checks on purpose: a mistake made in both places would go unseen. Records as a whole are judged in
`opusmap.emulator.validation`.

Types and shapes: AvePoint's public documentation of the Opus connector. What that leaves open is a
setting of `TargetFormat`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from opusmap.connection import ColumnType
from opusmap.errors import SettingsError
from opusmap.records import JsonValue
from opusmap.wording import quote_value

ConflictKey = Literal["both", "conflictOption", "confilictOption"]


@dataclass(frozen=True, slots=True)
class TargetFormat:
    """How this Opus wants its values written; each setting has the default of a mapping's `target:`.

    Attributes:
        datetime_format: strptime directives, as set in Opus > Settings > General settings.
        choice_base: the order of a choice column's first option.
        choice_as: a single order is a text (`"2"`) or a number (`2`).
        list_as: a list is a text in square brackets (`"[1,3]"`) or a JSON array.
        empty: an empty optional value is left out, or may be null or an empty text.
        conflict_key: the spelling of the conflict option that is known; `both` takes either one, or the
            two with the same value.

    Raises:
        SettingsError: a setting is none of its values.
    """

    datetime_format: str = "%Y-%m-%d %H:%M:%S"
    choice_base: int = 1
    choice_as: Literal["text", "number"] = "text"
    list_as: Literal["text", "array"] = "text"
    empty: Literal["omit", "null", "blank"] = "omit"
    conflict_key: ConflictKey = "both"

    def __post_init__(self) -> None:
        _check_setting("choice_as", self.choice_as, ("text", "number"))
        _check_setting("list_as", self.list_as, ("text", "array"))
        _check_setting("empty", self.empty, ("omit", "null", "blank"))
        _check_setting("conflict_key", self.conflict_key, get_args(ConflictKey))
        if self.choice_base < 0:
            raise SettingsError("choice_base", "an order can't be negative")
        try:
            shown = datetime(2001, 2, 3, 4, 5, 6).strftime(self.datetime_format)  # noqa: DTZ001 - Opus times carry no zone
            datetime.strptime(shown, self.datetime_format)  # noqa: DTZ007
        except (ValueError, re.error) as error:  # strptime lets the second out when a directive occurs twice
            raise SettingsError("datetime_format", f"{error}", "use strptime directives: %Y-%m-%d") from None


def _check_setting(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise SettingsError(name, f"{quote_value(value)} is not one of {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a column's values are judged by: the formats, the number of its options, the known terms."""

    target: TargetFormat = field(default_factory=TargetFormat)
    options: int | None = None
    terms: frozenset[str] | None = None


def find_problem(kind: ColumnType, value: JsonValue, rules: Rules) -> str | None:
    """Return what is wrong with a value that is not empty, as the end of a sentence, or None."""
    return _CHECKS[kind](value, rules)


def show(value: JsonValue) -> str:
    """Return a JSON value for a message; containers by their kind only."""
    # A container may be nested so deep, or hold so much, that writing it out is itself a danger.
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    return "null" if value is None else quote_value(value)


_LINE_BREAK = re.compile("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ud800-\udfff]")
_ORDER = re.compile("(?:0|[1-9][0-9]{0,8})")
_DIRECTIVE = re.compile("%.")
_LABEL = re.compile(r"(?:[A-Za-z0-9-]|[^\x00-\xa0\s])+")
"""A label of a domain; outside ASCII many letters are built of marks, so those are not looked into."""


def _check_text(value: JsonValue, _rules: Rules) -> str | None:
    if not isinstance(value, str):
        return f"{show(value)} is not a text"
    if found := _NOT_TEXT.search(value):
        return f"{show(value)} contains the character U+{ord(found.group()):04X}"
    return None


def _check_line(value: JsonValue, rules: Rules) -> str | None:
    if isinstance(value, str) and _LINE_BREAK.search(value):
        return f"{show(value)} is more than one line"
    return _check_text(value, rules)


def _check_time(value: JsonValue, rules: Rules) -> str | None:
    wanted = rules.target.datetime_format
    if not isinstance(value, str) or not _is_time(value, wanted):
        return f"{show(value)} is not a time written as {wanted}"
    return None


def _is_time(value: str, wanted: str) -> bool:
    try:
        moment = datetime.strptime(value, wanted)  # noqa: DTZ007 - Opus times carry no zone
        # strptime takes one digit for two and any white space; only the exact spelling comes back alike.
        # Platforms differ in writing years before 1000, so the year is written here.
        year = f"{moment.year:04d}"
        exact = _DIRECTIVE.sub(lambda found: year if found.group() == "%Y" else found.group(), wanted)
        return moment.strftime(exact) == value
    except ValueError:
        return False


def _check_number(value: JsonValue, _rules: Rules) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f"{show(value)} is not a JSON number"
    try:
        finite = math.isfinite(value)
    except OverflowError:
        finite = False
    return None if finite else "the number is too large"


def _check_term(value: JsonValue, rules: Rules) -> str | None:
    problem = _check_line(value, rules)
    if problem is not None or not isinstance(value, str):
        return problem
    if any(not segment or segment != segment.strip() for segment in value.split("/")):
        return f"{show(value)} is not a term path: a segment is empty or padded with spaces"
    if rules.terms is not None and value not in rules.terms:
        return f"{show(value)} is not the full path of a known term"
    return None


def _check_choice(value: JsonValue, rules: Rules) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str if rules.target.choice_as == "text" else int):
        return f"{show(value)} is not an order given as a {rules.target.choice_as}"
    return _check_order(value, rules)


def _check_choices(value: JsonValue, rules: Rules) -> str | None:
    orders, problem = _read_list(value, rules)
    for order in orders:
        problem = problem or _check_order(order, rules)
    if problem is None and len({str(order) for order in orders}) < len(orders):
        return f"{show(value)} names an option twice"
    return problem


def _check_order(value: JsonValue, rules: Rules) -> str | None:
    if isinstance(value, str):
        order = int(value) if _ORDER.fullmatch(value) else None
    else:
        order = value if isinstance(value, int) and not isinstance(value, bool) else None
    if order is None:
        return f"{show(value)} is not an option's order"
    first = rules.target.choice_base
    if rules.options is None:
        return None if order >= first else f"{show(value)} is not an order from {first} on"
    last = first + rules.options - 1
    return None if first <= order <= last else f"{show(value)} is not an order from {first} to {last}"


def _check_people(value: JsonValue, rules: Rules) -> str | None:
    addresses, problem = _read_list(value, rules)
    for address in addresses:
        if problem is None and not (isinstance(address, str) and _is_address(address)):
            problem = f"{show(address)} is not a full e-mail address"
    return problem


def _is_address(text: str) -> bool:
    """Say whether a text is plausibly `name@domain.tld`: no list marks, no blanks, a domain of labels."""
    name, _, domain = text.rpartition("@")
    labels = domain.split(".")
    return (
        0 < len(name) <= 64  # noqa: PLR2004 - RFC 5321, 4.5.3.1
        and len(domain) <= 255  # noqa: PLR2004
        and not re.search(r'[\s@,;:\[\]()<>"\\]', name)
        and _NOT_TEXT.search(text) is None
        and all(name.split("."))
        and len(labels) > 1
        and all(label.strip("-") == label and _LABEL.fullmatch(label) for label in labels)
    )


def _read_list(value: JsonValue, rules: Rules) -> tuple[list[JsonValue], str | None]:
    """Return a list's elements, or the reason why the value is not a list as `list_as` says."""
    if rules.target.list_as == "array":
        if not isinstance(value, list) or not value:
            return [], f"{show(value)} is not an array of values"
        return value, None
    if not isinstance(value, str) or not (value.startswith("[") and value.endswith("]")) or value == "[]":
        return [], f"{show(value)} is not a list in square brackets"
    return list(value[1:-1].split(",")), None


_CHECKS: dict[ColumnType, Callable[[JsonValue, Rules], str | None]] = {
    ColumnType.SINGLE_TEXT: _check_line,
    ColumnType.MULTIPLE_TEXT: _check_text,
    ColumnType.DATE_TIME: _check_time,
    ColumnType.SINGLE_CHOICE: _check_choice,
    ColumnType.MULTIPLE_CHOICE: _check_choices,
    ColumnType.PEOPLE: _check_people,
    ColumnType.NUMBER: _check_number,
    ColumnType.TAXONOMY: _check_term,
    ColumnType.UNKNOWN: _check_text,
}
