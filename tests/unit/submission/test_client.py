"""The client: sign-in, the two paths, bounded answers, named troubles, and no secret anywhere."""

from __future__ import annotations

import asyncio
import logging
import ssl
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from certificates import PASSWORD, make_certificate, make_key, write_pfx

from opusmap.errors import SettingsError, SignInError
from opusmap.settings import CertificateFile, Secret, Settings
from opusmap.submission import client as client_module
from opusmap.submission.client import ANSWER_LIMIT, OpusClient
from opusmap.submission.exchange import Answer, NoAnswer, Trouble
from opusmap.submission.quick_wire import QuickWire
from opusmap.submission.wire import Wire

SECRET, TOKEN = "Canary secret/+", "Canary-token"
SETTINGS = Settings(
    base_url="https://opus.example.com",
    token_url="https://identity.example.com/connect/token",
    client_id="app-1",
    client_secret=Secret(SECRET),
    journal=Path("j.db"),
)
Handler = Callable[[httpx.Request], httpx.Response]


class Service:
    """Answers as told, and keeps what it was asked."""

    def __init__(self, records: Handler | None = None, identity: Handler | None = None) -> None:
        self.records = records or (lambda _: httpx.Response(201, json={"statusCode": 201}))
        self.identity = identity
        self.asked: list[httpx.Request] = []
        self.sign_ins = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        self.asked.append(request)
        if request.url.host != "identity.example.com":
            return unread(self.records(request))
        self.sign_ins += 1
        return unread(self.identity(request) if self.identity else grant(f"{TOKEN}{self.sign_ins}"))

    def client(self, clock: Callable[[], float] = lambda: 0.0, **settings: object) -> OpusClient:
        values = {name: getattr(SETTINGS, name) for name in Settings.__dataclass_fields__}
        return OpusClient(
            Settings(**{**values, **settings}),
            transport=httpx.MockTransport(self),
            clock=clock,
            wall_clock=lambda: 1_800_000_000.0,
            deadline=0.2,
        )


def unread(response: httpx.Response) -> httpx.Response:
    """Return the response as it comes from a network: its body is yet to be read."""
    if not response.is_stream_consumed:
        return response

    async def chunks() -> AsyncIterator[bytes]:
        yield response.content

    return httpx.Response(response.status_code, headers=response.headers, content=chunks())


def grant(text: str, life: object = 3600) -> httpx.Response:
    return httpx.Response(200, json={"token_type": "Bearer", "expires_in": life, "access_token": text})


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
    assert answer == Answer(201, b'{"statusCode":201}', 1, "/connector/records")


def test_with_a_certificate_an_assertion_takes_the_secrets_place(tmp_path: Path) -> None:
    key = make_key()
    own = make_certificate(key, now=datetime.fromtimestamp(1_800_000_000, UTC))
    file = CertificateFile(write_pfx(tmp_path / "c.pfx", key, own), Secret(PASSWORD))
    service = Service(identity=lambda _: grant("abc", 1))

    async def main() -> None:
        now = 0.0
        client = service.client(lambda: now, client_secret=None, certificate=file)
        await client.send(b"{}")
        now = 10.0
        await client.send(b"{}")

    asyncio.run(main())
    forms = [parse_qs(request.content.decode()) for request in service.asked if b"grant" in request.content]
    assertions = [form.pop("client_assertion")[0] for form in forms]
    assert (
        forms
        == [
            {
                "grant_type": ["client_credentials"],
                "client_id": ["app-1"],
                "client_assertion_type": ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"],
                "scope": ["records.readwrite.all"],
            }
        ]
        * 2
    )
    assert len(set(assertions)) == 2
    claims = jwt.decode(assertions[0], options={"verify_signature": False})
    assert (claims["aud"], claims["nbf"]) == (SETTINGS.token_url, 1_800_000_000)


def test_a_certificate_that_has_expired_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    key = make_key()
    own = make_certificate(key, timedelta(days=-9), timedelta(days=-8))
    service = Service()
    with pytest.raises(SignInError, match="the certificate expired on"):
        service.client(certificate=CertificateFile(write_pfx(tmp_path / "c.pfx", key, own), Secret(PASSWORD)))
    assert service.asked == []


@pytest.mark.parametrize("said", ["invalid_scope", "unauthorized_client"])
def test_a_missing_permission_is_told_apart_from_a_wrong_secret(said: str) -> None:
    def ask(error: str) -> SignInError:
        service = Service(identity=lambda _: httpx.Response(400, json={"error": error}))
        with pytest.raises(SignInError) as caught:
            asyncio.run(service.client().send(b"{}"))
        return caught.value

    assert "permission records.readwrite.all" in ask(said).help
    assert "the client secret" in ask("invalid_client").help


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


def test_many_workers_sign_in_once_and_again_only_before_the_token_ends() -> None:
    now = 0.0
    service = Service()

    async def main() -> None:
        nonlocal now
        client = service.client(lambda: now)
        for moment, sign_ins in ((0.0, 1), (3299.0, 1), (3300.0, 2), (6000.0, 2)):
            now = moment
            await asyncio.gather(*(client.send(b"{}") for _ in range(8)))
            assert service.sign_ins == sign_ins

    asyncio.run(main())


def test_a_refused_token_is_renewed_once_for_all_and_twice_in_a_row_is_the_end() -> None:
    service = Service(lambda _: httpx.Response(401))

    async def main() -> None:
        client = service.client()
        answers = await asyncio.gather(*(client.send(b"{}") for _ in range(8)))
        for answer in answers:
            assert isinstance(answer, Answer)
            client.refuse_token(answer.token)
        await asyncio.gather(*(client.send(b"{}") for _ in range(8)))
        assert service.sign_ins == 2
        with pytest.raises(SignInError):
            client.refuse_token(2)

    asyncio.run(main())


def test_a_sign_in_whose_answer_breaks_off_is_a_trouble_and_no_refusal() -> None:
    service = Service(identity=streaming(200, broken))
    assert asyncio.run(service.client().send(b"{}")) == NoAnswer(
        Trouble.SIGN_IN, "the identity service's answer broke off"
    )


def test_a_token_that_was_accepted_in_between_may_be_refused_again() -> None:
    service = Service()

    async def main() -> None:
        client = service.client()
        for generation in range(1, 5):
            await client.send(b"{}")
            client.refuse_token(generation)
        assert service.sign_ins == 4

    asyncio.run(main())


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(400, json={"error": f"no {SECRET}", "error_description": f"bad {SECRET}"}),
        httpx.Response(401),
        httpx.Response(307, headers={"Location": "https://evil.example/token"}),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"access_token": "a b"}),
        httpx.Response(200, json={"access_token": "a\r\nX-Evil: 1"}),
        httpx.Response(200, json={"access_token": "abc", "token_type": "mac"}),
    ],
)
def test_a_refused_sign_in_is_an_error_without_the_secret_and_follows_no_redirect(
    answer: httpx.Response,
) -> None:
    service = Service(identity=lambda _: answer)
    with pytest.raises(SignInError) as caught:
        asyncio.run(service.client().send(b"{}"))
    assert len(service.asked) == 1
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_refused_sign_in_is_not_tried_by_every_worker() -> None:
    service = Service(identity=lambda _: httpx.Response(400, json={"error": "invalid_client"}))

    async def main() -> None:
        client = service.client()
        ends = await asyncio.gather(*(client.send(b"{}") for _ in range(8)), return_exceptions=True)
        assert all(isinstance(end, SignInError) for end in ends)

    asyncio.run(main())
    assert service.sign_ins == 1


@pytest.mark.parametrize("life", ["3600", 1, 0.5, 0, -1, None, True, "soon", 1e30, [1]])
def test_any_life_of_a_token_can_be_worked_with(life: object) -> None:
    service = Service(identity=lambda _: grant("abc", life))
    assert isinstance(asyncio.run(service.client().send(b"{}")), Answer)


def test_an_identity_service_in_trouble_is_a_trouble_of_its_own() -> None:
    service = Service(identity=lambda _: httpx.Response(503, headers={"Retry-After": "5"}))
    answer = asyncio.run(service.client().send(b"{}"))
    assert answer == NoAnswer(Trouble.SIGN_IN, "the identity service answers 503", 5.0)


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
    ("error", "trouble"),
    [
        (httpx.ConnectError("refused"), Trouble.UNREACHED),
        (httpx.ConnectTimeout("slow"), Trouble.UNREACHED),
        (httpx.PoolTimeout("slow"), Trouble.UNREACHED),
        (httpx.ProxyError("407"), Trouble.UNREACHED),
        (httpx.ReadTimeout("slow"), Trouble.TIMEOUT),
        (httpx.WriteTimeout("slow"), Trouble.TIMEOUT),
        (TimeoutError(), Trouble.TIMEOUT),
        (httpx.ReadError("reset"), Trouble.LOST),
        (httpx.WriteError("reset"), Trouble.LOST),
        (httpx.RemoteProtocolError("garbage"), Trouble.LOST),
        (untrusted(), Trouble.UNTRUSTED),
    ],
)
def test_every_foreign_error_has_a_name_of_ours(error: Exception, trouble: Trouble) -> None:
    answer = asyncio.run(Service(raising(error)).client().send(b"{}"))
    assert isinstance(answer, NoAnswer)
    assert answer.trouble is trouble
    assert answer.detail


def streaming(status: int, chunks: Callable[[], AsyncIterator[bytes]], **headers: str) -> Handler:
    class Stream(httpx.AsyncByteStream):
        def __aiter__(self) -> AsyncIterator[bytes]:
            return chunks()

    return lambda _: httpx.Response(status, headers=headers, stream=Stream())


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b" " * 65_536


async def broken() -> AsyncIterator[bytes]:
    yield b'{"statusCode": 201'
    raise httpx.RemoteProtocolError("peer closed the connection")


async def dripping() -> AsyncIterator[bytes]:
    while True:
        await asyncio.sleep(0.01)
        yield b" "


async def zipped() -> AsyncIterator[bytes]:
    yield b"\x1f\x8b\x08\x00"


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
    assert answer.trouble is Trouble.TIMEOUT


def test_retry_after_is_read_by_the_servers_own_clock() -> None:
    headers = {"Date": "Mon, 01 Jan 2024 00:00:00 GMT", "Retry-After": "Mon, 01 Jan 2024 00:00:30 GMT"}
    answer = asyncio.run(Service(lambda _: httpx.Response(429, headers=headers)).client().send(b"{}"))
    assert answer.retry_after == 30.0


def test_the_path_changes_once_and_only_where_it_is_left_open() -> None:
    service = Service(
        lambda request: httpx.Response(404 if request.url.path == "/connector/records" else 201)
    )

    async def main() -> None:
        client = service.client()
        assert (await client.send(b"{}")).status == 404  # type: ignore[union-attr]
        assert client.change_path("/connector/records")
        assert client.change_path("/connector/records")  # another worker's news are old
        answer = await client.send(b"{}")
        assert isinstance(answer, Answer)
        assert (answer.status, answer.path) == (201, "/records/connector/records")
        assert not client.change_path("/records/connector/records")
        assert not service.client(api_path="/own/path").change_path("/own/path")

    asyncio.run(main())


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
    assert type(transport_to("http://127.0.0.1:8000")) is QuickWire


def test_requests_go_over_aiohttp_where_it_is_installed_or_as_the_setting_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def kind(transport: str) -> type[httpx.AsyncBaseTransport]:
        client_module._choose_wire.cache_clear()
        values = {name: getattr(SETTINGS, name) for name in Settings.__dataclass_fields__}
        return type(OpusClient(Settings(**{**values, "transport": transport}))._make_transport())

    assert [kind("auto"), kind("aiohttp"), kind("httpx")] == [QuickWire, QuickWire, Wire]
    monkeypatch.setitem(sys.modules, "opusmap.submission.quick_wire", None)
    assert [kind("auto"), kind("httpx")] == [Wire, Wire]
    with pytest.raises(SettingsError, match="there is no aiohttp"):
        kind("aiohttp")
    monkeypatch.undo()
    client_module._choose_wire.cache_clear()


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
