"""What each request must pass before a screen sees it, and what each answer carries.

Only this machine's own names are answered (a page elsewhere can lead its name here: DNS rebinding), only with
the session of the address that the program printed, and no change is taken from another origin. Headers keep
a page from loading or running anything that is not the studio's own.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeAlias
from urllib.parse import parse_qs

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_SAFE = frozenset({"GET", "HEAD"})
_SIGNED_OUT = (
    "You are signed out. Open the address that `opusmap studio` printed in its terminal when it started; "
    "it works once. If it is used up, stop the program and start it again: nothing that was saved is lost."
)
_FOREIGN_HOST = "This host name is not the studio's. Open the address that `opusmap studio` printed."
_FOREIGN_ORIGIN = "This request came from another page, so the studio does not answer it."


class Guard:
    """Lets through the requests of the one person who has the token; adds the safety headers to all answers.

    `scope["nonce"]` is the nonce that a page's own style sheets must carry.
    """

    def __init__(self, app: Application, port: int, token: str) -> None:
        """Guard an application.

        Args:
            app: what answers the requests that pass.
            port: the port of the address; other hosts and origins are refused.
            token: opens the session, once, as `/?token=…`.
        """
        self._app = app
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        self._token: str | None = token
        self._session = secrets.token_urlsafe(32)
        self._cookie = f"opusmap_studio_{port}"  # a browser shares cookies between the ports of a host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it in words."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = scope["nonce"] = secrets.token_urlsafe(16)

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_headers(nonce)]
            await send(message)

        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        hosts = [value for name, value in headers if name == "host"]
        origins = [value for name, value in headers if name == "origin"]
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            await _answer(send_safely, 403, _FOREIGN_HOST)
        elif origins != [f"http://{hosts[0]}"] and (origins or scope["method"] not in _SAFE):
            await _answer(send_safely, 403, _FOREIGN_ORIGIN)
        elif self._opens(scope):
            cookie = f"{self._cookie}={self._session}; HttpOnly; SameSite=Strict; Path=/"
            await _answer(send_safely, 303, "", (b"location", b"/"), (b"set-cookie", cookie.encode()))
        elif not self._is_signed_in(headers):
            await _answer(send_safely, 403, _SIGNED_OUT)
        else:
            await self._app(scope, receive, send_safely)

    def _opens(self, scope: Scope) -> bool:
        """Return whether a request brings the token, which is used up then."""
        if scope["path"] != "/" or scope["method"] != "GET" or self._token is None:
            return False
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return False
        self._token = None
        return True

    def _is_signed_in(self, headers: list[tuple[str, str]]) -> bool:
        for name, value in headers:
            if name != "cookie":
                continue
            try:
                found = SimpleCookie(value).get(self._cookie)
            except CookieError:
                continue
            if found is not None and hmac.compare_digest(found.value.encode(), self._session.encode()):
                return True
        return False


def _headers(nonce: str) -> list[tuple[bytes, bytes]]:
    policy = (
        "default-src 'none'; script-src 'self'; "
        f"style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"cache-control", b"no-store"),
    ]


async def _answer(send: Send, status: int, text: str, *headers: tuple[bytes, bytes]) -> None:
    kind = (b"content-type", b"text/plain; charset=utf-8")
    await send({"type": "http.response.start", "status": status, "headers": [kind, *headers]})
    await send({"type": "http.response.body", "body": text.encode()})
