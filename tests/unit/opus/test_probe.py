"""Proving the settings: what one harmless question shows, and each way in which it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from opusmap.errors import OpusUnavailable, SignInError
from opusmap.opus.client import OpusClient
from opusmap.opus.probe import Online, check_online
from opusmap.settings import Secret, Settings

GUID = "d9da492f-cc67-4920-99f9-6fbaae1f1410"
SETTINGS = Settings(
    "https://opus.example.com", "https://identity.example.com/token", "app-1", Secret("Canary"), Path("j.db")
)
Handler = Callable[[httpx.Request], httpx.Response]


def prove(records: Handler, identity: Handler | None = None) -> tuple[Online, list[httpx.Request]]:
    asked = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.host == "identity.example.com":
            return unread(identity(request) if identity else answer(200, access_token="t")(request))
        return unread(records(request))

    async def main() -> Online:
        async with OpusClient(SETTINGS, transport=httpx.MockTransport(handle)) as client:
            return await check_online(client, GUID)

    return asyncio.run(main()), asked


def unread(response: httpx.Response) -> httpx.Response:
    """Return the response as it comes from a network: its body is yet to be read."""

    async def chunks() -> AsyncIterator[bytes]:
        yield response.content

    return httpx.Response(response.status_code, headers=response.headers, content=chunks())


def answer(status: int, **body: object) -> Handler:
    return lambda _: httpx.Response(status, json=body)


def test_one_question_without_a_record_proves_sign_in_permission_path_and_connection() -> None:
    online, asked = prove(answer(200, queriedItems=[], startIndex=None))
    _, question = asked
    assert (question.method, question.url.path, question.content) == ("GET", "/connector/records", b"")
    assert dict(question.url.params) == {
        "id": GUID,
        "disposalDueDate": "2000-01-01T00:00:00",
        "startIndex": "",
        "itemsPerPage": "1",
    }
    assert (online.base_url, online.path) == ("https://opus.example.com", "/connector/records")
    words = " ".join(online.proved)
    assert all(
        part in words for part in ("opus.example.com", "app-1", "permission", "/connector/records", GUID)
    )
    assert "Canary" not in words


@pytest.mark.parametrize(
    "nothing_due",
    [
        httpx.Response(204),
        httpx.Response(200, json={"startIndex": None, "statusCode": 200, "queriedItems": []}),
    ],
    ids=["204", "an empty list"],
)
def test_a_service_where_nothing_is_due_is_proved(nothing_due: httpx.Response) -> None:
    online, _ = prove(lambda _: nothing_due)
    assert len(online.proved) == 4


@pytest.mark.parametrize("status", [404, 405])
def test_the_other_path_is_tried(status: int) -> None:
    online, _ = prove(
        lambda request: (
            httpx.Response(200, json={"queriedItems": []})
            if request.url.path.startswith("/records/")
            else httpx.Response(status)
        )
    )
    assert online.path == "/records/connector/records"


def test_a_token_that_was_refused_once_is_renewed() -> None:
    answers = iter([httpx.Response(401), httpx.Response(200, json={"queriedItems": []})])
    _, asked = prove(lambda _: next(answers))
    assert len(asked) == 4


@pytest.mark.parametrize(
    ("records", "kind", "words"),
    [
        (answer(401), SignInError, "although it was just renewed"),
        (
            answer(403, message="no such role"),
            SignInError,
            "no such role\n  help: give the app the permission",
        ),
        (answer(200, statusCode=403), SignInError, "give the app the permission"),
        (answer(404), OpusUnavailable, "check OPUSMAP_BASE_URL"),
        (
            answer(404),
            OpusUnavailable,
            "API for Connector is on other hosts, at /api/connector/SubmitRecords",
        ),
        (answer(405), OpusUnavailable, "check OPUSMAP_API_PATH"),
        (
            answer(400, message="unknown connection"),
            OpusUnavailable,
            "unknown connection\n  help: compare the",
        ),
        (answer(503), OpusUnavailable, "try again later"),
        (answer(429), OpusUnavailable, "try again later"),
        (answer(418), OpusUnavailable, "Opus answers 418"),
        (answer(302), OpusUnavailable, "Opus, or a gateway before it, answers 302"),
        (answer(200), OpusUnavailable, "has no `statusCode`"),
        (
            lambda _: httpx.Response(200, text="<html>Log in to the guest network</html>"),
            OpusUnavailable,
            "JSON",
        ),
    ],
)
def test_what_is_not_proved_is_an_error_with_a_way_out(
    records: Handler, kind: type[OpusUnavailable], words: str
) -> None:
    with pytest.raises(kind) as caught:
        prove(records)
    assert words in str(caught.value)
    assert caught.value.exit_code == 3


def failing(error: Exception) -> Handler:
    def handle(_request: httpx.Request) -> httpx.Response:
        raise error

    return handle


def test_what_can_not_be_reached_is_named() -> None:
    with pytest.raises(OpusUnavailable, match=r"opus.example.com: no route"):
        prove(failing(httpx.ConnectError("no route")))
    with pytest.raises(OpusUnavailable, match=r"identity service: no route\n.*OPUSMAP_TOKEN_URL"):
        prove(answer(200), failing(httpx.ConnectError("no route")))
    with pytest.raises(SignInError, match="invalid_client"):
        prove(answer(200), answer(400, error="invalid_client"))
