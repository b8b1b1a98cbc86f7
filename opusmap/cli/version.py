"""`opusmap --version`: the versions that a bug report should name."""

from __future__ import annotations

import click

from opusmap import __version__
from opusmap.cli.options import Command
from opusmap.cli.terminal import write_result

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


def version_option(command: Command) -> Command:
    """Add `--version`: opusmap's own, and what else a bug report needs."""

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
        help="Show the version, and what else a bug report needs.",
    )(command)


def _versions() -> list[str]:
    import locale
    import platform
    import sqlite3
    import sys
    import zoneinfo
    from pathlib import Path

    zones = next((path for path in zoneinfo.TZPATH if Path(path).is_dir()), "the package tzdata")
    return [
        f"opusmap {__version__}",
        f"Python {platform.python_version()} ({platform.python_implementation()}), {platform.platform()}",
        f"SQLite {sqlite3.sqlite_version}, time zones from {zones}",
        f"encodings: output {sys.stdout.encoding}, files {locale.getpreferredencoding(do_setlocale=False)}",
        ", ".join(filter(None, map(_package, (*_NEEDED, *_EXTRAS)))),
    ]


def _package(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return ""
