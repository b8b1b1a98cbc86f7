"""Rehearsals: an emulator of Opus made for a mapping, in this process or to be served.

Owns nothing but the match of the two: the emulator judges on its own.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from opusmap.compiler import Mapper
from opusmap.emulator import Emulator, TargetFormat
from opusmap.settings import Secret, Settings

__all__ = ["embedded_opus", "make_emulator"]


def embedded_opus(mapper: Mapper) -> tuple[Emulator, Settings]:
    """Return an emulator of the mapping's connection, and the settings that reach it in this process.

    It judges what it is sent by the connection file and the mapping's options; the journal is thrown away.
    """
    secret = secrets.token_urlsafe(16)
    emulator = make_emulator(mapper, "rehearsal", secret)
    url = "http://127.0.0.1"
    settings = Settings(url, f"{url}/connect/token", "rehearsal", Secret(secret), Path(":memory:"))
    return emulator, settings


def make_emulator(
    mapper: Mapper, client_id: str, client_secret: str, certificate: bytes | None = None
) -> Emulator:
    """Return an Opus with the mapping's connection that lets this client sign in.

    `certificate` (PEM or DER) lets it sign in by an assertion as well.
    """
    target = mapper.spec.target
    return Emulator(
        mapper.connection,
        client_id=client_id,
        client_secret=client_secret,
        certificate=certificate,
        options={name: len(choices.options) for name, choices in mapper.plan.context.choices.items()},
        target=TargetFormat(
            datetime_format=target.datetime_format,
            choice_base=target.choice_base,
            choice_as=target.choice_as,
            list_as=target.list_as,
            empty=target.empty,
            conflict_key=target.conflict_key,
        ),
    )
