"""Proving the settings online: sign in, and ask one question that changes nothing. No record is sent.

Owns what each answer proves. The question is the contract's own for due records, with a date long past.
"""

from __future__ import annotations

from dataclasses import dataclass

from opusmap.errors import OpusUnavailable, SignInError
from opusmap.opus.client import OpusClient
from opusmap.opus.exchange import NoAnswer, TransportError
from opusmap.opus.responses import (
    PATH_HELP,
    PERMISSION_HELP,
    TRUST_HELP,
    Verdict,
    advise_absent,
    read_due_answer,
)

_HELP = {
    400: "compare the connection file with Opus: is it of this tenant, and does the connection still exist?",
    403: PERMISSION_HELP,
    404: PATH_HELP,
    405: "check OPUSMAP_API_PATH; if Opus does not support this request, `submit --limit 1` verifies more",
}
_BUSY = "try again later"
_ERROR_HELP = {
    TransportError.UNTRUSTED: TRUST_HELP,
    TransportError.SIGN_IN: "check OPUSMAP_TOKEN_URL, OPUSMAP_PROXY and the network",
}
_REACH = "check OPUSMAP_BASE_URL (or OPUSMAP_DATA_CENTER), OPUSMAP_PROXY and the network"


@dataclass(frozen=True, slots=True)
class Online:
    """What was proved, in sentences; `path` is the path that answered."""

    base_url: str
    path: str
    proved: tuple[str, ...]


async def check_online(client: OpusClient, connection: str) -> Online:
    """Sign in and ask Opus for what is long due; return what that proves.

    Args:
        client: a fresh client.
        connection: the connection's id.

    Raises:
        SignInError: the sign-in, the token or the permission is refused.
        OpusUnavailable: Opus could not be reached, or refuses the question.
    """
    answer = await client.ask_due(connection)
    if isinstance(answer, NoAnswer):
        help_text = advise_absent(client.url, answer.detail) or _ERROR_HELP.get(answer.error, _REACH)
        raise OpusUnavailable(client.url, answer.detail, help_text)
    result = read_due_answer(answer)
    if result.verdict is not Verdict.ACCEPTED:
        kind = SignInError if result.status in (401, 403) else OpusUnavailable
        help_text = _REACH if result.unreadable else _HELP.get(result.status, _BUSY)
        raise kind(client.url, result.message, help_text)
    return Online(
        client.url,
        answer.path,
        (
            f"{client.url} can be reached",
            f"the sign-in works: {client.identity}",
            "the app has the permission: Opus accepts its token",
            f"the path is right: {answer.path} answers for connection {connection}",
        ),
    )
