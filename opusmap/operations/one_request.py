"""One HTTP request beside a run: to a webhook, to a time-stamp authority, or to see that a host answers.

It is bounded in time. Redirects are not followed, and of the answer only as much is read as was asked for. No
message quotes the address: what is in its path may be what permits to post there.
"""

from __future__ import annotations

import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

import httpx

from opusmap.opus.client import causes_of, trust_system
from opusmap.settings import Secret


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer's status, its headers `Date` and `Content-Type` or "", and what was read of its content."""

    status: int
    date: str
    kind: str = ""
    content: bytes = b""


@dataclass
class NoContact(Exception):
    """There was no answer; `why` says so in words."""

    why: str

    def __str__(self) -> str:
        return self.why


def send_request(
    method: str,
    url: str,
    body: bytes | None = None,
    *,
    kind: str = "application/json",
    proxy: Secret | None = None,
    seconds: float = 10.0,
    limit: int = 0,
) -> Answered:
    """Send one request and wait for its answer, so many seconds at most in all.

    Args:
        method: such as `POST`.
        url: https, or http to this machine; `settings` has checked it.
        body: what is sent, if anything.
        kind: the body's `Content-Type`.
        proxy: the way there.
        seconds: after which the answer is not waited for.
        limit: how many bytes the content of the answer may have; 0 if it is not read at all.

    Raises:
        NoContact: no answer came, or a longer one.
    """
    outcome: list[Answered | NoContact] = []

    def send() -> None:
        try:
            request = _make_request(method, url, body, kind, seconds)
            outcome.append(_send(request, proxy, time.monotonic() + seconds, limit))
        except NoContact as error:
            outcome.append(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run must not end by it
            outcome.append(NoContact(_describe(error)))

    # In a thread: the library bounds each wait, but not their sum, nor how long a name takes to look up.
    thread = threading.Thread(target=send, name="opusmap-request", daemon=True)
    thread.start()
    thread.join(seconds)
    ended = outcome[0] if outcome else NoContact(f"no answer within {seconds:g} seconds")
    if isinstance(ended, NoContact):
        raise ended
    return ended


def _make_request(method: str, url: str, body: bytes | None, kind: str, seconds: float) -> httpx.Request:
    headers = {"User-Agent": "opusmap", "Accept": "*/*", "Connection": "close"}
    if body is not None:
        headers["Content-Type"] = kind
    timeout = httpx.Timeout(seconds).as_dict()
    return httpx.Request(method, url, headers=headers, content=body, extensions={"timeout": timeout})


def _send(request: httpx.Request, proxy: Secret | None, until: float, limit: int) -> Answered:
    # The transport alone: `httpx.Client` would log the address.
    through = None if proxy is None else httpx.Proxy(proxy.reveal())
    with httpx.HTTPTransport(verify=trust_system(), trust_env=False, proxy=through) as transport:
        response = transport.handle_request(request)
        try:
            content = _read(response, until, limit) if limit else b""
        finally:
            with suppress(httpx.HTTPError):
                response.close()
        headers = response.headers
        return Answered(
            response.status_code, headers.get("Date", ""), headers.get("Content-Type", ""), content
        )


def _read(response: httpx.Response, until: float, limit: int) -> bytes:
    """Return an answer's content as it was sent, so that nothing is unpacked beyond the limit."""
    content = bytearray()
    for part in response.iter_raw():
        content += part
        if len(content) > limit:
            raise NoContact(f"the answer has more than {limit:,} bytes")
        if time.monotonic() > until:  # no one waits for it any more
            raise NoContact("no answer in time")
    return bytes(content)


def _describe(error: Exception) -> str:
    causes = list(causes_of(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate is not trusted: {cause.verify_message}"
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.strerror:
            return f"can't connect: {cause.strerror}"
    return f"the answer is not HTTP ({type(error).__name__})"
