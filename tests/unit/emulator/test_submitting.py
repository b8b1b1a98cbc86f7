"""Submitting records: the contract's request, limits, conflict option and answers, by example."""

from __future__ import annotations

import json

import pytest

GUID = "d9da492f-cc67-4920-99f9-6fbaae1f1410"
FULL = {
    "termFullPath": "Connector/Connector-termset/Connector-term",
    "_Notes": "first line\nsecond line",
    "_Doc_%20_Type": "2",
    "_Tags": "[1,3]",
    "_Owners": "[a@x.org,b@x.org]",
    "_Amount": 1234.5,
    "_Odd": "as text",
}


def test_a_full_record_is_taken_and_held_as_it_came(opus, make_record):
    answer = opus.submit(make_record(**FULL))
    assert (answer.status_code, answer.json()) == (201, {"statusCode": 201, "message": None})
    assert opus.emulator.records == {"CT-1": make_record(**FULL)}


def test_fifteen_records_are_taken_and_sixteen_refused_with_nothing_taken(opus, make_record):
    records = [make_record(f"CT-{n}") for n in range(16)]
    refused = opus.submit(*records)
    assert (refused.status_code, opus.emulator.records) == (400, {})
    assert refused.json()["message"] == "`data` contains 16, the limit is 15"
    assert opus.submit(*records[:15]).status_code == 201
    assert len(opus.emulator.records) == 15


def test_failed_records_are_named_and_the_others_taken(opus, make_record):
    bad = make_record("bad", _Amount="12", leafName="")
    answer = opus.submit(make_record("a"), bad, make_record("b"))
    assert answer.status_code == 418
    assert answer.json() == {
        "statusCode": 418,
        "message": "1 of 3 records failed",
        "failedItems": [
            {
                "rowKey": "bad",
                "message": 'Name is required but empty; Amount: "12" is not a JSON number',
            }
        ],
    }
    assert list(opus.emulator.records) == ["a", "b"]


@pytest.mark.parametrize("key", [..., "", "  ", None, 7, ["x"]])
def test_a_record_without_a_row_key_fails_alone(opus, make_record, key):
    answer = opus.submit(make_record(key), make_record("good"))
    assert answer.status_code == 418
    assert answer.json()["failedItems"][0]["rowKey"] == (key if isinstance(key, str) else None)
    assert list(opus.emulator.records) == ["good"]


def test_overwrite_replaces_the_whole_record(opus, make_record):
    opus.submit(make_record(_Notes="old"))
    opus.submit(make_record(leafName="New"))
    assert opus.emulator.records == {"CT-1": make_record(leafName="New")}


def test_skip_leaves_the_record_that_is_there(opus, make_record):
    opus.submit(make_record())
    answer = opus.submit(make_record(leafName="New"), make_record("CT-2"), conflictOption="Skip")
    assert answer.status_code == 201
    assert opus.emulator.records == {"CT-1": make_record(), "CT-2": make_record("CT-2")}


@pytest.mark.parametrize(("option", "stays"), [("Overwrite", "later"), ("Skip", "earlier")])
def test_a_row_key_twice_in_one_request_is_processed_in_order(opus, make_record, option, stays):
    opus.submit(make_record(leafName="earlier"), make_record(leafName="later"), conflictOption=option)
    assert opus.emulator.records["CT-1"]["leafName"] == stays


@pytest.mark.parametrize(
    ("known", "sent", "status"),
    [
        ("both", {"conflictOption": "Skip"}, 201),
        ("both", {"conflictOption": ..., "confilictOption": "Skip"}, 201),
        ("both", {"conflictOption": "Skip", "confilictOption": "Skip"}, 201),
        ("both", {"conflictOption": "Skip", "confilictOption": "Overwrite"}, 400),
        ("both", {"conflictOption": ...}, 400),
        ("both", {"conflictOption": "overwrite"}, 400),
        ("both", {"conflictOption": ["Skip"]}, 400),
        ("conflictOption", {"conflictOption": "Skip"}, 201),
        ("conflictOption", {"conflictOption": "Skip", "confilictOption": "Skip"}, 400),
        ("confilictOption", {"conflictOption": ..., "confilictOption": "Skip"}, 201),
        ("confilictOption", {"conflictOption": "Skip"}, 400),
    ],
)
def test_the_conflict_option_is_known_by_the_spelling_asked_for(
    make_caller, make_record, known, sent, status
):
    from opusmap.emulator import TargetFormat

    caller = make_caller(target=TargetFormat(conflict_key=known))
    assert caller.submit(make_record(), **sent).status_code == status
    assert len(caller.emulator.records) == (status == 201)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "00000000-0000-0000-0000-000000000000"},
        {"id": ...},
        {"id": 7},
        {"data": []},
        {"data": ...},
        {"data": {}},
        {"data": "rowKey"},
        {"more": 1},
    ],
)
def test_a_request_that_is_not_the_contracts_is_refused_with_nothing_taken(opus, make_record, changes):
    answer = opus.submit(make_record(), **changes)
    assert (answer.status_code, answer.json()["statusCode"]) == (400, 400)
    assert opus.emulator.records == {}


@pytest.mark.parametrize("item", [None, "CT-1", 7, []])
def test_a_record_that_is_no_object_refuses_the_whole_request(opus, make_record, item):
    assert opus.submit(make_record(), item).status_code == 400
    assert opus.emulator.records == {}


def test_the_guid_may_be_written_in_capitals(opus, make_record):
    assert opus.submit(make_record(), id=GUID.upper()).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'\xef\xbb\xbf{"id": 1}',
        b'{"id": 1, "id": 1}',
        b'{"id": NaN}',
        b"9" * 5000,
        b"[" * 100_000,
        b"null",
    ],
)
def test_a_body_that_is_no_strict_json_is_refused(opus, body):
    answer = opus.ask("POST", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["statusCode"]) == (400, 400)


@pytest.mark.parametrize(
    ("plain", "spoilt"),
    [('"Ann"', '"Ann", "createdBy": "Eve"'), ("12.5", "NaN"), ("12.5", "Infinity"), ("12.5", "012.5")],
)
def test_a_request_that_is_right_but_for_its_json_is_refused(opus, make_record, plain, spoilt):
    body = {"id": GUID, "conflictOption": "Skip", "data": [make_record(_Amount=12.5)]}
    text = json.dumps(body)
    headers = {"Content-Type": "application/json"}
    refused = opus.ask("POST", content=text.replace(plain, spoilt), headers=headers)
    assert (refused.status_code, opus.emulator.records) == (400, {})
    assert opus.ask("POST", content=text, headers=headers).status_code == 201


def test_a_body_must_be_sent_as_json(opus):
    assert opus.ask("POST", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    assert opus.ask("POST", content=b"{}").status_code == 415


def test_a_body_over_the_limit_is_refused(opus):
    body = b" " * ((8 << 20) + 1)
    answer = opus.ask("POST", content=body, headers={"Content-Type": "application/json; charset=utf-8"})
    assert answer.status_code == 413


def test_what_the_emulator_gives_away_is_a_copy(opus, make_record):
    opus.submit(make_record())
    opus.emulator.records["CT-1"]["leafName"] = "changed"
    assert opus.emulator.records["CT-1"]["leafName"] == "Lease of hall"
