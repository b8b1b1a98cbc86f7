"""The draft of a mapping: made from a connection and a source's profile, written as YAML with remarks.

Owns the whole file: its head, source, zone, options, bindings, and two tests from real rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from opusmap.compiler.plan import KEY_COLUMN, UNDECIDED_KEY
from opusmap.connection import ColumnType, Connection
from opusmap.drafting.bindings import DraftBinding, draft_binding, needs_zone
from opusmap.drafting.choice_values import DraftChoices, draft_choices
from opusmap.drafting.concepts import languages_of, names_place
from opusmap.drafting.matching import Match, match_columns
from opusmap.drafting.presets import Preset, find_preset
from opusmap.mapping.yaml_writer import in_line, quoted
from opusmap.profile import ColumnProfile, Kind, SourceProfile
from opusmap.profile.totals import write_condition
from opusmap.wording import one_line

if TYPE_CHECKING:
    from opusmap.drafting.earlier import Carried

__all__ = ["Draft", "DraftTest", "field_lines", "make_draft", "option_lines", "write_draft"]

_BESIDE = 46
"""The column at which remarks begin, where there is room."""

_OPUS_LIST = "list Opus's options, in Opus's order; remove what Opus does not have, then delete this line"
_NO_VALUES_TOLD = 10
_TEXTS = (".txt", ".tsv", ".csv")


@dataclass(frozen=True, slots=True)
class DraftTest:
    """A row of the source and what becomes of it, as far as nothing in it is still open."""

    name: str
    row: Mapping[str, Any]
    expect: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft of a mapping. `connection` and `source` are the files' names as the mapping writes them.

    `source` is None where the file is not in the mapping's folder; `options` are further keys of `source`;
    `preset` is what is known of such an export; `timezone` and `datetime_format` are what a person has said
    of the source's times and of Opus's dates; `carried` is the earlier mapping that it continues; `total_row`
    are the column and the text that say that the source's last row is a total.
    """

    connection: str
    source: str | None
    profile: SourceProfile
    matches: tuple[Match, ...]
    bindings: tuple[DraftBinding, ...]
    choices: tuple[DraftChoices, ...]
    no_values: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    tests: tuple[DraftTest, ...] = ()
    preset: Preset | None = None
    timezone: str | None = None
    datetime_format: str | None = None
    carried: Carried | None = None
    total_row: tuple[str, str] | None = None

    @property
    def zone_needed(self) -> tuple[str, ...]:
        """Source columns with times that carry no zone: the bound ones; if none is, those to choose from."""
        bound = tuple(
            match.chosen.source
            for match, one in zip(self.matches, self.bindings, strict=True)
            if one.zone_needed and match.chosen is not None
        )
        return bound or tuple(one.name for one in self._dates_to_bind if needs_zone(one))

    @property
    def other_format(self) -> str | None:
        """The `format` that reads a known export as it was meant, where a text was read in another way."""
        if self.preset is None or "format" in self.options or not (self.source or "").endswith(_TEXTS):
            return None
        return self.preset.format

    @property
    def has_dates(self) -> bool:
        """Whether a date or time is written for Opus, or will be once its column is decided."""
        of_dates = [one for one in self.bindings if one.column.type is ColumnType.DATE_TIME]
        return bool(self._dates_to_bind) or any(one.binding is not None for one in of_dates)

    @property
    def _dates_to_bind(self) -> list[ColumnProfile]:
        """The unused columns of dates, where a column of dates in Opus has no source yet."""
        is_open = any(
            one.binding is None and one.column.type is ColumnType.DATE_TIME for one in self.bindings
        )
        # What an earlier mapping says of times is kept, and which columns it reads is not known here.
        if not is_open or self.carried is not None:
            return []
        return [one for one in _unused(self) if one.kind is Kind.DATE]


def make_draft(
    connection: Connection,
    profile: SourceProfile,
    *,
    names: tuple[str, str | None],
    options: Mapping[str, Any] | None = None,
) -> Draft:
    """Match both sides and draft each column's binding.

    Args:
        connection: the connection.
        profile: the source's profile.
        names: how the mapping is to name the connection's file and the source.
        options: further keys of the mapping's `source`.
    """
    preset = find_preset(column.name for column in profile.columns)
    matches = match_columns(connection.columns, profile.columns, preset)
    bindings = tuple(_tell_second_use([draft_binding(match, profile) for match in matches], matches))
    used = {match.chosen.source for match in matches if match.chosen is not None}
    choices = (draft_choices(match, profile, used) for match in matches)
    is_open = any(match.chosen is None and match.column.type is ColumnType.DATE_TIME for match in matches)
    no_values = {
        one.text: None
        for column in profile.columns
        if column.name in used or (is_open and column.kind is Kind.DATE)
        for one in column.no_value
    }
    return Draft(
        *names[:1],
        names[1],
        profile,
        matches,
        bindings,
        tuple(one for one in choices if one is not None),
        tuple(no_values)[:_NO_VALUES_TOLD],
        options or {},
        preset=preset,
    )


def _tell_second_use(bindings: Sequence[DraftBinding], matches: Sequence[Match]) -> Iterator[DraftBinding]:
    """Say beside a binding whose source column is bound before what it serves as well."""
    first: dict[str, str] = {}
    for one, match in zip(bindings, matches, strict=True):
        name = one.column.display_name
        chosen = None if one.binding is None else match.chosen
        serves = name if chosen is None else first.setdefault(chosen.source, name)
        yield (
            one if serves == name else replace(one, remark=f"{one.remark}; `init` also used it for {serves}")
        )


def write_draft(draft: Draft, *, settled: bool = False) -> str:
    """Return the draft as YAML.

    `settled` leaves out what is open, and with it what makes `check` refuse the draft: for trying rows.
    """
    if draft.carried is not None:
        return draft.carried.text
    return "\n".join(_settled(draft) if settled else _lines(draft)) + "\n"


def count_questions(draft: Draft) -> int:
    """Return how many TODOs of a draft are in comments, so that `check` does not list them."""
    return len(_QUESTION.findall(write_draft(draft)))


_QUESTION = re.compile(r"^(?: *# TODO .+| +# [^:]+: TODO\b.*)$", re.MULTILINE)


def _settled(draft: Draft) -> Iterator[str]:
    yield "opusmap: 1"
    yield f"connection: {quoted(draft.connection)}"
    yield f"source: {in_line({'empty': ['', *draft.no_values]})}"
    if draft.timezone is not None:
        yield f"timezone: {quoted(draft.timezone)}"
    if draft.datetime_format is not None:
        yield f"target: {in_line({'datetime_format': draft.datetime_format})}"
    open_ = [one.column for one in draft.bindings if _is_open(draft, one) and one.column.required]
    optional = [column for column in open_ if column.internal_name != KEY_COLUMN]
    yield "columns:" if optional else "# every required column has a source"
    yield from (f"  {quoted(column.internal_name)}: {{required: false}}" for column in optional)
    yield "fields:"
    if len(optional) < len(open_):
        yield f"  {KEY_COLUMN}: {{const: {UNDECIDED_KEY}}}"
    for one in draft.bindings:
        if not _is_open(draft, one) and one.binding is not None:
            yield f"  {quoted(one.column.internal_name)}: {in_line(one.binding)}"


def _is_open(draft: Draft, one: DraftBinding) -> bool:
    if one.open or one.binding is None or (one.zone_needed and draft.timezone is None):
        return True
    return one.column.type is ColumnType.DATE_TIME and draft.datetime_format is None


def _lines(draft: Draft) -> Iterator[str]:
    yield from _head(draft)
    yield "opusmap: 1"
    yield f"connection: {quoted(draft.connection)}"
    yield ""
    yield from _source(draft)
    yield from _times(draft)
    if draft.choices:
        yield ""
        yield from _choices(draft)
    if draft.total_row is not None:
        yield ""
        line = f'# TODO where: "{{{{ {write_condition(*draft.total_row)} }}}}"'
        yield _beside(line, "the last row looks like a total row: this would exclude it")
    yield ""
    yield from _fields(draft)
    if draft.tests:
        yield ""
        yield from _tests(draft.tests)


def _head(draft: Draft) -> Iterator[str]:
    profile = draft.profile
    rows = f"{profile.rows:,} rows" if profile.whole else f"the first {profile.rows:,} rows"
    yield "# yaml-language-server: $schema=opusmap.schema.json"
    yield f"# Drafted by `opusmap init` from {rows} of the source. To finish it:"
    yield "#"
    yield "#   1. Decide what is marked TODO. `opusmap check` lists those that are required."
    yield "#   2. Look at each line under `fields`: the percentage beside it says how certain `init` was of"
    yield "#      the column that it had found there. 99 % is still a guess."
    yield "#   3. `opusmap check`, then `preview`, then `submit --to emulator`: nothing is sent yet."
    yield "#"
    if draft.preset is not None:
        yield f"# The source's columns are those of {draft.preset.name}:"
        yield f"# they were matched by {draft.preset.documentation}."
        if (way := draft.other_format) is not None:
            yield f"# If it wrote this file as text, run `init` again with --set format={way}, which reads"
            yield "# the signs that it writes before some characters."
        yield "#"
    yield "# On the left is a column of Opus, on the right its source."


def _source(draft: Draft) -> Iterator[str]:
    keys = dict(draft.options)
    if draft.no_values:
        keys["empty"] = ["", *draft.no_values]
    yield from (f"# {one_line(note)}" for note in draft.profile.notes)
    if draft.source is None and "database" in keys:
        yield "source:  # the database's address is in the environment, and in no file"
        yield from (f"  {quoted(key)}: {in_line(value)}" for key, value in keys.items())
        return
    if draft.source is None and not keys:
        yield "# The source is not in this file's folder or below: name it on the command line."
        return
    yield (
        "source:"
        if draft.source is not None
        else "source:  # its file is not in this folder: name it on the command line"
    )
    if draft.source is not None:
        yield f"  path: {quoted(draft.source)}"
    for key, value in keys.items():
        line = f"  {quoted(key)}: {in_line(value)}"
        yield _beside(line, 'what the source writes for "nothing"') if key == "empty" else line


def _times(draft: Draft) -> Iterator[str]:
    if draft.zone_needed or draft.timezone is not None:
        yield ""
        named = f" ({', '.join(draft.zone_needed)})" if draft.zone_needed else ""
        such = "; an example is Europe/London" if draft.timezone is None else ""
        yield _beside(f"timezone: {draft.timezone or 'TODO'}", f"of times without a zone{named}{such}")
    if draft.has_dates or draft.datetime_format is not None:
        yield ""
        yield "target:  # the date format in Opus > Settings > General settings"
        such = '"%Y-%m-%d %H:%M:%S" is 2024-12-19 18:15:00' if draft.datetime_format is None else ""
        yield _beside(f"  datetime_format: {quoted(draft.datetime_format or 'TODO')}", such)


def _choices(draft: Draft) -> Iterator[str]:
    yield "choices:"
    yield "  # Opus receives an option's place in its own list, which can't be seen from here: open the"
    yield "  # column in Opus, and list all of its options in the order shown there. What begins with #- is a"
    yield "  # value of the source, and how often `init` saw it. It is not an option, and the order means"
    yield "  # nothing: remove the # from those that Opus has, and move them to their places. A value that"
    yield "  # the source spells differently from Opus becomes an alias: `aliases: {other spelling: option}`."
    for choices in draft.choices:
        yield from option_lines(choices)


def option_lines(choices: DraftChoices) -> Iterator[str]:
    """Yield a choice column's options: one that is to be decided, and what was seen in comments."""
    if choices.nearest:
        name, nearest = one_line(choices.column.display_name), one_line(choices.nearest)
        yield (
            f"  # TODO {name}: the values below are those of {nearest}. Bind it under `fields`, or if it is "
            "the wrong column, delete this list"
        )
    yield f"  {quoted(choices.column.display_name)}:"
    indent = "    "
    if choices.ignore_case:
        yield _beside("    ignore_case: true", "letter case varies in the source")
        yield "    options:"
        indent = "      "
    yield f'{indent}- "TODO"  # {one_line(choices.column.display_name)}: {_OPUS_LIST}'
    if choices.more:
        yield f"{indent}# The source has too many different values for options, so none is shown."
    for value in choices.values:
        like = f"; like {value.like}" if value.like else ""
        # No blank after the #: a line is in its place when nothing but the # is taken away.
        yield _beside(f"{indent}#- {quoted(value.text)}", f"{value.count:,}{like}")


def _fields(draft: Draft) -> Iterator[str]:
    yield "fields:"
    # A source column of that name would be taken for the binding.
    mark = "TODO" if draft.profile.find("TODO") is None else quoted("TODO: decide")
    for one in draft.bindings:
        yield from field_lines(one, mark)
    unused = _unused(draft)
    if unused:
        yield ""
        yield "  # Columns of the source that `init` did not use:"
        languages = languages_of([column.name for column in draft.profile.columns])
        for column in unused:
            yield f"  #   {one_line(column.name)}: {_told(column, languages)}"


def field_lines(one: DraftBinding, mark: str) -> Iterator[str]:
    """Yield the line of a binding, with remarks above and beside it; `mark` is what is left to decide."""
    name = quoted(one.column.display_name)
    yield from (f"  # {one_line(remark)}" for remark in one.above)
    if one.binding is None:
        if one.column.required:
            yield _beside(f"  {name}: {mark}", f"required. {one.remark}")
        elif one.proposal is not None:
            # Without the first two words, this is a line of the mapping.
            yield _beside(f"  # TODO {name}: {in_line(one.proposal)}", one.remark)
        else:
            yield _beside(f"  # {name}: TODO", one.remark)
        return
    yield _beside(f"  {name}: {in_line(one.binding)}", one.remark)


def _unused(draft: Draft) -> list[ColumnProfile]:
    used = set()
    for match, one in zip(draft.matches, draft.bindings, strict=True):
        if one.binding is not None and match.chosen is not None:
            used |= {match.chosen.source, *(_sources(one.binding))}
    return [column for column in draft.profile.columns if column.name not in used]


def _sources(binding: Any) -> Sequence[str]:
    given = binding.get("from", ()) if isinstance(binding, dict) else binding
    return [given] if isinstance(given, str) else list(given)


def _told(column: ColumnProfile, languages: tuple[str, ...]) -> str:
    told = [column.kind.value if column.filled else "always empty"]
    if column.kind is Kind.PERSON:
        told = ["text" if names_place(column.name, languages) else "text, perhaps names of people"]
    if column.kind is Kind.DATE and (patterns := _patterns(column)):
        told = [f"{told[0]} ({' or '.join(patterns)})"]
    if column.lists is not None:
        told = ["list"]
    if column.filled and not column.more:
        told.append(f"{column.distinct:,} different")
    if column.filled and column.filled < column.rows:
        told.append(f"{max(1, round(100 * column.null_rate))} % empty")
    return ", ".join(told)


def _patterns(column: ColumnProfile) -> list[str]:
    found = [pattern for one in column.dates for pattern in (one.pattern, one.swapped) if pattern is not None]
    return list(dict.fromkeys(found))


def _tests(tests: Sequence[DraftTest]) -> Iterator[str]:
    yield "# Rows of the source, and their expected records: `opusmap test` runs them. They may contain"
    yield "# personal data: check them before you share this file. `init` left undecided columns out. After a"
    yield "# change of a rule they fail: if what the mapping gives is right, write it under `expect`."
    yield "tests:"
    for test in tests:
        yield f"  - name: {quoted(test.name)}"
        for part, values in (("row", test.row), ("expect", test.expect)):
            yield f"    {part}:"
            yield from (f"      {quoted(key)}: {in_line(value)}" for key, value in values.items())


def _beside(line: str, remark: str) -> str:
    """Return a line with a remark beside it; remarks are aligned where lines are short."""
    return f"{line:<{_BESIDE}}  # {one_line(remark)}" if remark else line
