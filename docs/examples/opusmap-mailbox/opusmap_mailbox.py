"""The messages of a mailbox file (mbox, as Thunderbird and many archives write it) as rows for opusmap."""

from __future__ import annotations

import mailbox
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from opusmap import SourceError

HEADERS = ("Message-ID", "Subject", "From", "To")


def open_rows(path: str | None, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return a row for each message: Date, the headers above, and those that `options: {headers: […]}` adds.

    Raises:
        SourceError: there is no such file.
    """
    if path is None or not Path(path).is_file():
        raise SourceError(path or "mbox", "no-source", "the mailbox is not there", help="name it as `path`")
    names = [*HEADERS, *options.get("headers", ())]
    return _rows(path, names)


def _rows(path: str, names: list[str]) -> Iterator[dict[str, Any]]:
    for message in mailbox.mbox(path, create=False):
        yield {"Date": _date(message.get("Date")), **{name: _text(message.get(name)) for name in names}}


def _date(header: object) -> datetime | str | None:
    """Return the time with its zone; another text stays as it is, and rejects its row if it is mapped."""
    try:
        return None if header is None else parsedate_to_datetime(str(header))
    except ValueError:
        return str(header)


def _text(header: object) -> str | None:
    return None if header is None else str(make_header(decode_header(str(header))))
