"""What passes between the client and the engine: an answer, or the lack of one.

Owns the shapes and the promise of a sender, so that the engine and its decisions know no HTTP library.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias


class TransportError(StrEnum):
    """Why there is no answer."""

    UNREACHED = "unreached"  # no connection was made: nothing was processed
    LOST = "lost"  # the connection broke under way: it may have been processed
    TIMEOUT = "timeout"  # the same
    SIGN_IN = "sign-in"  # the identity service is in trouble: nothing was sent
    UNTRUSTED = "untrusted"  # the certificate is not trusted: nothing was sent


@dataclass(frozen=True, slots=True)
class Answer:
    """Opus answered. `body` is empty where it was cut off or too large; `cut` tells that from no body at all.

    `path` is the one that the request used; `retry_after` is how many seconds Opus asks to wait, None where
    it asks nothing that can be read; `content_type` is what the answer calls its body, for messages.
    """

    status: int
    body: bytes
    path: str
    retry_after: float | None = None
    cut: bool = False
    content_type: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No answer came. `detail` says why in words for a person, without any secret."""

    error: TransportError
    detail: str
    retry_after: float | None = None


Exchange: TypeAlias = "Answer | NoAnswer"
BeforeResend: TypeAlias = Callable[[Answer], Awaitable[None]]


class Sender(Protocol):
    """What the engine asks of a client."""

    @property
    def url(self) -> str:
        """The service's base URL, for messages."""

    async def send(self, body: bytes, before_resend: BeforeResend | None = None) -> Exchange:
        """Send one request; again with a new token or to the other path where Opus did not process it.

        `before_resend` is awaited with the answer that says so, before each request after the first; what it
        raises ends the sending.

        Raises:
            SignInError: the sign-in is refused, or a freshly renewed token.
        """
