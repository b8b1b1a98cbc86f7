"""An embedded Opus to rehearse against: it speaks the connector's contract, strictly, and keeps what it got.

Owns the emulator: an ASGI application (`Emulator`) and its server (`serve`, `served`). It imports nothing
of the mapper or the client, so that their mistakes meet an independent check.
"""

from __future__ import annotations

from opusmap.emulator.application import Counts, Emulator
from opusmap.emulator.disposal import APPROVALS_PATH, Retention, read_retention
from opusmap.emulator.fault_injector import SeededFaults
from opusmap.emulator.fault_profile import FAULTS_PATH, KINDS, LEVELS, FaultPlan, make_plan, read_plan
from opusmap.emulator.faults import FailureShape, Fault, HandledRequest, RequestInfo, in_turn
from opusmap.emulator.http import ConnectionCut, Delivery
from opusmap.emulator.server import serve, served
from opusmap.emulator.tokens import TOKEN_PATH, Client, Time
from opusmap.emulator.validation import RECORD_PATHS, Readings
from opusmap.emulator.values import TargetFormat

__all__ = [
    "APPROVALS_PATH",
    "FAULTS_PATH",
    "KINDS",
    "LEVELS",
    "RECORD_PATHS",
    "TOKEN_PATH",
    "Client",
    "ConnectionCut",
    "Counts",
    "Delivery",
    "Emulator",
    "FailureShape",
    "Fault",
    "FaultPlan",
    "HandledRequest",
    "Readings",
    "RequestInfo",
    "Retention",
    "SeededFaults",
    "TargetFormat",
    "Time",
    "in_turn",
    "make_plan",
    "read_plan",
    "read_retention",
    "serve",
    "served",
]
