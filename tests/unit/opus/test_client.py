"""The client: sign-in, the two paths, bounded answers, named troubles, and no secret anywhere."""

from __future__ import annotations

import asyncio
import logging
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from urllib.parse import parse_qs

import httpx
import pytest
from scripted_service import (
    SECRET,
    SETTINGS,
    TOKEN,
    Handler,
    Service,
    broken,
    dripping,
    endless,
    grant,
    streaming,
    zipped,
)

from opusmap.errors import SettingsError
from opusmap.opus import client as client_module
from opusmap.opus.client import ANSWER_LIMIT, OpusClient
from opusmap.opus.exchange import Answer, NoAnswer, TransportError
from opusmap.opus.transport_aiohttp import AiohttpTransport
from opusmap.opus.transport_httpx import HttpxTransport
from opusmap.settings import Secret, Settings


def test_a_request_carries_the_token_and_asks_for_a_plain_answer() -> None:
    service = Service()
    answer = asyncio.run(service.client().send(b"{}"))
    sign_in, request = service.asked
    assert parse_qs(sign_in.content.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["app-1"],
        "client_secret": [SECRET],
        "scope": ["records.readwrite.all"],
    }
    assert str(request.url) == "https://opus.example.com/connector/records"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}1"
    assert request.headers["Accept-Encoding"] == "identity"
    assert answer == Answer(201, b'{"statusCode":201}', "/connector/records")


def test_what_opus_repeats_of_the_token_is_hidden() -> None:
    service = Service(
        lambda request: httpx.Response(
            400, text=f"{request.headers['Authorization']} is odd: a\\/long\\/token, b"
        ),
        lambda _: grant("a/long/token"),
    )
    answer = asyncio.run(service.client().send(b"{}"))
    assert isinstance(answer, Answer)
    assert answer.body == b"Bearer *** is odd: ***, b"


def raising(error: Exception) -> Handler:
    def handle(_request: httpx.Request) -> httpx.Response:
        raise error

    return handle


def untrusted() -> Exception:
    error = httpx.ConnectError("certificate verify failed")
    error.__cause__ = ssl.SSLCertVerificationError(1, "no")
    error.__cause__.verify_message = "self-signed"
    return error


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (httpx.ConnectError("refused"), TransportError.UNREACHED),
        (httpx.ConnectTimeout("slow"), TransportError.UNREACHED),
        (httpx.PoolTimeout("slow"), TransportError.UNREACHED),
        (httpx.ProxyError("407"), TransportError.UNREACHED),
        (httpx.ReadTimeout("slow"), TransportError.TIMEOUT),
        (httpx.WriteTimeout("slow"), TransportError.TIMEOUT),
        (TimeoutError(), TransportError.TIMEOUT),
        (httpx.ReadError("reset"), TransportError.LOST),
        (httpx.WriteError("reset"), TransportError.LOST),
        (httpx.RemoteProtocolError("garbage"), TransportError.LOST),
        (untrusted(), TransportError.UNTRUSTED),
    ],
)
def test_every_foreign_error_has_a_name_of_ours(error: Exception, ours: TransportError) -> None:
    answer = asyncio.run(Service(raising(error)).client().send(b"{}"))
    assert isinstance(answer, NoAnswer)
    assert answer.error is ours
    assert answer.detail


def test_answers_are_bounded_raw_and_may_break_off() -> None:
    def body_of(chunks: Callable[[], AsyncIterator[bytes]], **headers: str) -> bytes:
        answer = asyncio.run(Service(streaming(201, chunks, **headers)).client().send(b"{}"))
        assert isinstance(answer, Answer)
        assert answer.status == 201
        return answer.body

    assert body_of(endless) == b""
    assert body_of(broken) == b""
    assert body_of(zipped, **{"Content-Encoding": "gzip"}) == b"\x1f\x8b\x08\x00"
    assert ANSWER_LIMIT == 1 << 20


def test_an_answer_that_drips_ends_at_the_deadline() -> None:
    answer = asyncio.run(Service(streaming(201, dripping)).client().send(b"{}"))
    assert isinstance(answer, NoAnswer)
    assert answer.error is TransportError.TIMEOUT


def test_retry_after_is_read_by_the_servers_own_clock() -> None:
    headers = {"Date": "Mon, 01 Jan 2024 00:00:00 GMT", "Retry-After": "Mon, 01 Jan 2024 00:00:30 GMT"}
    answer = asyncio.run(Service(lambda _: httpx.Response(429, headers=headers)).client().send(b"{}"))
    assert answer.retry_after == 30.0


def paths_asked(service: Service) -> list[str]:
    return [each.url.path for each in service.asked if each.url.host != "identity.example.com"]


@pytest.mark.parametrize(
    "unknown", [httpx.Response(404), httpx.Response(200, json={"statusCode": "404"})], ids=["HTTP", "body"]
)
def test_the_path_changes_once_for_all_and_the_request_is_sent_again(unknown: httpx.Response) -> None:
    old, new = "/connector/records", "/records/connector/records"
    service = Service(
        lambda request: unknown if request.url.path == old else httpx.Response(201, json={"statusCode": 201})
    )

    async def main() -> None:
        client = service.client()
        for most in (4, 0):
            service.asked.clear()
            answers = await asyncio.gather(*(client.send(b"{}") for _ in range(4)))
            assert {(each.status, each.path) for each in answers if isinstance(each, Answer)} == {(201, new)}
            tried = paths_asked(service).count(old)
            assert min(1, most) <= tried <= most
            assert sorted(paths_asked(service)) == [old] * tried + [new] * 4

    asyncio.run(main())


@pytest.mark.parametrize(
    ("api_path", "asked"),
    [("auto", ["/connector/records", "/records/connector/records"]), ("/own/path", ["/own/path"])],
)
def test_a_path_that_is_not_known_either_is_the_answer(api_path: str, asked: list[str]) -> None:
    service = Service(lambda _: httpx.Response(404))
    answer = asyncio.run(service.client(api_path=api_path).send(b"{}"))
    assert isinstance(answer, Answer)
    assert (answer.status, answer.path, paths_asked(service)) == (404, asked[-1], asked)


@pytest.mark.parametrize("status", [401, 404])
def test_who_is_told_before_a_request_is_sent_again_can_end_the_sending(status: int) -> None:
    service, told = Service(lambda _: httpx.Response(status)), []

    async def stop(answer: Answer) -> None:
        told.append(answer.status)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(service.client().send(b"{}", stop))
    assert (told, len(paths_asked(service))) == ([status], 1)


def test_no_redirect_is_followed() -> None:
    service = Service(lambda _: httpx.Response(307, headers={"Location": "https://evil.example/"}))
    answer = asyncio.run(service.client().send(b"{}"))
    assert isinstance(answer, Answer)
    assert answer.status == 307
    assert {request.url.host for request in service.asked} == {"identity.example.com", "opus.example.com"}


def test_the_proxy_of_the_settings_is_used_but_never_for_loopback() -> None:
    def transport_to(base_url: str) -> httpx.AsyncBaseTransport:
        values = {name: getattr(SETTINGS, name) for name in Settings.__dataclass_fields__}
        settings = Settings(**{**values, "base_url": base_url, "proxy": Secret("http://me:pw@proxy:3128")})
        return OpusClient(settings)._make_transport()

    assert type(transport_to("https://opus.example.com")._pool).__name__ == "AsyncHTTPProxy"
    assert type(transport_to("http://127.0.0.1:8000")) is AiohttpTransport


def test_requests_go_over_aiohttp_where_it_is_installed_or_as_the_setting_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def kind(transport: str) -> type[httpx.AsyncBaseTransport]:
        client_module._choose_transport.cache_clear()
        values = {name: getattr(SETTINGS, name) for name in Settings.__dataclass_fields__}
        return type(OpusClient(Settings(**{**values, "transport": transport}))._make_transport())

    assert [kind("auto"), kind("aiohttp"), kind("httpx")] == [
        AiohttpTransport,
        AiohttpTransport,
        HttpxTransport,
    ]
    monkeypatch.setitem(sys.modules, "opusmap.opus.transport_aiohttp", None)
    assert [kind("auto"), kind("httpx")] == [HttpxTransport, HttpxTransport]
    with pytest.raises(SettingsError, match="or later is not installed"):
        kind("aiohttp")
    monkeypatch.undo()
    client_module._choose_transport.cache_clear()


def test_certificates_are_verified_by_the_systems_store_and_old_tls_refused() -> None:
    context = OpusClient(SETTINGS)._tls
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_no_secret_and_no_token_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    service = Service()
    client = service.client()
    asyncio.run(client.send(b"{}"))
    shown = caplog.text + repr(vars(client)) + repr(client._token)
    assert SECRET not in shown
    assert TOKEN not in shown
    assert caplog.records
