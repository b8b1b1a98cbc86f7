"""`opusmap completion`: the script with which a shell completes commands and options."""

from __future__ import annotations

import click

from opusmap.cli.help import command
from opusmap.cli.options import OneOf, verbosity
from opusmap.cli.terminal import write_result

_VARIABLE = "_OPUSMAP_COMPLETE"
"""Where click looks for a shell's question, by its own rule."""


@command(
    "Print the script that completes commands in a shell",
    "opusmap completion bash > ~/.local/share/bash-completion/completions/opusmap",
    "opusmap completion powershell >> $PROFILE",
)
@click.argument("shell", type=OneOf(["bash", "zsh", "fish", "powershell"]))
@verbosity
def completion(shell: str, *, quiet: bool) -> int:
    """Print the script with which SHELL completes opusmap's commands and options."""
    del quiet  # there are no notes
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, "click knows each shell of the choice"
    root = click.get_current_context().find_root().command
    write_result(kind(root, {}, "opusmap", _VARIABLE).source())
    return 0
