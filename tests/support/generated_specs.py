"""Hypothesis strategies: whole mappings of every form over the small connection, and rows good and bad."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import strategies as st
from small_mapping import COLUMNS, connect

CONNECTION = connect({**COLUMNS, "_Odd_%20_One": "Mystery"})
SOURCE = ("Key", "A", "B", "C", "D", "obj")
OPTIONS = ["Red", "Green", "Blue", "two words"]

_TEXTS = st.sampled_from(
    [
        "", " ", "N/A", "x", "Red", " Green ", "blue", "Red;Blue", "two words; Red;;", ";", "1,234.50",
        "12", "-0", "0010", "0.1234567890123456", "2024-01-02", "2024-01-02T10:00:00Z",
        "2024-10-27T02:30:00", "2024-03-31 02:30", "31/01/2024", "1783-02", "1783",
        "00/02/1783", "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00", "a@x.org", "Ann <Ann@X.org>", "a@x.org;b@y.org",
        "i:0#.f|membership|c@x.org", "A/B", "A//B", "one\ntwo", "tab\there", "\x00", "\ud800", "true",
        "No", "ann", " bob ", "ü", "\ufeff3", "\u2028",

    ]
)  # fmt: skip
_SCALARS = st.one_of(
    _TEXTS,
    _TEXTS,
    st.none(),
    st.text(max_size=8),
    st.integers(-5, 2100),
    st.sampled_from([Decimal("1.50"), Decimal("1e20"), Decimal("0.12345678901234567"), Decimal("-0")]),
    st.booleans(),
)
_VALUES = st.one_of(
    _SCALARS,
    _SCALARS,
    st.lists(_SCALARS, max_size=3),
    st.fixed_dictionaries({}, optional={"x": _SCALARS, "y": st.fixed_dictionaries({"z": _SCALARS})}),
)


@cache
def rows() -> st.SearchStrategy[dict[str, Any]]:
    """Rows whose cells are what sources give: texts, JSON values, nothing; some lack a column."""
    full = st.fixed_dictionaries(dict.fromkeys(SOURCE, _VALUES))
    return st.one_of(full, full, full, st.fixed_dictionaries({}, optional=dict.fromkeys(SOURCE, _VALUES)))


_FILTERS = st.sampled_from(
    [
        "trim", "upper", "lower", "title", "squeeze", "single_line", "string", "number", "integer",
        "boolean", "datetime", "datetime('%d/%m/%Y')",
        "datetime(['%d/%m/%Y', '%Y'], incomplete='first_day')", "date", "split(';')", "join('-')", "first",
        "last", "unique", "length", "truncate(3)", "replace('a', 'b')", "emails", "email", "term_path",
        "round(1)", "list", "fiscal_year", "map('trim')", "map('upper')", "regex_replace('[0-9]+', '#')",
        "where('x')", "where('y.z', B)", "where('x', [A, 'Red'])", "where(key='x', contains='e')",
        "where(contains=C)",
        "slug", "sort", "sum", "unix_time", "excel_date", "file_name", "truncate(B | number)",
        "replace(A, C)", "abs",

    ]
)  # fmt: skip
_TESTS = st.sampled_from(
    [
        "none",
        "not none",
        "string",
        "number",
        "even",
        "divisibleby 3",
        "upper",
        "in ['x', 'Red']",
        "matching('[a-z]+;?$')",
    ]
)


@cache  # Hypothesis checks a strategy once; one made anew for each example costs more than the example
def expressions(steps: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    """Texts of expressions that the parser takes, most of which can go wrong on some row."""
    atoms = st.sampled_from(
        [
        "A", "B", "C", "D", "row['Key']", "obj.x", "obj.y.z", "none", "true", "false", "0", "7", "2.5",
        "''", "'x'", "'Red'", "'2024-01-02'", "[A, 'Blue']", "[obj, none]", "t[A]", "[]", *steps, *steps,
            "(t[A] | default('q'))", "(B in t)", "row.number", "row.file", "row.get('Gone')", "row.get('B')",
            "A[*]", "B[*].x", "obj.y[*].z", "row['C'][*]['x']", "A.@x", "([A, obj] | where('x'))[*].x",

        ]
    )  # fmt: skip

    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        operators = st.sampled_from(
            ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">=", "in", "not in", "and", "or"]
        )
        return st.one_of(
            st.builds("({} {} {})".format, inner, operators, inner),
            st.builds("({} | {})".format, inner, _FILTERS),
            st.builds("({} | default({}))".format, inner, inner),
            st.builds("({} if {} else {})".format, inner, inner, inner),
            st.builds("({} if {})".format, inner, inner),
            st.builds("({} < {} <= {})".format, inner, inner, inner),
            st.builds("({} is {})".format, inner, _TESTS),
            st.builds("(not {})".format, inner),
            st.builds("(-{})".format, inner),
            st.builds("({})[0]".format, inner),
            st.builds("({})[:2]".format, inner),
            st.builds("({} | datetime).year".format, inner),
            st.builds("coalesce({}, {})".format, inner, inner),
        )

    return st.recursive(atoms, larger, max_leaves=6)


@cache
def _templates(steps: tuple[str, ...]) -> st.SearchStrategy[str]:
    inner = expressions(steps)
    return st.one_of(
        st.builds("{{{{ {} }}}}".format, inner),
        st.builds("{{{{ {} }}}}".format, inner),
        st.builds("CT-{{{{ {} }}}}".format, inner),
        st.builds("{{{{ {} }}}}{{{{ {} }}}}".format, inner, inner),
        st.builds("{{% if {} %}}{{{{ {} }}}}{{% else %}}no{{% endif %}}".format, inner, inner),
    )


_CONVERTS = st.sampled_from(
    [
        "trim", "upper", "squeeze", "number", "emails", "first", "unique", "term_path", "file_name",
        "datetime", {"truncate": 4}, {"replace": ["x", "y"]}, {"split": ";"}, {"join": ", "},
        {"truncate": {"length": 2}},

    ]
)  # fmt: skip
_DEFAULTS = {
    "DateTime": ["2000-01-01", "{{ B }}"],
    "SingleChoice": ["Red", "{{ B }}"],
    "MultipleChoice": ["Green", "{{ [A, B] }}"],
    "PeopleOrGroup": ["records@x.org", "{{ B }}"],
    "Number": ["0", "{{ B }}"],
}


@cache
def _columns(steps: tuple[str, ...]) -> st.SearchStrategy[str]:
    paths = ["C[*]", "D[*].x", "obj.y[*].z", "B[0]", "A['x']", *(f"{step}[*]" for step in steps)]
    return st.sampled_from(["A", "B", "C", "D", "obj.x", *steps, *paths])


@cache
def _lists(steps: tuple[str, ...]) -> st.SearchStrategy[list[Any]]:
    parts = st.sampled_from([{"const": "Red"}, {"first_of": ["Gone", "C", "D"]}, {"first_of": ["Gone", "B"]}])
    return st.lists(st.one_of(_columns(steps), _columns(steps), parts), min_size=1, max_size=3)


_SEVERAL = st.lists(_CONVERTS, min_size=1, max_size=3)
_COINS = st.booleans()
_DICE = st.integers(0, 3)


@st.composite
def _bindings(draw: st.DrawFn, kind: str, steps: tuple[str, ...]) -> Any:  # noqa: C901 - one choice a key
    columns, lists = _columns(steps), _lists(steps)
    form = draw(st.sampled_from(["column", "list", "template", "object", "object", "object", "const"]))
    if form == "column":
        return draw(columns)
    if form == "list":
        return draw(lists)
    if form == "template":
        return draw(_templates(steps))
    if form == "const":
        known = {
            "SingleChoice": "Blue",
            "Number": "1.50",
            "DateTime": "2024-05-06",
            "PeopleOrGroup": "a@x.org",
        }
        return {"const": ["Red", "Blue"] if kind == "MultipleChoice" else known.get(kind, "x")}
    origin = draw(st.sampled_from(["from", "from", "list", "value"]))
    binding: dict[str, Any] = {
        "from": {"from": draw(columns)} if draw(_DICE) else {"from": {"first_of": ["Gone", "A", "obj.x"]}},
        "list": {"from": draw(lists)},
        "value": {"value": draw(_templates(steps))},
    }[origin]
    if origin != "list" and draw(_COINS):
        binding["split"] = draw(st.sampled_from([";", " "]))
    if origin == "list" and kind in ("SingleText", "MultipleText", "Number") and draw(_COINS):
        binding["join"] = draw(st.sampled_from(["-", ""]))
    if draw(_DICE) == 0:
        binding["lookup"] = draw(st.sampled_from(["t", "u"]))
    if draw(_COINS):
        binding["convert"] = draw(st.one_of(_CONVERTS, _SEVERAL))
    if kind == "DateTime" and draw(_COINS):
        several = ["%Y-%m-%d", "%d/%m/%Y", "%Y"]
        binding["format"] = draw(st.sampled_from(["%d/%m/%Y", "%Y-%m-%d %H:%M", several]))
        if binding["format"] == several or draw(_COINS):
            binding["incomplete"] = "first_day"
    elif draw(_COINS):
        binding["default"] = draw(
            st.sampled_from(_DEFAULTS.get(kind, ["", "d", "{{ B }}", "{{ D | default('') }}"]))
        )
    outcomes = ["reject", "omit", "default"] if "default" in binding else ["reject", "omit"]
    binding["on_error"] = draw(st.sampled_from(outcomes))
    if binding["on_error"] != "omit" and draw(_COINS):
        binding["required"] = True
    return binding


_FLAGS = st.fixed_dictionaries(
    {},
    optional={"ignore_case": st.booleans(), "aliases": st.just({"rot": "Red", "x": "two words"})},
)
_TARGETS = st.fixed_dictionaries(
    {},
    optional={
        "choice_as": st.sampled_from(["text", "number"]),
        "list_as": st.sampled_from(["text", "array"]),
        "choice_base": st.sampled_from([0, 1]),
        "empty": st.sampled_from(["omit", "null", "blank"]),
        "timezone": st.sampled_from(["UTC", "Australia/Sydney", "America/Los_Angeles"]),
        "datetime_format": st.sampled_from(["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M", "%Y%m%d"]),
    },
)


@st.composite
def mappings(draw: st.DrawFn) -> str:
    """Texts of mappings that (nearly always) compile."""
    steps: dict[str, str] = {}
    for name in draw(st.sampled_from([(), ("s",), ("s", "r2")])):
        steps[name] = draw(_templates(tuple(steps)))
    names = tuple(steps)
    fields: dict[str, Any] = {
        "rowKey": draw(st.sampled_from(["Key", "CT-{{ Key }}", "{{ Key | default('k') }}"]))
    }
    for column in draw(st.permutations(CONNECTION.columns[1:]))[: draw(st.integers(1, 6))]:
        name = draw(st.sampled_from([column.internal_name, column.display_name]))
        fields[name] = draw(_bindings(column.type.value, names))
    constants = json.dumps(fields)
    by_order = draw(_DICE) == 0 and not any(option in constants for option in OPTIONS)
    body: dict[str, Any] = {
        "opusmap": 1,
        "connection": "c.json",
        "source": draw(st.sampled_from([{}, {"empty": ["", "N/A"]}, {"empty": ["N/A"]}])),
        "choices": {
            name: {"options": OPTIONS, "by_order": by_order, **draw(_FLAGS)}
            for name in ("Choice", "_Choices")
        },
        "tables": {"t": {"ann": "ann@x.org", "Red": "Blue", "x": 7}, "u": {"bob": "", "A": "B", "x": "Red"}},
        "let": steps,
        "target": draw(_TARGETS),
        "fields": fields,
    }
    if draw(_COINS):
        body["timezone"] = draw(st.sampled_from(["UTC", "Europe/Berlin"]))
    if draw(_DICE) == 0:
        # As it stands, `a ~ b` is refused: it can only be a text.
        body["where"] = draw(st.builds("{{{{ {} if true else false }}}}".format, expressions(names)))
    return json.dumps(body, indent=1)
