"""Signing in, tokens, paths and methods: who may ask what."""

from __future__ import annotations

import pytest

from opusmap.emulator import Readings

OLD, NEW = "/connector/records", "/records/connector/records"


def test_a_client_gets_a_bearer_token_for_its_secret(opus):
    answer = opus.sign_in()
    assert answer.status_code == 200
    body = answer.json()
    assert (body["token_type"], body["expires_in"], len(body["access_token"]) > 30) == ("Bearer", 3600, True)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_secret": None}, "invalid_client"),
        ({"client_secret": "é"}, "invalid_client"),
        ({"client_id": "other"}, "invalid_client"),
        ({"client_assertion": "x.y.z"}, "invalid_client"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "records.read.all"}, "invalid_scope"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_sign_in_that_is_wrong_is_refused_as_oauth_says(opus, changes, error):
    answer = opus.sign_in(**changes)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize(
    "request_",
    [
        {"json": {"grant_type": "client_credentials"}},
        {"content": b"\xff", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"content": b"&a=" * 50, "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"content": b"scope=a&scope=b", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"content": b"=" * (9 << 20), "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
    ],
)
def test_a_sign_in_that_is_no_form_is_an_invalid_request(opus, request_):
    answer = opus.call("POST", "/connect/token", **request_)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer nonsense", "Basic {}", "{}"])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_records_need_a_token(opus, make_record, method, header):
    headers = {} if header is None else {"Authorization": header.format(opus.token)}
    answer = opus.call(method, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_a_token_ends_after_its_seconds(make_caller, make_record):
    caller = make_caller(client=(None, 60))
    caller.now = 59.9
    assert caller.submit(make_record()).status_code == 201
    caller.now = 60
    assert caller.submit(make_record()).status_code == 401
    caller.token = caller.sign_in().json()["access_token"]
    assert caller.submit(make_record()).status_code == 201


def test_both_paths_lead_to_the_same_records(opus, make_record):
    assert opus.submit(make_record("a"), path=OLD).status_code == 201
    assert opus.submit(make_record("b"), path=NEW).status_code == 201
    assert list(opus.emulator.records) == ["a", "b"]


@pytest.mark.parametrize(("served", "other"), [(OLD, NEW), (NEW, OLD)])
def test_a_path_that_is_not_served_is_not_found(make_caller, make_record, served, other):
    caller = make_caller(readings=Readings(record_paths=(served,)))
    assert caller.submit(make_record(), path=other).status_code == 404
    assert caller.emulator.records == {}
    assert caller.submit(make_record(), path=served).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", OLD, "POST, GET, DELETE"),
        ("PATCH", NEW, "POST, GET, DELETE"),
        ("HEAD", OLD, "POST, GET, DELETE"),
        ("GET", "/connect/token", "POST"),
        ("POST", "/", "GET"),
        ("DELETE", "/openapi.json", "GET"),
    ],
)
def test_a_method_without_meaning_is_refused_with_those_that_have_one(opus, method, path, allow):
    answer = opus.ask(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)


def test_an_unknown_path_is_not_found(opus):
    assert [opus.ask("GET", path).status_code for path in ("/x", OLD + "/", "/api")] == [404, 404, 404]


def test_no_secret_shows_in_what_the_emulator_tells(opus, make_record):
    opus.submit(make_record())
    opus.sign_in(client_secret="planted-guess")
    shown = [repr(opus.emulator), repr(opus.emulator.requests), repr(opus.emulator.counts)]
    shown += [opus.call("GET", "/").text, opus.call("GET", "/openapi.json").text]
    for text in shown:
        assert "planted" not in text
        assert opus.token not in text
