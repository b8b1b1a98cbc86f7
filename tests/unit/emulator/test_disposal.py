"""Finding due records page by page, and marking them destroyed."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.emulator import APPROVALS_PATH, Readings, Retention, read_retention
from opusmap.errors import SettingsError

GUID = "d9da492f-cc67-4920-99f9-6fbaae1f1410"
READINGS = [Readings(no_content=some, page_index=other) for some in (False, True) for other in (False, True)]


def find(opus, **query):
    query = {"id": GUID, "disposalDueDate": "2025-01-31", "startIndex": "", "itemsPerPage": "100", **query}
    return opus.ask("GET", params={name: value for name, value in query.items() if value is not None})


def find_pages(opus, size):
    """Yield the rowKeys of each page."""
    token = ""
    while token is not None:
        answer = find(opus, startIndex=token, itemsPerPage=size)
        if answer.status_code == 204:
            assert (answer.content, answer.headers) == (b"", {})
            return
        page = answer.json()
        yield [record["rowKey"] for record in page["queriedItems"]]
        token = page["startIndex"]


def test_records_due_earlier_than_the_date_are_found_and_no_others(opus, make_record):
    opus.submit(*(make_record(key) for key in ("before", "just", "then", "after", "never")))
    opus.emulator.set_due("before", date(2024, 1, 1))
    opus.emulator.set_due("just", datetime.fromisoformat("2025-01-30T23:59:59"))
    opus.emulator.set_due("then", datetime.fromisoformat("2025-01-31T00:00:00"))
    opus.emulator.set_due("after", datetime.fromisoformat("2025-01-31T00:00:01"))
    opus.emulator.set_due("unknown", date(2024, 1, 1))
    assert list(find_pages(opus, 100)) == [["before", "just"]]


def test_due_records_have_the_built_in_columns_alone_and_times_that_end_in_a_blank(opus, make_record):
    opus.submit(make_record("a", _Notes="more", createdBy="Ann"))
    opus.emulator.set_due("a", date(2024, 1, 1))
    item = {
        "rowKey": "a",
        "leafName": "Lease of hall",
        "termFullPath": None,
        "timeCreated": "2024-12-19 18:15:00 ",
        "timeModified": "2024-12-20 08:00:59 ",
        "createdBy": "Ann",
        "modifiedBy": "Bob",
    }
    answer = find(opus)
    assert answer.status_code == 200
    assert answer.json() == {"startIndex": None, "statusCode": 200, "queriedItems": [item]}


@pytest.mark.parametrize("no_content", [False, True])
def test_where_nothing_is_due_the_list_is_empty_or_the_answer_204(make_caller, no_content):
    pages = list(find_pages(make_caller(readings=Readings(no_content=no_content)), 100))
    assert pages == ([] if no_content else [[]])


@given(
    st.sets(st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1), max_size=12), st.data()
)
def test_pages_hold_each_due_record_once_whatever_their_size_and_reading(
    make_caller, make_record, keys, data
):
    readings = data.draw(st.sampled_from(READINGS))
    opus = make_caller(readings=readings)
    size = data.draw(st.integers(1, 5))
    if keys:
        opus.submit(*(make_record(key) for key in keys))
    for key in keys:
        opus.emulator.set_due(key, date(2024, 1, 1))
    pages = list(find_pages(opus, size))
    assert sorted(key for page in pages for key in page) == sorted(keys)
    assert all(len(page) <= size for page in pages)
    assert len(pages) == max(0 if readings.no_content else 1, -(-len(keys) // size))


@pytest.mark.parametrize(("page_index", "rest"), [(False, ["c", "d"]), (True, [])])
def test_records_destroyed_between_pages_shift_the_others_only_where_pages_are_numbered(
    make_caller, make_record, page_index, rest
):
    opus = make_caller(readings=Readings(page_index=page_index))
    opus.submit(*(make_record(key) for key in "abcd"))
    for key in "abcd":
        opus.emulator.set_due(key, date(2024, 1, 1))
    pages = find_pages(opus, 2)
    assert next(pages) == ["a", "b"]
    opus.ask("DELETE", json={"disposalIds": ["a", "b"]})
    assert list(pages) == [rest]


@pytest.mark.parametrize("size", [None, "", "0", "100"])
def test_a_page_without_a_size_holds_a_hundred(opus, make_record, size):
    keys = [f"{number:03}" for number in range(101)]
    for start in range(0, len(keys), 15):
        opus.submit(*(make_record(key) for key in keys[start : start + 15]))
    for key in keys:
        opus.emulator.set_due(key, date(2024, 1, 1))
    assert [len(page) for page in find_pages(opus, size)] == [100, 1]


@pytest.mark.parametrize(
    ("sizes", "count"),
    [
        ({"itemsPerPage": "1"}, 1),
        ({"itemsPerPage": None, "itemsPerpage": "1"}, 1),
        ({"itemsPerPage": "1", "itemsPerpage": "2"}, 1),
    ],
)
def test_the_size_of_a_page_is_taken_in_both_spellings(opus, make_record, sizes, count):
    opus.submit(make_record("a"), make_record("b"))
    for key in "ab":
        opus.emulator.set_due(key, date(2024, 1, 1))
    assert len(find(opus, **sizes).json()["queriedItems"]) == count


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
        {"itemsPerpage": "101"},
        {"itemsperpage": "1"},
        {"more": "1"},
    ],
)
def test_a_question_that_is_not_the_contracts_is_refused(opus, query):
    assert find(opus, **query).status_code == 400


@pytest.mark.parametrize("start", ["x", "-1", "1.0", "\u0661", "1" * 10])
def test_what_numbers_no_page_is_refused(make_caller, start):
    assert find(make_caller(readings=Readings(page_index=True)), startIndex=start).status_code == 400


def test_a_parameter_given_twice_is_refused(opus):
    assert find(opus, id=[GUID, GUID]).status_code == 400


def test_records_are_marked_as_destroyed_and_due_no_more_but_held(opus, make_record):
    opus.submit(make_record("a"), make_record("b"))
    for key in "ab":
        opus.emulator.set_due(key, date(2024, 1, 1))
    for _ in range(2):
        answer = opus.ask("DELETE", json={"disposalIds": ["a"]})
        assert (answer.status_code, answer.json()) == (200, {"statusCode": 200, "message": None})
        assert (list(opus.emulator.records), opus.emulator.destroyed) == (["a", "b"], {"a"})
        assert list(find_pages(opus, 100)) == [["b"]]


@pytest.mark.parametrize("no_content", [False, True])
def test_a_record_that_is_not_there_fails_alone(make_caller, make_record, no_content):
    opus = make_caller(readings=Readings(no_content=no_content))
    opus.submit(make_record("a"))
    opus.emulator.set_due("a", date(2024, 1, 1))
    answer = opus.ask("DELETE", json={"disposalIds": ["x", "a"]})
    assert answer.status_code == 418
    assert answer.json()["failedItems"] == [{"rowKey": "x", "message": "there is no such record"}]
    assert opus.emulator.destroyed == {"a"}
    answer = opus.ask("DELETE", json={"disposalIds": ["a"]})
    assert (answer.status_code, bool(answer.content)) == ((204, False) if no_content else (200, True))


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
    assert opus.emulator.destroyed == set()


def failures(answer):
    """Return the rowKeys that an answer to a DELETE names, with the reasons."""
    return {each["rowKey"]: each["message"] for each in answer.json().get("failedItems", [])}


@pytest.mark.parametrize("due", [None, date(9000, 1, 1)])
def test_a_record_that_is_not_due_by_now_cannot_be_marked(opus, make_record, due):
    opus.submit(make_record("a"))
    if due:
        opus.emulator.set_due("a", due)
    answer = opus.ask("DELETE", json={"disposalIds": ["a"]})
    assert (answer.status_code, failures(answer)) == (418, {"a": "it is not due"})
    assert opus.emulator.destroyed == set()


def test_a_record_that_was_marked_before_fails_where_a_mark_counts_once(make_caller, make_record):
    opus = make_caller(readings=Readings(marked_once=True))
    opus.submit(make_record("a"))
    opus.emulator.set_due("a", date(2024, 1, 1))
    assert opus.ask("DELETE", json={"disposalIds": ["a"]}).status_code == 200
    answer = opus.ask("DELETE", json={"disposalIds": ["a"]})
    assert failures(answer) == {"a": "it was marked as destroyed before"}


def test_a_term_says_how_long_its_records_are_kept_and_the_longest_beginning_counts(opus, make_record):
    opus.emulator.disposal.retention = read_retention(["A/B=1y", "A/B/C = 7y", "A/X=30d"])
    terms = {"short": "A/B/D", "long": "A/B/C", "days": "A/X/Y", "no rule": "A/Bee/C", "none": ""}
    opus.submit(*(make_record(key, termFullPath=term or ...) for key, term in terms.items()))
    due = {key: [] for key in terms}
    for day in ("2025-01-19", "2025-01-20", "2025-12-20", "2025-12-21", "2031-12-20", "2031-12-21"):
        for item in find(opus, disposalDueDate=day).json()["queriedItems"]:
            due[item["rowKey"]].append(day)
    first = {key: min(days, default=None) for key, days in due.items()}
    assert first == {
        "short": "2025-12-21",
        "long": "2031-12-21",
        "days": "2025-01-20",
        "no rule": None,
        "none": None,
    }


def test_a_period_from_a_leap_day_ends_on_the_first_of_march():
    assert Retention(1).end(datetime.fromisoformat("2024-02-29")) == datetime.fromisoformat("2025-03-01")
    assert Retention(4).end(datetime.fromisoformat("2024-02-29")) == datetime.fromisoformat("2028-02-29")
    assert Retention(9000).end(datetime.fromisoformat("2024-02-29")) is None


@pytest.mark.parametrize("text", ["7y", "=7y", "A=", "A=7", "A=y", "A=-1d", "A=1m", "A=9999y"])
def test_what_is_no_term_and_period_is_refused(text):
    with pytest.raises(SettingsError, match="is not a term and a period"):
        read_retention([text])


def test_where_records_are_approved_one_is_marked_only_after_that_and_as_it_was_then(
    make_caller, make_record
):
    opus = make_caller(readings=Readings(approval=True))
    opus.submit(*(make_record(key) for key in "abc"))
    for key in "abc":
        opus.emulator.set_due(key, date(2024, 1, 1))
    answer = opus.ask("DELETE", json={"disposalIds": ["a"]})
    assert failures(answer) == {"a": "it is not approved"}
    answer = opus.ask("POST", APPROVALS_PATH, json={"rowKeys": ["a", "x"]})
    assert answer.json() == {"approved": ["a"]}
    assert opus.ask("POST", APPROVALS_PATH, json={}).json() == {"approved": ["a", "b", "c"]}
    opus.submit(make_record("b", leafName="changed"))
    answer = opus.ask("DELETE", json={"disposalIds": ["a", "b"]})
    assert failures(answer) == {"b": "it is not approved"}
    assert opus.emulator.destroyed == {"a"}


@pytest.mark.parametrize("body", [[], {"keys": []}, {"rowKeys": "a"}, {"rowKeys": [1]}])
def test_an_approval_that_names_no_records_is_refused(opus, body):
    assert opus.ask("POST", APPROVALS_PATH, json=body).status_code == 400


def test_a_key_that_another_connection_has_too_is_marked_there_as_well(opus, make_record):
    opus.submit(make_record("a"))
    opus.emulator.set_due("a", date(2024, 1, 1))
    opus.emulator.disposal.elsewhere = {"a": {"other"}, "b": {"other", "third"}}
    assert opus.ask("DELETE", json={"disposalIds": ["a", "b"]}).status_code == 200
    assert opus.emulator.destroyed == {"a"}
    assert opus.emulator.disposal.destroyed_elsewhere == {("other", "a"), ("other", "b"), ("third", "b")}


def test_a_destroyed_record_that_is_submitted_again_is_noted_and_stays_destroyed(opus, make_record):
    opus.submit(make_record("a"), make_record("b"))
    opus.emulator.set_due("a", date(2024, 1, 1))
    opus.ask("DELETE", json={"disposalIds": ["a"]})
    opus.submit(make_record("a"), make_record("b"))
    assert (opus.emulator.destroyed, opus.emulator.disposal.returned) == ({"a"}, {"a"})
    assert find(opus).json()["queriedItems"] == []
