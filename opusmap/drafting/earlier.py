"""An earlier mapping carried over to a new source or connection: byte for byte, but for what has changed.

Owns what is rewritten in its text: names of columns by their places, remarks above entries, new bindings.
Nothing is changed in silence: each change has its remark, and what can't be decided stays as it was, as TODO.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opusmap.compiler.lock import lock_path, read_lock
from opusmap.connection import Column, Connection, load_connection
from opusmap.converters import Registry
from opusmap.drafting.bindings import DraftBinding, describe_confidence, draft_binding
from opusmap.drafting.choice_values import DraftChoices, draft_choices
from opusmap.drafting.draft import field_lines, option_lines
from opusmap.drafting.matching import Match, match_columns
from opusmap.drafting.presets import find_preset
from opusmap.drafting.renames import Fate, Missing, find_fates, find_missing, is_known
from opusmap.drafting.source_names import NameUse, find_row_keys, find_uses, meaning, scope_of
from opusmap.drafting.text_edits import YamlText
from opusmap.edits import (
    EditRefused,
    Intent,
    SetConnection,
    SetSourceOption,
    SetTargetOption,
    SetTimezone,
    TextEdit,
    apply,
    read_mapping_file,
)
from opusmap.edits.patches import replace_spans
from opusmap.errors import InvalidMapping, SettingsError
from opusmap.mapping import MappingSpec, Text, load_spec
from opusmap.mapping.yaml_reader import Entries, Node, parse_yaml
from opusmap.mapping.yaml_writer import in_line, quoted
from opusmap.profile import SourceProfile
from opusmap.safe_files import resolve_inside
from opusmap.wording import one_line


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier mapping: its file, its text byte for byte, and what it says."""

    path: Path
    raw: str
    spec: MappingSpec
    data: Entries


@dataclass(frozen=True, slots=True)
class Carried:
    """An earlier mapping carried over.

    Attributes:
        path: the earlier mapping's file.
        text: the new mapping's text.
        kept: source columns that it reads under the names they had.
        fates: what became of the others, with the lines of the earlier file that name them.
        elsewhere: places in shared files that name one of these: they are not rewritten.
        gone: columns of Opus that it binds and the connection lacks.
        drafted: bindings of columns that are new in the connection.
        unbound: columns of the connection without a binding.
    """

    path: str
    text: str
    kept: tuple[str, ...]
    fates: tuple[tuple[Fate, tuple[int, ...]], ...]
    elsewhere: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    drafted: tuple[tuple[Match, DraftBinding], ...] = ()
    unbound: tuple[str, ...] = ()


def read_earlier(path: str | Path, output: str | Path) -> Earlier:
    """Read an earlier mapping whose successor is written to `output`.

    Raises:
        InvalidMapping: it can't be read.
        SettingsError: another file that it reads is not in the output's folder.
    """
    spec = load_spec(path)
    raw = read_mapping_file(path).text
    old, new = Path(path).resolve().parent, Path(output).resolve().parent
    for name in spec.files if old != new else ():
        relative = Path(name).resolve().relative_to(old)
        if not (new / relative).is_file():
            problem = f"{path} reads {relative.as_posix()}, which is not in the folder of {output}"
            raise SettingsError("--from", problem, "copy it there, or name another file with -o")
    parsed = parse_yaml(spec.text, str(path)).data
    assert isinstance(parsed, Entries)
    return Earlier(Path(path), raw, spec, parsed)


@dataclass
class _Work:
    """The making of the new text."""

    earlier: Earlier
    connection: Connection
    profile: SourceProfile
    registry: Registry
    yaml: YamlText = field(init=False)
    edits: list[TextEdit] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    values: dict[int, str] = field(default_factory=dict)
    """The new values of scalars, by where they begin: what the new text must be read as."""

    def __post_init__(self) -> None:
        self.yaml = YamlText(self.earlier.raw)


def carry_over(
    earlier: Earlier,
    connection: Connection,
    profile: SourceProfile,
    registry: Registry,
    *,
    names: tuple[str, str | None],
    options: Mapping[str, Any],
    times: tuple[str | None, str | None] = (None, None),
) -> Carried:
    """Carry a mapping over to a source and a connection; an unchanged pair leaves its text as it is.

    Args:
        earlier: the mapping.
        connection: the connection.
        profile: the source's profile.
        registry: the converters that it may name.
        names: how the new mapping is to name the connection's file and the source.
        options: keys of `source` from the command line.
        times: the zone and Opus's date format from the command line.
    """
    spec = earlier.spec
    work = _Work(earlier, connection, profile, registry)
    where = earlier.data.key("where") if "where" in earlier.data else None
    uses = list(find_uses(spec, registry, where))
    own = [one for one in uses if one.text.span.file == spec.path]
    missing = find_missing(uses, profile, connection)
    kept = tuple(dict.fromkeys(one.name for one in uses if is_known(one.name, profile)))
    rows = [test.row for test in spec.tests]
    fates = find_fates(
        missing, {part for one in kept for part in (one, one.partition(".")[0])}, profile, rows
    )
    fates = [_rewrite(work, fate, [one for one in own if one.name == fate.name]) for fate in fates]
    fates += _find_renamed_in_tests(work, uses, fates)
    _apply(work, own, fates)
    lost = {one.name for one in fates}
    elsewhere = [f"{one.text.span}: {one.name}" for one in uses if one not in own and one.name in lost]
    gone = _tell_gone(work)
    _set_source(work, names, options)
    _set_times(work, times)
    drafted, choices = _draft_new(work, {*kept, *(one.now for one in fates if one.now is not None)})
    text = _written(work, drafted, choices, zone=times[0])
    bound = {column.internal_name for one in spec.fields if (column := connection.find(one.target))}
    bound |= {one.column.internal_name for _, one in drafted}
    lines = {
        one.name: tuple(sorted({use.text.span.line for use in own if use.name == one.name})) for one in fates
    }
    return Carried(
        str(earlier.path),
        text,
        kept,
        tuple((one, lines[one.name]) for one in fates if one.needed or one.now is not None),
        tuple(dict.fromkeys(elsewhere)),
        gone,
        drafted,
        tuple(one.display_name for one in connection.columns if one.internal_name not in bound),
    )


def _find_renamed_in_tests(work: _Work, uses: Sequence[NameUse], fates: Sequence[Fate]) -> list[Fate]:
    """Return the new names of columns that only rows of tests have; one without a new name stays as it is."""
    read = {part for one in uses for part in (one.name, one.name.partition(".")[0])}
    only = dict.fromkeys(str(key) for key in find_row_keys(work.earlier.data) if key not in read)
    missing = [Missing(name, needed=False) for name in only if not is_known(name, work.profile)]
    taken = {*read, *only, *(one.now for one in fates if one.now is not None)}
    found = find_fates(missing, taken, work.profile, [test.row for test in work.earlier.spec.tests])
    return [one for one in found if one.now in work.profile.row_columns]


def _rewrite(work: _Work, fate: Fate, uses: Sequence[NameUse]) -> Fate:
    """Return the fate, open instead where the new name can't be put into each place of the old one."""
    if fate.now is None or all(_changes(work, one, fate.now) is not None for one in uses):
        return fate
    told = (fate.now, "the new name can't be inserted here: write it yourself")
    return Fate(fate.name, candidates=(told, *fate.candidates), needed=fate.needed)


def _changes(work: _Work, use: NameUse, now: str) -> TextEdit | None:
    """Return the change of one place, None if it can't be made; an expression must mean the same after it."""
    profile = work.profile.find(now)
    nested = profile is not None and profile.nested
    if use.start < 0 or not now.isprintable():
        return None
    end = use.start + len(use.name)
    scope = scope_of(work.earlier.spec, work.registry)
    if use.form == "plain":
        odd = any(mark in now for mark in ("{{", "{%", "{#")) or now.startswith(("TODO", "row."))
        clash = {now, now.partition(".")[0]} & scope.variables
        return None if odd or clash or (now.strip() != now) else TextEdit(use.start, end, now)
    path = tuple(now.split(".")) if nested else (now,)
    before = meaning(use.text, scope, {use.name: path})
    for start, stop, text in _spellings(use, path, end):
        value = Text(
            replace_spans(use.text, [TextEdit(start, stop, text)]),
            use.text.span,
            use.text.style,
            "",
            use.text.start,
        )
        # The same name may occur there more than once: those are still the old ones.
        if before is not None and meaning(value, scope, {use.name: path}) == before:
            return TextEdit(start, stop, text)
    return None


def _spellings(use: NameUse, path: tuple[str, ...], end: int) -> Iterator[tuple[int, int, str]]:
    """Yield ways to write a column in an expression, the plainest first."""
    if use.form == "quoted":
        if len(path) == 1 and not set(path[0]) & {"\\", use.text[use.start - 1]}:
            yield use.start, end, path[0]
        return
    if not all(part.isidentifier() for part in path[1:]):
        return
    rest = "".join(f".{part}" for part in path[1:])
    if path[0].isidentifier():
        yield use.start, end, path[0] + rest
    marks = ('"', "'") if use.text.style == "'" else ("'", '"')
    for mark in marks:
        if not set(path[0]) & {"\\", mark}:
            yield use.start, end, f"row[{mark}{path[0]}{mark}]{rest}"


def _apply(work: _Work, uses: Sequence[NameUse], fates: Sequence[Fate]) -> None:
    """Write the new names into their places, in the tests' rows too, and a remark above each entry."""
    now = {one.name: one for one in fates}
    changes: dict[int, tuple[Text, set[TextEdit]]] = {}
    remarks: dict[int, tuple[Text, dict[str, None]]] = {}
    for use in uses:
        fate = now.get(use.name)
        if fate is None or (fate.now is None and not fate.needed):
            continue
        if fate.now is not None and (change := _changes(work, use, fate.now)) is not None:
            changes.setdefault(use.text.start, (use.text, set()))[1].add(change)
        line = work.yaml.line_start(work.yaml.start(use.owner))
        remarks.setdefault(line, (use.owner, {}))[1][_remark(fate, use.owner)] = None
    for key in find_row_keys(work.earlier.data):
        fate = now.get(key)
        if fate is not None and fate.now is not None:
            change = TextEdit(0, len(key), fate.now)
            changes.setdefault(key.start, (key, set()))[1].add(change)
    for text, wanted in changes.values():
        work.edits.append(work.yaml.scalar(text, sorted(wanted)))
        work.values[text.start] = replace_spans(text, wanted)
    for owner, told in remarks.values():
        work.edits.append(work.yaml.lines_above(work.yaml.start(owner), [f"# {one}" for one in told]))


def _remark(fate: Fate, owner: str) -> str:
    if fate.now is not None:
        sure = describe_confidence(fate.confidence)
        return one_line(f'renamed: "{fate.name}" of the earlier mapping is "{fate.now}" now ({sure})')
    near = ", ".join(f"{name} ({why})" for name, why in fate.candidates[:3])
    told = f"nearest: {near}" if near else "no column is similar"
    return one_line(f'TODO {owner}: the source has no column "{fate.name}" any more; {told}')


def _tell_gone(work: _Work) -> tuple[str, ...]:
    found = []
    for binding in work.earlier.spec.fields:
        if work.connection.find(binding.target) is None:
            found.append(str(binding.target))
            told = (
                f"TODO {binding.target}: the connection no longer has this column; name another, or remove it"
            )
            work.edits.append(work.yaml.lines_above(work.yaml.start(binding.target), [f"# {one_line(told)}"]))
    return tuple(found)


def _set_source(work: _Work, names: tuple[str, str | None], options: Mapping[str, Any]) -> None:
    """Name the connection and the source as they are called now, and give the keys of the command line."""
    earlier = work.earlier
    folder = earlier.path.resolve().parent
    if resolve_inside(folder, earlier.spec.connection) != Path(work.connection.path).resolve():
        work.intents.append(SetConnection(names[0]))
    wanted = dict(options)
    before = earlier.spec.source
    if names[1] is not None and before.path is not None:
        beside = Path(work.connection.path).resolve().parents[len(Path(names[0]).parts) - 1]
        if resolve_inside(folder, before.path) != (beside / names[1]).resolve():
            wanted["path"] = names[1]
    for key, value in wanted.items():
        given = tuple(value) if isinstance(value, list) else value
        if getattr(before, key) == given or (key == "path" and before.path == value):
            continue
        work.intents.append(SetSourceOption(key, value))


def _set_times(work: _Work, times: tuple[str | None, str | None]) -> None:
    spec = work.earlier.spec
    if times[0] is not None and spec.timezone != times[0]:
        work.intents.append(SetTimezone(times[0]))
    if times[1] is not None and spec.target.datetime_format != times[1]:
        work.intents.append(SetTargetOption("datetime_format", times[1]))


def _draft_new(
    work: _Work, read: AbstractSet[str]
) -> tuple[tuple[tuple[Match, DraftBinding], ...], tuple[DraftChoices, ...]]:
    """Draft what the earlier mapping lacks; `read` are the source columns that it reads."""
    columns = _new_columns(work)
    preset = find_preset(one.name for one in work.profile.columns)
    matches = match_columns(columns, work.profile.columns, preset)
    drafted = tuple((match, draft_binding(match, work.profile)) for match in matches)
    given = {one.column for one in work.earlier.spec.choices}
    used = read | {match.chosen.source for match in matches if match.chosen is not None}
    choices = (draft_choices(match, work.profile, used) for match in matches)
    return drafted, tuple(
        one for one in choices if one and not {one.column.display_name, one.column.internal_name} & given
    )


def _new_columns(work: _Work) -> list[Column]:
    """Return the columns that the earlier connection lacked, and required ones without a binding.

    What it had is seen in its file, or in the lock if the new file has taken its place.
    """
    spec, connection = work.earlier.spec, work.connection
    bound = {column.internal_name for one in spec.fields if (column := connection.find(one.target))}
    optional = {
        column.internal_name
        for one in spec.columns
        if one.required is False and (column := connection.find(one.column))
    }
    before = _columns_before(work)
    return [
        one
        for one in connection.columns
        if one.internal_name not in bound
        and (one.internal_name not in before or (one.required and one.internal_name not in optional))
    ]


def _columns_before(work: _Work) -> set[str]:
    earlier = work.earlier
    lock = read_lock(lock_path(earlier.path))
    if lock is not None:
        return set(lock.columns)
    path = resolve_inside(earlier.path.resolve().parent, earlier.spec.connection)
    try:
        if path is not None:
            return {one.internal_name for one in load_connection(path).columns}
    except InvalidMapping:
        pass
    text = earlier.spec.text  # a draft names the columns that it leaves open
    return {
        one.internal_name
        for one in work.connection.columns
        if one.display_name in text or one.internal_name in text
    }


def _written(
    work: _Work,
    drafted: Sequence[tuple[Match, DraftBinding]],
    choices: Sequence[DraftChoices],
    *,
    zone: str | None,
) -> str:
    """Return the new text, and see that it is read as the old one but for what was to change."""
    data, yaml = work.earlier.data, work.yaml
    fields = data["fields"]
    mark = "TODO" if work.profile.find("TODO") is None else quoted("TODO: decide")
    lines = [line for _, one in drafted for line in field_lines(one, mark)]
    assert isinstance(fields, Entries)
    flow = yaml.text[yaml.start(fields)] == "{"
    if lines and flow:
        added = [
            f"{quoted(one.column.display_name)}: {in_line(mark if one.binding is None else one.binding)}"
            for _, one in drafted
            if one.binding is not None or one.column.required
        ]
        at = yaml.end(fields) - 1
        work.edits.append(TextEdit(at, at, "".join(f", {one}" for one in added)))
    elif lines:
        indent = yaml.indent(yaml.start(fields.pairs()[0][0]))
        work.edits.append(yaml.lines_behind(fields, [indent + line[2:] for line in lines]))
    if choices:
        work.edits += _choice_edits(work, choices)
    if zone is None and work.earlier.spec.timezone is None and any(one.zone_needed for _, one in drafted):
        work.edits.append(
            yaml.lines_behind(data["connection"], ["timezone: TODO  # of times without a zone"])
        )
    text = replace_spans(work.earlier.raw, work.edits)
    if work.edits:
        _verify(work, text)
    for intent in work.intents:
        try:
            text = apply(text, intent, file=str(work.earlier.path)).text
        except EditRefused as refused:
            raise SettingsError("--from", f"{refused.span}: {refused.problem}", refused.help) from None
    return text


def _choice_edits(work: _Work, choices: Sequence[DraftChoices]) -> Iterator[TextEdit]:
    lines = [line for one in choices for line in option_lines(one)]
    given = work.earlier.data.get("choices")
    if isinstance(given, Entries) and given and work.yaml.text[work.yaml.start(given)] != "{":
        indent = work.yaml.indent(work.yaml.start(given.pairs()[0][0]))
        yield work.yaml.lines_behind(given, [indent + line[2:] for line in lines])
    elif isinstance(given, Entries):
        at = work.yaml.end(given) - 1
        named = ", ".join(f"{quoted(one.column.display_name)}: [TODO]" for one in choices)
        yield TextEdit(at, at, f", {named}" if given else named)
    else:
        start = work.yaml.start(work.earlier.data.key("fields"))
        at = work.yaml.line_start(start)
        yield work.yaml.lines_above(at, ["choices:", *lines, ""])


def _verify(work: _Work, text: str) -> None:
    """See that each part of the old mapping is read as it was, or as it was to become.

    Raises:
        SettingsError: it is not: the file is written in a way that can't be changed from here.
    """
    try:
        data = parse_yaml(text.removeprefix("\ufeff"), "").data
    except InvalidMapping:
        data = None
    if data is None or not _same(work, work.earlier.data, data):
        problem = f"{work.earlier.path} is written in a form that can't be edited automatically"
        hint = "write out anchors, aliases and lists over several lines, or change the names by hand"
        raise SettingsError("--from", problem, hint)


def _same(work: _Work, old: Node, new: Node) -> bool:
    if isinstance(old, Text):
        return isinstance(new, Text) and work.values.get(old.start, str(old)) == str(new)
    if isinstance(old, Entries):
        return isinstance(new, Entries) and all(
            (name := work.values.get(key.start, str(key))) in new and _same(work, value, new[name])
            for key, value in old.pairs()
        )
    return isinstance(new, list) and len(old) == len(new) and all(map(_same, [work] * len(old), old, new))
