"""What the program tells of itself and to shells: versions for a bug report, completion."""

from __future__ import annotations

import click

from opusmap import __version__
from opusmap.cli.options import Command, example
from opusmap.cli.terminal import write_result

__all__ = ["completion", "version_option"]

_VARIABLE = "_OPUSMAP_COMPLETE"
"""Where click looks for a shell's question, by its own rule."""
_NEEDED = ("click", "google-re2", "httpx", "jinja2", "jsonschema", "msgspec", "pyyaml", "rich", "tzdata")
"""Packages whose version may matter for a bug: those that read, write or send, the extras' included."""
_EXTRAS = (
    "aiohttp",
    "cryptography",
    "openpyxl",
    "python-calamine",
    "pyarrow",
    "sqlalchemy",
    "uvicorn",
    "xlsxwriter",
)


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


def version_option(command: Command) -> Command:
    """Add `--version`: opusmap's own, and what a bug report should say besides."""

    def show(context: click.Context, _option: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's
        if value and not context.resilient_parsing:
            write_result("\n".join(_versions()))
            context.exit()

    return click.option(
        "--version",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=show,
        help="Show the version, and what a bug report should say besides.",
    )(command)


def _versions() -> list[str]:
    import locale
    import platform
    import sqlite3
    import sys
    import zoneinfo

    zones = next((path for path in zoneinfo.TZPATH if _is_folder(path)), "the package tzdata")
    return [
        f"opusmap {__version__}",
        f"Python {platform.python_version()} ({platform.python_implementation()}), {platform.platform()}",
        f"SQLite {sqlite3.sqlite_version}, time zones from {zones}",
        f"encodings: output {sys.stdout.encoding}, files {locale.getpreferredencoding(do_setlocale=False)}",
        ", ".join(filter(None, map(_package, (*_NEEDED, *_EXTRAS)))),
    ]


def _is_folder(path: str) -> bool:
    from pathlib import Path

    return Path(path).is_dir()


def _package(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return ""
