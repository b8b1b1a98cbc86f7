"""Singer taps: the records of one stream become rows, and states the checkpoints between them."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest

from opusmap.errors import SourceError
from opusmap.records import Reject, Row
from opusmap.sources import Checkpoint, Source, open_source


def schema(stream: str = "contracts", *columns: str) -> dict[str, Any]:
    properties = {name: {"type": ["null", "string"]} for name in columns or ("No", "Title")}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"properties": properties},
        "key_properties": ["No"],
    }


def record(number: int, stream: str = "contracts") -> dict[str, Any]:
    return {"type": "RECORD", "stream": stream, "record": {"No": str(number), "Title": f"T{number}"}}


def state(value: Any) -> dict[str, Any]:
    return {"type": "STATE", "value": value}


def opened(*messages: dict[str, Any] | str, **options: Any) -> Source:
    lines = (one if isinstance(one, str) else json.dumps(one) for one in messages)
    content = "".join(f"{line}\n" for line in lines)
    return open_source(io.BytesIO(content.encode()), format="singer", **options)


def test_the_columns_are_the_schemas_and_each_record_is_a_row() -> None:
    source = opened(schema(), record(1), state({"seen": 1}), "", record(2))
    assert source.columns == ("No", "Title")
    assert list(source.rows()) == [
        Row(2, {"No": "1", "Title": "T1"}),
        Row(5, {"No": "2", "Title": "T2"}),
    ]
    assert source.place(5) == "line 5"


def test_numbers_are_exact() -> None:
    line = '{"type":"RECORD","stream":"contracts","record":{"Sum":12345678901234567890.10}}'
    (row,) = opened(schema("contracts", "Sum"), line).rows()
    assert row == Row(2, {"Sum": Decimal("12345678901234567890.10")})


def test_a_state_is_a_checkpoint_after_the_rows_before_it() -> None:
    source = opened(state({"at": 0}), schema(), record(1), record(2), state({"at": 2}), state({"at": 3}))
    assert source.checkpoints is not None
    assert list(source.rows())
    assert list(source.checkpoints) == [
        Checkpoint(0, 0, b'{"at": 0}'),
        Checkpoint(2, 4, b'{"at": 2}'),
        Checkpoint(2, 4, b'{"at": 3}'),
    ]


def test_a_second_reading_of_a_file_finds_the_same_checkpoints_once(tmp_path: Any) -> None:
    file = tmp_path / "messages.txt"
    file.write_text("\n".join(map(json.dumps, [schema(), record(1), state(1)])), "utf-8")
    with open_source(file, format="singer") as source:
        assert list(source.rows()) == list(source.rows())
        assert source.checkpoints is not None
        assert len(source.checkpoints) == 1


def test_the_stream_that_is_named_is_read_and_the_others_are_passed_over() -> None:
    messages = schema("people", "Name"), record(7, "people"), schema(), record(1), record(8, "people")
    source = opened(*messages, stream="contracts")
    assert source.columns == ("No", "Title")
    assert [row.number for row in source.rows() if isinstance(row, Row)] == [4]
    assert "skipped" in source.notes[0]


def test_records_of_a_second_stream_stop_the_reading_after_those_before_them() -> None:
    source, rows = opened(schema(), record(1), schema("people"), record(7, "people")), []
    with pytest.raises(SourceError) as caught:
        rows.extend(source.rows())  # a list grows up to the error
    assert caught.value.code == "several-streams"
    assert caught.value.row == 4
    assert "write `stream: contracts` under `source:`" in caught.value.help
    assert [row.values["No"] for row in rows] == ["1"]


def test_a_schema_alone_of_another_stream_does_no_harm() -> None:
    assert len(list(opened(schema(), record(1), schema("people")).rows())) == 1


def test_a_stream_that_the_tap_does_not_have_is_told_with_those_it_has() -> None:
    with pytest.raises(SourceError, match="contract") as caught:
        opened(schema(), record(1), stream="contract")
    assert caught.value.code == "unknown-stream"
    assert "contracts" in caught.value.help


def test_a_line_that_is_no_message_is_a_reject_for_it_may_have_been_a_record() -> None:
    found = list(opened(schema(), record(1), '{"type":"RECORD","stream":"contr', record(2)).rows())
    assert [type(one) for one in found] == [Row, Reject, Row]
    assert isinstance(found[1], Reject)
    assert found[1].row == 3
    assert found[1].problems[0].code == "json-syntax"


def test_what_a_reader_of_json_refuses_is_refused_inside_a_record() -> None:
    line = '{"type":"RECORD","stream":"contracts","record":{"No":"1","No":"2"}}'
    (reject,) = opened(schema(), line).rows()
    assert isinstance(reject, Reject)
    assert reject.problems[0].code == "json-repeated-name"


@pytest.mark.parametrize(
    ("messages", "row"),
    [
        ((record(1), schema()), 1),
        (("No,Title", "1,Lease"), 1),
        ((schema(), {"type": "BATCH", "stream": "contracts", "manifest": ["a.jsonl.gz"]}), 2),
    ],
)
def test_what_is_not_to_be_read_is_said_with_its_line(messages: tuple[Any, ...], row: int) -> None:
    with pytest.raises(SourceError) as caught:
        list(opened(*messages).rows())
    assert caught.value.code == "singer-message"
    assert caught.value.row == row


@pytest.mark.parametrize("messages", [(), (state({"at": 9}),)])
def test_a_tap_with_nothing_new_has_no_rows(messages: tuple[Any, ...]) -> None:
    source = opened(*messages)
    assert list(source.rows()) == []
    assert len(source.checkpoints or ()) == len(messages)


def test_a_record_message_without_a_record_is_a_reject_of_its_line() -> None:
    empty = {"type": "RECORD", "stream": "contracts"}
    source = opened(schema(), record(1), empty, record(2), state({"at": 2}))
    first, refused, last = source.rows()
    assert (first.values["No"], last.values["No"]) == ("1", "2")
    assert isinstance(refused, Reject)
    assert (refused.row, refused.problems[0].code) == (3, "singer-message")
    assert list(source.checkpoints or ()) == [Checkpoint(3, 4, b'{"at": 2}')]


def test_columns_of_the_first_records_are_known_though_the_schema_lacks_them() -> None:
    deleted = {"type": "RECORD", "stream": "contracts", "record": {"No": "1", "_sdc_deleted_at": "2024"}}
    source = opened(schema(), record(7), deleted, record(8))
    assert source.columns == ("No", "Title", "_sdc_deleted_at")
    assert [row.values["No"] for row in source.rows()] == ["7", "1", "8"]


def test_what_stops_the_reading_among_the_first_records_comes_after_those_before_it() -> None:
    long = '{"type":"RECORD","stream":"contracts","record":{"No":"' + "x" * (1 << 24)
    source, rows = opened(schema(), record(1), long), []
    with pytest.raises(SourceError) as caught:
        rows.extend(source.rows())  # a list grows up to the error
    assert caught.value.code == "line-too-long"
    assert [row.values["No"] for row in rows] == ["1"]
