"""Signals: an interrupt that got lost comes again; and none comes once the run is over."""

from __future__ import annotations

import signal
import time

import pytest

from opusmap.cli import signals
from opusmap.cli.signals import stopped_by_signals


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "_LOST_AFTER", 0.1)


def test_a_run_that_loses_the_interrupt_is_interrupted_anew_until_it_ends() -> None:
    with stopped_by_signals() as on_start:
        ways: list[str] = []
        on_start(lambda: ways.append("drained"), lambda: ways.append("cancelled"))
        signal.raise_signal(signal.SIGINT)
        assert ways == ["drained"]
        signal.raise_signal(signal.SIGINT)
        assert ways == ["drained", "cancelled"]
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                time.sleep(5.0)


def test_a_run_that_ended_is_not_interrupted_anew() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), stopped_by_signals():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    time.sleep(0.3)  # an interrupt now would end the test
