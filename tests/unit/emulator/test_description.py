"""The OpenAPI description tells the truth: what the emulator takes is what it describes."""

from __future__ import annotations

import json
from datetime import date
from itertools import product

import pytest
from jsonschema import Draft202012Validator

from opusmap.connection import parse_connection
from opusmap.emulator import Client, Emulator, Readings, TargetFormat

GUID = "d9da492f-cc67-4920-99f9-6fbaae1f1410"
PATH = "/connector/records"
VALUES = {
    "_Notes": ["one\ntwo", "\t"],
    "_Doc_%20_Type": ["1", "4", 1, 4],
    "_Tags": ["[1]", "[1,3]", [1], [1, 3], ["1", "3"], ["1", 3]],
    "_Owners": [
        "[a@x.org]",
        "[o'brien+1@mail.my-firm.co.uk,é@münchen.de]",
        ["a@x.org"],
        ["a@x.org", "a@x.org"],
        ["first.last@mail.my-firm.co.uk", "é@münchen.de"],
    ],
    "_Amount": [0, -1.5, 12345678901234567890],
    "termFullPath": ["Term", "A/B C", ""],
    "_Odd": ["anything", None],
}
TARGETS = [
    TargetFormat(choice_as=choice, list_as=lists, empty=empty)
    for choice, lists, empty in product(("text", "number"), ("text", "array"), ("omit", "null", "blank"))
]


def body_schema(emulator, method="post"):
    described = emulator.describe()
    schema = described["paths"][PATH][method]["requestBody"]["content"]["application/json"]["schema"]
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator({**schema, "components": described["components"]})


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_every_value_that_is_taken_is_described(make_caller, make_record, target):
    opus = make_caller(target=target)
    schema = body_schema(opus.emulator)
    taken = set()
    for column, values in VALUES.items():
        for value in values:
            body = {"id": GUID, "conflictOption": "Skip", "data": [make_record(**{column: value})]}
            if opus.ask("POST", json=body).status_code == 201:
                taken.add(column)
                assert schema.is_valid(body), (column, value)
    assert taken == set(VALUES)  # otherwise nothing was compared


@pytest.mark.parametrize("known", ["both", "conflictOption", "confilictOption"])
@pytest.mark.parametrize("options", [*product(["Overwrite", "Skip", "overwrite", None], repeat=2)])
def test_the_conflict_option_is_described_as_it_is_judged(make_caller, make_record, known, options):
    opus = make_caller(target=TargetFormat(conflict_key=known))
    given = dict(zip(("conflictOption", "confilictOption"), options, strict=True))
    body = {"id": GUID, **{name: option for name, option in given.items() if option}, "data": [make_record()]}
    taken = opus.ask("POST", json=body).status_code == 201
    assert body_schema(opus.emulator).is_valid(body) == taken


@pytest.mark.parametrize("keys", [[], ["a"], ["a"] * 15, ["a"] * 16, "a", [1]])
def test_destruction_is_described_as_it_is_judged(opus, keys):
    body = {"disposalIds": keys}
    read = opus.ask("DELETE", json=body).status_code != 400
    assert body_schema(opus.emulator, "delete").is_valid(body) == read


@pytest.mark.parametrize("page_index", [False, True])
@pytest.mark.parametrize("no_content", [False, True])
def test_due_records_and_the_next_page_are_described_in_both_readings(
    make_caller, make_record, page_index, no_content
):
    opus = make_caller(readings=Readings(no_content=no_content, page_index=page_index))
    operation = opus.emulator.describe()["paths"][PATH]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    (start,) = (each["schema"] for each in operation["parameters"] if each["name"] == "startIndex")
    query = {"id": GUID, "disposalDueDate": "2025-01-31", "itemsPerPage": "1"}
    assert str(opus.ask("GET", params=query).status_code) in operation["responses"]
    assert ("204" in operation["responses"]) is no_content
    opus.submit(make_record("é"), make_record("z", termFullPath="A/B/C"))
    for key in "éz":
        opus.emulator.set_due(key, date(2024, 1, 1))
    first = opus.ask("GET", params=query).json()
    second = opus.ask("GET", params={**query, "startIndex": first["startIndex"]}).json()
    assert all(Draft202012Validator(schema).is_valid(page) for page in (first, second))
    texts = ("", str(first["startIndex"]), "page 2")
    assert [Draft202012Validator(start).is_valid(text) for text in texts] == [True, True, False]


def test_the_row_key_is_one_line_of_text_whatever_the_connection_says():
    connection = parse_connection(json.dumps({"id": GUID, "data": {"rowKey": "Number"}}))
    emulator = Emulator(connection, Client("app", "s"))
    schema = body_schema(emulator)
    bodies = [{"id": GUID, "conflictOption": "Skip", "data": [{"rowKey": key}]} for key in ("7", 7, "")]
    assert [schema.is_valid(body) for body in bodies] == [True, False, False]
