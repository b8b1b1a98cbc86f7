"""No request breaks the emulator, one that is refused changes nothing, and no record vanishes unsaid.

`test_emulator_never_crashes` varies bodies and queries; here all parts of a request vary together, against
an Opus that holds something already.
"""

from __future__ import annotations

import asyncio
import json
from datetime import date

import httpx
from hypothesis import given
from hypothesis import strategies as st

from opusmap.connection import parse_connection
from opusmap.emulator import RECORD_PATHS, TOKEN_PATH, Client, Emulator

GUID = "d9da492f-cc67-4920-99f9-6fbaae1f1410"
COLUMNS = {
    "rowKey": "SingleText",
    "leafName": "SingleText",
    "timeCreated": "DateTime",
    "termFullPath": "Taxonomy",
    "_Choices": "MultipleChoice",
    "_Number": "Number",
}
FORM = {
    "grant_type": "client_credentials",
    "client_id": "app",
    "client_secret": "s",
    "scope": "records.readwrite.all",
}
HELD = {key: {"rowKey": key, "leafName": "old", "timeCreated": "2024-12-19 18:15:00"} for key in "abc"}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from("abcde")
RECORDS = st.fixed_dictionaries(
    {"rowKey": KEYS, "leafName": st.just("new") | st.just(""), "timeCreated": st.just("2025-01-01 00:00:00")},
    optional={"_Number": JSON, "_Choices": st.sampled_from(["[1]", "[4]"]), "\ud800": st.just("x")},
) | st.dictionaries(st.sampled_from(list(COLUMNS)), JSON, max_size=4)
OPTIONS = st.sampled_from(["Overwrite", "Skip"])
SUBMISSIONS = st.fixed_dictionaries(
    {"id": st.just(GUID), "conflictOption": OPTIONS, "data": st.lists(RECORDS, min_size=1, max_size=15)}
)
DESTRUCTIONS = st.fixed_dictionaries({"disposalIds": st.lists(KEYS, min_size=1, max_size=15)})
FLAWS = st.sampled_from(
    [
        {"id": "7"},
        {"conflictOption": "skip"},
        {"confilictOption": None},
        {"data": []},
        {"data": [*HELD.values()] * 6},
        {"data": [HELD["a"], 7]},
        {"disposalIds": ["a", None]},
        {"disposalIds": ["a"] * 16},
        {"more": 1},
    ]
)
METHODS = st.sampled_from(["GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS"]) | st.text(
    "ABCXYZ-!~", min_size=1, max_size=5
)
PATHS = (
    st.sampled_from([*RECORD_PATHS, TOKEN_PATH, "/", "/openapi.json", "", "*"])
    | st.text()
    | st.text().map(lambda text: f"{RECORD_PATHS[0]}/{text}")
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"content-type", b"authorization", b"Content-Length", b"x"]) | st.binary(),
        st.binary(),
    )
    | st.just((b"content-type", b"application/json"))
    | st.just((b"content-type", b"application/x-www-form-urlencoded; charset")),
    max_size=4,
)
BODIES = st.binary() | st.one_of(SUBMISSIONS, DESTRUCTIONS, JSON).map(lambda body: json.dumps(body).encode())


def filled() -> Emulator:
    """Return an Opus that holds `HELD`, all of it due."""
    connection = parse_connection(json.dumps({"id": GUID, "data": COLUMNS}))
    emulator = Emulator(connection, Client("app", "s"), options={"_Choices": 3})
    answer = ask(emulator, "POST", {"id": GUID, "conflictOption": "Skip", "data": [*HELD.values()]})
    assert answer.status_code == 201
    for key in HELD:
        emulator.set_due(key, date(2024, 1, 1))
    return emulator


def ask(
    emulator: Emulator, method: str, body: object = None, token: bytes | None = None, **request: object
) -> httpx.Response:
    authorization = sign_in(emulator) if token is None else token
    headers = {"Authorization": authorization, "Content-Type": b"application/json"}
    content = None if body is None else json.dumps(body)
    return call(emulator, method, RECORD_PATHS[0], content=content, headers=headers, **request)


def sign_in(emulator: Emulator) -> bytes:
    """Return what the header `Authorization` is to hold."""
    return f"Bearer {call(emulator, 'POST', TOKEN_PATH, data=FORM).json()['access_token']}".encode()


def call(emulator: Emulator, method: str, path: str, **request: object) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=emulator)
        async with httpx.AsyncClient(transport=transport, base_url="http://opus") as client:
            return await client.request(method, path, **request)

    return asyncio.run(send())


def state(emulator: Emulator) -> tuple[object, object]:
    """Return all that Opus holds, and the rowKeys of what is due."""
    query = {"id": GUID, "disposalDueDate": "2025-01-31"}
    due = ask(emulator, "GET", params=query).json()["queriedItems"]
    return emulator.records, [item["rowKey"] for item in due]


@given(METHODS, PATHS, st.binary(), HEADERS, st.lists(BODIES, min_size=1, max_size=3), st.booleans())
def test_any_request_is_answered_with_json_and_changes_nothing_unless_it_is_processed(
    method, path, query, headers, parts, signed_in
):
    # By hand: no HTTP client would send some of these.
    emulator, sent = filled(), []
    if signed_in:
        headers = [*headers, (b"authorization", sign_in(emulator))]
    scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": headers}
    incoming = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    incoming[-1]["more_body"] = False

    async def receive():
        return incoming.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(emulator(scope, receive, send))
    start, body = sent
    assert 200 <= start["status"] < 500
    assert dict(start["headers"])[b"content-length"] == str(len(body["body"])).encode()
    assert isinstance(json.loads(body["body"]), dict)
    if start["status"] not in {200, 201, 418}:
        assert state(emulator) == (HELD, [*HELD])


@given(
    st.sampled_from(["POST", "DELETE"]),
    SUBMISSIONS,
    DESTRUCTIONS,
    st.binary() | st.binary().map(lambda text: b"Bearer " + text),
)
def test_a_right_request_with_any_other_token_is_refused_and_changes_nothing(
    method, submission, destruction, token
):
    emulator = filled()
    answer = ask(emulator, method, submission if method == "POST" else destruction, token)
    assert (answer.status_code, answer.json()["statusCode"]) == (401, 401)
    assert state(emulator) == (HELD, [*HELD])


@given(st.sampled_from(["POST", "DELETE"]), SUBMISSIONS, DESTRUCTIONS, FLAWS)
def test_a_refused_request_changes_nothing(method, submission, destruction, flaw):
    emulator = filled()
    body = submission if method == "POST" else destruction
    answer = ask(emulator, method, {**body, **flaw})
    assert (answer.status_code, answer.json()["statusCode"]) == (400, 400)
    assert state(emulator) == (HELD, [*HELD])


@given(SUBMISSIONS)
def test_every_record_is_held_or_named_as_failed_and_what_failed_changes_nothing(body):
    emulator = filled()
    answer = ask(emulator, "POST", body)
    failed = [item["rowKey"] for item in answer.json().get("failedItems", [])]
    assert answer.status_code == (418 if failed else 201)
    held = dict(HELD)
    for record in body["data"]:
        key = record.get("rowKey")
        key = key if isinstance(key, str) else None
        if key in failed and not is_right(record):
            failed.remove(key)
        elif body["conflictOption"] == "Overwrite" or key not in held:
            held[key] = record
    assert (failed, emulator.records) == ([], held)


def is_right(record: dict[str, object]) -> bool:
    """Say whether a record is right, by a shorter way: alone in an Opus of its own."""
    alone = {"id": GUID, "conflictOption": "Overwrite", "data": [record]}
    return ask(filled(), "POST", alone).status_code == 201


@given(DESTRUCTIONS)
def test_every_record_to_be_destroyed_is_marked_and_the_unknown_ones_are_named(body):
    emulator = filled()
    emulator.set_due("d", date(2024, 1, 1))
    answer = ask(emulator, "DELETE", body)
    keys = set(body["disposalIds"])
    named = {item["rowKey"] for item in answer.json().get("failedItems", [])}
    assert keys - set(HELD) <= named
    assert (set(emulator.destroyed), state(emulator)) == (set(HELD) & keys, (HELD, sorted(set(HELD) - keys)))
    assert (answer.status_code == 200) == (not named)
    ask(emulator, "POST", {"id": GUID, "conflictOption": "Skip", "data": [{**HELD["a"], "rowKey": "d"}]})
    assert "d" in state(emulator)[1], "a failed request moved a due date"
