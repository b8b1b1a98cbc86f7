"""The entry point: runs a command, turns what it raises into a message and an exit code.

Exit codes: 0 all done; 1 finished with rejected or failed records; 2 wrong usage, or a mapping,
connection, source or settings with errors; 3 could not reach or sign in to Opus; 4 stopped early,
resumable; 70 a bug of ours.
"""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Sequence
from io import StringIO

import click

from opusmap.cli.diagnostics import print_diagnostics
from opusmap.cli.logs import log, log_bug, log_error
from opusmap.cli.output import print_json
from opusmap.cli.program import opusmap
from opusmap.cli.terminal import begin_streams, discard, flush_result
from opusmap.errors import InvalidMapping, OpusmapError, SettingsError
from opusmap.wording import visible

STOPPED, BUG = 4, 70
_UNWRITABLE = frozenset((errno.ENOSPC, errno.EFBIG, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC)))
"""Error numbers of a full or broken disk."""


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (the console script exits with it)."""
    begin_streams()
    arguments = list(sys.argv[1:] if args is None else args)
    code = _run(arguments)
    try:
        flush_result()
    except OSError as error:
        code = _log_unwritten(error)
    return code


def _run(arguments: list[str]) -> int:
    try:
        code = opusmap.main(arguments, prog_name="opusmap", standalone_mode=False)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        shown, message = StringIO(), error.format_message()
        error.show(shown)
        log(shown.getvalue().rstrip("\n").replace(message, visible(message)), logging.ERROR)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # it would show where its tasks were cut off
        log("stopped at once; run the same command again to resume", logging.ERROR)
        return STOPPED
    except OpusmapError as error:
        _show(error, as_json="--json" in arguments)
        return error.exit_code
    except SystemExit:  # click's answer to a broken pipe: the reader, such as `head`, has had enough
        discard(sys.stdout)
        return 0
    except OSError as error:
        if error.errno in _UNWRITABLE:
            return _log_unwritten(error)
        return _log_bug()
    except Exception:  # noqa: BLE001 - a traceback is for us, so print where to send it
        return _log_bug()
    return int(code or 0)


def _log_bug() -> int:
    log_bug("This is a bug in opusmap. Please report it with the lines above.")
    return BUG


def _log_unwritten(error: OSError) -> int:
    """Log that output can't be written; the journal has what a run did until then."""
    discard(sys.stdout)
    name = "output" if error.filename is None else str(error.filename)
    hint = "free disk space, or name another file; the journal has what a run did: `opusmap report`"
    log_error(SettingsError(name, f"it can't be written: {error.strerror}", hint))
    return SettingsError.exit_code


def _show(error: OpusmapError, *, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(error))
    if isinstance(error, InvalidMapping):
        print_diagnostics(error.diagnostics)
    else:
        log_error(error)


def _as_json(error: OpusmapError) -> dict[str, object]:
    found: dict[str, object] = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, InvalidMapping):
        found["diagnostics"] = [diagnostic.as_json() for diagnostic in error.diagnostics]
    return found
