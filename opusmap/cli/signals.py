"""Stopping a run from outside: the first signal lets requests in flight finish, the next one stops at once.

Owns which signals count. Both ways leave a journal that the same command goes on from.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opusmap.cli.logs import log

# Ctrl-C everywhere; SIGTERM is what Unix services are stopped by; Windows knows Ctrl-Break instead, and
# ends a process at once that is asked to terminate, which the journal survives as it does a crash.
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))

_LOST_AFTER = 3.0
"""Seconds until a run that should have stopped is interrupted again: an interrupt that hits the
event loop between two steps takes one of them away, and others may wait for it for ever."""


@contextmanager
def stopped_by_signals() -> Iterator[Callable[[Callable[[], object], Callable[[], object]], None]]:
    """Let signals stop the run while the block lasts.

    Gives the function to call with what drains the run, which the first signal does, and what cancels it,
    which the second one does. A signal before that, and a third one, is a KeyboardInterrupt; so is a run that
    goes on for some time after it was cancelled.
    """
    ways: list[Callable[[], object]] = []
    timers: list[threading.Timer] = []
    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield lambda *given: ways.extend(given)
        return

    def insist() -> None:
        timers.append(threading.Timer(_LOST_AFTER, _interrupt))
        timers[-1].daemon = True
        timers[-1].start()

    def on_signal(_number: int, _frame: object) -> None:
        if not ways:
            insist()
            raise KeyboardInterrupt
        ways.pop(0)()  # first of all: the next signal may come before the line is out
        if ways:
            log("finishing requests in flight; press Ctrl-C again to stop now")
        else:
            insist()

    earlier = [(number, signal.signal(number, on_signal)) for number in _SIGNALS]
    try:
        yield lambda *given: ways.extend(given)
    finally:
        for timer in timers:
            timer.cancel()
        for number, handler in earlier:
            signal.signal(number, handler)


def _interrupt() -> None:
    """Send the main thread a Ctrl-C, and wake it for that."""
    if sys.platform == "win32":
        _thread.interrupt_main()
    else:
        identity = threading.main_thread().ident
        assert identity is not None
        signal.pthread_kill(identity, signal.SIGINT)
