"""Finding due records page by page, and marking them destroyed."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

GUID = "d9da492f-cc67-4920-99f9-6fbaae1f1410"


def find(opus, **query):
    query = {"id": GUID, "disposalDueDate": "2025-01-31", "startIndex": "", "itemsPerPage": "100", **query}
    return opus.ask("GET", params={name: value for name, value in query.items() if value is not None})


def test_records_due_until_the_date_are_found_and_no_others(opus, make_record):
    opus.submit(*(make_record(key) for key in ("before", "then", "after", "never")))
    opus.emulator.set_due("before", date(2024, 1, 1))
    opus.emulator.set_due("then", datetime.fromisoformat("2025-01-31T00:00:00"))
    opus.emulator.set_due("after", datetime.fromisoformat("2025-01-31T00:00:01"))
    opus.emulator.set_due("unknown", date(2024, 1, 1))
    answer = find(opus)
    assert answer.status_code == 200
    held = [make_record("before"), make_record("then")]
    assert answer.json() == {"startIndex": None, "statusCode": 200, "data": held}


@given(
    st.sets(st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1), max_size=12), st.data()
)
def test_pages_hold_each_due_record_once_whatever_their_size(make_caller, make_record, keys, data):
    opus = make_caller()
    size = data.draw(st.integers(1, 5))
    if keys:
        opus.submit(*(make_record(key) for key in keys))
    for key in keys:
        opus.emulator.set_due(key, date(2024, 1, 1))
    found, token, pages = [], "", 0
    while token is not None:
        page = find(opus, startIndex=token, itemsPerPage=size).json()
        assert len(page["data"]) <= size
        found += [record["rowKey"] for record in page["data"]]
        token, pages = page["startIndex"], pages + 1
    assert sorted(found) == sorted(keys)
    assert pages == max(1, -(-len(keys) // size))


def test_records_destroyed_between_pages_do_not_hide_others(opus, make_record):
    opus.submit(*(make_record(key) for key in "abcd"))
    for key in "abcd":
        opus.emulator.set_due(key, date(2024, 1, 1))
    first = find(opus, itemsPerPage=2).json()
    opus.ask("DELETE", json={"disposalIds": ["a", "b"]})
    second = find(opus, itemsPerPage=2, startIndex=first["startIndex"]).json()
    assert [record["rowKey"] for record in second["data"]] == ["c", "d"]


@pytest.mark.parametrize("size", [None, "", "0", "100"])
def test_a_page_without_a_size_holds_a_hundred(opus, size):
    assert find(opus, itemsPerPage=size).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        {"id": None},
        {"id": "00000000-0000-0000-0000-000000000000"},
        {"disposalDueDate": None},
        {"disposalDueDate": "soon"},
        {"disposalDueDate": "2025-01-31T00:00:00Z"},
        {"disposalDueDate": "2025-01-31T00:00:00+02:00"},
        {"startIndex": "7"},
        {"startIndex": "ff"},
        {"itemsPerPage": "101"},
        {"itemsPerPage": "-1"},
        {"itemsPerPage": "many"},
        {"itemsPerPage": "\u0661"},
        {"more": "1"},
    ],
)
def test_a_question_that_is_not_the_contracts_is_refused(opus, query):
    assert find(opus, **query).status_code == 400


def test_a_parameter_given_twice_is_refused(opus):
    assert find(opus, id=[GUID, GUID]).status_code == 400


def test_destroyed_records_are_gone(opus, make_record):
    opus.submit(make_record("a"), make_record("b"))
    answer = opus.ask("DELETE", json={"disposalIds": ["a"]})
    assert (answer.status_code, answer.json()) == (200, {"statusCode": 200, "message": None})
    assert list(opus.emulator.records) == ["b"]


def test_a_record_that_is_not_there_fails_alone(opus, make_record):
    opus.submit(make_record("a"))
    answer = opus.ask("DELETE", json={"disposalIds": ["x", "a"]})
    assert answer.status_code == 418
    assert answer.json()["failedItems"] == [{"rowKey": "x", "message": "there is no such record"}]
    assert opus.emulator.records == {}


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"disposalIds": []},
        {"disposalIds": "a"},
        {"disposalIds": [1]},
        {"disposalIds": [None]},
        {"disposalIds": [f"k{n}" for n in range(16)]},
        {"disposalIds": ["a"], "more": 1},
    ],
)
def test_a_destruction_that_is_not_the_contracts_is_refused(opus, make_record, body):
    opus.submit(make_record("a"))
    assert opus.ask("DELETE", json=body).status_code == 400
    assert list(opus.emulator.records) == ["a"]
