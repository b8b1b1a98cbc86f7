"""What an answer says about each record: the documented ones, and those a naive program believes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from answer_table import ANSWERS, Shape
from answer_table import KEYS as NAMES
from hypothesis import given
from hypothesis import strategies as st

from opusmap.opus.responses import Outcome, describe_body, name_answer, read_answer, read_question_answer

KEYS = ("1", "two", "Três")
OK = {"statusCode": 201, "message": None}


def read(status: int, body: Any, keys: tuple[str, ...] = KEYS) -> Outcome:
    return read_answer(status, body if isinstance(body, bytes) else json.dumps(body).encode(), keys)


@pytest.mark.parametrize("shape", ANSWERS, ids=lambda shape: shape.name)
def test_each_answer_of_the_table_says_what_it_says_and_no_more(shape: Shape) -> None:
    outcome = read_answer(shape.status, shape.body, NAMES)
    assert outcome.uncertain is shape.unknown
    assert set(outcome.failed) == shape.failed
    nobody = shape.unknown or shape.refused
    assert set(outcome.taken) == (set() if nobody else set(NAMES) - shape.failed)
    assert not outcome.trusted
    if shape.refused:
        assert outcome.status == shape.refused
    if shape.unknown:
        assert outcome.message


@pytest.mark.parametrize("shape", ANSWERS, ids=lambda shape: shape.name)
def test_trusting_the_status_changes_what_a_success_without_a_body_says_and_nothing_else(
    shape: Shape,
) -> None:
    outcome = read_answer(shape.status, shape.body, NAMES, trust_status=True)
    if shape.status in (200, 201) and not shape.body:
        assert outcome == Outcome(shape.status, NAMES, trusted=True)
    else:
        assert outcome == read_answer(shape.status, shape.body, NAMES)


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("body", [OK, {"statuscode": "201"}, {**OK, "failedItems": []}])
def test_a_success_takes_all(status: int, body: Any) -> None:
    outcome = read(status, body)
    assert (outcome.taken, outcome.failed, outcome.uncertain) == (KEYS, {}, False)


def test_a_byte_order_mark_does_no_harm() -> None:
    assert read(201, b"\xef\xbb\xbf" + json.dumps(OK).encode()).taken == KEYS


@pytest.mark.parametrize("key_name", ["rowKey", "RowKey", "row_key", "key", "id", "ROWKEY", "Id"])
@pytest.mark.parametrize(
    "reason_name", ["message", "error", "errorMessage", "reason", "description", "ErrorMessage"]
)
@pytest.mark.parametrize("status", [201, 418])
def test_failed_items_are_matched_whatever_their_names(status: int, key_name: str, reason_name: str) -> None:
    body = {"statusCode": status, "FailedItems": [{key_name: "two", reason_name: "bad term"}]}
    assert read(status, body) == Outcome(418, ("1", "Três"), {"two": "bad term"})


def test_failed_items_may_be_plain_keys_numbers_or_mixed() -> None:
    body = {
        "statusCode": 418,
        "message": "See  items\n",
        "failedItems": ["two", {"rowKey": 1, "error": {"code": 7}}],
    }
    assert read(418, body) == Outcome(
        418, ("Três",), {"two": "See items", "1": '{"code":7}'}, message="See items"
    )


def test_the_row_key_wins_over_an_id_beside_it() -> None:
    outcome = read(418, {"statusCode": 418, "failedItems": [{"id": "1", "rowKey": "two", "message": "x"}]})
    assert dict(outcome.failed) == {"two": "x"}


def test_all_records_may_fail() -> None:
    outcome = read(418, {"statusCode": 418, "failedItems": list(KEYS)})
    assert (outcome.taken, set(outcome.failed), outcome.settled) == ((), set(KEYS), True)


@pytest.mark.parametrize(
    "items",
    [
        ["another"],
        ["two", "another"],
        [{"name": "two"}],
        [{"rowKey": None, "id": "two"}],
        [{"rowKey": ["two"]}],
        [None],
        [True],
        [["two"]],
        ["two"] * 4,
        [str(number) for number in range(10_000)],
        {"two": "bad"},
        "two",
        7,
    ],
)
@pytest.mark.parametrize("status", [200, 201, 418])
def test_failed_items_that_can_not_be_matched_leave_all_uncertain(status: int, items: Any) -> None:
    outcome = read(status, {"statusCode": status, "failedItems": items})
    assert (outcome.taken, outcome.failed, outcome.uncertain) == ((), {}, True)


@pytest.mark.parametrize("items", [None, [], {}, ""])
def test_exceptions_that_name_nobody_are_uncertain(items: Any) -> None:
    assert read(418, {"statusCode": 418, "failedItems": items}).uncertain
    assert read(201, {"statusCode": 418, "failedItems": items}).uncertain
    assert read(418, OK).uncertain


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"statusCode": 201, "mess',
        b"<html>OK</html>",
        b"OK",
        b"null",
        b"[]",
        b'"201"',
        b"\xff\xfe{}",
        b"\x1f\x8b\x08\x00",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
@pytest.mark.parametrize("status", [200, 201, 418])
def test_what_is_not_the_documented_json_is_uncertain(status: int, body: bytes) -> None:
    outcome = read(status, body)
    assert outcome.uncertain
    assert not outcome.settled


@pytest.mark.parametrize("status", [202, 204, 206, 299])
def test_a_success_that_is_not_documented_is_uncertain(status: int) -> None:
    assert read(status, OK).uncertain


@pytest.mark.parametrize(
    ("http", "said", "worse"),
    [
        (201, 500, 500),
        (201, "503", 503),
        (500, 201, 500),
        (201, 400, 400),
        (400, 201, 400),
        (418, 400, 400),
        (400, 418, 400),
        (418, 500, 500),
        (400, 500, 500),
        (401, 400, 401),
        (201, 302, 302),
        (503, None, 503),
        (503, "junk", 503),
    ],
)
def test_the_worse_of_two_statuses_counts(http: int, said: Any, worse: int) -> None:
    outcome = read(http, {"statusCode": said, "message": "m", "failedItems": ["two"]})
    assert outcome == Outcome(worse, message="m")


@pytest.mark.parametrize("said", ["junk", 2010, 0, -1, True, 201.0, [], {}, "20\uff11", 600])
def test_a_status_that_can_not_be_read_spoils_a_success(said: Any) -> None:
    assert read(201, {"statusCode": said}).uncertain


def test_reasons_are_one_printable_line_of_bounded_length() -> None:
    outcome = read(
        418, {"statusCode": 418, "failedItems": [{"id": "two", "message": "a\x1b[31m\r\nb" + "x" * 1000}]}
    )
    assert outcome.failed["two"].startswith("a [31m bxxx")
    assert len(outcome.failed["two"]) == 300


ELEMENTS = st.one_of(
    st.sampled_from(KEYS),
    st.text(max_size=3),
    st.none(),
    st.integers(0, 3),
    st.dictionaries(
        st.sampled_from(["rowKey", "key", "ID", "message", "x"]), st.one_of(st.sampled_from(KEYS), st.none())
    ),
)


@given(
    st.one_of(st.integers(200, 599), st.just(201), st.just(418)),
    st.fixed_dictionaries(
        {},
        optional={
            "statusCode": st.one_of(st.integers(199, 600), st.just(201), st.text(max_size=3), st.none()),
            "message": st.one_of(st.text(), st.none(), st.integers()),
            "failedItems": st.one_of(st.lists(ELEMENTS, max_size=5), st.none(), ELEMENTS),
        },
    ),
)
def test_any_answer_settles_every_record_once_or_none_at_all(status: int, body: dict[str, Any]) -> None:
    outcome = read(status, body)
    if outcome.settled:
        assert sorted([*outcome.taken, *outcome.failed]) == sorted(KEYS)
        assert str(body["statusCode"]) in ("200", "201", "418")
        assert outcome.status in (200, 201, 418)
        assert not outcome.uncertain
    else:
        assert outcome.uncertain or not 200 <= outcome.status < 300


@given(st.integers(100, 999), st.binary(max_size=60))
def test_any_bytes_are_an_outcome(status: int, body: bytes) -> None:
    assert not read(status, body).settled or body.strip().removeprefix(b"\xef\xbb\xbf").strip().startswith(
        b"{"
    )


@pytest.mark.parametrize(
    ("status", "body", "proved"),
    [
        (200, b'{"statusCode": 200, "queriedItems": []}', True),
        (200, b'{"queriedItems": []}', True),
        (204, b"", True),
        (200, b"", False),
        (204, b"<html>", False),
        (200, b"<html>", False),
        (200, b"[]", False),
        (200, b'{"statusCode": 200, "statusCode": 200}', False),
        (200, b'{"statusCode": "fine"}', False),
        (200, b'{"error": "boom"}', False),
        (200, b'{"statusCode": 200, "success": false}', False),
        (202, b'{"queriedItems": []}', False),
        (200, b'{"statusCode": 200}', True),
        (200, b"{}", False),
    ],
)
def test_a_question_is_answered_by_a_list_or_by_204(status: int, body: bytes, *, proved: bool) -> None:
    outcome = read_question_answer(status, body)
    assert (outcome.status == 200 and not outcome.uncertain) is proved


def test_only_statuses_that_opus_documents_are_surely_its_own() -> None:
    documented = {status for status in range(100, 600) if name_answer(status) == f"Opus answers {status}"}
    assert documented == {200, 201, 204, 400, 401, 403, 418, 500}
    assert name_answer(502) == "Opus, or a gateway before it, answers 502"


def test_how_an_unreadable_body_begins_is_shown_in_one_short_printable_line() -> None:
    assert describe_body(b"") == describe_body(b" \r\n") == "it has no body"
    shown = describe_body(b"<html>\r\n\x1b[2J\xff" + b"Sign in " * 1000)
    assert shown.startswith("it begins: <html> [2J\ufffdSign in Sign in")
    assert len(shown) <= 100
    assert shown.isprintable()
