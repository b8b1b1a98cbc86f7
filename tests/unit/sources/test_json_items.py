"""JSON documents: the items of one list, each a row or a reject of its own, in bounded memory."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.errors import SourceError
from opusmap.records import Reject, Row
from opusmap.sources import open_source
from opusmap.sources.json_items import parse_path
from opusmap.sources.text_io import BLOCK_SIZE, LINE_LIMIT


class Dripping(io.RawIOBase):
    """A stream that gives a few bytes at a time, so that everything is cut somewhere."""

    def __init__(self, content: bytes, size: int) -> None:
        self._content, self._size = content, size

    def read(self, _size: int = -1) -> bytes:
        block, self._content = self._content[: self._size], self._content[self._size :]
        return block


def read(content: str | bytes, items: str | None = None, **options: Any) -> list[Row | Reject]:
    data = content if isinstance(content, bytes) else content.encode()
    with open_source(io.BytesIO(data), format="json", items=items, **options) as source:
        return list(source.rows())


def refusal(content: str | bytes, items: str | None = None) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read(content, items)
    assert caught.value.help
    return caught.value


def test_a_document_that_is_a_list_needs_no_path_and_numbers_are_exact() -> None:
    assert read('[{"a": 0.10, "b": 12345678901234567890}, {"a": null}]') == [
        Row(1, {"a": Decimal("0.10"), "b": 12345678901234567890}),
        Row(2, {"a": None}),
    ]


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("$", ()),
        ("$.result.records", ("result", "records")),
        ("result.records", ("result", "records")),
        ("$['my list'].x", ("my list", "x")),
        ('$.a["b.c"]', ("a", "b.c")),
    ],
)
def test_a_path_names_the_way_to_the_list(path: str, steps: tuple[str, ...]) -> None:
    assert parse_path(path, "x") == steps


@pytest.mark.parametrize("path", ["$..a", "$.a[0]", "$.a[*]", "$.", "a b'c"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(SourceError, match="wrong-option"):
        parse_path(path, "x")


def test_what_stands_beside_the_list_is_passed_over_whatever_it_holds() -> None:
    content = r'{"x": "]}[\"{", '
    content += '"y": [[{"records": [{"no": 1}]}], 3], "r": {"n": -1e5, "records": [{"a": 1}], "z": {}}}'
    assert read(content, "$.r.records") == [Row(1, {"a": 1})]


def test_more_beside_the_list_than_an_item_may_hold_is_passed_over() -> None:
    beside = "[" + "1234567, " * (LINE_LIMIT // 8) + "1]"
    assert read(f'{{"x": {beside}, "r": [{{"a": 1}}]}}', "$.r") == [Row(1, {"a": 1})]


@pytest.mark.parametrize(
    ("content", "items", "hint"),
    [
        ('{"a": [], "b": [1]}', None, "$.a, $.b"),
        ('{"a": {"rows": []}}', "$.a.row", "$.a.rows"),
        ('{"a": {"b": {"c": [{"d": []}]}, "e": []}}', None, "$.a.e, $.a.b.c"),
        ('{"a": {"rows": []}}', "$.rows", "`items: $.a.rows`"),
        ('{"my list": []}', None, "$['my list']"),
        ('{"a": 1}', "$.a", "items"),
        ("[1]", "$.a", "items"),
        ("12", None, "items"),
    ],
)
def test_a_path_to_no_list_tells_which_lists_there_are(content: str, items: str | None, hint: str) -> None:
    error = refusal(content, items)
    assert error.code == "no-items"
    assert hint in error.help


@pytest.mark.parametrize(
    "content", ["<!DOCTYPE html><body>502 Bad gateway</body>", "<a/>", "oops", "nullable", "]"]
)
def test_what_does_not_begin_as_json_is_said_to_be_none(content: str) -> None:
    error = refusal(content)
    assert error.code == "json-syntax"
    assert "items" not in error.help


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ('{"a": NaN}', "json-syntax"),
        ('{"a" 1}', "json-syntax"),
        ('{"a": 1, "a": 2}', "json-repeated-name"),
        ('{"a" : 1,"a" : 2}', "json-repeated-name"),
        ('{"a": "\\ud800"}', "json-surrogate"),
        ('{"a": ' + "[" * 5_000 + "]" * 5_000 + "}", "json-too-deep"),
        ("[1]", "not-an-object"),
        ("7", "not-an-object"),
        ('"x"', "not-an-object"),
        ("nul", "json-syntax"),
    ],
)
def test_a_bad_item_is_rejected_and_the_next_is_read(item: str, code: str) -> None:
    good, bad, next_ = read(f'[{{"a": 0}}, {item}, {{"a": 2}}]')
    assert (good, next_) == (Row(1, {"a": 0}), Row(3, {"a": 2}))
    assert isinstance(bad, Reject)
    assert (bad.row, bad.problems[0].code) == (2, code)
    assert "item" in bad.problems[0].message or code == "json-repeated-name"


@pytest.mark.parametrize(
    ("content", "row"),
    [
        ("", None),
        ("[", 1),
        ('[{"a": 1}', 2),
        ('[{"a": 1}, ', 2),
        ('[{"a": 1}, {"b": ', 2),
        ('[{"a": 1}, {"b": "x', 2),
        ('[{"a": 1} {"a": 2}]', 2),
        ('[{"a": 1},]', 2),
        ('[{"a": 1}] x', 2),
        ('[{"a": 1}]\n{"a": 2}', 2),
        ('[{"a": 1}}', 2),
    ],
)
def test_what_is_cut_off_or_no_json_is_refused_after_the_rows_before_it(
    content: str, row: int | None
) -> None:
    error = refusal(content)
    assert error.code in ("json-syntax", "no-items")
    assert error.row == row


@pytest.mark.parametrize("content", ['{"r": [{"a": 1}]', '{"r": [{"a": 1}], "r": []}', '{"r": [{"a": 1}] 1}'])
def test_a_document_is_read_to_its_end(content: str) -> None:
    assert refusal(content, "$.r").code in ("json-syntax", "json-repeated-name")


def test_a_hundred_thousand_brackets_are_no_more_than_text() -> None:
    assert refusal("[" * 100_000).code == "json-syntax"
    assert isinstance(read("[" + "[" * 50_000 + "]" * 50_000 + ', {"a": 1}]')[0], Reject)


def test_an_item_without_end_is_refused_before_it_fills_the_memory() -> None:
    error = refusal('[{"a": 1}, {"a": "' + "x" * (LINE_LIMIT + 2 * BLOCK_SIZE))
    assert (error.code, error.row) == ("line-too-long", 2)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_trusted_and_told(encoding: str) -> None:
    data = '[{"ä": "Łódź"}]'.encode(encoding)
    with open_source(io.BytesIO(data), format="json") as source:
        assert list(source.rows()) == [Row(1, {"ä": "Łódź"})]
        assert len(source.notes) == 1


def test_an_item_is_called_item() -> None:
    with open_source(io.StringIO('[{"a": 1}]'), format="json") as source:
        assert source.place(3, "a") == "item 3"


TEXTS = st.text(st.sampled_from('a"\\[]{},: é\n'), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(TEXTS, part, max_size=3),
    max_leaves=6,
)
OBJECTS = st.lists(st.dictionaries(TEXTS, VALUES, max_size=3), max_size=5)


@given(
    objects=OBJECTS,
    beside=st.dictionaries(TEXTS.filter(lambda name: name != "r"), VALUES, max_size=2),
    size=st.integers(1, 9),
    indent=st.sampled_from([None, 1]),
)
def test_items_come_back_as_they_were_written_wherever_blocks_end(
    objects: list[dict[str, Any]], beside: dict[str, Any], size: int, indent: int | None
) -> None:
    content = json.dumps({**beside, "r": objects, "z": beside}, ensure_ascii=False, indent=indent).encode()
    with open_source(Dripping(content, size), format="json", items="$.r") as source:
        assert list(source.rows()) == [Row(number, item) for number, item in enumerate(objects, 1)]


@given(objects=OBJECTS, data=st.data())
def test_a_document_cut_anywhere_is_never_taken_for_whole(
    objects: list[dict[str, Any]], data: st.DataObject
) -> None:
    content = json.dumps({"r": objects}).encode()
    cut = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(SourceError):
        read(content[:cut], "$.r")
