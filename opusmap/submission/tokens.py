"""Access tokens: the form that asks for one, and reading the answer (OAuth 2.0 client credentials).

Pure. Owns no connection: the client sends the form, and keeps the token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from opusmap.errors import SignInError
from opusmap.settings import Secret, Settings
from opusmap.submission.exchange import Answer

__all__ = ["SCOPE", "Token", "read_token", "token_form"]

SCOPE = "records.readwrite.all"
"""The permission that the connector's endpoints ask for (AvePoint's documentation)."""

_DEFAULT_LIFE, _LONGEST_LIFE = 3600.0, 86400.0
_MARGIN = 0.1
"""The share of a token's life, at its end, in which it is renewed rather than used (5 minutes at most)."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. `renew_at` is by the client's clock; `generation` counts a run's tokens from 1."""

    text: Secret
    generation: int
    renew_at: float


def token_form(settings: Settings) -> bytes:
    """Return the body of a token request, form-encoded."""
    form = {
        "grant_type": "client_credentials",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret.reveal(),
        "scope": SCOPE,
    }
    return urlencode(form).encode("ascii")


def read_token(answer: Answer, url: str, secret: Secret, generation: int, asked: float) -> Token:
    """Return the token that an identity service's answer holds.

    Args:
        answer: any answer but server trouble and rate limits.
        url: the service's address, for messages.
        secret: what must not show in them, should the service repeat it.
        generation: the token's number.
        asked: the time of the request; the token's life is counted from then.

    Raises:
        SignInError: the service refused, redirected, or answered what can't be read.
    """
    said = _read_object(answer.body)
    if answer.status != 200:  # noqa: PLR2004 - HTTP
        words = " ".join(str(said[name]) for name in ("error", "error_description") if said.get(name))
        shown = _printable(words.replace(secret.reveal(), "***"))
        problem = f"the identity service answers {answer.status}" + (f": {shown}" if shown else "")
        raise SignInError(url, problem, "look at OPUSMAP_CLIENT_ID, the client secret and the data center")
    text, kind = said.get("access_token"), said.get("token_type", "Bearer")
    # RFC 6750, 2.1: the characters that a bearer token may have; others could break out of the header.
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", text):
        raise SignInError(
            url, "the identity service's answer holds no access token", "look at OPUSMAP_TOKEN_URL"
        )
    if not isinstance(kind, str) or kind.casefold() != "bearer":
        raise SignInError(url, "the identity service gives another kind of token than a bearer token")
    life = _read_life(said.get("expires_in"))
    return Token(Secret(text), generation, asked + life - min(300.0, life * _MARGIN))


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


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:300])
