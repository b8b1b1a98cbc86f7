"""Stopping a run from outside: the first signal lets what is under way end, the next one stops at once.

Owns which signals count. Both ways leave a journal that the same command goes on from.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opusmap.cli.logs import tell

__all__ = ["stopped_by_signals"]

# Ctrl-C everywhere; SIGTERM is what Unix services are stopped by; Windows knows Ctrl-Break instead, and
# ends a process that is told to terminate at once, which the journal survives as it does a crash.
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))


@contextmanager
def stopped_by_signals() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Let signals stop the run as long as the block lasts; gives the function to call with what drains it.

    A signal before that, or a second one, is a KeyboardInterrupt.
    """
    drain: list[Callable[[], None]] = []
    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield drain.append
        return

    def on_signal(_number: int, _frame: object) -> None:
        if not drain:
            raise KeyboardInterrupt
        drain.pop()()  # first of all: the next signal may come before the line is out
        tell("stopping: requests under way end first; once more stops at once")

    earlier = [(number, signal.signal(number, on_signal)) for number in _SIGNALS]
    try:
        yield drain.append
    finally:
        for number, handler in earlier:
            signal.signal(number, handler)
