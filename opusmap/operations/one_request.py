"""One HTTP request beside a run, to a webhook or to see that a host answers, bounded in time.

Redirects are not followed, and nothing of the answer is read but its status and date. No message quotes the
address: what is in its path may be what permits to post there.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import httpx

from opusmap.opus.client import trust_system
from opusmap.settings import Secret


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer's status, and its `Date` header or ""."""

    status: int
    date: str


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
    proxy: Secret | None = None,
    seconds: float = 10.0,
) -> Answered:
    """Send one request and wait for the head of its answer, so many seconds at most in all.

    Args:
        method: such as `POST`.
        url: https, or http to this machine; `settings` has checked it.
        body: JSON, if there is one.
        proxy: the way there.
        seconds: after which the answer is not waited for.

    Raises:
        NoContact: no answer came.
    """
    outcome: list[Answered | NoContact] = []

    def send() -> None:
        try:
            outcome.append(_send(method, url, body, proxy, seconds))
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


def _send(method: str, url: str, body: bytes | None, proxy: Secret | None, seconds: float) -> Answered:
    headers = {"User-Agent": "opusmap", "Accept": "*/*", "Connection": "close"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    request = httpx.Request(
        method,
        url,
        headers=headers,
        content=body,
        extensions={"timeout": httpx.Timeout(seconds).as_dict()},
    )
    # The transport alone: `httpx.Client` would log the address.
    through = None if proxy is None else httpx.Proxy(proxy.reveal())
    with httpx.HTTPTransport(verify=trust_system(), trust_env=False, proxy=through) as transport:
        response = transport.handle_request(request)
        with suppress(httpx.HTTPError):
            response.close()
        return Answered(response.status_code, response.headers.get("Date", ""))


def _describe(error: Exception) -> str:
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate is not trusted: {cause.verify_message}"
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.strerror:
            return f"can't connect: {cause.strerror}"
    return f"the answer is not HTTP ({type(error).__name__})"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
