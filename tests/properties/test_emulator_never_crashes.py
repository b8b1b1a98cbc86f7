"""Whatever arrives, the emulator answers with a status of the contract and JSON; it never fails itself."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.connection import parse_connection
from opusmap.emulator import Client, Emulator

GUID = "d9da492f-cc67-4920-99f9-6fbaae1f1410"
COLUMNS = {
    "rowKey": "SingleText",
    "leafName": "SingleText",
    "termFullPath": "Taxonomy",
    "timeCreated": "DateTime",
    "_Choice": "SingleChoice",
    "_Choices": "MultipleChoice",
    "_People": "PeopleOrGroup",
    "_Number": "Number",
    "_Text": "MultipleText",
    "_Odd": "Riddle",
}

ANY_TEXT = st.text(st.characters())  # lone surrogates included
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.dictionaries(st.sampled_from(list(COLUMNS)) | ANY_TEXT, VALUES, max_size=8)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.just(GUID) | VALUES,
        "conflictOption": st.sampled_from(["Overwrite", "Skip"]) | VALUES,
        "confilictOption": st.sampled_from(["Overwrite", "Skip"]) | VALUES,
        "data": st.lists(RECORDS | VALUES, max_size=17) | VALUES,
        "disposalIds": st.lists(ANY_TEXT, max_size=17) | VALUES,
    },
)
FINITE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)
ROWS = st.dictionaries(st.sampled_from(list(COLUMNS)) | ANY_TEXT, FINITE, max_size=8)
# Records that are right, so that taking is tried as well as failing.
RIGHT = st.fixed_dictionaries(
    {
        "rowKey": st.sampled_from(["a", "b", "c"]),
        "leafName": st.just("A"),
        "timeCreated": st.just("2024-12-19 18:15:00"),
    }
)
SUBMISSIONS = st.fixed_dictionaries(
    {
        "id": st.just(GUID),
        "conflictOption": st.sampled_from(["Overwrite", "Skip"]),
        "data": st.lists(RIGHT | ROWS, min_size=1, max_size=15),
    }
)
BODIES = st.binary() | st.one_of(SUBMISSIONS, REQUESTS, VALUES).map(lambda v: json.dumps(v).encode())


def make_emulator() -> Emulator:
    connection = parse_connection(json.dumps({"id": GUID, "data": COLUMNS}))
    return Emulator(connection, Client("app", "s"), options={"_Choice": 3, "_Choices": 3})


async def exchange(method: str, path: str, **request: object) -> tuple[httpx.Response, Emulator]:
    emulator = make_emulator()
    form = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "s"}
    form["scope"] = "records.readwrite.all"
    transport = httpx.ASGITransport(app=emulator)
    async with httpx.AsyncClient(transport=transport, base_url="http://opus") as client:
        token = (await client.post("/connect/token", data=form)).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        headers.update(request.pop("headers", {}))
        return await client.request(method, path, headers=headers, **request), emulator


@given(st.sampled_from(["POST", "DELETE"]), BODIES)
def test_any_body_is_answered_with_json_and_an_expected_status(method, body):
    answer, emulator = asyncio.run(exchange(method, "/connector/records", content=body))
    assert answer.status_code in {200, 201, 400, 418}
    assert answer.json()["statusCode"] == answer.status_code
    if answer.status_code == 400:
        assert emulator.records == {}


@given(SUBMISSIONS)
def test_every_record_of_a_processed_request_is_either_taken_or_named_as_failed(body):
    answer, emulator = asyncio.run(exchange("POST", "/connector/records", content=json.dumps(body)))
    counts = emulator.counts
    failed = answer.json().get("failedItems", [])
    assert counts.failed == len(failed)
    assert counts.created + counts.replaced + counts.skipped + counts.failed == len(body["data"])
    assert counts.created == len(emulator.records)


@given(st.binary())
def test_any_form_is_answered_with_a_token_or_an_oauth_error(body):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer, _ = asyncio.run(exchange("POST", "/connect/token", content=body, headers=headers))
    assert (answer.status_code, "error" in answer.json()) == (400, True)


@given(
    st.dictionaries(
        st.sampled_from(["id", "disposalDueDate", "startIndex", "itemsPerPage"]) | st.text(),
        st.just(GUID) | st.just("2024-01-01") | st.text(),
    )
)
def test_any_question_for_due_records_is_answered(query):
    answer, _ = asyncio.run(exchange("GET", "/connector/records", params=query))
    assert answer.status_code in {200, 400}
    answer.json()


@pytest.mark.parametrize("depth", [100, 300, 500, 700, 900, 950, 990, 5000, 200_000])
def test_deep_nesting_is_refused_at_any_depth(depth):
    head = json.dumps({"id": GUID, "conflictOption": "Skip"})[:-1] + ', "data": [{"rowKey": '
    body = head + "[" * depth + "]" * depth + "}]}"
    answer, _ = asyncio.run(exchange("POST", "/connector/records", content=body))
    assert answer.status_code in {400, 418}


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N", "P"])), st.sampled_from(["GET", "POST", "PUT"])
)
def test_any_path_is_answered_with_json(path, method):
    answer, _ = asyncio.run(exchange(method, "http://opus/" + path.replace("/", "")))
    assert 200 <= answer.status_code < 500
    answer.json()
