"""JSON Lines: exact values, and a reject of its own for each line that is none."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest

from opusmap.errors import SourceError
from opusmap.records import Reject, Row
from opusmap.sources import open_source
from opusmap.sources.json_lines import MAX_DEPTH, SAMPLE_ROWS
from opusmap.sources.text_io import LINE_LIMIT


def read(content: str | bytes, **options: Any) -> list[Row | Reject]:
    stream = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    with open_source(stream, format="jsonl", **options) as source:
        return list(source.rows())


def test_values_are_exact_and_the_row_is_the_line() -> None:
    rows = read('{"a":0.10,"b":12345678901234567890123}\n\n  \r\n{"a":null,"c":[1,{"d":true}]}')
    assert rows == [
        Row(1, {"a": Decimal("0.10"), "b": 12345678901234567890123}),
        Row(4, {"a": None, "c": [1, {"d": True}]}),
    ]


@pytest.mark.parametrize(
    "line",
    [
        b'{"a":"x","a":"z"}',
        rb'{"a":"\"x\"","a":"z"}',
        rb'{"a":"x","b":"\\","c":"\\","d":"\\","e":"\\","a":"z"}',
    ],
)
def test_a_name_that_occurs_twice_among_texts_alone_is_found_despite_marks_in_them(line: bytes) -> None:
    good, bad, _ = read(b'{"a":"say \\"x\\""}\n' + line + b'\n{"a":"C:\\\\"}\n')
    assert good == Row(1, {"a": 'say "x"'})
    assert isinstance(bad, Reject)
    assert bad.problems[0].code == "json-repeated-name"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"a":NaN}', "json-syntax"),
        (b'{"a":-Infinity}', "json-syntax"),
        (b'{"a":1', "json-syntax"),
        (b'{"a":"x\x00y"}', "json-syntax"),
        (b"\x00", "json-syntax"),
        (b'{"a":"\\ud800"}', "json-surrogate"),
        (b'{"a":"\\udc00"}', "json-surrogate"),
        (b'{"a":"\xed\xa0\x80"}', "encoding"),
        (b'{"a":"caf\xe9"}', "encoding"),
        (b"[1]", "not-an-object"),
        (b'"x"', "not-an-object"),
        (b'{"a":1e99999999999999999999}', "json-number"),
        (b'{"a":' + b"9" * 5_000 + b"}", "json-number"),
        (b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}", "json-too-deep"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "json-too-deep"),
        (b'{"a":1,"a":2}', "json-repeated-name"),
        (b'{"a":"x","b":"y","a":"z"}', "json-repeated-name"),
        (b'{"a":"x","a":"\\u0022"}', "json-repeated-name"),
        (b'{"x":{"a":1,"b":3, "a":2}}', "json-repeated-name"),
        (b'{"x":[1,[{"a":{}},{"b":[], "b" : "\\":"}]]}', "json-repeated-name"),
    ],
)
def test_a_bad_line_is_rejected_with_its_reason_and_the_next_is_read(line: bytes, code: str) -> None:
    bad, good = read(b"\n" + line + b'\n{"a":1}\n')
    assert isinstance(bad, Reject)
    assert (bad.row, bad.problems[0].code) == (2, code)
    assert bad.problems[0].message
    assert good == Row(3, {"a": 1})


def test_nested_rows_whose_names_differ_are_not_decoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = list[object]()
    monkeypatch.setattr(json, "loads", decoded.append)
    lines = b'{"a": {"b": [{"c":1},{"c" :2}]}, "d":"1:2"}\n' * 3
    assert len(list(read(lines))) == len(lines.splitlines())
    assert decoded == []


def test_a_name_that_occurs_twice_is_found_among_texts_as_among_values() -> None:
    texts, quoted = '{"a":"x","b":"y"}', r'{"a":"say \"x\"","b":""}'
    repeated = '{"a":"x","b":"y","a":"z"}'
    for lines in ([texts, quoted, repeated], [texts, '{"a":null}', repeated]):
        *good, bad = read("\n".join(lines))
        assert all(isinstance(row, Row) for row in good)
        assert isinstance(bad, Reject)
        assert bad.problems[0].code == "json-repeated-name"


def test_the_message_shows_the_place_and_the_way_out() -> None:
    (bad,) = read('{"amount": -Infinity}')
    assert isinstance(bad, Reject)
    assert "amount" in bad.problems[0].message
    assert "Infinity" in bad.problems[0].help


def test_nesting_up_to_the_limit_and_colons_in_texts_are_no_fault() -> None:
    deep = '{"a":' * (MAX_DEPTH - 1) + "{}" + "}" * (MAX_DEPTH - 1)
    brackets = '{"a":"%s"}' % ("[" * 500)
    colons = r'{"a":"say \":\" and \":\"","b":{"a":1}}'
    assert all(isinstance(row, Row) for row in read(f"{deep}\n{brackets}\n{colons}"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_trusted(encoding: str) -> None:
    assert read('{"ä":"Łódź"}\n{"ä":"😀"}\n'.encode(encoding)) == [
        Row(1, {"ä": "Łódź"}),
        Row(2, {"ä": "😀"}),
    ]


def test_a_stated_encoding_is_for_what_is_not_utf_8() -> None:
    assert read('{"a":"é"}'.encode("cp1252"), encoding="cp1252") == [Row(1, {"a": "é"})]
    assert read('{"a":"é"}'.encode(), encoding="cp1252") == [Row(1, {"a": "é"})]


def test_a_text_stream_is_read_as_well() -> None:
    with open_source(io.StringIO('{"a":"é"}\n{"a":"\ud800"}\n'), format="jsonl") as source:
        good, bad = source.rows()
    assert good == Row(1, {"a": "é"})
    assert isinstance(bad, Reject)


def test_the_columns_are_those_of_the_sample_in_order() -> None:
    lines = ['{"b":1}', "nonsense", '{"a":1,"b":2}'] + ['{"b":1}'] * SAMPLE_ROWS + ['{"late":1}']
    with open_source(io.StringIO("\n".join(lines)), format="jsonl") as source:
        assert source.columns == ("b", "a")
        assert len(list(source.rows())) == len(lines)


def test_a_line_without_end_is_refused_with_its_row() -> None:
    with pytest.raises(SourceError) as caught:
        read('{"a":1}\n{"a":"' + "x" * (LINE_LIMIT * 2))
    assert (caught.value.code, caught.value.row) == ("line-too-long", 2)


@pytest.mark.parametrize("options", [{"delimiter": ","}, {"quote": "'"}, {"header_row": 2}])
def test_an_option_of_csv_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SourceError) as caught:
        read("{}", **options)
    assert caught.value.code == "wrong-option"


@pytest.mark.parametrize("text", ['[{"a": 1}]', "[\n1,\n2\n]", '{\n"a": 1\n}'])
def test_a_file_that_is_no_json_lines_is_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(SourceError) as caught:
        read(text)
    assert caught.value.row == 1
    assert caught.value.help
