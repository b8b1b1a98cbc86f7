"""YAML that naive readers mishandle is read as written, or refused at its place in plain words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from opusmap.errors import InvalidMapping
from opusmap.mapping import load_spec, parse_spec
from opusmap.mapping.yaml_reader import (
    DEPTH_LIMIT,
    NODE_LIMIT,
    SIZE_LIMIT,
    Entries,
    Items,
    Text,
    as_boolean,
    as_integer,
    is_null,
    parse_yaml,
    plain_data,
    read_yaml,
)

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 11)
)

REFUSED = {
    "python call": ("a: !!python/object/apply:os.system ['id']", "yaml-tag", "1:4"),
    "python name": ("a: !!python/name:os.environ", "yaml-tag", "1:4"),
    "own tag": ("a: !secret b", "yaml-tag", "1:4"),
    "typed scalar": ("a: !!int 3", "yaml-tag", "1:4"),
    "deep nesting": ("a: " + "[" * 25_000, "too-deep", None),
    "deep blocks": ("".join(" " * n + "a:\n" for n in range(200)), "too-deep", None),
    "alias bomb": (BOMB, "too-many-nodes", None),
    "merge bomb": ("a: &a {x: 1}\nb: {<<: [*a, *a]}", "yaml-merge", "2:5"),
    "merge key": ("a: &a {x: 1}\nb:\n  <<: *a", "yaml-merge", "3:3"),
    "cyclic alias": ("a: &a {x: *a}", "cyclic-alias", "1:11"),
    "cyclic list": ("&a [*a]", "cyclic-alias", "1:5"),
    "unknown alias": ("a: *b", "unknown-anchor", "1:4"),
    "hidden key, NEL": ("a: b\u0085rowKey: evil", "line-separator", "1:5"),
    "hidden key, LS": ("a: b\u2028rowKey: evil", "line-separator", "1:5"),
    "hidden key, PS": ("x: 1\na: b\u2029rowKey: evil", "line-separator", "2:5"),
    "second document": ("a: b\n---\nc: d", "several-documents", "2:1"),
    "list as a key": ("? [a]\n: b", "yaml-key", "1:3"),
    "template without quotes": ("a: {{ b }}", "yaml-key", "1:5"),
    "tab": ("a:\n\tb: c", "yaml-syntax", "2:1"),
    "control character": ("a: \x07", "yaml-syntax", "1:4"),
    "NUL": ("a: \x00", "yaml-syntax", "1:4"),
    "huge escape": (r'a: "\UFFFFFFFF"', "yaml-syntax", None),
    "unclosed quote": ('a: "b', "yaml-syntax", None),
    "unclosed bracket": ("a: [b", "yaml-syntax", None),
    "percent": ("a: %b", "yaml-syntax", "1:4"),
    "at sign": ("a: @b", "yaml-syntax", "1:4"),
    "stray colon": ("a: b: c", "yaml-syntax", "1:5"),
    "Windows path": (r'a: "S:\Contracts"', "yaml-syntax", "1:8"),
    "cut escape": (r'a: "\x4"', "yaml-syntax", None),
    "list after a key": ("a: - b", "yaml-syntax", "1:4"),
    "missing value": ("a: [,]", "yaml-syntax", None),
    "unknown handle": ("a: !x!y b", "yaml-syntax", "1:4"),
    "bad indentation": ("a: b\n c: d", "yaml-syntax", "2:2"),
    "huge version": ("%YAML " + "9" * 5000 + ".1\n---\na: b", "yaml-syntax", None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_dangerous_or_broken_yaml_is_refused_at_its_place(name: str) -> None:
    text, code, place = REFUSED[name]
    with pytest.raises(InvalidMapping) as raised:
        parse_yaml(text, "m.yaml")
    (found,) = raised.value.diagnostics
    assert found.code == code
    assert place is None or str(found.span) == f"m.yaml:{place}"
    assert found.help
    assert "yaml." not in found.message
    assert "expected <" not in found.message


def test_refusing_an_alias_bomb_does_not_unfold_it() -> None:
    visits = 0

    def count(_frame: object, _event: str, _argument: object) -> None:
        nonlocal visits
        visits += 1

    sys.setprofile(count)
    try:
        with pytest.raises(InvalidMapping):
            parse_yaml(BOMB, "m.yaml")
    finally:
        sys.setprofile(None)
    assert visits < 200_000


def test_aliases_are_read_and_counted_with_all_they_stand_for() -> None:
    assert plain_data(parse_yaml("a: &a [x, y]\nb: *a", "m").data) == {"a": ["x", "y"], "b": ["x", "y"]}
    big = "a: &a [" + "x, " * 999 + "x]\n" + "".join(f"b{n}: *a\n" for n in range(NODE_LIMIT // 1000))
    with pytest.raises(InvalidMapping) as raised:
        parse_yaml(big, "m")
    assert raised.value.diagnostics[0].code == "too-many-nodes"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("{a: b}\nc: d", "m:2:1", "unexpected data after the end of the document"),
        ("a: *x", "m:1:4", "undefined anchor `x`"),
        ("a: &x\n  b: *x", "m:2:6", "alias `*x` refers to itself"),
        ("a:\n\tb: c", "m:2:1", "a tab is used for indentation"),
        ('a: "\\q"', "m:1:6", "unknown escape: in double quotes, a \\ begins an escape"),
        ('a: "b', "m:1:4", "the quotation mark that opens here is not closed"),
        ("a: [b", "m:1:5", "a `]` is missing at the end of this line"),
        *((f"a: {char}b", "m:1:4", f"a value can't begin with {char}") for char in "%@`"),
    ],
)
def test_what_is_wrong_is_told_in_plain_words(text: str, place: str, message: str) -> None:
    with pytest.raises(InvalidMapping) as raised:
        parse_yaml(text, "m")
    (found,) = raised.value.diagnostics
    assert (str(found.place), found.message) == (place, message)
    assert found.hint


def test_nesting_up_to_the_limit_is_read() -> None:
    depth = DEPTH_LIMIT - 1
    data = parse_yaml("a: " + "[" * depth + "]" * depth, "m").data
    assert isinstance(data, Entries)


def test_a_repeated_key_names_both_places_and_the_first_counts() -> None:
    file = parse_yaml("a: 1\nb:\n  c: 1\n  c: 2\na: 3", "m.yaml")
    assert plain_data(file.data) == {"a": 1, "b": {"c": 1}}
    assert [(one.code, str(one.span), one.message) for one in file.problems] == [
        ("repeated-key", "m.yaml:4:3", 'duplicate key "c"; the first is at line 3, column 3'),
        ("repeated-key", "m.yaml:5:1", 'duplicate key "a"; the first is at line 1, column 1'),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "NO",
        "on",
        "yes",
        "0123",
        "0o17",
        "12:30:45",
        "1_000",
        "2024-01-02",
        "1.50",
        "1e3",
        ".inf",
        "0x" + "f" * 9,
    ],
)
def test_a_plain_scalar_is_the_text_as_written(text: str) -> None:
    spec = parse_spec(f"opusmap: 1\nconnection: c\nfields: {{rowKey: {{const: {text}}}}}")
    assert spec.fields[0].const == text
    table = parse_spec(f"opusmap: 1\nconnection: c\nfields: {{a: b}}\ntables: {{t: {{k: {text}}}}}")
    assert table.tables[0].entries == {"k": text}


def test_a_million_digits_are_a_text_and_no_number() -> None:
    text = "0x" + "f" * 1_000_000
    data = parse_yaml(f"a: {text}", "m").data
    assert plain_data(data) == {"a": text}
    assert as_integer(Text("9" * 1_000_000, data.span, None, "", 0)) is None  # type: ignore[union-attr]


def test_what_is_asked_for_as_number_boolean_or_nothing_is_so_only_without_quotes() -> None:
    data = parse_yaml("[1, -7, '1', 01, true, 'true', yes, ~, null, '', ]", "m").data
    assert isinstance(data, Items)
    assert [as_integer(node) for node in data][:4] == [1, -7, None, None]
    assert [as_boolean(node) for node in data][4:7] == [True, None, None]
    assert [is_null(node) for node in data][7:] == [True, True, False]


def test_a_file_that_is_not_there_is_answered_with_the_nearest_beside_it(tmp_path: Path) -> None:
    for name in ("mapping.yaml", "mapping.csv", "other.yaml"):
        (tmp_path / name).touch()
    for name, near in (("mapping.yml", "mapping.yaml"), ("oter.yaml", "other.yaml")):
        with pytest.raises(InvalidMapping) as raised:
            read_yaml(tmp_path / name)
        assert raised.value.diagnostics[0].hint == f'did you mean "{tmp_path / near}"?'
    for path in (
        tmp_path / "quite-another.txt",
        tmp_path / "nosuch.yaml",
        tmp_path / "tab.yaml",
        tmp_path / "none" / "mapping.yaml",
    ):
        with pytest.raises(InvalidMapping) as raised:
            read_yaml(path)
        assert raised.value.diagnostics[0].hint == ""


def test_a_file_over_the_limit_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_bytes(b"a: " + b"x" * (30 << 20))
    with pytest.raises(InvalidMapping) as raised:
        read_yaml(path)
    assert raised.value.diagnostics[0].code == "file-too-large"
    path.write_bytes(b"a: " + b"x" * (SIZE_LIMIT - 3))
    assert isinstance(read_yaml(path).data, Entries)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_byte_order_marks_and_line_ends_of_any_system_are_read(
    tmp_path: Path, encoding: str, line_end: str
) -> None:
    path = tmp_path / "m.yaml"
    path.write_bytes(line_end.join(["opusmap: 1", "connection: ü", "fields: {a: b}", ""]).encode(encoding))
    spec = load_spec(path)
    assert (spec.connection, str(spec.connection.span).rpartition("/")[2]) == ("ü", "m.yaml:2:13")


@pytest.mark.parametrize(
    ("data", "code", "place"),
    [
        (b"a: b\nc: \xff\xe4", "not-utf8", ":2:1"),
        ("a: b".encode("utf-16-le"), "yaml-syntax", ":1:2"),
        (b"\xff\xfea", "not-utf8", ":1:1"),
    ],
)
def test_bytes_that_are_no_text_are_refused_with_advice(
    tmp_path: Path, data: bytes, code: str, place: str
) -> None:
    path = tmp_path / "m.yaml"
    path.write_bytes(data)
    with pytest.raises(InvalidMapping) as raised:
        load_spec(path)
    (found,) = raised.value.diagnostics
    assert (found.code, found.help) == (code, "save the file as UTF-8")
    assert str(found.span).endswith(place)


@pytest.mark.parametrize("path", ["missing.yaml", ".", "a\0b"])
def test_a_file_that_can_not_be_read_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(InvalidMapping) as raised:
        load_spec(tmp_path / path)
    assert raised.value.diagnostics[0].code == "file-unreadable"


def test_ten_thousand_duplicates_are_told_in_linear_time() -> None:
    keys = [f"k{n}: 1" for n in range(4_000)]
    file = parse_yaml("\n".join(keys + keys), "m")
    assert len(file.problems) == 4_000


@pytest.mark.parametrize(
    ("text", "piece", "place"),
    [
        ("a: one two", "two", "1:8-11"),
        ("a: 'it''s two'", "two", "1:11-14"),
        (r'a: "\u0041 two"', "two", "1:12-15"),
        (r'a: "\tone \"two\""', "two", "1:13-16"),
        ("a: |\n  one\n  two", "two", "3:3-6"),
        ("a: >\n  one\n  two", "two", "3:3-6"),
        ("a: one\n  two", "two", "2:3-6"),
        ('a: "one\n  two"', "two", "2:3-6"),
    ],
)
def test_a_piece_of_a_text_is_found_in_its_file(text: str, piece: str, place: str) -> None:
    data = parse_yaml(text, "m").data
    assert isinstance(data, Entries)
    value = data["a"]
    assert isinstance(value, Text)
    start = value.index(piece)
    span = value.locate(start, start + len(piece))
    assert f"{span.line}:{span.column}-{span.end_column}" == place
