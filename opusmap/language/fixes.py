"""Quick fixes: what an issue's hint describes exactly, an alias for a value, a format that fits.

An alias or a format is written by `opusmap.edits`, as the studio writes it. The text is read again there, so
no edit is offered that does not give what it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from opusmap.connection import CHOICE_TYPES, ColumnType
from opusmap.edits import EditRefused, Intent, SetAlias, SetBindingKey, apply
from opusmap.errors import InvalidMapping
from opusmap.issues import Fix, Issue, Span
from opusmap.language.completion import as_scalar, in_style
from opusmap.language.facts import Facts
from opusmap.language.positions import Range, TextEdit
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
    token = facts.token_at(facts.lines.offset(place.start))
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
    token = facts.token_at(facts.lines.offset(place.start))
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
        edits = None if option is None else _edits(facts, SetAlias(str(choices.column), value, option))
        if edits is not None:
            seen = counted(count, "time")
            title = f"Make {quote_value(value)} ({seen} in the sample) an alias of {quote_value(option)}"
            yield QuickFix(title, edits)


def _formats(facts: Facts, name: str) -> Iterator[QuickFix]:
    """Yield the formats that fit the values of a date column's source column, other than the one it has."""
    column = facts.target(name)
    if column is None or column.type is not ColumnType.DATE_TIME:
        return
    if any(one.path[:-1] == ("fields", name, "format") for one in facts.tokens):
        return  # a list of formats: one in its place would read less
    for source in facts.bound_columns(name)[:1]:
        profile = facts.source_columns[source]
        for date in () if profile is None else profile.dates[:1]:
            for pattern in (date.pattern, date.swapped):
                if pattern is None or profile is None:
                    continue
                edits = _edits(facts, SetBindingKey(name, "format", pattern))
                both = "; day and month could be swapped" if date.swapped is not None else ""
                if edits is not None:
                    fits = f"fits {date.count:,} of {profile.filled:,} values{both}"
                    yield QuickFix(f"Read {quote_value(source)} by {quote_value(pattern)} ({fits})", edits)


def _edits(facts: Facts, intent: Intent) -> tuple[TextEdit, ...] | None:
    """Return the edits that the studio makes for the same; None where it refuses, or has nothing to do."""
    try:
        patch = apply(facts.text, intent, file=facts.path, folder=facts.folder)
    except (InvalidMapping, EditRefused):
        return None
    position = facts.lines.position
    return tuple(TextEdit(position(start), position(end), new) for start, end, new in patch.edits) or None
