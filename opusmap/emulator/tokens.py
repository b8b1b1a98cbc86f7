"""The identity service beside the emulator: OAuth 2.0 client credentials, bearer tokens that expire.

Owns the tokens. What a certificate's assertion proves is verified in `client_assertion`.
Errors are those of RFC 6749, section 5.2.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from opusmap.emulator.client_assertion import ASSERTION_TYPE, AssertionVerifier, is_same
from opusmap.emulator.http import Answer, Request, answer_json

TOKEN_PATH = "/connect/token"  # noqa: S105 - a path, no password

SCOPE = "records.readwrite.all"
"""The one scope that the connector's operations need."""


@dataclass(frozen=True, slots=True)
class Client:
    """A client that may sign in.

    `certificate` (PEM or DER, no private key) lets it sign in by an assertion as well as by its secret;
    `token_seconds` is the life of its tokens.
    """

    id: str
    secret: str = field(repr=False)
    certificate: bytes | None = None
    token_seconds: int = 3600


@dataclass(frozen=True, slots=True)
class Time:
    """The clocks of an emulator.

    `clock`: seconds, from any start; tokens expire by it, and late requests are processed. `wall_clock`:
    seconds since 1970; assertions are judged by it. `sleep` waits some seconds, for a slow answer.
    """

    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class TokenEndpoint:
    """Gives tokens to one client and knows them again until they expire.

    The client proves itself by its secret or, where it has a certificate, by an assertion.
    """

    def __init__(self, client: Client, time: Time) -> None:
        self._client = client
        self._clock = time.clock
        public = client.certificate
        self._assertions = None if public is None else AssertionVerifier(client.id, public, time.wall_clock)
        self._expiry: dict[str, float] = {}

    def sign_in(self, request: Request) -> Answer:
        """Answer a request for a token."""
        if request.media_type != "application/x-www-form-urlencoded" or request.body is None:
            return _refuse("invalid_request", "send the parameters form-encoded")
        try:
            pairs = parse_qsl(request.body.decode("utf-8"), keep_blank_values=True, max_num_fields=20)
        except ValueError:
            return _refuse("invalid_request", "the form can't be read")
        form = dict(pairs)
        if len(form) < len(pairs):
            return _refuse("invalid_request", "a parameter occurs twice")
        if form.get("grant_type") != "client_credentials":
            return _refuse("unsupported_grant_type", "the grant type must be client_credentials")
        if problem := self._find_wrong_proof(form, request):
            return _refuse("invalid_client", problem)
        if SCOPE not in form.get("scope", "").split():
            return _refuse("invalid_scope", f"the scope must be {SCOPE}")
        return self._issue()

    def accepts(self, authorization: str) -> bool:
        """Say whether an Authorization header carries a token that is still good."""
        scheme, _, token = authorization.partition(" ")
        expiry = self._expiry.get(token.strip()) if scheme.lower() == "bearer" else None
        return expiry is not None and self._clock() < expiry

    def _find_wrong_proof(self, form: Mapping[str, str], request: Request) -> str:
        if "client_assertion" not in form:
            # Both are compared in any case: the time that it takes must not tell which is wrong.
            same = is_same(form.get("client_id"), self._client.id)
            same &= is_same(form.get("client_secret"), self._client.secret)
            return "" if same else "the client is unknown, or its secret is wrong"
        if "client_secret" in form:
            return "send a client secret or an assertion, not both"
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            return f"the client_assertion_type must be {ASSERTION_TYPE}"
        if self._assertions is None:
            return "no certificate of this client is known"
        host = request.headers.get("host", "")
        return self._assertions.find_problem(form["client_assertion"], host, request.path)

    def forget(self) -> None:
        """Let no token that was given until now be good any more."""
        self._expiry.clear()

    def _issue(self) -> Answer:
        now = self._clock()
        self._expiry = {token: expiry for token, expiry in self._expiry.items() if expiry > now}
        token = secrets.token_urlsafe(32)
        self._expiry[token] = now + self._client.token_seconds
        body = {"token_type": "Bearer", "expires_in": self._client.token_seconds, "access_token": token}
        return answer_json(200, body, ("cache-control", "no-store"))


def _refuse(error: str, description: str) -> Answer:
    return answer_json(400, {"error": error, "error_description": description})
