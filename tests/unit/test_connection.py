"""The connection file is read leniently where samples are odd, strictly where a mistake would hide."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.connection import (
    BUILT_IN,
    SIZE_LIMIT,
    Column,
    ColumnType,
    Connection,
    decode_name,
    load_connection,
    parse_connection,
)
from opusmap.errors import InvalidMapping
from opusmap.issues import Issue, Severity, Span

GUID = "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11"
BODY = f'{{"id": "{GUID}", "data": [{{"rowKey": "SingleText", "_Doc_%20_Type": "SingleChoice"}}]}}'


def refused(text: str) -> Issue[Span]:
    with pytest.raises(InvalidMapping) as raised:
        parse_connection(text, "c.json")
    (found,) = raised.value.diagnostics
    assert found.severity is Severity.ERROR
    return found


def test_columns_stand_in_the_files_order_with_their_types() -> None:
    assert parse_connection(BODY).columns == (
        Column("rowKey", "Row key", ColumnType.SINGLE_TEXT, required=True),
        Column("_Doc_%20_Type", "Doc Type", ColumnType.SINGLE_CHOICE),
    )


@pytest.mark.parametrize("name", BUILT_IN)
def test_opuss_own_columns_are_required_but_for_the_classification(name: str) -> None:
    (column,) = parse_connection(f'{{"id": "{GUID}", "data": {{"{name}": "SingleText"}}}}').columns
    assert (column.display_name, column.required) == (BUILT_IN[name], name != "termFullPath")


@pytest.mark.parametrize("written", [GUID, GUID.upper(), f"{{{GUID}}}", GUID.replace("-", "")])
def test_the_guid_is_read_in_every_spelling_and_kept_in_lower_case(written: str) -> None:
    assert parse_connection(BODY.replace(GUID, written)).id == GUID


@pytest.mark.parametrize(
    "text",
    [
        BODY.replace("}]}", ",}],}"),
        BODY.replace("[{", "[{ // the columns\n"),
        BODY.replace("[{", "[{ /* the\ncolumns */"),
        BODY.replace("[", "").replace("]", ""),
        BODY.replace('"SingleText"', '"singletext"'),
    ],
)
def test_comments_trailing_commas_and_a_bare_object_are_read(text: str) -> None:
    assert parse_connection(text).columns == parse_connection(BODY).columns


def test_what_looks_like_a_comment_within_a_text_is_none() -> None:
    names = ["rowKey", "_a//b", "_/*c*/", "_d,}"]
    text = json.dumps({"id": GUID, "data": dict.fromkeys(names, "SingleText")})
    assert [column.internal_name for column in parse_connection(text).columns] == names


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(BODY, encoding)
    assert load_connection(path).id == GUID


@pytest.mark.parametrize(
    ("internal", "display"),
    [
        ("_Doc_%20_Type", "Doc Type"),
        ("_R%26D", "R%26D"),
        ("_R_%26_D", "R&D"),
        ("_Gr_%C3%B6__%C3%9F_e", "Größe"),
        ("_Gr_%C3%B6%C3%9F_e", "Größe"),
        ("_Plain", "Plain"),
        ("_two_words", "two_words"),
        ("leafName", "Name"),
        ("other", "other"),
        ("_", ""),
    ],
)
def test_an_internal_name_is_decoded_to_what_people_see(internal: str, display: str) -> None:
    assert decode_name(internal) == display


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="_%"), min_size=1, max_size=12))
def test_every_display_name_comes_back_from_its_encoding(name: str) -> None:
    encoded = "".join(
        char
        if char.isascii() and char.isalnum()
        else "_" + "".join(f"%{byte:02X}" for byte in char.encode()) + "_"
        for char in name
    )
    assert decode_name("_" + encoded) == name


def test_an_unknown_type_is_a_warning_at_its_place() -> None:
    connection = parse_connection(BODY.replace("SingleChoice", "Mystery"), "c.json")
    assert connection.columns[1].type is ColumnType.UNKNOWN
    (found,) = connection.warnings
    assert (found.code, found.severity) == ("unknown-type", Severity.WARNING)
    assert found.span.column == BODY.index('"_Doc') + 1


def test_a_column_is_found_by_either_name_and_internal_names_win() -> None:
    data = {"rowKey": "SingleText", "_b": "Number", "b": "SingleText"}
    connection = parse_connection(json.dumps({"id": GUID, "data": [data]}))
    assert connection.find("_b") == Column("_b", "b", ColumnType.NUMBER)
    assert connection.find("b") == Column("b", "b", ColumnType.SINGLE_TEXT)
    assert connection.find("c") is None
    assert {"rowKey", "Row key", "_b", "b"} == set(connection.names())


def test_a_corrected_connection_is_a_new_one() -> None:
    connection = parse_connection(BODY)
    corrected = connection.with_columns({"_Doc_%20_Type": {"type": ColumnType.NUMBER, "required": True}})
    found = corrected.find("Doc Type")
    assert found == Column("_Doc_%20_Type", "Doc Type", ColumnType.NUMBER, required=True)
    assert connection == parse_connection(BODY)
    assert isinstance(corrected, Connection)


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("", "connection-syntax", "1:1"),
        ("{\n  oops\n}", "connection-syntax", "2:3"),
        ("[" * 100_000, "connection-syntax", "1:1"),
        ("[]", "connection-shape", "1:1"),
        ('{"id": 1}', "connection-shape", "1:1"),
        ('{"data": [], "id": 1}', "connection-shape", "1:1"),
        ('{"data": [[]]}', "connection-shape", "1:1"),
        ('{"data": {}}', "connection-shape", "1:1"),
        ('{"data": {"a": "b"}}', "connection-shape", "1:1"),
        ('{"data": {"a": "b"},\n "id": "x"}', "connection-shape", "2:2"),
        ('{"data": {"a": "b"}, "id": ' + "1" * 5_000 + "}", "connection-shape", "1:22"),
        ('{"data": {"a": "Number",\n  "b": "Number",\n  "a": "SingleText"}}', "repeated-key", "1:11"),
    ],
)
def test_what_is_no_connection_is_refused_at_its_place(text: str, code: str, place: str) -> None:
    found = refused(text)
    assert (found.code, str(found.span)) == (code, f"c.json:{place}")
    assert found.help


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(b'{"id": "\xff"}')
    with pytest.raises(InvalidMapping) as raised:
        load_connection(path)
    assert raised.value.diagnostics[0].code == "not-utf8"


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(b" " * (SIZE_LIMIT + 1))
    with pytest.raises(InvalidMapping) as raised:
        load_connection(path)
    assert raised.value.diagnostics[0].code == "file-too-large"


def test_a_missing_file_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidMapping) as raised:
        load_connection(tmp_path / "none.json")
    (found,) = raised.value.diagnostics
    assert (found.code, found.help) == (
        "connection-unreadable",
        "download it from Opus > Settings > Connector, and check the name given",
    )
