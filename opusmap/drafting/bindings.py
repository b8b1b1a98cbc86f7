"""From a match to a binding: how the values of a source column become what a column of Opus takes.

Owns the reading of a profile for one binding: converters, formats, separators, and what is said to
the person who reads the draft. What the source does not show becomes TODO.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from opusmap.connection import CLASSIFICATION, LIST_TYPES, Column, ColumnType
from opusmap.drafting.concepts import words_of
from opusmap.drafting.matching import WORTH_TELLING, Candidate, Match
from opusmap.profile import ColumnProfile, DateFormat, Kind, SourceProfile
from opusmap.profile.value_kinds import address_separator, kinds_of
from opusmap.wording import counted, quote_value, them

Plain: TypeAlias = "str | list[str] | dict[str, Any]"

_SURE = 0.75


@dataclass(frozen=True, slots=True)
class DraftBinding:
    """One line of `fields`: the binding (None: left to a person), a remark beside it, and remarks above it.

    `open` says that something in it is still TODO, so the value in a record is not known yet. `proposal` is
    what the binding would be with the nearest source column, which is not near enough to be taken unasked.
    """

    column: Column
    binding: Plain | None
    remark: str = ""
    above: tuple[str, ...] = ()
    open: bool = False
    zone_needed: bool = False
    proposal: Plain | None = None


@dataclass
class _Making:
    """A binding in the making."""

    column: Column
    profile: ColumnProfile
    keys: dict[str, Any] = field(default_factory=dict)
    converts: list[Any] = field(default_factory=list)
    above: list[str] = field(default_factory=list)
    open: bool = False
    zone_needed: bool = False

    def to_do(self, text: str) -> None:
        self.above.append(f"TODO {self.column.display_name}: {text}")


def draft_binding(match: Match, source: SourceProfile) -> DraftBinding:
    """Return the binding for a match; without a source column, the remark names those that could be one."""
    column, chosen = match.column, match.chosen
    profile = None if chosen is None else source.find(chosen.source)
    if chosen is None or profile is None:
        return _left_open(match, source)
    making = _Making(column, profile)
    _RULES.get(column.type, _as_text)(making)
    _tell_empty(making)
    if column.internal_name == "rowKey":
        _tell_key(making)
    if column.internal_name in ("createdBy", "modifiedBy"):
        _tell_mixed_people(making)
    if chosen.confidence < _SURE:
        others = [one.source for one in match.candidates if one.confidence >= WORTH_TELLING and one != chosen]
        making.to_do("is this the right column?" + (f" Others: {', '.join(others)}" if others else ""))
    levels = _levels(making, source)
    if column.type is ColumnType.TAXONOMY:
        _tell_short_path(making, len(levels))
    binding: Plain | None = _written(making, levels)
    if column.type is ColumnType.PEOPLE and not _has_addresses(profile):
        binding = None
    remark = _reason(column, chosen, profile, is_bound=binding is not None)
    return DraftBinding(column, binding, remark, tuple(making.above), making.open, making.zone_needed)


def _left_open(match: Match, source: SourceProfile) -> DraftBinding:
    near = [_nearest(match, one, source) for one in match.candidates if one.confidence >= WORTH_TELLING]
    addresses = [] if near else _with_addresses(match.column, source)
    told = f"nearest: {', '.join(near)}" if near else "`init` found no column like it"
    if not near and (sharing := _with_a_word(match.column, source)):
        told = f"no column has a similar name, but these share a word with it: {', '.join(sharing)}"
    if addresses:
        names = ", ".join(one.name for one in addresses)
        told = f"no column has a similar name, but these have e-mail addresses: {names}"
    told += " (you can use one column twice)" if match.column.required else ""
    if match.column.internal_name == CLASSIFICATION:
        told += "; see `opusmap help classification`"
    remark = f"{match.column.type}; {told}"
    profile = source.find(match.candidates[0].source) if near else next(iter(addresses), None)
    if profile is None:
        return DraftBinding(match.column, None, remark, open=True)
    making = _Making(match.column, profile)
    _RULES.get(match.column.type, _as_text)(making)
    proposal = _written(making, _levels(making, source))
    return DraftBinding(match.column, None, remark, open=True, proposal=proposal)


def _with_a_word(column: Column, source: SourceProfile) -> list[str]:
    """Return the columns whose names share a word, or its stem, with a column's: too little to bind one."""
    wanted = _stems(column.display_name)
    return [one.name for one in source.columns if wanted & _stems(one.name)][:_SHARING_TOLD]


def _stems(name: str) -> set[str]:
    return {word[:_STEM] for word in words_of(name) if len(word) >= _WORD and word not in _SAYS_LITTLE}


_STEM, _WORD = 6, 4
"""Letters of a word that are compared ("depart" of "departed" and "departure"), and that it has at least."""
_SAYS_LITTLE = frozenset({"date", "time", "name", "number", "type", "code"})
_SHARING_TOLD = 3


def _with_addresses(column: Column, source: SourceProfile) -> list[ColumnProfile]:
    """Return the columns of e-mail addresses, for a column of people whose name is like that of none."""
    if not _is_of_people(column):
        return []
    return [one for one in source.columns if one.filled and _has_addresses(one)][:_ADDRESSES_TOLD]


_ADDRESSES_TOLD = 3


def _is_of_people(column: Column) -> bool:
    return column.type is ColumnType.PEOPLE or column.internal_name in ("createdBy", "modifiedBy")


def _nearest(match: Match, candidate: Candidate, source: SourceProfile) -> str:
    """Return a candidate with how sure it is; one for the row key with what speaks for it and against."""
    profile = source.find(candidate.source)
    if match.column.internal_name != "rowKey" or profile is None:
        return f"{candidate.source} ({describe_confidence(candidate.confidence)})"
    found = [_seen(profile)] if profile.is_key else [*_empty_cells(profile), *_repeated(profile)]
    if candidate.name < WORTH_TELLING:
        found.append("its name is not like that of a key")
    return f"{candidate.source} ({describe_confidence(candidate.confidence)}: {', '.join(found)})"


def _empty_cells(profile: ColumnProfile) -> list[str]:
    empty = profile.rows - profile.filled
    have = "has" if empty == 1 else "have"
    return [f"{empty:,} of {counted(profile.rows, 'row')} {have} no value"] if empty else []


def _repeated(profile: ColumnProfile) -> list[str]:
    """Return how many values occur several times, as far as that is known."""
    if not profile.repeats:
        return [] if profile.repeats is False else ["too many values to see whether one repeats"]
    more = sum(one.count > 1 for one in profile.values)
    if not more:
        return ["some values repeat"]
    return [f"{more:,} of {profile.distinct:,} values {'occurs' if more == 1 else 'occur'} more than once"]


def _written(making: _Making, levels: Sequence[str]) -> Plain:
    """Return the binding in the shortest form that says it."""
    keys: dict[str, Any] = {"from": list(levels) if len(levels) > 1 else making.profile.name, **making.keys}
    if making.converts:
        keys["convert"] = making.converts[0] if len(making.converts) == 1 else making.converts
    if len(keys) == 1 and "{{" not in str(keys["from"]) and "{%" not in str(keys["from"]):
        found: Plain = keys["from"]
        return found
    return keys


def _as_text(making: _Making) -> None:
    profile = making.profile
    if profile.lists is not None and not profile.lists.separator:
        making.converts.append({"join": ", "})
    if profile.line_breaks and making.column.type is ColumnType.SINGLE_TEXT:
        making.above.append(
            f"line breaks in {counted(profile.line_breaks, 'row')}: `squeeze` joins the lines"
        )
        making.converts.append("squeeze")
    elif profile.padded:
        making.converts.append("trim")


def _as_date(making: _Making) -> None:
    profile = making.profile
    if not profile.dates:
        if profile.incomplete:
            _as_incomplete_date(making, None)
        else:
            making.to_do("no value looks like a date")
            making.open = True
        return
    texts = _dates_in_texts(profile)
    best = _most_frequent(profile, texts)
    making.zone_needed = needs_zone(profile)
    if profile.real_dates and best.pattern is not None:
        making.above.append(
            f"{_rows_have(best.count)} the date as a text: "
            "`format` reads it, and leaves cells that are dates as they are"
        )
    if best.swapped is not None:
        making.to_do(
            "day or month first? No number is over 12, so both fit. Keep the right format, remove the other"
        )
        making.keys["format"] = f"TODO: {best.pattern} or {best.swapped}"
        making.open = True
    elif best.zone == "utc":
        making.converts.append({"datetime": {"format": best.pattern, "timezone": "UTC"}})
    elif best.pattern is not None:
        making.keys["format"] = best.pattern
    if best.pattern is not None and "%y" in best.pattern:
        making.to_do(
            "the years have two digits: `century` is the first of the hundred years they belong to "
            "(1930 reads 30 to 99 as 1930 to 1999, and 00 to 29 as 2000 to 2029)"
            + ("" if "%b" in best.pattern.lower() else ". Does the year come last?")
        )
        making.open = True
        if best.zone == "utc" and best.swapped is None:
            making.converts[-1]["datetime"]["century"] = "TODO"
        else:
            making.keys["century"] = "TODO"
    if profile.incomplete:
        _as_incomplete_date(making, best)
    _tell_odd_dates(making, best, texts[1:])


def needs_zone(profile: ColumnProfile) -> bool:
    """Return whether the times of a column carry no zone."""
    if not profile.dates:
        return False
    return _most_frequent(profile, _dates_in_texts(profile)).zone == "none" or (
        profile.real_dates > 0 and any(one.pattern is None and one.zone == "none" for one in profile.dates)
    )


def _most_frequent(profile: ColumnProfile, texts: Sequence[DateFormat]) -> DateFormat:
    """Return the format of most texts; that of the first cell if all cells are dates themselves.

    A cell that is a date itself needs no format: `format` is for the texts beside it.
    """
    return texts[0] if texts else replace(profile.dates[0], count=0)


def _tell_odd_dates(making: _Making, best: DateFormat, others: Sequence[DateFormat]) -> None:
    """Report the values that are not such dates as most are; `others` are further formats of texts."""
    profile = making.profile
    odd = profile.filled - profile.real_dates - best.count - sum(one.count for one in profile.incomplete)
    read = min(odd, sum(one.count for one in others))
    told = others[:_FORMATS_TOLD]
    if read:
        ways = ", ".join(_show_format(one, best) for one in told)
        found = f"{'a date' if read == 1 else 'dates'} in another format ({ways})"
        century = ", with a `century`" if any("%y" in (one.pattern or "") for one in told) else ""
        making.to_do(
            f"{_rows_have(read)} {found}: list {'these formats' if len(told) > 1 else 'this format'} as well"
            f"{century}{_or_correct(making, read)}"
        )
    if rest := odd - read:
        what = f"a {'text' if profile.real_dates else 'value'} that "
        what += "no format reads" if read else "is not a date in this format"
        making.to_do(f"{_rows_have(rest)} {what}: {_or_correct(making, rest).removeprefix(', or ')}")


_FORMATS_TOLD = 2


def _show_format(one: DateFormat, best: DateFormat) -> str:
    """Return a format; both of those that differ in whether the day comes first, if no value shows which.

    The `best` format shows it of dates with the same separator.
    """
    if one.pattern is None or one.swapped is None:
        return one.pattern or "ISO"
    begins = best.pattern[:_DAY_AND_MONTH] if best.pattern is not None and best.swapped is None else None
    for each in (one.pattern, one.swapped):
        if each[:_DAY_AND_MONTH] == begins:
            return each
    day, month = sorted((one.pattern, one.swapped))
    return f"{day} if the day comes first, {month} if the month does"


_DAY_AND_MONTH = len("%d/%m")


def _or_correct(making: _Making, count: int) -> str:
    it = them(count)
    return f", or correct {it}" + ("" if making.column.required else f", or `on_error: omit` leaves {it} out")


def _dates_in_texts(profile: ColumnProfile) -> list[DateFormat]:
    """Return the formats of the dates that are texts; the ISO text of a cell that is a date is none."""
    found, real = [], profile.real_dates
    for one in profile.dates:
        known = min(real, one.count) if one.pattern is None else 0
        real -= known
        if one.count > known:
            found.append(replace(one, count=one.count - known))
    return sorted(found, key=lambda one: -one.count)


def _as_incomplete_date(making: _Making, best: DateFormat | None) -> None:
    """Propose what reads dates without a day or a month; `best` is the format of the others."""
    formats = [one.text for one in making.profile.incomplete]
    count = sum(one.count for one in making.profile.incomplete)
    have = f"{_rows_have(count)} {'a date' if count == 1 else 'dates'} without a day or a month"
    if making.open or making.converts:
        making.to_do(f"{have} ({', '.join(formats)}): add these to the formats, with `incomplete: first_day`")
        return
    making.to_do(f"{have}: `incomplete: first_day` takes their first day; without it those rows are rejected")
    if best is not None and best.pattern is not None:
        making.keys["format"] = [best.pattern, *formats]
    making.keys["incomplete"] = "first_day"


def _as_number(making: _Making) -> None:
    profile = making.profile
    comma = profile.decimal_commas > profile.decimal_points
    for one in profile.currencies:
        making.converts.append({"replace": [one.text, ""]})
    if len(profile.currencies) > 1:
        signs = ", ".join(f"{one.text} ({one.count:,})" for one in profile.currencies)
        making.to_do(f"amounts in several currencies, whose signs are dropped here: {signs}")
    if comma:
        thousands = " " if profile.blank_groups else "."
        making.converts.append({"number": {"decimal": ",", "thousands": thousands}})
    elif profile.currencies:
        making.converts.append("number")
    odd = profile.filled - profile.kinds.get(Kind.NUMBER, 0)
    odd += profile.decimal_points if comma else profile.decimal_commas
    if odd:
        making.to_do(f"{_rows_have(odd)} {_describe_odd(profile, odd)}")


def _describe_odd(profile: ColumnProfile, odd: int) -> str:
    """Return what is in the `odd` rows whose value is not a number, with such a cell if one is known."""
    kept = (one.text for one in profile.values)
    cell = next((one for one in (*profile.examples, *kept) if Kind.NUMBER not in kinds_of(one)), None)
    if cell is None:
        return "something that is not a number"
    shown = quote_value(cell, _CELL_SHOWN)
    return f"{shown}, which is not a number" if odd == 1 else f"values that are not numbers, such as {shown}"


_CELL_SHOWN = 30


def _as_people(making: _Making) -> None:
    profile = making.profile
    if not _has_addresses(profile):
        making.to_do("its values are not e-mail addresses: get them from names with `tables` and `lookup:`")
        making.open = True
    between = [one.text for one in profile.address_separators]
    if profile.lists is not None and profile.lists.separator:
        making.keys["split"] = profile.lists.separator
    elif between and between[0] not in _OF_EMAILS:
        making.keys["split"] = between[0]
    elif between or any(map(address_separator, profile.examples)):
        making.converts.append("emails")
    if _has_addresses(profile):
        _tell_no_addresses(making)


_OF_EMAILS = (";", ",", "\n")
"""What separates addresses for the converter `emails`."""


def _tell_no_addresses(making: _Making) -> None:
    """Report the cells that would be rejected; one with an address in it is never to be left out."""
    profile = making.profile
    cuts = _OF_EMAILS if "emails" in making.converts else (making.keys.get("split"),)
    others = [one for one in profile.address_separators if one.text not in cuts]
    if others:
        count, shown = sum(one.count for one in others), ", ".join(quote_value(one.text) for one in others)
        making.to_do(
            f"{_rows_have(count)} addresses with another separator ({shown}) and would be rejected: "
            f"correct {them(count)}, so that all cells have the same one"
        )
    if unclear := profile.unclear_addresses:
        making.to_do(
            f"{_rows_have(unclear)} an address that is incomplete or has other text beside it, "
            f"and would be rejected: correct {them(unclear)}"
        )
    without = profile.filled - profile.kinds.get(Kind.EMAIL, 0) - unclear
    if without:
        # It would leave out the cells above as well.
        omit = "" if unclear or others else f", or `on_error: omit` leaves {them(without)} out"
        way = "" if making.column.required else omit
        have = f"{_rows_have(without)} no e-mail address"
        making.to_do(f"{have} and would be rejected: correct {them(without)}{way}")


def _as_choices(making: _Making) -> None:
    lists = making.profile.lists
    if lists is not None and lists.separator:
        making.keys["split"] = lists.separator
    making.open = True


def _as_choice(making: _Making) -> None:
    making.open = True


def _as_term(making: _Making) -> None:
    profile = making.profile
    if profile.kinds.get(Kind.PATH) and profile.path_separator not in (None, "/"):
        making.converts.append({"term_path": profile.path_separator})
    elif profile.kind is Kind.FILE:
        making.to_do("these are file paths; a term path is the path to a term of the classification")


def _tell_short_path(making: _Making, levels: int) -> None:
    """Report where a term's path lacks its group or its set, as far as the first values show it."""
    separator, examples = making.profile.path_separator or "/", making.profile.examples
    short = [one for one in examples if one.count(separator) + levels < _TERMS]
    if not short:
        return
    terms = min(one.count(separator) for one in short) + levels
    few = "one term" if terms == 1 else "two terms"
    if len(short) < len(examples):  # a term in front of all would make the others too long
        making.to_do(
            f"{quote_value(short[0])} is a path of {few}, but Opus has group, set and term, as other cells "
            "have: correct such cells"
        )
        return
    making.to_do(
        f"paths of {few}, but Opus has group, set and term. "
        "Add what is missing in front: `from: [{const: Records}, …]`"
    )


_TERMS = 3
_RULES = {
    ColumnType.DATE_TIME: _as_date,
    ColumnType.NUMBER: _as_number,
    ColumnType.PEOPLE: _as_people,
    ColumnType.MULTIPLE_CHOICE: _as_choices,
    ColumnType.SINGLE_CHOICE: _as_choice,
    ColumnType.TAXONOMY: _as_term,
}


def _levels(making: _Making, source: SourceProfile) -> list[str]:
    """Return the columns that together hold a value.

    They are the levels of a term path (Class1, Class2, Class3), or a list's elements under a repeated name.
    """
    name = making.profile.name
    if making.column.type in LIST_TYPES and not (making.keys or making.converts):
        return list_same_names(name, source)
    if making.column.type is not ColumnType.TAXONOMY or not name.endswith("1") or making.converts:
        return [name]
    stem, found = name[:-1], [name]
    while source.find(f"{stem}{len(found) + 1}") is not None:
        found.append(f"{stem}{len(found) + 1}")
    return found


def list_same_names(name: str, source: SourceProfile) -> list[str]:
    """Return a column and those of the same name, as `headers: number` calls them: Labels, Labels (2)."""
    found = [name]
    while source.find(f"{name} ({len(found) + 1})") is not None:
        found.append(f"{name} ({len(found) + 1})")
    return found


def _tell_empty(making: _Making) -> None:
    profile, column = making.profile, making.column
    empty = profile.rows - profile.filled
    if empty and column.required:
        way = "" if column.internal_name == "rowKey" else ", unless you add a `default`"
        making.to_do(f"empty in {counted(empty, 'row')} of {profile.rows:,}: those are rejected{way}")


def _tell_key(making: _Making) -> None:
    profile = making.profile
    if profile.repeats:
        rejected = sum(one.count - 1 for one in profile.values)
        others = f", so {counted(rejected, 'row')} would be rejected" if rejected else ""
        making.to_do(
            f"{_repeated(profile)[0]}: only one of the rows with the same key becomes a record{others}"
        )
    elif profile.repeats is None:
        making.above.append("there are too many values to see whether one repeats; `check` finds out")
    if profile.leading_zeros:
        making.above.append("its leading zeros are kept")


def _tell_mixed_people(making: _Making) -> None:
    """Report cells with an address beside cells without one: a text column takes both as they are."""
    profile = making.profile
    with_address = profile.kinds.get(Kind.EMAIL, 0)
    without = profile.filled - with_address
    if with_address and without and making.column.type is not ColumnType.PEOPLE:
        others = f"{without:,} {'has' if without == 1 else 'have'} none"
        making.to_do(
            f"{_rows_have(with_address)} an e-mail address, and {others}; "
            "both are sent as they are. See `opusmap help created-by-and-modified-by`"
        )


def _has_addresses(profile: ColumnProfile) -> bool:
    return profile.kinds.get(Kind.EMAIL, 0) > profile.filled / 2 or profile.rows == 0


def _reason(column: Column, chosen: Candidate, profile: ColumnProfile, *, is_bound: bool) -> str:
    seen = _seen(profile, of_people=_is_of_people(column))
    named = "" if is_bound else f": {chosen.source}"
    return f"{describe_confidence(chosen.confidence)} sure{named}" + (f"; {seen}" if seen else "")


def _seen(profile: ColumnProfile, *, of_people: bool = False) -> str:
    """Return what values look like; that they may be people, only for a column of people.

    "Oil Jetty" looks like a person's name as much as "Ann Smith" does.
    """
    if not profile.filled:
        return "empty in all rows" if profile.rows else ""
    if profile.is_key:
        return "never empty, no repeats"
    plain = profile.kind is Kind.TEXT or (profile.kind is Kind.PERSON and not of_people)
    told = [] if plain else [profile.kind.value]
    if profile.filled < profile.rows:
        told.append(f"{max(1, round(100 * profile.null_rate))} % empty")
    return ", ".join(told)


def describe_confidence(confidence: float) -> str:
    """Return how sure a match (0 to 1) is, such as `85 %`."""
    return f"{min(99, round(100 * confidence))} %"


def _rows_have(count: int) -> str:
    return counted(count, "row has", "rows have")
