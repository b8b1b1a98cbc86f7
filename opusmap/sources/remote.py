"""Files elsewhere, by an address such as `https://…` or `s3://…`, through fsspec.

Owns what is an address, and the name that messages show of it. Only a person or a program names one: a
mapping's own paths never come here.
"""

from __future__ import annotations

import io
import re
from typing import IO, Any
from urllib.parse import urlsplit

from opusmap.errors import SourceError
from opusmap.sources.tabular import load_extra
from opusmap.sources.text_io import Input, Remote

__all__ = ["is_remote", "remote_input"]

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?:::|://)")


def is_remote(path: object) -> bool:
    """Tell whether a path is an address; a drive's letter, as in `C:/x`, makes none."""
    return isinstance(path, str) and bool(_ADDRESS.match(path))


def remote_input(address: str) -> Input:
    """Return the file at an address; its name is the address without what may be secret in it.

    Raises:
        SourceError: `missing-extra`, `source-unreadable`.
    """
    name = _shown(address)
    fsspec = load_extra("fsspec", "remote", "reading from an address", name)

    def open_anew() -> IO[bytes]:
        options: dict[str, Any] = {"block_size": 0} if address.startswith(("http://", "https://")) else {}
        try:
            stream: IO[bytes] = fsspec.open(address, "rb", **options).open()
        except ImportError as error:
            hint = str(error).partition("\n")[0]
            raise SourceError(
                name, "missing-extra", "this kind of address needs a library", help=hint
            ) from None
        except Exception as error:  # noqa: BLE001 - each backend has errors of its own
            problem = f"the source can't be read: {type(error).__name__}: {_first_line(error, address, name)}"
            raise SourceError(name, "source-unreadable", problem, help="is the address right?") from None
        return _Stream(stream)  # type: ignore[return-value]

    return Input(name, Remote(open_anew))


class _Stream(io.RawIOBase):
    """A backend's stream whose errors, each backend's own, are all OSError."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        try:
            return self._stream.read(size)
        except Exception as error:
            raise OSError(f"{type(error).__name__} while it was being fetched") from error

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def _shown(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _first_line(error: Exception, address: str, name: str) -> str:
    return str(error).partition("\n")[0].replace(address, name)
