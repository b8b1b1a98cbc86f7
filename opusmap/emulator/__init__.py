"""An embedded Opus to rehearse against: it speaks the connector's contract, strictly, and keeps what it got.

Owns the emulator: an ASGI application (`Emulator`) and its server (`serve`, `served`). It imports nothing
of the mapper or the client, so that a mistake of theirs meets a judge of its own.
"""

from __future__ import annotations

from opusmap.emulator.application import RECORD_PATHS, TOKEN_PATH, Counts, Emulator
from opusmap.emulator.faults import Fault, FaultHook, HandledRequest, RequestInfo, in_turn
from opusmap.emulator.server import serve, served
from opusmap.emulator.values import TargetFormat

__all__ = [
    "RECORD_PATHS",
    "TOKEN_PATH",
    "Counts",
    "Emulator",
    "Fault",
    "FaultHook",
    "HandledRequest",
    "RequestInfo",
    "TargetFormat",
    "in_turn",
    "serve",
    "served",
]
