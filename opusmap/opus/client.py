"""The client: the only module that knows HTTP. One request, one answer or a named trouble.

Owns the connection, the access token, the choice of path, and the translation of the HTTP library's
errors. A refused token is renewed and an unknown path changed here, for neither request was processed; all
other retries are decided in `opusmap.delivery`.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, cached_property
from typing import Self
from urllib.parse import urlencode

import httpx

from opusmap.errors import SettingsError, SignInError
from opusmap.opus.auth import Proof, Token, read_token, token_form
from opusmap.opus.certificate import read_certificate
from opusmap.opus.exchange import Answer, BeforeResend, Exchange, NoAnswer, TransportError
from opusmap.opus.responses import SCOPE, parse_http_date, parse_retry_after, read_status
from opusmap.opus.transport_httpx import HttpxTransport
from opusmap.settings import Secret, Settings
from opusmap.wording import show_extra

PATHS = ("/connector/records", "/records/connector/records")
"""The paths that `auto` tries, in order: the seed's, and the one of AvePoint's current documentation."""

ANSWER_LIMIT = 1 << 20
"""Bytes of an answer's body that are read at most."""

_NO_BODY = 204
_SHORTEST_TOKEN = 12
LONG_AGO = "2000-01-01T00:00:00"
"""A time before which no record is due: a question that gives nothing, and proves that one may ask."""

_ACCEPTING = frozenset({200, 201, 400, 418})
"""Statuses that only a request with an accepted token gets."""

_UNAUTHORIZED = 401
_UNKNOWN_PATH = {"POST": (404,), "GET": (404, 405), "DELETE": (404, 405)}
"""Statuses by which a path is not Opus's; one that takes records alone does not know the other methods."""

_SENT_AT_MOST = 8
"""Times that a request is sent with other tokens and paths, should others go through meanwhile."""

_ERRORS: tuple[tuple[type[Exception], TransportError], ...] = (
    (httpx.ConnectError, TransportError.UNREACHED),
    (httpx.ConnectTimeout, TransportError.UNREACHED),
    (httpx.PoolTimeout, TransportError.UNREACHED),
    (httpx.ProxyError, TransportError.UNREACHED),
    (httpx.TimeoutException, TransportError.TIMEOUT),
    (TimeoutError, TransportError.TIMEOUT),
    (httpx.TransportError, TransportError.LOST),
    (OSError, TransportError.LOST),
)
"""Foreign exception -> our error; the first that fits counts."""

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "opusmap"}

_log = logging.getLogger("opusmap.opus")


class OpusClient:
    """Speaks with one Opus service. Use it as an async context manager; it fulfils `Sender`."""

    def __init__(
        self,
        settings: Settings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        deadline: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Make a client; no connection is made yet.

        Args:
            settings: where Opus is and how to sign in.
            transport: what carries requests instead of the network (an emulator in this process).
            deadline: seconds that one request may take in all, to the last byte of its answer; those of the
                settings if None.
            clock: seconds that never run backwards, for the token's age.
            wall_clock: seconds since 1970, for dates in `Retry-After` and the certificate's time.

        Raises:
            SettingsError: the certificate can't be used, or what `transport` names is not installed.
            SignInError: it has expired, or is not valid yet.
        """
        self._settings = settings
        self._certificate = None if settings.certificate is None else read_certificate(settings.certificate)
        if self._certificate is not None:
            self._certificate.check_validity(wall_clock(), settings.token_url)
        self._transport = transport
        self._deadline = settings.timeout if deadline is None else deadline
        self._clock = clock
        self._wall_clock = wall_clock
        self._make_connection = None if transport is not None else _choose_transport(settings.transport)
        self._idle: list[httpx.AsyncBaseTransport] = []
        self._timeout = httpx.Timeout(self._deadline, connect=min(10.0, self._deadline)).as_dict()
        self._paths = list(PATHS) if settings.api_path == "auto" else [settings.api_path]
        self._token: Token | None = None
        self._renewing = asyncio.Lock()
        self._sign_in_refused: SignInError | None = None
        self._refused = 0  # the latest generation of token that Opus refused
        self._refusals = 0  # generations refused in a row

    @property
    def url(self) -> str:
        """The service's base URL."""
        return self._settings.base_url

    @property
    def identity(self) -> str:
        """Who signs in, and by what, in words; no secret."""
        by = f"the certificate {self._certificate.shown_thumbprint}" if self._certificate else "its secret"
        return f"{self._settings.client_id} by {by}, at {self._settings.token_url}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        while self._idle:
            await self._idle.pop().aclose()

    async def send(self, body: bytes, before_resend: BeforeResend | None = None) -> Exchange:
        """Send one request of records, each time within the deadline; see `Sender`.

        Raises:
            SignInError: the identity service refuses the sign-in, or Opus a freshly renewed token.
        """
        headers = {"Content-Type": "application/json"}
        return await self._ask_as_app("POST", "", body, headers, before_resend)

    async def ask_due(
        self, connection: str, before: str = LONG_AGO, start: str = "", items: int = 1
    ) -> Exchange:
        """Ask for a page of the records that are due: a question that changes nothing.

        Args:
            connection: the connection's id.
            before: a time without a zone (ISO); records that are due earlier are asked for.
            start: the `startIndex` that the page before gave; empty for the first page.
            items: records on the page, at most 100.

        Raises:
            SignInError: the identity service refuses the sign-in, or Opus a freshly renewed token.
        """
        question = {
            "id": connection,
            "disposalDueDate": before,
            "startIndex": start,
            "itemsPerPage": str(items),
        }
        return await self._ask_as_app("GET", "?" + urlencode(question), b"", {})

    async def mark_destroyed(self, body: bytes, before_resend: BeforeResend | None = None) -> Exchange:
        """Send one request that marks records as destroyed; see `send`.

        Raises:
            SignInError: the identity service refuses the sign-in, or Opus a freshly renewed token.
        """
        return await self._ask_as_app("DELETE", "", body, {"Content-Type": "application/json"}, before_resend)

    async def _ask_as_app(
        self,
        method: str,
        query: str,
        body: bytes,
        headers: dict[str, str],
        before_resend: BeforeResend | None = None,
    ) -> Exchange:
        sent = 0
        while True:
            token = await self._get_token()
            if isinstance(token, NoAnswer):
                return token
            path = self._paths[0]
            bearer = {"Authorization": f"Bearer {token.text.reveal()}", **headers}
            answer = await self._ask(method, self._settings.base_url + path + query, body, bearer)
            if isinstance(answer, NoAnswer):
                return answer
            shown = _hide(answer.body, token.text)  # whatever is made of it: reasons, log lines, the journal
            answer, sent = replace(answer, body=shown, path=path), sent + 1
            status = read_status(answer)
            if status in _ACCEPTING and token.generation > self._refused:
                self._refusals = 0
            unknown_path = status in _UNKNOWN_PATH[method] and self._change_path(path)
            if sent == _SENT_AT_MOST or not (unknown_path or status == _UNAUTHORIZED):
                return answer
            if before_resend is not None:
                await before_resend(answer)
            if status == _UNAUTHORIZED:
                self._refuse_token(token.generation)

    def _refuse_token(self, generation: int) -> None:
        """Drop a token that Opus refused; the news of it may come from several workers.

        Raises:
            SignInError: Opus refuses a token that was freshly renewed.
        """
        if generation <= self._refused:
            return
        self._refused = generation
        self._refusals += 1
        if self._refusals > 1:
            self._sign_in_refused = SignInError(
                self._settings.base_url,
                "Opus refuses the token, although it was just renewed",
                f"check the app's registration: its tenant and the permission {SCOPE}",
            )
            raise self._sign_in_refused

    def _change_path(self, path: str) -> bool:
        """Go on with the other path, which this one is not; False when there is no other to try."""
        if self._paths[0] == path and len(self._paths) > 1:
            del self._paths[0]
            _log.info("Opus does not support %s; this run continues with %s", path, self._paths[0])
            return True
        return self._paths[0] != path

    async def _get_token(self) -> Token | NoAnswer:
        """Return a token that is good for a while; one worker gets a new one while the others wait.

        A refusal is not asked for again: a wrong secret, tried by each worker, could lock the app out.
        """
        async with self._renewing:
            if self._sign_in_refused is not None:
                raise self._sign_in_refused
            token = self._token
            if token is None or token.generation <= self._refused or self._clock() >= token.renew_at:
                try:
                    fresh = await self._sign_in(token.generation + 1 if token else 1)
                except SignInError as error:
                    self._sign_in_refused = error
                    raise
                if isinstance(fresh, NoAnswer):
                    return fresh
                self._token = token = fresh
            return token

    async def _sign_in(self, generation: int) -> Token | NoAnswer:
        url = self._settings.token_url
        proof = self._prove()
        form = token_form(self._settings.client_id, proof)
        asked = self._clock()
        answer = await self._ask("POST", url, form, {"Content-Type": "application/x-www-form-urlencoded"})
        if isinstance(answer, NoAnswer):
            if answer.error is TransportError.UNTRUSTED:
                return answer
            return NoAnswer(TransportError.SIGN_IN, f"identity service: {answer.detail}")
        if answer.status in (408, 429) or answer.status >= 500:  # noqa: PLR2004 - HTTP
            detail = f"the identity service answers {answer.status}"
            return NoAnswer(TransportError.SIGN_IN, detail, answer.retry_after)
        if answer.cut:
            return NoAnswer(TransportError.SIGN_IN, "the identity service's answer broke off")
        token = read_token(answer, url, proof, generation, asked)
        if isinstance(token, str):
            return NoAnswer(TransportError.SIGN_IN, f"{token}; check OPUSMAP_TOKEN_URL", answer.retry_after)
        _log.debug("signed in at %s (token %d)", url, generation)
        return token

    def _prove(self) -> Proof:
        """Return what proves who asks: the client secret, or a fresh assertion signed by the certificate.

        Raises:
            SignInError: the certificate has expired meanwhile.
        """
        settings, certificate = self._settings, self._certificate
        if certificate is not None:
            assertion = certificate.sign_assertion(settings.client_id, settings.token_url, self._wall_clock())
            known = f"does the app have the certificate with the thumbprint {certificate.shown_thumbprint}?"
            if not certificate.names_usage:
                known += " It has no key usage, but Opus requires digital signature"
            return Proof(assertion, f"check OPUSMAP_CLIENT_ID and the data center; {known}", True)
        assert settings.client_secret is not None
        look = "check OPUSMAP_CLIENT_ID, the client secret (has it expired?) and the data center"
        return Proof(settings.client_secret, look)

    async def _ask(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Answer | NoAnswer:
        """Send one request on a new connection and read a bounded answer.

        Below `httpx.AsyncClient` there are no redirects, cookies, proxies of the environment or sign-ins of
        `.netrc` to keep out.
        """
        transport = self._idle.pop() if self._idle else self._transport or self._make_transport()
        request = httpx.Request(
            method,
            _parse(url),
            headers=_HEADERS | headers,
            content=body,
            extensions={"timeout": self._timeout},
        )
        try:
            async with asyncio.timeout(self._deadline):
                response = await transport.handle_async_request(request)
                try:
                    return await self._read(response)
                finally:
                    await response.aclose()
        except (httpx.TransportError, OSError) as error:  # of OSError, too: ssl.SSLError, TimeoutError
            return _translate(error)
        finally:
            self._idle.append(transport)

    async def _read(self, response: httpx.Response) -> Answer:
        """Read the answer as it comes over the wire; one that breaks off or is too large has no body."""
        wait = None
        if (asked := response.headers.get("Retry-After")) is not None:
            now = parse_http_date(response.headers.get("Date"))
            wait = parse_retry_after(asked, self._wall_clock() if now is None else now)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        headers, body, cut = response.headers, bytearray(), False
        try:
            async for chunk in response.stream:
                body += chunk
                if len(body) > ANSWER_LIMIT:
                    body.clear()
                    cut = True
                    break
        except (httpx.TransportError, OSError) as error:
            _log.debug("the answer %d broke off: %s", response.status_code, type(error).__name__)
            body.clear()
            cut = True
        framed = (
            "Content-Length" in headers or "Transfer-Encoding" in headers or response.status_code == _NO_BODY
        )
        if not (body or framed):
            cut = True  # whether it had a body, the end of a connection alone can't tell
        kind = headers.get("Content-Type", "")
        return Answer(response.status_code, bytes(body), "", wait, cut, kind)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Made with the first connection: it takes tens of milliseconds, and a rehearsal needs none.
        return trust_system()

    def _make_transport(self) -> httpx.AsyncBaseTransport:
        # Loopback is never behind the proxy; https goes through it in a tunnel, end to end.
        proxy = self._settings.proxy
        if proxy is None or self._settings.is_local:
            assert self._make_connection is not None
            return self._make_connection(self._tls)
        return httpx.AsyncHTTPTransport(
            verify=self._tls,
            trust_env=False,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            proxy=httpx.Proxy(proxy.reveal()),
        )


def trust_system() -> ssl.SSLContext:
    """Return a context that trusts what the system trusts (corporate authorities) and speaks TLS 1.2 up."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _hide(body: bytes, token: Secret) -> bytes:
    """Return an answer's body without the token, should it be repeated there.

    A token of a few characters is not secret, and would be found in row keys.
    """
    text = token.reveal().encode("ascii")
    if len(text) < _SHORTEST_TOKEN:
        return body
    return body.replace(text, b"***").replace(text.replace(b"/", b"\\/"), b"***")


@cache
def _choose_transport(name: str) -> Callable[[ssl.SSLContext], httpx.AsyncBaseTransport]:
    """Return what makes a connection's transport: the faster one where its extra is installed.

    Raises:
        SettingsError: the extra is asked for, and not there.
    """
    if name != "httpx":
        try:
            from opusmap.opus.transport_aiohttp import AiohttpTransport  # noqa: PLC0415 - an extra, and slow to import
        except (ImportError, AttributeError):  # not there, or too old
            if name == "aiohttp":
                problem, help_text = (
                    "aiohttp 3.10 or later is not installed",
                    show_extra("fast"),
                )
                raise SettingsError("OPUSMAP_TRANSPORT", problem, help_text) from None
        else:
            return AiohttpTransport
    return HttpxTransport


@cache
def _parse(url: str) -> httpx.URL:
    """Parse one of a run's few addresses, once."""
    return httpx.URL(url)


def _translate(error: Exception) -> NoAnswer:
    for cause in causes_of(error):
        # aiohttp's own error of this kind is one, too, and does not say why.
        if isinstance(cause, ssl.SSLCertVerificationError) and hasattr(cause, "verify_message"):
            return NoAnswer(
                TransportError.UNTRUSTED, f"the certificate is not trusted: {cause.verify_message}"
            )
    ours = next(ours for kind, ours in _ERRORS if isinstance(error, kind))
    return NoAnswer(ours, _describe(error))


def _describe(error: Exception) -> str:
    """Return what happened, in words without any of Opus's own: a broken answer may repeat the token."""
    if isinstance(error, httpx.ProtocolError):
        ended = "disconnected" in str(error)
        return "the connection ended without an answer" if ended else "the answer is not HTTP"
    if isinstance(error, httpx.ConnectError):
        causes = list(causes_of(error))
        if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
            return "can't connect: connection refused"  # the libraries speak of their calls
        words = (cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror)
        if (said := next(words, None)) and not str(error).endswith(said):
            return f"can't connect: {said}"
    return str(error) or type(error).__name__


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what lies behind it; of several at once the first."""
    while error is not None:
        yield error
        within = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else None
        error = within or error.__cause__ or error.__context__
