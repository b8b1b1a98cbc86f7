"""Hypothesis strategies: mappings whose expressions fit their kinds, and rows that mostly become records."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from typing import Any

from generated_specs import OPTIONS
from hypothesis import strategies as st

COLUMNS = ("Key", "T", "U", "N", "D", "L", "obj", "P")
_HOSTILE = st.sampled_from(
    [
        None, "", " ", "N/A", "a\tb", "a\nb", "\ud800", 0, 1, True, False, Decimal("1.0"), Decimal("1E+2"),
        10**40, [], {}, ["a", 1], {"x": None}, "2024-W05-3T18:15:00Z", "9999-12-31T23:59:59-12:00",
        "ß" * 40_000, "{x}",

    ]
)  # fmt: skip
_WORDS = st.sampled_from(["Red", " Green ", "blue", "ann", "a b", "ü", "Straße", "x{y}", "12", "ID-7"])
_DAYS = st.sampled_from(
    ["2024-01-02", "2024-01-31T18:15:00Z", "2024-06-30T23:30:00+10:00", "2023-12-31T23:59:59Z", "2024-02-29"]
)
_GOOD = {
    "Key": st.one_of(_WORDS, st.integers(1, 10**16)),
    "T": _WORDS,
    "U": st.one_of(_WORDS, st.none(), st.sampled_from(["", 0, 1, True, False, "N/A"])),
    "N": st.one_of(
        st.sampled_from(["7", "1,234.50", "-3", "0.5"]),
        st.integers(-3, 10**15),
        st.decimals("-9", "9", places=2),
    ),
    "D": _DAYS,
    "L": st.lists(st.sampled_from([*OPTIONS, " Red ", "", None]), min_size=1, max_size=3),
    "obj": st.fixed_dictionaries(
        {"x": _WORDS, "y": st.one_of(st.none(), st.fixed_dictionaries({"z": _WORDS}))},
        optional={"n": st.integers(0, 9)},
    ),
    "P": st.lists(
        st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {"name": _WORDS},
                optional={"on": st.sampled_from([True, False, None, "", 0]), "at": st.just({"x": "Red"})},
            ),
        ),
        max_size=3,
    ),
}


_PATTERNS = st.sampled_from(["e", "^[A-Z]", r"\d+$", "(?i)RED|BLUE", "", r"\bann\b"])


@st.composite
def likely_rows(draw: st.DrawFn) -> dict[str, Any]:
    """Rows whose cells are nearly all what their columns hold."""
    row = {name: draw(_HOSTILE if draw(st.integers(0, 11)) == 0 else good) for name, good in _GOOD.items()}
    if draw(st.integers(0, 15)) == 0:
        row.pop(draw(st.sampled_from(COLUMNS)))
    if draw(st.integers(0, 15)) == 0:
        row["obj.x"] = draw(_WORDS)
    return row


@cache
def _expressions() -> dict[str, st.SearchStrategy[str]]:
    texts: st.SearchStrategy[str] = st.deferred(lambda: _texts)
    wholes: st.SearchStrategy[str] = st.deferred(lambda: _wholes)
    tests: st.SearchStrategy[str] = st.deferred(lambda: _tests)
    some = st.sampled_from(["T", "U", "obj.x", "obj.y.z", "'Red'", "''", "v", "Key"])
    dates = st.sampled_from(["(D | datetime)", "(D | date)", "moment"])
    people = st.one_of(
        st.sampled_from(["(P | where('on'))", "(P | where('name', ['Red', 'ann']))"]),
        st.builds("(P | where('{}', {}))".format, st.sampled_from(["name", "on", "at.x"]), texts),
        st.builds("(P | where(key='name', contains={}))".format, texts),
    )
    names = st.sampled_from(
        [
            "upper",
            "lower",
            "trim",
            "squeeze",
            "truncate(3)",
            "replace('e', 'E')",
            "default('none')",
            "title",
            "string",
        ]
    )
    _texts = st.one_of(
        some,
        some,
        st.builds("({} ~ '-' ~ {})".format, texts, texts),
        st.builds("({} ~ {})".format, texts, wholes),
        st.builds("({} | {})".format, texts, names),
        st.builds("({} | default({}))".format, some, texts),
        st.builds("({} if {} else {})".format, texts, tests, texts),
        st.builds("(({} if {} else {}) | default({}))".format, texts, tests, wholes, texts),
        st.builds("({})[:2]".format, texts),
        st.builds("coalesce(U, {})".format, texts),
        st.builds("({} | format_date('%d.%m'))".format, dates),
        st.builds("({} | length | string)".format, people),
        st.builds("({} | first).name".format, people),
        st.builds("({}[*].name | join('+'))".format, people),
        st.sampled_from(["(P[*].at.x | join(','))", "(P[*].name | unique | join('/'))"]),
        st.builds("(L | where(contains={}) | join('+'))".format, texts),
        st.builds("(t[{}] | default({}))".format, st.sampled_from(["'ann'", "T"]), texts),
        st.builds("{} | string".format, st.sampled_from(["(N | number)", "true", "2.50"])),
    )
    _wholes = st.one_of(
        st.sampled_from(["0", "7", "1", "n", "(T | length)", "(N | integer)", "obj.n"]),
        st.builds("{}.{}".format, dates, st.sampled_from(["year", "month", "day", "hour", "weekday"])),
        st.builds("({} {} {})".format, wholes, st.sampled_from(["+", "-", "*", "//", "%", "/"]), wholes),
        st.builds("({} if {} else {})".format, wholes, tests, wholes),
        st.builds("(-{})".format, wholes),
    )
    _tests = st.one_of(
        st.builds("({} == {})".format, texts, texts),
        st.builds("({} != 'Red')".format, some),
        st.builds("({} {} {})".format, wholes, st.sampled_from(["<", ">=", "==", "!="]), wholes),
        st.builds("({} < {} <= {})".format, wholes, wholes, wholes),
        st.builds("({} {} ['Red', 'ann'])".format, texts, st.sampled_from(["in", "not in"])),
        st.builds("({} is {}matching('{}'))".format, texts, st.sampled_from(["", "not "]), _PATTERNS),
        st.builds("({} is {}none)".format, some, st.sampled_from(["", "not "])),
        st.builds("({} {} {})".format, tests, st.sampled_from(["and", "or"]), tests),
        st.builds("(not {})".format, tests),
        st.builds("({} {} t)".format, st.one_of(texts, wholes), st.sampled_from(["in", "not in"])),
        st.builds("({} >= {})".format, dates, dates),
        st.just("(N | number) > 1"),
        some,
    )
    return {"text": texts, "whole": wholes, "test": tests, "date": dates}


@st.composite
def likely_mappings(draw: st.DrawFn) -> str:
    """Texts of mappings with three variables and all kinds of columns."""
    kinds = _expressions()
    text = st.one_of(
        st.builds("{{{{ {} }}}}".format, kinds["text"]),
        st.builds("a {{{{ {} }}}}{{{{ {} }}}}".format, kinds["text"], kinds["whole"]),
        st.builds(
            "{{{{ {} }}}}{{% if {} %}} / {{{{ {} }}}}{{% endif %}}".format,
            *(kinds[one] for one in ("text", "test", "text")),
        ),
        st.builds("{{{{ {} }}}}".format, kinds["whole"]),
    )
    choice = st.builds("{{{{ 'Red' if {} else 'Blue' }}}}".format, kinds["test"])
    convert = st.sampled_from([[], ["trim"], ["trim", "upper"], ["squeeze"], [{"truncate": 4}]])
    listed = st.fixed_dictionaries(
        {"from": st.sampled_from(["T", "U", ["T", "U"], "obj.x"]), "convert": convert}
    )
    looked_up = st.fixed_dictionaries(
        {"from": st.sampled_from(["T", "U", "obj.y.z"])},
        optional={"lookup": st.just("t"), "default": st.sampled_from(["d", "{{ T }}"]), "convert": convert},
    )
    whole = st.builds("{{{{ {} }}}}".format, kinds["whole"])
    columns: dict[str, st.SearchStrategy[Any]] = {
        "Line": st.one_of(
            text,
            listed,
            looked_up,
            st.sampled_from(["v", "{{ v }}", "{{ U | default(n) }}"]),
            st.sampled_from(
                [
                    {"from": ["T", "v", "L"], "convert": ["trim", "unique"], "join": "+"},
                    {"from": ["U", "T"], "convert": [{"join": ", "}, "upper"]},
                    {"from": ["T", "U"], "lookup": "t", "default": "d", "convert": "sort"},
                ]
            ),
            st.just("{{ U | default('d') }}"),
        ),
        "_Text": st.one_of(text, text),
        "_Number": st.one_of(whole, st.just("N"), st.just("{{ N | number | round(1) }}")),
        "_When": st.one_of(
            st.sampled_from(["D", "moment", "{{ D | datetime }}", "{{ D | date }}", "{{ moment }}"]),
            st.just({"from": "D", "default": "2000-01-01", "on_error": "default"}),
        ),
        "Choice": st.one_of(
            choice, st.sampled_from([{"from": "T", "convert": "trim"}, {"from": "T", "on_error": "omit"}])
        ),
        "_Choices": st.sampled_from(
            [
                "L",
                {"from": "L", "convert": "trim"},
                {"from": "T", "split": " "},
                {"from": "L", "lookup": "t"},
                {"from": "P[*].at.x", "convert": "trim"},
                "P[*].name",
                {"from": "T", "split": " ", "lookup": "t", "convert": ["trim", "title"]},
                {"from": "L", "default": "{{ T }}"},
                "{{ L }}",
            ]
        ),
        "Classification": st.sampled_from([["T", "U"], "T", ["obj.x", "obj.y.z"], {"from": ["T", "v"]}]),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(columns)), min_size=2, max_size=5, unique=True))
    body: dict[str, Any] = {
        "opusmap": 1,
        "connection": "c.json",
        "timezone": draw(st.sampled_from(["UTC", "Australia/Sydney"])),
        "source": draw(st.sampled_from([{}, {"empty": ["", "N/A"]}, {"empty": ["N/A"]}])),
        "choices": {
            name: {"options": OPTIONS, "ignore_case": True} for name in ("Choice", "_Choices")
        },
        "tables": {"t": {"ann": "Ann", "Red": "Blue", "x": 7, "e": ""}},
        "target": draw(st.sampled_from([{}, {"empty": "null"}, {"empty": "blank", "list_as": "array"}])),
        "let": {
            "moment": "{{ D | datetime }}",
            "n": draw(
                st.sampled_from(["{{ moment.year + 1 }}", "{{ T | length }}", "{{ N | number }}", "{{ 3 }}"])
            ),
            "v": draw(
                st.sampled_from(
                    ["{{ T | upper }}", "{{ U }}", "{{ T ~ n }}", "{{ U | d('') }}", "{{ t[T] | d(U) }}"]
                )
            ),
        },
        "fields": {"rowKey": "K-{{ Key }}"} | {name: draw(columns[name]) for name in chosen},
    }  # fmt: skip
    if draw(st.integers(0, 3)) == 0:
        body["where"] = f"{{{{ {draw(kinds['test'])} }}}}"
    return json.dumps(body, indent=1)
