"""Each element of a list as a row: what it sees of its row, how it is numbered, what is rejected."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from opusmap.errors import SourceError
from opusmap.records import Reject, Row
from opusmap.sources import from_rows, open_source
from opusmap.sources.explode import ExplodedSource

ORDERS = [
    {"no": 1, "lines": [{"sku": "a"}, {"sku": "b"}]},
    {"no": 2, "lines": []},
    {"no": 3, "lines": None},
    {"no": 4},
    {"no": 5, "lines": "x"},
    {"no": 6, "lines": [{"sku": "c"}]},
]


def opened(rows: list[dict[str, Any]], each: str) -> Any:
    return open_source(io.StringIO("\n".join(map(json.dumps, rows))), format="jsonl", each=each)


def test_each_element_is_a_row_with_its_whole_row_beside_it() -> None:
    with opened(ORDERS, "lines") as source:
        assert source.columns == ("no", "lines")
        found = list(source.rows())
    assert found[:2] == [
        Row(1, {"no": 1, "lines": {"sku": "a"}}),
        Row(2, {"no": 1, "lines": {"sku": "b"}}),
    ]
    assert found[3] == Row(4, {"no": 6, "lines": {"sku": "c"}})


def test_a_row_without_elements_gives_none_and_one_without_a_list_is_rejected() -> None:
    with opened(ORDERS, "lines") as source:
        _, _, bad, _ = source.rows()
        assert isinstance(bad, Reject)
        assert (bad.row, bad.problems[0].code, bad.values["no"]) == (3, "not-a-list", 5)
        assert source.place(2) == "line 1, lines 2"
        assert source.place(4) == "line 6, lines 1"


def test_a_bad_line_passes_through_with_a_number_of_its_own() -> None:
    stream = io.StringIO('{"a": [1, 2]}\nnonsense\n{"a": [3]}\n')
    with open_source(stream, format="jsonl", each="a") as source:
        rows = list(source.rows())
    assert [row.row if isinstance(row, Reject) else row.number for row in rows] == [1, 2, 3, 4]
    assert rows[3] == Row(4, {"a": 3})


def test_a_list_may_stand_further_inside_and_nothing_of_the_row_is_changed() -> None:
    whole = {"order": {"id": 7, "lines": [1, 2]}}
    source = ExplodedSource(from_rows([whole]), "order.lines")
    assert [row.values for row in source.rows() if isinstance(row, Row)] == [
        {"order": {"id": 7, "lines": 1}},
        {"order": {"id": 7, "lines": 2}},
    ]
    assert whole == {"order": {"id": 7, "lines": [1, 2]}}


def test_an_exact_name_with_a_dot_is_preferred_to_a_path() -> None:
    with opened([{"a.b": [1], "a": {"b": [2]}}], "a.b") as source:
        assert [row.values["a.b"] for row in source.rows()] == [1]


def test_a_column_that_never_occurs_is_refused_with_the_nearest() -> None:
    with pytest.raises(SourceError) as caught:
        opened(ORDERS, "line")
    assert caught.value.code == "no-items"
    assert '"lines"' in caught.value.help


def test_a_second_reading_numbers_anew() -> None:
    source = ExplodedSource(from_rows(ORDERS), "lines")
    assert list(source.rows()) == list(source.rows())


def test_csv_has_no_lists() -> None:
    with pytest.raises(SourceError, match="wrong-option"):
        open_source(io.StringIO("a\n1\n"), format="csv", each="a")
