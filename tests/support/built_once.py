"""What is slow to make and the same for all test workers: one of them makes it, the others wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

WAIT_SECONDS = 300.0


def build_once(shared: Path, name: str, build: Callable[[Path], object]) -> Path:
    """Return the folder `name` below `shared`, which `build` has filled, in this process or in another.

    Raises:
        TimeoutError: the process that builds it has not ended, or has failed.
    """
    folder, done = shared / name, shared / f"{name}.done"
    try:
        (shared / f"{name}.begun").touch(exist_ok=False)
    except FileExistsError:
        until = time.monotonic() + WAIT_SECONDS
        while not done.exists():
            if time.monotonic() > until:
                raise TimeoutError(f"another test worker did not build {folder}") from None
            time.sleep(0.2)
        return folder
    try:
        build(folder)
    finally:
        done.touch()  # the others fail at once, too, if it is not whole
    return folder
