"""Access tokens: the form that asks for one, and reading the answer (OAuth 2.0 client credentials).

Pure. Owns no connection: the client sends the form, and keeps the token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import msgspec

from opusmap.errors import SignInError
from opusmap.opus.exchange import Answer
from opusmap.opus.responses import SCOPE, plain_text
from opusmap.settings import Secret
from opusmap.wording import one_line

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523, 2.2
_HELP = {
    "invalid_scope": f"give the app the permission {SCOPE}",
    "unauthorized_client": f"give the app the permission {SCOPE}",
}
"""What to do about an error of RFC 6749, 5.2, where it is not the proof."""

_REFUSALS = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)
"""Errors of RFC 6749, 5.2: the same request would be refused again."""

_PASSING = frozenset({"server_error", "temporarily_unavailable"})
"""Errors by which a service says that it is in trouble itself, whatever its status."""

_DEFAULT_LIFE, _LONGEST_LIFE = 3600.0, 86400.0
_MARGIN = 0.1
"""The share of a token's life, at its end, in which it is renewed rather than used (5 minutes at most)."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. `renew_at` is by the client's clock; `generation` counts a run's tokens from 1."""

    text: Secret
    generation: int
    renew_at: float


@dataclass(frozen=True, slots=True)
class Proof:
    """What proves to the identity service who asks; `help` is what to look at when it is refused."""

    secret: Secret
    help: str
    by_certificate: bool = False


def token_form(client_id: str, proof: Proof) -> bytes:
    """Return the body of a token request, form-encoded."""
    form = {"grant_type": "client_credentials", "client_id": client_id, "scope": SCOPE}
    if proof.by_certificate:
        form |= {"client_assertion_type": _ASSERTION_TYPE, "client_assertion": proof.secret.reveal()}
    else:
        form["client_secret"] = proof.secret.reveal()
    return urlencode(form).encode("ascii")


def read_token(answer: Answer, url: str, proof: Proof, generation: int, asked: float) -> Token | str:
    """Return the token that an identity service's answer holds, or in words why it says neither yes nor no.

    Any other answer may be a temporary fault, for example a page from a proxy in between. Nothing
    of its body is shown, which may hold a part of a token.

    Args:
        answer: any answer but server trouble and rate limits.
        url: the service's address, for messages.
        proof: what was sent; it must not show in messages, should the service repeat it.
        generation: the token's number.
        asked: the time of the request; the token's life is counted from then.

    Raises:
        SignInError: the service refused or redirected, or gives tokens of another kind.
    """
    said = _read_object(answer.body)
    error = str(said.get("error"))
    if error in _PASSING:
        return f"the identity service answers {answer.status}: {error}"
    if answer.status // 100 != 2 or error in _REFUSALS:  # noqa: PLR2004 - HTTP
        words = " ".join(str(said[name]) for name in ("error", "error_description") if said.get(name))
        shown = one_line(_hide(words, proof.secret.reveal())[:300])
        problem = f"the identity service answers {answer.status}" + (f": {shown}" if shown else "")
        raise SignInError(url, problem, _HELP.get(error, proof.help))
    text, kind = said.get("access_token"), said.get("token_type", "Bearer")
    # RFC 6750, 2.1: the characters that a bearer token may have; others could break out of the header.
    token = text if isinstance(text, str) and re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", text) else None
    if answer.status != 200 or token is None or not isinstance(kind, str):  # noqa: PLR2004 - HTTP
        media = plain_text(answer.content_type.partition(";")[0], 40)
        came = f"{answer.status} ({media})" if media else str(answer.status)
        return f"the identity service answers {came}, and its answer contains no access token"
    if kind.casefold() != "bearer":
        raise SignInError(url, "the identity service returns a token that is not a bearer token")
    life = _read_life(said.get("expires_in"))
    return Token(Secret(token), generation, asked + life - min(300.0, life * _MARGIN))


def _hide(words: str, secret: str) -> str:
    """Return a service's message without the secret, as it is or as it was in the form."""
    return words.replace(secret, "***").replace(quote_plus(secret), "***")


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _read_life(value: Any) -> float:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return _DEFAULT_LIFE
    return float(min(value, _LONGEST_LIFE))
