"""`opusmap studio`: the mapping as a web page on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from opusmap.cli.help import command
from opusmap.cli.options import custom, registry, verbosity
from opusmap.cli.terminal import write_result


@command(
    "Make, check and send a mapping on a web page",
    "opusmap studio",
    "opusmap studio mapping.yaml",
    "opusmap studio contracts.connection.json contracts.csv",
)
@click.argument("files", nargs=-1, metavar="[MAPPING | CONNECTION SOURCE]")
@click.option("--port", default=0, show_default=True, help="Port to listen on; 0 uses a free one.")
@click.option("--no-browser", is_flag=True, help="Print the address only.")
@click.option("--allow-send", is_flag=True, help="Allow sending to an Opus that is not on this machine.")
@custom
@verbosity
def studio(
    files: tuple[str, ...],
    port: int,
    converters: tuple[str, ...],
    *,
    no_browser: bool,
    allow_send: bool,
    quiet: bool,
) -> int:
    """Open the studio: a web page, for you alone, on which a mapping is made, checked and sent.

    With MAPPING, open it. With CONNECTION and SOURCE (in any order), draft a mapping beside the connection.
    Without either, list the mappings of this folder. The page writes the same file that you can edit. It
    reads and writes files in that folder only. Ctrl-C ends it.
    """
    del quiet  # the address is what it is for
    from opusmap.errors import SettingsError

    try:
        from opusmap.studio.opening import open_studio
        from opusmap.studio.serving import serve
    except ImportError:
        problem = "the studio needs starlette and uvicorn"
        help_text = "install the extra `studio`; `opusmap help extras` shows how"
        raise SettingsError("studio", problem, help_text) from None
    opened = open_studio(tuple(map(Path, files)), registry(converters), allow_send=allow_send)
    opened.converter_files = converters
    serve(opened, port, browser=not no_browser, on_ready=lambda address: write_result(f"Studio: {address}"))
    return 0
