"""The entry point: runs a command, turns what it raises into a message and an exit code.

Exit codes: 0 all done; 1 finished with rejected or failed records; 2 wrong usage, or a mapping,
connection, source or settings with errors; 3 could not reach or sign in to Opus; 4 stopped early,
resumable; 70 a bug of ours.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

import click

from opusmap.cli.commands import opusmap
from opusmap.cli.logs import tell, tell_bug
from opusmap.errors import InvalidMapping, OpusmapError

__all__ = ["main"]

STOPPED, BUG = 4, 70


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (the console script exits with it)."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a Windows console's code page can't show every character
            stream.reconfigure(errors="replace")
    arguments = list(sys.argv[1:] if args is None else args)
    try:
        code = opusmap.main(arguments, prog_name="opusmap", standalone_mode=False)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # it would show where its tasks were cut off
        tell("stopped at once; run the same command again to go on", logging.ERROR)
        return STOPPED
    except OpusmapError as error:
        _show(error, as_json="--json" in arguments)
        return error.exit_code
    except BrokenPipeError:  # whoever read our output, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:  # noqa: BLE001 - a traceback is for us, so say where to send it
        tell_bug("This is a bug in opusmap. Please report it with the lines above.")
        return BUG
    return int(code or 0)


def _show(error: OpusmapError, *, as_json: bool) -> None:
    from opusmap.cli.output import print_diagnostics, print_json

    if as_json:
        print_json(_as_json(error))
    if isinstance(error, InvalidMapping):
        print_diagnostics(error.diagnostics)
    else:
        tell(f"error: {error}", logging.ERROR)


def _as_json(error: OpusmapError) -> dict[str, object]:
    found: dict[str, object] = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, InvalidMapping):
        found["diagnostics"] = [diagnostic.as_json() for diagnostic in error.diagnostics]
    return found
