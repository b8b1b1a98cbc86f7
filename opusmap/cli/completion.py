"""`opusmap completion`: the script with which a shell completes commands and options."""

from __future__ import annotations

import click

from opusmap.cli.options import example
from opusmap.cli.terminal import write_result

_VARIABLE = "_OPUSMAP_COMPLETE"
"""Where click looks for a shell's question, by its own rule."""


@click.command(
    epilog=example(
        "opusmap completion bash > ~/.local/share/bash-completion/completions/opusmap",
        "opusmap completion powershell >> $PROFILE",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish", "powershell"]))
def completion(shell: str) -> int:
    """Print the script with which SHELL completes opusmap's commands and options."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, "click knows each shell of the choice"
    root = click.get_current_context().find_root().command
    write_result(kind(root, {}, "opusmap", _VARIABLE).source())
    return 0
