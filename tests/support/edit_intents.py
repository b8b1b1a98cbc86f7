"""Hypothesis strategies for edits: data of mappings, intents that suit them, and what each intent means.

`mean` is the reference: it changes plain data and knows nothing of texts and steps.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from opusmap.edits import (
    AddTest,
    Bind,
    Constant,
    FromColumn,
    FromColumns,
    InsertOption,
    Intent,
    MoveOption,
    RemoveBinding,
    RemoveOption,
    SetAlias,
    SetBindingKey,
    SetConnection,
    SetIgnoreCase,
    SetOptions,
    SetSourceOption,
    SetTableEntry,
    SetTableFile,
    SetTargetOption,
    SetTimezone,
    SetWhere,
    Template,
)

WORDS = st.sampled_from(
    [
        "Title", "Doc Type", "Lodged", "A", "x y", "Größe", "中 文", "😀 astral", "N/A", "S:\\deeds",
        "%d/%m/%Y", "%H:%M", "NO", "yes", "null", "~", "0123", "12", "1.5", "1e5", "0x1F",
        "2024-01-02", "12:30", "-", "- a", "a: b", "a:b", "a #b", "#a", "a, b", "[a]", "{a}",
        "{{ A }}", '{{ A ~ "b" }}', "{{ A ~ 'b' }}", "it's", 'say "x"', "*a", "&a", "!a", "|", ">",
        "@a", "`a", "=", "<<", "?", "? a", " lead", "trail ", "a\tb", "one\ntwo", "\u2028", "\xa0",
        "---", "...", "long " * 40 + "end", "x" * 300,
    ]
)  # fmt: skip
TEXTS = st.one_of(
    WORDS, WORDS, WORDS, st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6)
)
COLUMNS = st.sampled_from(["rowKey", "Name", "Doc Type", "When", "Größe", "a: b", "No", "12", "it's"])
KEYS = {
    "format": st.one_of(TEXTS, st.lists(TEXTS, min_size=1, max_size=3)),
    "default": TEXTS,
    "split": TEXTS,
    "join": TEXTS,
    "lookup": TEXTS,
    "century": st.integers(1900, 2000),
    "required": st.booleans(),
    "convert": st.one_of(st.just("trim"), st.just(["trim", {"truncate": 100}])),
}
ORIGINS = {
    "from": st.one_of(TEXTS, st.lists(TEXTS, min_size=1, max_size=3), st.just({"first_of": ["A", "B"]})),
    "value": TEXTS,
    "const": st.one_of(TEXTS, st.lists(TEXTS, min_size=1, max_size=2)),
}
OPTIONS = st.lists(TEXTS, min_size=1, max_size=5, unique=True)
CELLS = st.dictionaries(TEXTS, st.one_of(TEXTS, st.none(), st.just([])), min_size=1, max_size=3)
SOURCE = {
    "path": TEXTS,
    "encoding": TEXTS,
    "sheet": TEXTS,
    "items": TEXTS,
    "header_row": st.integers(1, 9),
    "delimiter": st.sampled_from([";", "\t", "|", ":"]),
    "empty": st.lists(st.one_of(TEXTS, st.just("")), min_size=1, max_size=3),
}
TARGET = {
    "datetime_format": TEXTS,
    "timezone": TEXTS,
    "choice_base": st.integers(0, 1),
    "list_as": st.sampled_from(["text", "array"]),
}
TESTS = st.one_of(
    st.fixed_dictionaries({"row": CELLS, "expect": CELLS}, optional={"name": TEXTS}),
    st.fixed_dictionaries({"row": CELLS, "reject": st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"row": CELLS, "filtered": st.just(True)}),
)


@st.composite
def _bindings(draw: st.DrawFn) -> Any:
    kind = draw(st.sampled_from(["text", "list", "dict", "dict"]))
    if kind == "text":
        return draw(TEXTS)
    if kind == "list":
        return draw(st.lists(TEXTS, min_size=1, max_size=4))
    origin = draw(st.sampled_from(sorted(ORIGINS)))
    keys = draw(st.lists(st.sampled_from(sorted(KEYS)), max_size=3, unique=True))
    pairs = [(origin, draw(ORIGINS[origin])), *((key, draw(KEYS[key])) for key in keys)]
    return dict(draw(st.permutations(pairs)))


_LISTS = st.one_of(
    OPTIONS,
    st.fixed_dictionaries(
        {"options": OPTIONS},
        optional={
            "aliases": st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=2),
            "ignore_case": st.booleans(),
        },
    ),
)


def _some(entries: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=entries).filter(bool)


@st.composite
def mapping_data(draw: st.DrawFn) -> dict[str, Any]:
    """The data of a mapping that the schema takes."""
    top: dict[str, Any] = {
        "opusmap": 1,
        "connection": draw(TEXTS),
        "fields": draw(st.dictionaries(COLUMNS, _bindings(), min_size=1, max_size=5)),
    }
    optional = {
        "source": _some(SOURCE),
        "timezone": TEXTS,
        "target": _some(TARGET),
        "choices": st.dictionaries(COLUMNS, _LISTS, min_size=1, max_size=3),
        "tables": st.dictionaries(
            TEXTS, st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=3), min_size=1, max_size=2
        ),
        "let": st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=2),
        "tests": st.lists(TESTS, min_size=1, max_size=2),
    }
    for key in draw(st.lists(st.sampled_from(sorted(optional)), max_size=5, unique=True)):
        top[key] = draw(optional[key])
    return dict(draw(st.permutations(list(top.items())))) if draw(st.booleans()) else top


@st.composite
def intents(draw: st.DrawFn, data: dict[str, Any]) -> Intent:  # noqa: C901, PLR0912 - one case an intent
    """An intent, mostly about what the data have."""

    def known(entries: Any, other: st.SearchStrategy[str]) -> str:
        names = sorted(name for name in entries or {} if isinstance(name, str))
        return draw(st.one_of(st.sampled_from(names), st.sampled_from(names), other) if names else other)

    def value_or_none(strategy: st.SearchStrategy[Any]) -> Any:
        return draw(st.one_of(st.none(), strategy, strategy))

    fields, choices = data.get("fields"), data.get("choices")
    match draw(
        st.sampled_from(
            [
                "bind",
                "bind",
                "key",
                "key",
                "alias",
                "option",
                "option",
                "options",
                "case",
                "test",
                "source",
                "target",
                "connection",
                "zone",
                "where",
                "table",
                "table-file",
                "unbind",
            ]
        )
    ):
        case "bind":
            origin = draw(
                st.one_of(
                    st.builds(FromColumn, TEXTS),
                    st.builds(FromColumns, st.lists(TEXTS, min_size=1, max_size=3).map(tuple)),
                    st.builds(Constant, st.one_of(TEXTS, st.lists(TEXTS, min_size=1, max_size=2).map(tuple))),
                    st.builds(Template, TEXTS),
                )
            )
            return Bind(known(fields, COLUMNS), origin)
        case "unbind":
            return RemoveBinding(known(fields, COLUMNS))
        case "key":
            column = known(fields, COLUMNS)
            given = fields.get(column)
            key = draw(st.sampled_from(sorted(KEYS)))
            if isinstance(given, dict) and draw(st.booleans()):
                key = draw(st.sampled_from(sorted(set(given) & set(KEYS)) or ["format"]))
            return SetBindingKey(column, key, value_or_none(KEYS[key]))
        case "alias":
            column = known(choices, COLUMNS)
            given = (choices or {}).get(column)
            spelling = known(given.get("aliases") if isinstance(given, dict) else None, TEXTS)
            return SetAlias(column, spelling, value_or_none(TEXTS))
        case "option":
            column = known(choices, COLUMNS)
            options = _options(data, column) or ["none"]
            option = draw(st.sampled_from(options))
            position = draw(st.integers(1, len(options)))
            return draw(
                st.one_of(
                    st.builds(InsertOption, st.just(column), TEXTS, st.integers(1, len(options) + 1)),
                    st.just(MoveOption(column, option, position)),
                    st.just(RemoveOption(column, option)),
                )
            )
        case "options":
            column = known(choices, COLUMNS)
            options = draw(st.permutations(_options(data, column)))[: draw(st.integers(0, 5))]
            new = [one for one in draw(OPTIONS) if one not in options]
            return SetOptions(column, tuple(draw(st.permutations([*options, *new]))) or ("x",))
        case "case":
            return SetIgnoreCase(known(choices, COLUMNS), draw(st.booleans()))
        case "test":
            return AddTest(**draw(TESTS))
        case "source":
            key = known(set(data.get("source", {})) & set(SOURCE), st.sampled_from(sorted(SOURCE)))
            return SetSourceOption(key, value_or_none(SOURCE[key]))
        case "target":
            key = known(set(data.get("target", {})) & set(TARGET), st.sampled_from(sorted(TARGET)))
            return SetTargetOption(key, value_or_none(TARGET[key]))
        case "connection":
            return SetConnection(draw(TEXTS))
        case "zone":
            return SetTimezone(value_or_none(TEXTS))
        case "where":
            return SetWhere(value_or_none(TEXTS))
        case "table-file":
            return SetTableFile(known(data.get("tables"), TEXTS), draw(TEXTS), draw(TEXTS), draw(TEXTS))
    table = known(data.get("tables"), TEXTS)
    return SetTableEntry(table, known((data.get("tables") or {}).get(table), TEXTS), value_or_none(TEXTS))


def _options(data: dict[str, Any], column: str) -> list[str]:
    given = data.get("choices", {}).get(column, [])
    return given.get("options", []) if isinstance(given, dict) else given


class Impossible(Exception):
    """The data have nothing that the intent could change, or would be no mapping."""


def mean(data: dict[str, Any], intent: Intent) -> dict[str, Any]:  # noqa: C901, PLR0912 - as above
    """Return the data that a mapping has after an intent; new keys are last."""
    new = deepcopy(data)
    match intent:
        case Bind(column=column, origin=origin):
            _bind(new["fields"], column, origin)
        case RemoveBinding(column=column):
            _drop(new["fields"], column)
            if not new["fields"]:
                raise Impossible
        case SetBindingKey(column=column, key=key, value=value):
            _needs(column in new["fields"])
            given = new["fields"][column]
            if value is None:
                _needs(isinstance(given, dict))
                _drop(given, key)
                return new
            if not isinstance(given, dict):
                template = isinstance(given, str) and ("{{" in given or "{%" in given)
                given = new["fields"][column] = {"value" if template else "from": given}
            given[key] = value
        case AddTest():
            parts = {key: getattr(intent, key) for key in ("name", "row", "expect", "expect_exact", "reject")}
            test = {key: value for key, value in parts.items() if value is not None}
            new.setdefault("tests", []).append(test | ({"filtered": True} if intent.filtered else {}))
        case SetSourceOption(key=key, value=value):
            _set(new, "source", key, value)
        case SetTargetOption(key=key, value=value):
            _set(new, "target", key, value)
        case SetConnection(path=path):
            new["connection"] = path
        case SetTimezone(zone=None):
            _drop(new, "timezone")
        case SetTimezone(zone=zone):
            new["timezone"] = zone
        case SetWhere(condition=None):
            _drop(new, "where")
        case SetWhere(condition=condition):
            new["where"] = condition
        case SetTableEntry(table=table, key=key, value=value):
            tables = new.setdefault("tables", {})
            _needs(not set(tables.get(table, {})) & {"path", "database"})
            _set(tables, table, key, value)
            if not tables:
                del new["tables"]
        case SetTableFile(table=table, path=path, key=key, value=value):
            new["tables"] = {**(new.get("tables") or {}), table: {"path": path, "key": key, "value": value}}
        case _:
            _choose(new, intent)
    return new


def _choose(new: dict[str, Any], intent: Any) -> None:  # noqa: C901, PLR0912 - as above
    column = intent.column
    if isinstance(intent, SetOptions):
        given = new.setdefault("choices", {}).get(column)
        if isinstance(given, dict):
            given["options"] = list(intent.options)
        else:
            new["choices"][column] = list(intent.options)
        return
    _needs(column in new.get("choices", {}))
    given = new["choices"][column]
    options = given["options"] if isinstance(given, dict) else given
    match intent:
        case InsertOption(option=option, position=position):
            options[position - 1 : position - 1] = [option]
        case MoveOption(option=option, position=position):
            _needs(options.count(option) == 1)
            options.remove(option)
            options[position - 1 : position - 1] = [option]
        case RemoveOption(option=option):
            _needs(options.count(option) == 1 and len(options) > 1)
            options.remove(option)
        case SetIgnoreCase(ignored=False):
            if isinstance(given, dict):
                given.pop("ignore_case", None)
        case SetAlias(spelling=spelling, option=None):
            aliases = given.get("aliases", {}) if isinstance(given, dict) else {}
            _drop(aliases, spelling)
            if not aliases:
                del given["aliases"]
        case _:
            if isinstance(given, list):
                given = new["choices"][column] = {"options": given}
            if isinstance(intent, SetIgnoreCase):
                given["ignore_case"] = True
            else:
                given.setdefault("aliases", {})[intent.spelling] = intent.option


def _bind(fields: dict[str, Any], column: str, origin: Any) -> None:
    match origin:
        case FromColumn(name=value):
            key = "from"
        case FromColumns(names=names):
            key, value = "from", list(names)
        case Constant(value=value):
            key, value = "const", value if isinstance(value, str) else list(value)
        case Template(text=value):
            key = "value"
    given = fields.get(column)
    if isinstance(given, dict):
        fields[column] = {
            (key if name in ("from", "value", "const") else name): (
                value if name in ("from", "value", "const") else one
            )
            for name, one in given.items()
        }
        return
    template = isinstance(value, str) and ("{{" in value or "{%" in value)
    short = (key == "from" and not template) or (key == "value" and template)
    fields[column] = value if short else {key: value}


def _set(entries: dict[str, Any], section: str, key: str, value: Any) -> None:
    if value is not None:
        entries.setdefault(section, {})[key] = value
        return
    _drop(entries.get(section, {}), key)
    if not entries[section]:
        del entries[section]


def _drop(entries: dict[str, Any], key: str) -> None:
    _needs(key in entries)
    del entries[key]


def _needs(condition: bool) -> None:  # noqa: FBT001
    if not condition:
        raise Impossible
