"""Intents: what a person wants a mapping to say, and the steps that it takes.

Each is plain data. Names of columns, tables and keys are written as the mapping writes them. A value of None
removes what has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from opusmap.edits.steps import RemoveKey, RenameKey, SetKey, Step, WrapValue
from opusmap.edits.yaml_edits import Value

_ORIGINS = ("from", "value", "const")
_FILE_KEYS = ("path", "database")


class NotPossible(Exception):
    """What an intent would change is not there; `path` leads to the nearest part that is."""

    def __init__(self, path: tuple[str, ...], problem: str, hint: str) -> None:
        super().__init__(problem)
        self.path, self.problem, self.hint = path, problem, hint


@dataclass(frozen=True, slots=True)
class FromColumn:
    """A binding's value comes from a source column or a variable."""

    name: str


@dataclass(frozen=True, slots=True)
class FromColumns:
    """A binding's value comes from several source columns or variables, in this order."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """A binding's value is the same for each record."""

    value: str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A binding's value is that of a template or an expression: `CT-{{ ContractNo }}`."""

    text: str


Origin: TypeAlias = FromColumn | FromColumns | Constant | Template


@dataclass(frozen=True, slots=True)
class Bind:
    """Says where a column's value comes from. Other keys of its binding, such as `format`, stay."""

    column: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class RemoveBinding:
    """Removes the binding of a column."""

    column: str


@dataclass(frozen=True, slots=True)
class SetBindingKey:
    """Sets or removes a key of a column's binding: `format`, `default`, `split`, `on_error` and so on."""

    column: str
    key: str
    value: Value


@dataclass(frozen=True, slots=True)
class SetAlias:
    """Makes another spelling mean an option of a choice column, or nothing any more."""

    column: str
    spelling: str
    option: str | None


@dataclass(frozen=True, slots=True)
class SetOptions:
    """Gives a choice column these options in this order."""

    column: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InsertOption:
    """Puts an option into a choice column's list; `position` counts from 1."""

    column: str
    option: str
    position: int


@dataclass(frozen=True, slots=True)
class MoveOption:
    """Moves an option of a choice column; `position`, which counts from 1, is where it is afterwards."""

    column: str
    option: str
    position: int


@dataclass(frozen=True, slots=True)
class RemoveOption:
    """Removes an option of a choice column."""

    column: str
    option: str


@dataclass(frozen=True, slots=True)
class SetIgnoreCase:
    """Says whether letter case counts in a choice column's values."""

    column: str
    ignored: bool


@dataclass(frozen=True, slots=True)
class AddTest:
    """Adds a test: a row of the source, and what must become of it (one of the four)."""

    row: Mapping[str, Any]
    name: str | None = None
    expect: Mapping[str, Any] | None = None
    expect_exact: Mapping[str, Any] | None = None
    reject: Mapping[str, str] | None = None
    filtered: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class SetSourceOption:
    """Sets or removes a key of `source`, such as `header_row`, `sheet` or `delimiter`."""

    key: str
    value: Value


@dataclass(frozen=True, slots=True)
class SetTargetOption:
    """Sets or removes a key of `target`, such as `datetime_format`."""

    key: str
    value: Value


@dataclass(frozen=True, slots=True)
class SetConnection:
    """Names the connection's file."""

    path: str


@dataclass(frozen=True, slots=True)
class SetTimezone:
    """Sets or removes the zone of source times that name none."""

    zone: str | None


@dataclass(frozen=True, slots=True)
class SetWhere:
    """Sets or removes the condition that a row must meet to become a record."""

    condition: str | None


@dataclass(frozen=True, slots=True)
class SetTableEntry:
    """Sets or removes an entry of a lookup table that is written in the mapping."""

    table: str
    key: str
    value: Value


@dataclass(frozen=True, slots=True)
class SetTableFile:
    """Defines a lookup table that is read from a file: `key` and `value` name two of its columns."""

    table: str
    path: str
    key: str
    value: str


Intent: TypeAlias = (
    Bind
    | RemoveBinding
    | SetBindingKey
    | SetAlias
    | SetOptions
    | InsertOption
    | MoveOption
    | RemoveOption
    | SetIgnoreCase
    | AddTest
    | SetSourceOption
    | SetTargetOption
    | SetConnection
    | SetTimezone
    | SetWhere
    | SetTableEntry
    | SetTableFile
)


def find_steps(intent: Intent, data: Mapping[str, Any]) -> Iterator[Step]:
    """Yield the steps that an intent takes in a mapping with these data (see `plain_data`).

    Raises:
        NotPossible: what it would change is not there.
    """
    match intent:
        case Bind(column=column, origin=origin):
            yield from _bind(data, column, origin)
        case RemoveBinding(column=column):
            _require(_section(data, "fields"), ("fields",), column)
            yield RemoveKey(("fields",), column)
        case SetBindingKey(column=column, key=key, value=value):
            yield from _set_binding_key(data, column, key, value)
        case AddTest():
            yield SetKey((), "tests", [*(data.get("tests") or []), _test(intent)])
        case SetSourceOption(key=key, value=value):
            yield from _set_option(data, ("source",), key, value)
        case SetTargetOption(key=key, value=value):
            yield from _set_option(data, ("target",), key, value)
        case SetConnection(path=path):
            yield SetKey((), "connection", path)
        case SetTimezone(zone=value) | SetWhere(condition=value):
            yield from _set_option(data, (), "where" if isinstance(intent, SetWhere) else "timezone", value)
        case SetTableEntry() | SetTableFile():
            yield from _set_table(data, intent)
        case _:
            yield from _choice_steps(intent, data)


def _choice_steps(intent: Intent, data: Mapping[str, Any]) -> Iterator[Step]:
    assert isinstance(
        intent, SetOptions | InsertOption | MoveOption | RemoveOption | SetAlias | SetIgnoreCase
    )
    column = intent.column
    choices = _section(data, "choices")
    path, given = ("choices", column), choices.get(column)
    match intent:
        case SetOptions(options=options):
            yield _options_step(column, given, options)
            return
        case InsertOption() | MoveOption() | RemoveOption():
            _require(choices, ("choices",), column)
            yield _options_step(column, given, _reordered(intent, path, _options(given)))
            return
    _require(choices, ("choices",), column)
    if isinstance(intent, SetIgnoreCase) and not intent.ignored:
        if isinstance(given, dict) and "ignore_case" in given:
            yield RemoveKey(path, "ignore_case")
        return
    if isinstance(intent, SetAlias) and intent.option is None:
        aliases = given.get("aliases") if isinstance(given, dict) else None
        _require(aliases or {}, path, intent.spelling)
        yield RemoveKey((*path, "aliases"), intent.spelling)
        return
    if isinstance(given, list):
        yield WrapValue(("choices",), column, "options")
    if isinstance(intent, SetAlias):
        yield SetKey((*path, "aliases"), intent.spelling, intent.option)
    else:
        yield SetKey(path, "ignore_case", True)


def _options(given: Value) -> list[Value]:
    options = given.get("options") if isinstance(given, dict) else given
    return options if isinstance(options, list) else []


def _options_step(column: str, given: Value, options: Sequence[str]) -> Step:
    """Return the step to a list of options; one that is there as a plain number stays one."""
    known = {_text(one): one for one in _options(given)}
    wanted = [known.get(one, one) for one in options]
    if isinstance(given, dict):
        return SetKey(("choices", column), "options", wanted)
    return SetKey(("choices",), column, wanted)


def _reordered(
    intent: InsertOption | MoveOption | RemoveOption, path: tuple[str, ...], given: Sequence[Value]
) -> list[str]:
    options = [_text(one) for one in given]
    if not isinstance(intent, InsertOption):
        if options.count(intent.option) != 1:
            there = "there twice" if intent.option in options else "not one of the options"
            hint = "name an option of the list" if intent.option not in options else "remove one of the two"
            raise NotPossible(path, f"`{intent.option}` is {there}", hint)
        options.remove(intent.option)
    if isinstance(intent, RemoveOption):
        return options
    if not 1 <= intent.position <= len(options) + 1:
        problem = f"there is no position {intent.position} in a list of {len(options)} options"
        raise NotPossible(path, problem, f"name one from 1 to {len(options) + 1}")
    options.insert(intent.position - 1, intent.option)
    return options


def _bind(data: Mapping[str, Any], column: str, origin: Origin) -> Iterator[Step]:
    key, value = _origin(origin)
    given = _section(data, "fields").get(column)
    if not isinstance(given, dict):
        yield SetKey(("fields",), column, _short_form(key, value))
        return
    path = ("fields", column)
    found = [one for one in given if one in _ORIGINS]
    if key not in found and found:
        yield RenameKey(path, found[0], key)
        found[0] = key
    yield SetKey(path, key, value)
    yield from (RemoveKey(path, one) for one in found if one != key)


def _origin(origin: Origin) -> tuple[str, Value]:
    match origin:
        case FromColumn(name=name):
            return "from", name
        case FromColumns(names=names):
            return "from", list(names)
        case Constant(value=value):
            return "const", value if isinstance(value, str) else list(value)
        case Template(text=text):
            return "value", text


def _short_form(key: str, value: Value) -> Value:
    """Return a binding without a key, where that means the same."""
    is_template = isinstance(value, str) and ("{{" in value or "{%" in value)
    short = (key == "from" and not is_template) or (key == "value" and is_template)
    return value if short else {key: value}


def _set_binding_key(data: Mapping[str, Any], column: str, key: str, value: Value) -> Iterator[Step]:
    path = ("fields", column)
    fields = _section(data, "fields")
    _require(fields, ("fields",), column)
    given = fields[column]
    if key in _ORIGINS:
        raise NotPossible(path, f"`{key}` says where the value comes from", "bind the column again")
    if given is None:
        raise NotPossible(path, f"`{column}` has no value yet", "bind the column first")
    if value is None:
        _require(given if isinstance(given, dict) else {}, path, key)
        yield RemoveKey(path, key)
        return
    if not isinstance(given, dict):
        is_template = isinstance(given, str) and ("{{" in given or "{%" in given)
        yield WrapValue(("fields",), column, "value" if is_template else "from")
    yield SetKey(path, key, value)


def _set_table(data: Mapping[str, Any], intent: SetTableEntry | SetTableFile) -> Iterator[Step]:
    if isinstance(intent, SetTableFile):
        yield SetKey(
            ("tables",), intent.table, {"path": intent.path, "key": intent.key, "value": intent.value}
        )
        return
    path = ("tables", intent.table)
    found = _section(data, "tables").get(intent.table)
    places = [str(found[name]) for name in _FILE_KEYS if name in found] if isinstance(found, dict) else []
    if places:
        place = places[0]
        raise NotPossible(path, f"the table `{intent.table}` is read from {place}", f"edit {place}")
    yield from _set_option(data, path, intent.key, intent.value)


def _set_option(data: Mapping[str, Any], path: tuple[str, ...], key: str, value: Value) -> Iterator[Step]:
    if value is not None:
        yield SetKey(path, key, value)
        return
    found: Any = data
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    _require(found or {}, path, key)
    yield RemoveKey(path, key)


def _test(test: AddTest) -> dict[str, Any]:
    parts = {
        "name": test.name,
        "row": dict(test.row),
        "expect": _as_dict(test.expect),
        "expect_exact": _as_dict(test.expect_exact),
        "reject": _as_dict(test.reject),
        "filtered": test.filtered or None,
    }
    return {key: value for key, value in parts.items() if value is not None}


def _as_dict(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if given is None else dict(given)


def _section(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def _require(entries: Mapping[str, Any], path: tuple[str, ...], key: str) -> None:
    if key not in entries:
        whole = ".".join((*path, key))
        raise NotPossible(path, f"the mapping has no `{whole}`", "add it first, or name one that is there")


def _text(value: Value) -> str:
    """Return a plain value as it is written."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
