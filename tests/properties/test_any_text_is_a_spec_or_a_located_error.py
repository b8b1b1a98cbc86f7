"""Any text given as a mapping is a spec or a located error; any text given as a connection as well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from generated_specs import CONNECTION, mappings
from hypothesis import given
from hypothesis import strategies as st

from opusmap.compiler import compile_mapping
from opusmap.connection import parse_connection
from opusmap.errors import InvalidMapping
from opusmap.issues import Issue, Span, render
from opusmap.mapping import parse_spec

MAPPINGS = Path(__file__).parents[2] / "mappings"
SEEDS = [path.read_text("utf-8") for path in sorted(MAPPINGS.glob("*/mapping.yaml"))]
SEEDS.append(
    'opusmap: 1\nconnection: c\nlet: {s: "{{ A }}"}\nchoices: {Choice: &o [a, b]}\n'
    "tables: {t: {a: b}}\n"
    "fields:\n  rowKey: Key\n  Choice: {from: A, on_error: omit}\n  Line: |\n    {{ s }}\n"
)
CONNECTIONS = [path.read_text("utf-8") for path in sorted(MAPPINGS.glob("*/*.connection.json"))]

_PIECES = st.one_of(
    st.sampled_from(
        [
            "{", "}", "[", "]", ":", ": ", "- ", "? ", "&a ", "*a", "!!str ", "|", ">-", "'", '"', "#", "\n",
            "\t",
            "  ", "{{ ", " }}", "{% if ", "%}", "{#", "~", "null", "<<: ", "---\n", "...", "%YAML 9.9\n",
            "\ufeff",
            "\x85", "\x00", "\ud800", "\\", "0x", "from: ", "const: ", "path: ", "fields:", "row", "|filter",
        ]
    ),
    st.text(max_size=5),
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, seeds: list[str]) -> str:
    """Texts that are nearly right: pieces put in, cut out, doubled."""
    text = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 0, 1, 3, 20, 200])))
        text = text[:start] + draw(st.one_of(_PIECES, st.just(text[start:end] * 2))) + text[end:]
    return text


_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.text(max_size=6),
    st.sampled_from(
        ["{{ A }}", "{{ A", "A", "{% if A %}x{% endif %}", "trim", "Red", "t", "omit", "default"]
    ),
)
_KEYS = st.sampled_from(
    [
        "from",
        "value",
        "const",
        "split",
        "join",
        "lookup",
        "convert",
        "format",
        "default",
        "required",
        "on_error",
    ]
)
_SECTIONS = [
    "source", "conflict", "timezone", "target", "columns", "choices", "tables", "include", "let", "where",
    "fields", "tests",
]  # fmt: skip


def structures() -> st.SearchStrategy[Any]:
    """Data of the right kinds in the wrong places."""
    keys = st.one_of(
        _KEYS,
        st.sampled_from(
            ["rowKey", "Line", "Choice", "t", "path", "key", "options", "aliases", "row", "expect"]
        ),
        st.text(max_size=4),
    )
    return st.recursive(
        _LEAVES,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
        max_leaves=10,
    )


@st.composite
def nearly_mappings(draw: st.DrawFn) -> str:
    body: dict[str, Any] = {"opusmap": 1, "connection": "c", "fields": {"rowKey": "Key"}}
    for section in draw(st.lists(st.sampled_from(_SECTIONS), min_size=1, max_size=3, unique=True)):
        body[section] = draw(structures())
    return json.dumps(body)


def check_located(diagnostics: tuple[Issue[Span], ...], text: str, name: str) -> None:
    """Each place is one of the file's, each message one line that can be shown."""
    assert diagnostics
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for one in diagnostics:
        if one.span.file == name:
            assert 1 <= one.span.line <= len(lines) + 1
            assert 1 <= one.span.column <= len((*lines, "")[one.span.line - 1]) + 2
        assert (one.span.line, one.span.column) <= (one.span.end_line, one.span.end_column)
        assert one.code
        assert one.message
    render(diagnostics, lambda _file, number: (*lines, "")[number - 1])


def check(text: str) -> None:
    try:
        spec = parse_spec(text, "m.yaml")
        compile_mapping(spec, CONNECTION)
    except InvalidMapping as error:
        check_located(error.diagnostics, text, "m.yaml")


@given(st.text(max_size=200))
def test_arbitrary_text(text: str) -> None:
    check(text)


@given(st.lists(_PIECES, max_size=40).map("".join))
def test_arbitrary_pieces_of_yaml(text: str) -> None:
    check(text)


@given(mutated(SEEDS))
def test_valid_mappings_with_mistakes_put_in(text: str) -> None:
    check(text)


@given(mappings().flatmap(lambda text: mutated([text])))
def test_generated_mappings_with_mistakes_put_in(text: str) -> None:
    check(text)


@given(nearly_mappings())
def test_values_of_every_kind_in_every_place(text: str) -> None:
    check(text)


@given(st.one_of(st.text(max_size=100), mutated(CONNECTIONS)))
def test_connections(text: str) -> None:
    try:
        parse_connection(text, "c.json")
    except InvalidMapping as error:
        check_located(error.diagnostics, text, "c.json")
