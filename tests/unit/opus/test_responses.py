"""What an answer says about each record: the documented ones, and those a naive program believes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from answer_table import ANSWERS, Shape
from answer_table import KEYS as NAMES
from hypothesis import given
from hypothesis import strategies as st

from opusmap.opus.exchange import Answer, NoAnswer, TransportError
from opusmap.opus.responses import (
    AttemptResult,
    LoadSignal,
    Verdict,
    advise_absent,
    name_answer,
    read_due_answer,
    read_exchange,
    read_status,
)

KEYS = ("1", "two", "Três")
OK = {"statusCode": 201, "message": None}


def answer(status: int, body: Any = b"", **more: Any) -> Answer:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, encoded, "/connector/records", **more)


def read(status: int, body: Any, keys: tuple[str, ...] = KEYS) -> AttemptResult:
    return read_exchange(answer(status, body), keys)


@pytest.mark.parametrize("shape", ANSWERS, ids=lambda shape: shape.name)
def test_each_answer_of_the_table_says_what_it_says_and_no_more(shape: Shape) -> None:
    result = read(shape.status, shape.body, NAMES)
    assert result.unreadable is shape.unknown
    assert set(result.failed) == shape.failed
    nobody = shape.unknown or shape.refused
    assert set(result.accepted) == (set() if nobody else set(NAMES) - shape.failed)
    assert not result.trusted
    if shape.refused:
        assert result.status == shape.refused
    if shape.unknown:
        assert result.message


@pytest.mark.parametrize("shape", ANSWERS, ids=lambda shape: shape.name)
def test_trusting_the_status_changes_what_a_success_without_a_body_says_and_nothing_else(
    shape: Shape,
) -> None:
    result = read_exchange(answer(shape.status, shape.body), NAMES, trust_status=True)
    if shape.status in (200, 201) and not shape.body:
        assert (result.verdict, result.accepted, result.trusted) == (Verdict.ACCEPTED, NAMES, True)
        cut = read_exchange(answer(shape.status, shape.body, cut=True), NAMES, trust_status=True)
        assert (cut.verdict, cut.trusted) == (Verdict.UNKNOWN, False)
    else:
        assert result == read(shape.status, shape.body, NAMES)


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("body", [OK, {"statuscode": "201"}, {**OK, "failedItems": []}])
def test_a_success_takes_all(status: int, body: Any) -> None:
    result = read(status, body)
    assert (result.accepted, result.failed, result.unreadable) == (KEYS, {}, False)


def test_a_byte_order_mark_does_no_harm() -> None:
    assert read(201, b"\xef\xbb\xbf" + json.dumps(OK).encode()).accepted == KEYS


@pytest.mark.parametrize("key_name", ["rowKey", "RowKey", "row_key", "key", "id", "ROWKEY", "Id"])
@pytest.mark.parametrize(
    "reason_name", ["message", "error", "errorMessage", "reason", "description", "ErrorMessage"]
)
@pytest.mark.parametrize("status", [201, 418])
def test_failed_items_are_matched_whatever_their_names(status: int, key_name: str, reason_name: str) -> None:
    body = {"statusCode": status, "FailedItems": [{key_name: "two", reason_name: "bad term"}]}
    result = read(status, body)
    assert (result.status, result.accepted, result.failed) == (418, ("1", "Três"), {"two": "bad term"})


def test_failed_items_may_be_plain_keys_numbers_or_mixed() -> None:
    body = {
        "statusCode": 418,
        "message": "See  items\n",
        "failedItems": ["two", {"rowKey": 1, "error": {"code": 7}}],
    }
    result = read(418, body)
    assert (result.accepted, result.failed) == (("Três",), {"two": "See items", "1": '{"code":7}'})
    assert result.message == "Opus answers 418: See items"


def test_the_row_key_wins_over_an_id_beside_it() -> None:
    result = read(418, {"statusCode": 418, "failedItems": [{"id": "1", "rowKey": "two", "message": "x"}]})
    assert dict(result.failed) == {"two": "x"}


def test_all_records_may_fail() -> None:
    result = read(418, {"statusCode": 418, "failedItems": list(KEYS)})
    assert (result.accepted, set(result.failed), result.verdict) == ((), set(KEYS), Verdict.ACCEPTED)


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
    result = read(status, {"statusCode": status, "failedItems": items})
    assert (result.accepted, result.failed, result.unreadable) == ((), {}, True)


@pytest.mark.parametrize("items", [None, [], {}, ""])
def test_exceptions_that_name_nobody_are_uncertain(items: Any) -> None:
    assert read(418, {"statusCode": 418, "failedItems": items}).unreadable
    assert read(201, {"statusCode": 418, "failedItems": items}).unreadable
    assert read(418, OK).unreadable


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
    result = read(status, body)
    assert result.unreadable
    assert result.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("status", [202, 204, 206, 299])
def test_a_success_that_is_not_documented_is_uncertain(status: int) -> None:
    assert read(status, OK).unreadable


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
    result = read(http, {"statusCode": said, "message": "m", "failedItems": ["two"]})
    assert (result.status, result.accepted, result.failed) == (worse, (), {})
    assert result.verdict in (Verdict.REFUSED, Verdict.UNKNOWN)
    assert result.message == f"{name_answer(worse)}: m"
    if worse in (401, 404, 405):
        assert read_status(answer(http, {"statusCode": said})) == worse


@pytest.mark.parametrize("said", ["junk", 2010, 0, -1, True, 201.0, [], {}, "20\uff11", 600])
def test_a_status_that_can_not_be_read_spoils_a_success(said: Any) -> None:
    assert read(201, {"statusCode": said}).unreadable


def test_reasons_are_one_printable_line_of_bounded_length() -> None:
    result = read(
        418, {"statusCode": 418, "failedItems": [{"id": "two", "message": "a\x1b[31m\r\nb" + "x" * 1000}]}
    )
    assert result.failed["two"].startswith("a [31m bxxx")
    assert len(result.failed["two"]) == 300


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
    result = read(status, body)
    if result.verdict is Verdict.ACCEPTED:
        assert sorted([*result.accepted, *result.failed]) == sorted(KEYS)
        assert str(body["statusCode"]) in ("200", "201", "418")
        assert result.status in (200, 201, 418)
        assert not result.unreadable
    else:
        assert result.unreadable or not 200 <= result.status < 300


@given(st.integers(100, 999), st.binary(max_size=60))
def test_any_bytes_are_an_outcome(status: int, body: bytes) -> None:
    assert read(status, body).verdict is not Verdict.ACCEPTED or body.strip().removeprefix(
        b"\xef\xbb\xbf"
    ).strip().startswith(b"{")


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
    assert (read_due_answer(answer(status, body)).verdict is Verdict.ACCEPTED) is proved


def test_only_statuses_that_opus_documents_are_surely_its_own() -> None:
    documented = {status for status in range(100, 600) if name_answer(status) == f"Opus answers {status}"}
    assert documented == {200, 201, 204, 400, 401, 403, 418, 500}
    assert name_answer(502) == "Opus, or a gateway before it, answers 502"


def test_how_an_unreadable_body_begins_is_shown_in_one_short_printable_line() -> None:
    def shown(body: bytes, **more: Any) -> str:
        return read_exchange(answer(200, body, **more), KEYS).message.rpartition("; ")[2]

    assert shown(b"") == shown(b" \r\n") == "it has no body"
    assert shown(b"", cut=True) == "it broke off, or was too long"
    begins = shown(b"<html>\r\n\x1b[2J\xff" + b"Sign in " * 1000)
    assert begins.startswith("it begins: <html> [2J\ufffdSign in Sign in")
    assert len(begins) <= 100
    assert begins.isprintable()


@pytest.mark.parametrize(
    ("status", "verdict", "signal"),
    [
        (400, Verdict.REFUSED, LoadSignal.KEPT),
        (403, Verdict.REFUSED, LoadSignal.KEPT),
        (404, Verdict.REFUSED, LoadSignal.KEPT),
        (408, Verdict.UNKNOWN, LoadSignal.TROUBLE),
        (413, Verdict.REFUSED, LoadSignal.KEPT),
        (429, Verdict.RETRY, LoadSignal.TOO_MUCH),
        (500, Verdict.UNKNOWN, LoadSignal.TROUBLE),
        (503, Verdict.UNKNOWN, LoadSignal.TOO_MUCH),
        (504, Verdict.UNKNOWN, LoadSignal.TROUBLE),
    ],
)
def test_an_answer_that_accepts_nothing_says_whether_it_may_be_processed_and_how_busy_opus_is(
    status: int, verdict: Verdict, signal: LoadSignal
) -> None:
    result = read_exchange(answer(status, retry_after=7.0), KEYS, 0.5)
    assert (result.verdict, result.signal, result.status) == (verdict, signal, status)
    assert (result.retry_after, result.seconds) == (7.0, 0.5)
    assert ("on /connector/records" in result.message) is (status == 404)


@pytest.mark.parametrize(
    ("error", "verdict", "signal"),
    [
        (TransportError.UNREACHED, Verdict.RETRY, LoadSignal.TROUBLE),
        (TransportError.LOST, Verdict.UNKNOWN, LoadSignal.TROUBLE),
        (TransportError.TIMEOUT, Verdict.UNKNOWN, LoadSignal.TROUBLE),
        (TransportError.SIGN_IN, Verdict.RETRY, LoadSignal.NOT_SENT),
        (TransportError.UNTRUSTED, Verdict.REFUSED, LoadSignal.NOT_SENT),
    ],
)
def test_the_lack_of_an_answer_says_the_same(
    error: TransportError, verdict: Verdict, signal: LoadSignal
) -> None:
    result = read_exchange(NoAnswer(error, "it broke", 7.0), KEYS, 0.5)
    assert result == AttemptResult(
        verdict, "it broke", error=error, retry_after=7.0, signal=signal, seconds=0.5
    )


def test_an_emulator_that_was_stopped_is_to_be_started_again() -> None:
    refused = "identity service: can't connect: connection refused"
    assert "opusmap emulator MAPPING --port 8015" in advise_absent("http://127.0.0.1:8015", refused)
    assert advise_absent("https://opus.example.com", refused) == ""
    assert advise_absent("http://127.0.0.1:8015", "the answer is not HTTP") == ""
