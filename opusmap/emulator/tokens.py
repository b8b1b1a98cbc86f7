"""The identity service beside the emulator: OAuth 2.0 client credentials, bearer tokens that expire.

Owns the tokens. What a certificate's assertion proves is verified in `client_assertion`.
Errors are those of RFC 6749, section 5.2.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from opusmap.emulator.client_assertion import ASSERTION_TYPE, AssertionVerifier
from opusmap.emulator.http import Answer, Request, answer_json

TOKEN_PATH = "/connect/token"  # noqa: S105 - a path, no password

SCOPE = "records.readwrite.all"
"""The one scope that the connector's operations need."""


class TokenEndpoint:
    """Gives tokens to one client and knows them again until they expire.

    The client proves itself by its secret or, where there is a verifier, by an assertion.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        seconds: int,
        clock: Callable[[], float],
        assertions: AssertionVerifier | None = None,
    ) -> None:
        self._client = (client_id, client_secret)
        self._assertions = assertions
        self._seconds = seconds
        self._clock = clock
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
            return _refuse("invalid_request", "a parameter is given twice")
        if form.get("grant_type") != "client_credentials":
            return _refuse("unsupported_grant_type", "the grant type is client_credentials")
        if problem := self._find_wrong_proof(form, request):
            return _refuse("invalid_client", problem)
        if SCOPE not in form.get("scope", "").split():
            return _refuse("invalid_scope", f"the scope is {SCOPE}")
        return self._issue()

    def accepts(self, authorization: str) -> bool:
        """Say whether an Authorization header carries a token that is still good."""
        scheme, _, token = authorization.partition(" ")
        expiry = self._expiry.get(token.strip()) if scheme.lower() == "bearer" else None
        return expiry is not None and self._clock() < expiry

    def _find_wrong_proof(self, form: Mapping[str, str], request: Request) -> str:
        if "client_assertion" not in form:
            known = self._knows(form.get("client_id", ""), form.get("client_secret", ""))
            return "" if known else "the client is unknown, or its secret is wrong"
        if "client_secret" in form:
            return "send a client secret or an assertion, not both"
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            return f"the client_assertion_type is {ASSERTION_TYPE}"
        if self._assertions is None:
            return "the client has no certificate here"
        host = request.headers.get("host", "")
        return self._assertions.find_problem(form["client_assertion"], host, request.path)

    def forget(self) -> None:
        """Let no token that was given until now be good any more."""
        self._expiry.clear()

    def _knows(self, client_id: str, client_secret: str) -> bool:
        given, known = (client_id, client_secret), self._client
        # Form values may hold anything: compare bytes, which `hmac` takes whatever they are.
        same = [
            hmac.compare_digest(a.encode("utf-8", "replace"), b.encode("utf-8", "replace"))
            for a, b in zip(given, known, strict=True)
        ]
        return all(same)

    def _issue(self) -> Answer:
        now = self._clock()
        self._expiry = {token: expiry for token, expiry in self._expiry.items() if expiry > now}
        token = secrets.token_urlsafe(32)
        self._expiry[token] = now + self._seconds
        body = {"token_type": "Bearer", "expires_in": self._seconds, "access_token": token}
        return answer_json(200, body, ("cache-control", "no-store"))


def _refuse(error: str, description: str) -> Answer:
    return answer_json(400, {"error": error, "error_description": description})
