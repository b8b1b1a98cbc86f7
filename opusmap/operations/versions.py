"""Versions and surroundings that a bug report needs."""

from __future__ import annotations

import locale
import platform
import sqlite3
import sys
import zoneinfo
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from opusmap import __version__

_NEEDED = ("click", "google-re2", "httpx", "jinja2", "jsonschema", "msgspec", "pyyaml", "rich", "tzdata")
"""Packages whose version may matter for a bug: those that read, write or send, the extras' included."""
_EXTRAS = (
    "aiohttp",
    "asn1crypto",
    "cryptography",
    "openpyxl",
    "psycopg",
    "python-calamine",
    "pyarrow",
    "sqlalchemy",
    "uvicorn",
    "xlsxwriter",
)


def list_versions() -> list[str]:
    """Return lines with the versions of opusmap, Python, SQLite and packages, and the encodings in use."""
    zones = next((path for path in zoneinfo.TZPATH if Path(path).is_dir()), "the package tzdata")
    return [
        f"opusmap {__version__}",
        f"Python {platform.python_version()} ({platform.python_implementation()}), {platform.platform()}",
        f"SQLite {sqlite3.sqlite_version}, time zones from {zones}",
        f"encodings: output {sys.stdout.encoding}, files {locale.getpreferredencoding(do_setlocale=False)}",
        ", ".join(filter(None, map(_package, (*_NEEDED, *_EXTRAS)))),
    ]


def _package(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return ""
