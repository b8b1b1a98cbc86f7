"""The program `opusmap`: all commands, `--version` and help, and how an error becomes an exit code.

A command loads what it needs when it runs, so that naming them all costs little.

Exit codes: 0 all done; 1 finished with rejected or failed records; 2 wrong usage, or a mapping,
connection, source or settings with errors; 3 could not reach or sign in to Opus; 4 stopped early,
resumable; 70 a bug in opusmap.
"""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Sequence
from io import StringIO

import click

from opusmap.cli.check import check
from opusmap.cli.completion import completion
from opusmap.cli.converters import converters
from opusmap.cli.demo import demo
from opusmap.cli.destroy import destroy
from opusmap.cli.diagnostics import print_diagnostics
from opusmap.cli.diff import diff
from opusmap.cli.doctor import doctor
from opusmap.cli.due import due
from opusmap.cli.emulator import emulator
from opusmap.cli.explain import explain
from opusmap.cli.help import Program, show_examples
from opusmap.cli.help_command import help_
from opusmap.cli.init import init
from opusmap.cli.lock import lock
from opusmap.cli.logs import log, log_bug, log_error
from opusmap.cli.lsp import lsp
from opusmap.cli.map import map_
from opusmap.cli.options import Command
from opusmap.cli.output import print_json
from opusmap.cli.preview import preview
from opusmap.cli.prune import prune
from opusmap.cli.report import report
from opusmap.cli.retry import retry
from opusmap.cli.schema import schema
from opusmap.cli.stage import stage
from opusmap.cli.studio import studio
from opusmap.cli.submit import submit
from opusmap.cli.terminal import begin_streams, discard, flush_result, write_result
from opusmap.cli.test import test
from opusmap.errors import BUG_EXIT_CODE, InvalidMapping, OpusmapError, SettingsError, StoppedEarly
from opusmap.wording import visible


def version_option(command: Command) -> Command:
    """Add `--version`: opusmap's version and the details that a bug report needs."""

    def show(context: click.Context, _option: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's
        if value and not context.resilient_parsing:
            from opusmap.operations.versions import list_versions

            write_result("\n".join(list_versions()))
            context.exit()

    return click.option(
        "--version",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=show,
        help="Show the version and the details that a bug report needs.",
    )(command)


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=show_examples(
        "opusmap demo",
        "opusmap init contracts.connection.json contracts.csv",
        "opusmap check mapping.yaml",
        "opusmap submit mapping.yaml --to emulator",
    ),
)
@version_option
def opusmap() -> None:
    """Map records metadata into AvePoint Opus by one YAML file."""


for _command in (
    check,
    completion,
    converters,
    demo,
    destroy,
    diff,
    doctor,
    due,
    emulator,
    explain,
    help_,
    init,
    lock,
    lsp,
    map_,
    preview,
    prune,
    report,
    retry,
    schema,
    stage,
    studio,
    submit,
    test,
):
    opusmap.add_command(_command)


STOPPED, BUG = StoppedEarly.exit_code, BUG_EXIT_CODE
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
    except click.exceptions.NoArgsIsHelpError as error:
        log(error.format_message(), logging.ERROR)
        return error.exit_code
    except click.ClickException as error:
        shown, message = StringIO(), error.format_message()
        error.show(shown)
        log(shown.getvalue().rstrip("\n").replace(message, visible(message)), logging.ERROR)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        logging.getLogger("asyncio").setLevel(
            logging.CRITICAL
        )  # its message would show where its tasks were cancelled
        log("stopped at once; run the same command again to resume", logging.ERROR)
        return STOPPED
    except OpusmapError as error:
        _show(error, as_json="--json" in arguments)
        return error.exit_code
    except SystemExit:  # click's answer to a broken pipe: the reader, such as `head`, has stopped reading
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
    log_bug("This is a bug in opusmap. Report it with the lines above.")
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
        if isinstance(error.__cause__, InvalidMapping):  # the mapping has errors as well
            print_diagnostics(error.__cause__.diagnostics)


def _as_json(error: OpusmapError) -> dict[str, object]:
    found: dict[str, object] = {"error": type(error).__name__, "message": str(error)}
    invalid = error if isinstance(error, InvalidMapping) else error.__cause__
    if isinstance(invalid, InvalidMapping):
        found["diagnostics"] = [diagnostic.as_json() for diagnostic in invalid.diagnostics]
    return found
