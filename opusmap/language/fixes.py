"""Quick fixes: what an issue's hint describes exactly, an alias for a value, a format that fits.

No edit is offered that does not give what it says: a text with an alias or a format is read again before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opusmap.connection import CHOICE_TYPES, ColumnType
from opusmap.errors import InvalidMapping
from opusmap.issues import Fix, Issue, Span
from opusmap.language.completion import as_scalar, in_style
from opusmap.language.cursor import Token, find_token
from opusmap.language.facts import Facts
from opusmap.language.positions import Range, TextEdit, apply
from opusmap.mapping.yaml_reader import parse_yaml, plain_data
from opusmap.mapping.yaml_writer import in_double_quotes, quoted
from opusmap.wording import counted, find_nearest, quote_value

_ALIASES = 20
"""Aliases that are offered for a column at once, at most."""


@dataclass(frozen=True, slots=True)
class QuickFix:
    """A change of the text: what it does in a sentence, its edits, and the issue that it resolves, if any."""

    title: str
    edits: tuple[TextEdit, ...]
    issue: Issue[Span] | None = None


def find_fixes(facts: Facts, problems: tuple[Issue[Span], ...], place: Range) -> tuple[QuickFix, ...]:
    """Return the quick fixes for what is in a range of the text."""
    found = list(_of_issues(facts, problems, place))
    token = find_token(facts.text, facts.lines.offset(place.start))
    if token is not None:
        path = (*token.path, token.text) if token.is_key else token.path
        if path[:1] in (("fields",), ("choices",)) and path[1:]:
            found += _aliases(facts, str(path[1]))
        if path[:1] == ("fields",) and path[1:]:
            found += _formats(facts, str(path[1]))
    return tuple(found)


def _of_issues(facts: Facts, problems: tuple[Issue[Span], ...], place: Range) -> Iterator[QuickFix]:
    for issue in problems:
        at = Range.of(issue.place)
        if (
            issue.fix is None
            or issue.place.file != facts.path
            or at.end < place.start
            or at.start > place.end
        ):
            continue
        edit = _edit(facts, issue.fix)
        if edit is not None:
            shown = issue.fix.text.strip() if issue.fix.form == "lines" else issue.fix.text
            yield QuickFix(f"Write {quote_value(shown)}", (edit,), issue)


def _edit(facts: Facts, fix: Fix) -> TextEdit | None:
    """Return a fix as a change of the text, in the style of the scalar that it changes."""
    place = Range.of(fix.span)
    if fix.form == "lines":
        return TextEdit(place.start, place.end, fix.text)
    token = find_token(facts.text, facts.lines.offset(place.start))
    if token is None or token.style == "*":
        return None
    if fix.form == "expression":
        return TextEdit(place.start, place.end, in_style(fix.text, token.style))
    start, end = facts.lines.position(token.start), facts.lines.position(token.end)
    return TextEdit(start, end, as_scalar(fix.text, token.style)) if start == place.start else None


def _aliases(facts: Facts, name: str) -> Iterator[QuickFix]:
    """Yield an alias for each value of the sample that is nearly an option of a choice column."""
    column, choices = facts.target(name), facts.choices(name)
    if column is None or column.type not in CHOICE_TYPES or choices is None:
        return
    fold = str.casefold if choices.ignore_case else str
    options = [option.strip() for option in choices.options]
    known = {fold(one.strip()) for one in (*options, *choices.aliases)}
    values = [(value, count) for value, count in facts.values(name).most_common() if fold(value) not in known]
    for value, count in values[:_ALIASES]:
        option = find_nearest(value, options)
        edits = None if option is None else _alias(facts, str(choices.column), value, option)
        if edits is not None:
            seen = counted(count, "time")
            title = f"Make {quote_value(value)} ({seen} in the sample) an alias of {quote_value(option)}"
            yield QuickFix(title, edits)


def _alias(facts: Facts, column: str, value: str, option: str) -> tuple[TextEdit, ...] | None:
    """Return the edits that add an alias; None where none of the forms known here is in the text."""
    path, entry = ("choices", column), f"{quoted(value)}: {quoted(option)}"
    first = _first_key(facts, (*path, "aliases"))
    options = _first_key(facts, path)
    values = [one for one in facts.tokens if not one.is_key and one.path[:2] == path]
    tried: list[list[tuple[int, str]]] = []
    if first is not None:
        tried += [[(first.start, f"{entry}, ")], [(first.start, f"{entry}\n{_indent(facts, first)}")]]
    elif options is not None:
        aliases = f"aliases: {{{entry}}}"
        tried += [
            [(options.start, f"{aliases}, ")],
            [(options.start, f"{aliases}\n{_indent(facts, options)}")],
        ]
    elif values:
        opening = facts.text.rfind("[", 0, values[0].start)
        closing = facts.text.find("]", values[-1].end)
        if opening >= 0 and closing >= 0:
            tried.append([(opening, "{options: "), (closing + 1, f", aliases: {{{entry}}}}}")])

    def add(data: dict[str, Any]) -> None:
        found = data["choices"][column]
        if isinstance(found, list):
            found = data["choices"][column] = {"options": found}
        found.setdefault("aliases", {})[value] = option

    return _first_that_fits(facts, tried, add)


def _formats(facts: Facts, name: str) -> Iterator[QuickFix]:
    """Yield the formats that fit the values of a date column's source column, other than the one it has."""
    column = facts.target(name)
    if column is None or column.type is not ColumnType.DATE_TIME:
        return
    for source in facts.bound_columns(name)[:1]:
        profile = facts.source_columns[source]
        for date in () if profile is None else profile.dates[:1]:
            for pattern in (date.pattern, date.swapped):
                if pattern is None or profile is None:
                    continue
                edits = _format(facts, name, pattern)
                both = "; day and month could be swapped" if date.swapped is not None else ""
                if edits is not None:
                    fits = f"fits {date.count:,} of {profile.filled:,} values{both}"
                    yield QuickFix(f"Read {quote_value(source)} by {quote_value(pattern)} ({fits})", edits)


def _format(facts: Facts, name: str, pattern: str) -> tuple[TextEdit, ...] | None:
    """Return the edits that set the format of a binding; None where it has it, or has none known here."""
    path, text = ("fields", name), in_double_quotes(pattern)
    values = {one.path: one for one in facts.tokens if not one.is_key}
    given, plain, origin = (values.get((*path, *more)) for more in (("format",), (), ("from",)))
    tried: list[list[tuple[int, str]]] = []
    if given is not None:
        if given.text == pattern:
            return None
        tried.append([(given.start, text)])
    elif plain is not None:
        tried.append([(plain.start, "{from: "), (plain.end, f", format: {text}}}")])
    elif origin is not None:
        indent = _indent(facts, _first_key(facts, path) or origin)
        tried += [[(origin.end, f", format: {text}")], [(origin.end, f"\n{indent}format: {text}")]]

    def add(data: dict[str, Any]) -> None:
        found = data["fields"][name]
        if isinstance(found, str):
            found = data["fields"][name] = {"from": found}
        found["format"] = pattern

    return _first_that_fits(facts, tried, add, replaced=given)


def _first_key(facts: Facts, path: tuple[str, ...]) -> Token | None:
    return next((one for one in facts.tokens if one.is_key and one.path == path), None)


def _indent(facts: Facts, token: Token) -> str:
    return " " * facts.lines.position(token.start).column


def _first_that_fits(
    facts: Facts, tried: list[list[tuple[int, str]]], add: Any, replaced: Token | None = None
) -> tuple[TextEdit, ...] | None:
    """Return the first edits with which the text says what it said, and what `add` adds to its data."""
    try:
        wanted = plain_data(parse_yaml(facts.text, facts.path).data)
        add(wanted)
    except (InvalidMapping, AttributeError, KeyError, TypeError):  # no YAML, or of another form than is known
        return None
    for inserts in tried:
        edits = tuple(
            TextEdit(
                facts.lines.position(start),
                facts.lines.position(start if replaced is None else replaced.end),
                new,
            )
            for start, new in inserts
        )
        try:
            if plain_data(parse_yaml(apply(facts.text, edits), facts.path).data) == wanted:
                return edits
        except InvalidMapping:
            continue
    return None
