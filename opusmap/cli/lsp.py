"""`opusmap lsp`: a language server for mappings, on standard input and output."""

from __future__ import annotations

import sys

from opusmap.cli.help import command
from opusmap.cli.options import custom, registry, verbosity
from opusmap.wording import show_extra


@command("Serve editors: problems, completion, hover, quick fixes", "opusmap lsp")
@custom
@verbosity
def lsp(converters: tuple[str, ...], *, quiet: bool) -> int:
    """Serve an editor that speaks the Language Server Protocol, on standard input and output.

    The editor starts this command. It looks at mappings in the editor's workspace and at the files that they
    name; it sends nothing to Opus, and asks no database.
    """
    del quiet  # there are no notes
    from opusmap.errors import SettingsError

    try:
        from opusmap.lsp import serve
    except ImportError:
        problem, help_text = "the language server needs pygls", show_extra("lsp")
        raise SettingsError("lsp", problem, help_text) from None
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what a converter prints does not belong to the protocol
    serve(registry(converters), stdin, stdout)
    return 0
