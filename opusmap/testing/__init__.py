"""For tests of mappings and converters, one's own CI included.

Owns the tests in mapping files, generated values for converters, and rehearsals against the
emulator. The pytest plugin makes fixtures of these.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from opusmap.testing.converters import check_converter
from opusmap.testing.mapping_tests import Difference, TestResult, junit_xml, run_tests

if TYPE_CHECKING:
    from opusmap.testing.rehearsals import Rehearsal, ServedOpus, rehearse, serve_opus

__all__ = [
    "Difference",
    "Rehearsal",
    "ServedOpus",
    "TestResult",
    "check_converter",
    "junit_xml",
    "rehearse",
    "run_tests",
    "serve_opus",
]

_LATE = ("Rehearsal", "ServedOpus", "rehearse", "serve_opus")


def __getattr__(name: str) -> Any:
    """Load what brings the emulator when it is first asked for: `opusmap test` does without (PEP 562)."""
    if name not in _LATE:
        raise AttributeError(f"module 'opusmap.testing' has no attribute {name!r}")
    return getattr(import_module("opusmap.testing.rehearsals"), name)
