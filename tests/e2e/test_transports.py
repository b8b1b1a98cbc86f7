"""Both ways of sending requests keep the same promises where their libraries differ, over real sockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from certificates import make_certificate, make_key, write_pem

from opusmap.emulator import TOKEN_PATH
from opusmap.opus.client import OpusClient
from opusmap.opus.exchange import Answer, NoAnswer, TransportError
from opusmap.settings import Secret, Settings

TOKEN = "Canary-token-0123456789"
GRANT = b'{"access_token": "%s", "token_type": "Bearer", "expires_in": 3600}' % TOKEN.encode()
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answer(body: bytes, status: str = "201 Created") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return head


def serving(handler: Handler) -> Handler:
    """Answer sign-ins, each on a connection that is then closed; the rest is up to the handler."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await read_request(reader)
            if TOKEN_PATH.encode() in head:
                writer.write(
                    answer(GRANT, "200 OK").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
                )
            else:
                await handler(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    return serve


def send(
    transport: str, handler: Handler, count: int = 1, tls: ssl.SSLContext | None = None
) -> list[Answer | NoAnswer]:
    async def main() -> list[Answer | NoAnswer]:
        server = await asyncio.start_server(serving(handler), "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        url = f"{'https' if tls else 'http'}://localhost:{port}"
        settings = Settings(
            url, url + TOKEN_PATH, "app", Secret("Canary-secret"), Path(), timeout=5.0, transport=transport
        )
        came = []
        async with server, OpusClient(settings) as client:
            for number in range(count):
                came.append(await client.send(b'{"data": [%d]}' % number))
                await asyncio.sleep(0.1)  # what the server says unasked arrives
        return came

    return asyncio.run(main())


def test_a_certificate_that_is_not_trusted_is_told_as_such(transport: str, tmp_path: Path) -> None:
    key = make_key()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(write_pem(tmp_path / "server.pem", key, make_certificate(key)))

    async def never(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        raise AssertionError

    (came,) = send(transport, never, tls=context)
    assert isinstance(came, NoAnswer)
    assert came.error is TransportError.UNTRUSTED
    assert "self-signed" in came.detail


def test_an_answer_that_comes_unasked_is_not_taken_for_the_next_requests(transport: str) -> None:
    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"asked"))
        await asyncio.sleep(0.02)
        writer.write(answer(b"unasked"))
        await read_request(reader)
        writer.write(answer(b"late"))

    came = send(transport, twice, count=3)
    assert [isinstance(each, Answer) and each.body for each in came] == [b"asked"] * 3


@pytest.mark.parametrize(
    "broken", ["HTTP/1.1 2x1 {0}\r\n\r\n", "HTTP/1.1 201 OK\r\n{0}\r\n\r\n", "{0}\r\n\r\n"]
)
def test_a_broken_answer_that_repeats_the_token_does_not_show_it(transport: str, broken: str) -> None:
    async def echo(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(broken.format(f"Bearer {TOKEN}").encode())

    (came,) = send(transport, echo)
    assert isinstance(came, NoAnswer)
    assert came.error is TransportError.LOST
    assert TOKEN not in came.detail


def test_an_offer_to_speak_another_protocol_is_a_lost_answer(transport: str) -> None:
    async def switch(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
        await asyncio.sleep(0.05)

    (came,) = send(transport, switch)
    assert isinstance(came, NoAnswer)
    assert came.error is TransportError.LOST


def test_what_can_not_be_reached_is_told_in_plain_words(transport: str) -> None:
    async def main() -> Answer | NoAnswer:
        url = "http://127.0.0.1:9"  # discard: nothing listens there
        settings = Settings(url, url + TOKEN_PATH, "app", Secret("s"), Path(), transport=transport)
        async with OpusClient(settings) as client:
            return await client.send(b"{}")

    came = asyncio.run(main())
    assert isinstance(came, NoAnswer)
    assert came.error is TransportError.SIGN_IN
    assert came.detail == "identity service: can't connect: connection refused"
