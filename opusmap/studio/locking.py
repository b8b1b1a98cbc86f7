"""The lock of an open mapping: whether the order of options is still the one that was compared with Opus.

The values screen writes it and says what has changed; sending waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from opusmap.compiler import load_mapping
from opusmap.compiler.lock import Lock, find_drift, lock_path, make_lock, read_lock, write_lock
from opusmap.converters import Registry
from opusmap.converters.plugins import all_converters
from opusmap.errors import SettingsError
from opusmap.issues import Issue, Span
from opusmap.studio.arrivals import plan_loosely
from opusmap.studio.workbench import State, Workbench


@dataclass(frozen=True, slots=True)
class LockState:
    """How a mapping and its lock relate.

    `kind` is `none` (there is no lock), `held`, `grown` (options or columns were added, which changes no
    number), `stale` (a number or a column has another meaning: `drift` says which), `unreadable` (`error`
    says why) or `unknown` (the text in the page can't be read).
    """

    kind: Literal["none", "held", "grown", "stale", "unreadable", "unknown"]
    drift: tuple[Issue[Span], ...] = ()
    error: SettingsError | None = None


def state_of_lock(bench: Workbench) -> LockState:
    """Return how the text in the page and the lock on disk relate, whatever else is wrong in the mapping."""
    try:
        lock = read_lock(lock_path(bench.path))
    except SettingsError as error:
        return LockState("unreadable", error=error)
    if lock is None:
        return LockState("none")
    with bench.lock:
        plan = plan_loosely(bench.service.latest, all_converters())
    if plan is None:
        return LockState("unknown")
    drift = find_drift(lock, plan)
    if drift:
        return LockState("stale", drift)
    return LockState("held" if make_lock(plan) == lock else "grown")


def write_lock_of(bench: Workbench, converters: Registry | None = None) -> Lock:
    """Lock a mapping as `opusmap lock` does; return the lock.

    Raises:
        InvalidMapping: the mapping has errors, or something in it is still to do.
        SettingsError: the text in the page is not saved, or the lock can't be written.
    """
    with bench.lock:
        if bench.state not in (State.SAVED, State.READ_ONLY):
            raise SettingsError(
                str(bench.path), "the text in the page is not what is in the file", "save it first"
            )
        lock = make_lock(load_mapping(bench.path, converters=converters).plan)
        write_lock(lock, lock_path(bench.path))
        bench.refresh()
        return lock
