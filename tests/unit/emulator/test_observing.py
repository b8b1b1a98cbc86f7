"""What a test can see of the emulator, and the faults it can inject."""

from __future__ import annotations

import asyncio
from datetime import date

import jsonschema
import pytest

from opusmap.emulator import Counts, Fault, HandledRequest, RequestInfo, TargetFormat, in_turn

PATH = "/connector/records"


def test_the_log_tells_what_arrived_and_how_it_was_answered(opus, make_record):
    opus.submit(make_record("a"), make_record("b", leafName=""))
    opus.call("POST", PATH, json={"data": [7, {"rowKey": 7}, {"rowKey": "c"}]})
    opus.emulator.set_due("a", date(2024, 1, 1))
    opus.ask("DELETE", json={"disposalIds": ["a"]})
    opus.call("GET", "/nowhere?secret=planted")
    assert opus.emulator.requests == (
        HandledRequest(RequestInfo(1, "POST", "/connect/token"), 200),
        HandledRequest(RequestInfo(2, "POST", PATH, 2, ("a", "b")), 418),
        HandledRequest(RequestInfo(3, "POST", PATH, 3, ("c",)), 401),
        HandledRequest(RequestInfo(4, "DELETE", PATH, 1, ("a",)), 200),
        HandledRequest(RequestInfo(5, "GET", "/nowhere"), 404),
    )


def test_the_counts_tell_what_became_of_requests_and_records(opus, make_record):
    opus.submit(make_record("a"), make_record("b"), make_record("c", leafName=""))
    opus.submit(make_record("a"))
    opus.submit(make_record("b"), conflictOption="Skip")
    opus.submit()
    opus.sign_in(client_secret="wrong")
    opus.emulator.set_due("a", date(2024, 1, 1))
    opus.ask("DELETE", json={"disposalIds": ["a", "x"]})
    assert opus.emulator.counts == Counts(
        requests=7, sign_ins=1, refused=2, created=2, replaced=1, skipped=1, failed=2, destroyed=1
    )


def test_the_front_page_sums_up(opus, make_record):
    opus.submit(make_record())
    page = opus.call("GET", "/").json()
    assert (page["records"], page["counts"]["created"]) == (1, 1)
    assert page["connection"] == "d9da492f-cc67-4920-99f9-6fbaae1f1410"


def test_a_fault_before_processing_leaves_nothing(opus, make_record):
    opus.emulator.faults = in_turn(Fault(429, (("Retry-After", "7"),)), Fault(401))
    answer = opus.submit(make_record())
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert opus.submit(make_record()).status_code == 401
    assert opus.emulator.records == {}
    assert opus.submit(make_record()).status_code == 201


def test_a_fault_after_processing_hides_what_was_taken(opus, make_record):
    opus.emulator.faults = in_turn(Fault(500, after=True, body=b"<html>"))
    answer = opus.submit(make_record())
    assert (answer.status_code, answer.content) == (500, b"<html>")
    assert list(opus.emulator.records) == ["CT-1"]
    assert opus.emulator.requests[-1].status == 500


def test_faults_in_turn_spare_sign_ins_and_may_let_a_request_pass(opus, make_record):
    opus.emulator.faults = in_turn(None, Fault(503))
    statuses = [opus.sign_in(), opus.submit(make_record()), opus.sign_in(), opus.submit(make_record())]
    assert [answer.status_code for answer in statuses] == [200, 201, 200, 503]


def test_a_hook_may_choose_by_what_a_request_holds(make_caller, make_record):
    caller = make_caller(faults=lambda request: Fault(400) if "poison" in request.keys else None)
    assert caller.submit(make_record("a"), make_record("poison")).status_code == 400
    assert caller.submit(make_record("a")).status_code == 201
    assert list(caller.emulator.records) == ["a"]


def test_the_description_covers_every_route_and_column(opus):
    described = opus.call("GET", "/openapi.json").json()
    assert described == opus.emulator.describe()
    paths = {path: sorted(methods) for path, methods in described["paths"].items()}
    assert paths == {
        "/connect/token": ["post"],
        "/connector/records": ["delete", "get", "post"],
        "/records/connector/records": ["delete", "get", "post"],
        "/": ["get"],
        "/openapi.json": ["get"],
        "/emulator/faults": ["get", "post"],
        "/emulator/records": ["get"],
        "/emulator/approvals": ["post"],
    }
    record = described["components"]["schemas"]["Record"]
    assert set(record["properties"]) >= {"rowKey", "_Doc_%20_Type", "_Odd"}
    assert set(record["required"]) == {
        "rowKey",
        "leafName",
        "timeCreated",
        "timeModified",
        "createdBy",
        "modifiedBy",
    }


@pytest.mark.parametrize(
    ("setting", "column", "right", "wrong"),
    [
        ({}, "_Tags", "[1,3]", [1, 3]),
        ({"list_as": "array"}, "_Tags", [1, 3], "[1,3]"),
        ({"list_as": "array"}, "_Owners", ["a@x.org"], "[a@x.org]"),
        ({}, "_Doc_%20_Type", "2", 2),
        ({"choice_as": "number"}, "_Doc_%20_Type", 2, "2"),
        ({"empty": "null"}, "_Notes", None, ""),
        ({"empty": "blank"}, "_Notes", "", None),
        ({"empty": "omit"}, "_Notes", "text", None),
        ({"empty": "blank"}, "leafName", "text", ""),
    ],
)
def test_the_description_and_the_judgement_agree_on_how_values_are_written(
    make_caller, setting, column, right, wrong
):
    caller = make_caller(target=TargetFormat(**setting))
    schema = caller.emulator.describe()["components"]["schemas"]["Record"]["properties"][column]
    described = jsonschema.Draft202012Validator(schema)
    for value in (right, wrong):
        assert described.is_valid(value) == (caller.complaints(**{column: value}) == "") == (value == right)


def talk(app, scope, *messages):
    """Run one ASGI scope by hand; return what the application sent."""
    sent = []
    incoming = iter(messages)

    async def receive():
        return next(incoming)

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def test_a_servers_life_is_confirmed(opus):
    sent = talk(
        opus.emulator, {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
    )
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


def test_a_web_socket_is_closed(opus):
    sent = talk(opus.emulator, {"type": "websocket"}, {"type": "websocket.connect"})
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(opus):
    scope = {"type": "http", "method": "POST", "path": PATH, "headers": []}
    part = {"type": "http.request", "body": b"{", "more_body": True}
    before = opus.emulator.requests
    assert talk(opus.emulator, scope, part, {"type": "http.disconnect"}) == []
    assert opus.emulator.requests == before
