"""A request's body, to the byte."""

from __future__ import annotations

import json
from typing import Any

import pytest

from opusmap.opus.exchange import ConflictKey, encode_body, encode_records
from opusmap.records import Record

RECORD = Record(2, "a", {"rowKey": "a", "leafName": "Zoë", "_N": 2**70})


def encode(**changes: Any) -> str:
    settings: dict[str, Any] = {"connection_id": "c-1", "conflict": "overwrite", **changes}
    return encode_body([item.json for item in encode_records([RECORD])], **settings).decode()


def test_a_body_is_the_documented_json_with_both_spellings() -> None:
    assert encode() == (
        '{"id":"c-1","conflictOption":"Overwrite","confilictOption":"Overwrite",'
        '"data":[{"rowKey":"a","leafName":"Zoë","_N":1180591620717411303424}]}'
    )


@pytest.mark.parametrize("spelling", ["conflictOption", "confilictOption"])
def test_one_spelling_alone_when_asked(spelling: ConflictKey) -> None:
    body = json.loads(encode(conflict="skip", conflict_key=spelling))
    assert {name: value for name, value in body.items() if name != "data"} == {"id": "c-1", spelling: "Skip"}
