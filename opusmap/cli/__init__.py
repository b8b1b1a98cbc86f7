"""The command line: parse, call, print. One file a command; everything heavy is imported when needed."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (the console script exits with it)."""
    # A worker process runs the console script's first lines, too, and needs nothing of this.
    from opusmap.cli.entry import main as run

    return run(args)
