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
from opusmap.emulator import FAULTS_PATH, RECORD_PATHS, TOKEN_PATH, Emulator, TargetFormat
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
TARGETS = (TargetFormat(), TargetFormat(choice_as="number", list_as="array", empty="null"))
UNTOLD = (TOKEN_PATH, FAULTS_PATH)
"""Where a schema can't tell all: that a secret is the right one, that shares come to at most 1."""

EXAMPLES = settings(
    max_examples=12,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def make_emulator(target: TargetFormat = TARGETS[0]) -> Emulator:
    connection = parse_connection(json.dumps({"id": GUID, "data": COLUMNS}))
    return Emulator(connection, client_id="app", client_secret="s", target=target)


def operations(*, with_parameters: bool = False) -> list[Any]:
    """Return the operations: all of them as they are by default, submitting also with other formats."""
    found = []
    for number, target in enumerate(TARGETS):
        schema = schemathesis.openapi.from_dict(make_emulator(target).describe())
        for operation in (result.ok() for result in schema.get_all_operations()):
            submits = operation.label == f"POST {RECORD_PATHS[0]}"
            other_way = operation.path in RECORD_PATHS[1:] or (number > 0 and not submits)
            if not other_way and (operation.body or operation.query or not with_parameters):
                found.append(pytest.param(operation, target, id=f"{operation.label} {number}"))
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


@pytest.mark.parametrize(("operation", "target"), operations())
def test_a_request_that_is_described_is_dealt_with_and_answered_as_described(operation, target):
    @given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    @EXAMPLES
    def check(case: Case) -> None:
        answer = ask(make_emulator(target), case)
        case.validate_response(answer, checks=CHECKS)
        if operation.path not in UNTOLD:
            assert answer.status_code in {200, 201, 418}, answer.text

    check()


@pytest.mark.parametrize(("operation", "target"), operations(with_parameters=True))
def test_a_request_that_is_not_described_is_refused_or_its_records_fail(operation, target):
    @given(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    @EXAMPLES
    def check(case: Case) -> None:
        assume([] not in (case.query or {}).values())  # of such a parameter nothing is sent
        emulator = make_emulator(target)
        before = emulator.faults
        answer = ask(emulator, case)
        case.validate_response(answer, checks=CHECKS)
        assert answer.status_code in ({401} if has_wrong_token(case) else {400, 415, 418}), answer.text
        assert emulator.faults is before
        assert answer.status_code == 418 or not emulator.records

    check()
