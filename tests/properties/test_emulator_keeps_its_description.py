"""The emulator does what its OpenAPI description says, by schemathesis: on right requests and on wrong ones.

What comes back must be described: its status, its media type, its JSON. Requests that the description
allows are dealt with; others are refused, or their records fail.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from opusmap.connection import parse_connection
from opusmap.emulator import FAULTS_PATH, RECORD_PATHS, TOKEN_PATH, Client, Emulator, Readings, TargetFormat
from opusmap.run.rehearsal import EmbeddedTransport

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
}
FORM = {
    "grant_type": "client_credentials",
    "client_id": "app",
    "client_secret": "s",
    "scope": "records.readwrite.all",
}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
WAYS: tuple[dict[str, Any], ...] = (
    {"target": TargetFormat(), "readings": Readings()},
    {
        "target": TargetFormat(choice_as="number", list_as="array", empty="null"),
        "readings": Readings(no_content=True, page_index=True),
    },
)
UNTOLD = (TOKEN_PATH, FAULTS_PATH)
"""Where a schema can't tell all: that a secret is the right one, that shares come to at most 1."""

EXAMPLES = settings(
    max_examples=12,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def make_emulator(way: dict[str, Any]) -> Emulator:
    connection = parse_connection(json.dumps({"id": GUID, "data": COLUMNS}))
    return Emulator(connection, Client("app", "s"), **way)


def operations(*, with_parameters: bool = False) -> list[Any]:
    """Return the operations: all of them as they are by default, those of records also in other ways."""
    found = []
    for number, way in enumerate(WAYS):
        schema = schemathesis.openapi.from_dict(make_emulator(way).describe())
        for operation in (result.ok() for result in schema.get_all_operations()):
            of_records = operation.path == RECORD_PATHS[0]
            other_way = operation.path in RECORD_PATHS[1:] or (number > 0 and not of_records)
            if not other_way and (operation.body or operation.query or not with_parameters):
                found.append(pytest.param(operation, way, id=f"{operation.label} {number}"))
    return found


def has_wrong_token(case: Case) -> bool:
    component = case.meta.components.get(ParameterLocation.HEADER) if case.meta else None
    return component is not None and component.mode is GenerationMode.NEGATIVE


def ask(emulator: Emulator, case: Case) -> httpx.Response:
    """Send a generated request, with a good token unless that is what is to be wrong."""

    async def send() -> httpx.Response:
        transport = EmbeddedTransport(emulator)
        async with httpx.AsyncClient(transport=transport, base_url="http://opus") as client:
            request = case.as_transport_kwargs(base_url="http://opus")
            del request["cookies"]
            if not isinstance(request.get("data", {}), dict):
                request["content"] = request.pop("data")
            if has_wrong_token(case):
                token = str(request["headers"].get("Authorization", "")).encode("utf-8")
            else:
                token = (
                    b"Bearer " + (await client.post(TOKEN_PATH, data=FORM)).json()["access_token"].encode()
                )
            kind = {name: text for name, text in request.pop("headers").items() if name == "Content-Type"}
            return await client.request(headers={**kind, "Authorization": token}, **request)

    return asyncio.run(send())


@pytest.mark.parametrize(("operation", "way"), operations())
def test_a_request_that_is_described_is_dealt_with_and_answered_as_described(operation, way):
    @given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    @EXAMPLES
    def check(case: Case) -> None:
        answer = ask(make_emulator(way), case)
        case.validate_response(answer, checks=CHECKS)
        if operation.path not in UNTOLD:
            assert answer.status_code in {200, 201, 204, 418}, answer.text

    check()


@pytest.mark.parametrize(("operation", "way"), operations(with_parameters=True))
def test_a_request_that_is_not_described_is_refused_or_its_records_fail(operation, way):
    @given(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    @EXAMPLES
    def check(case: Case) -> None:
        # Of an empty list or object as a parameter nothing is sent.
        assume(all(value not in ([], {}) for value in (case.query or {}).values()))
        emulator = make_emulator(way)
        before = emulator.faults
        answer = ask(emulator, case)
        case.validate_response(answer, checks=CHECKS)
        assert answer.status_code in ({401} if has_wrong_token(case) else {400, 415, 418}), answer.text
        assert emulator.faults is before
        assert answer.status_code == 418 or not emulator.records

    check()
