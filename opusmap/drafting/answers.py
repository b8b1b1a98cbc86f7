"""What only a person knows about a draft's times: the source's zone, and the date format of Opus.

Owns reading both as a person types them.
"""

from __future__ import annotations

import re
from datetime import datetime

from opusmap.compiler.mapping_checks import check_datetime_format
from opusmap.converters import ArgumentError
from opusmap.converters.zones import time_zone
from opusmap.errors import SettingsError
from opusmap.issues import Span
from opusmap.mapping import TargetOptions
from opusmap.profile import DateFormats
from opusmap.wording import quote_value

EXAMPLE_DATE = "19 December 2024, 18:15:00"
"""The date that a person writes as Opus does; its day can't be a month, so only one format reads it."""

_EXAMPLE = datetime(2024, 12, 19, 18, 15)  # noqa: DTZ001 - an example has no zone
_ISO = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d", "%Y%m%d")

_LETTERS = re.compile("dd|mm|yy", re.IGNORECASE)
"""What other programs write for the parts of a date: dd/mm/yyyy."""


def read_timezone(text: str) -> str:
    """Return the name of a time zone.

    Raises:
        SettingsError: there is no such zone.
    """
    try:
        time_zone(text.strip())
    except ArgumentError as error:
        raise SettingsError("--timezone", str(error), error.help) from None
    return text.strip()


def read_datetime_format(text: str) -> str:
    """Return a format as `target.datetime_format` takes it.

    Args:
        text: the format, or 19 December 2024, 18:15:00 as Opus writes it: `19/12/2024 18:15`.

    Raises:
        SettingsError: it is neither, or dates written so could not be read again.
    """
    text = text.strip()
    pattern = text if "%" in text else _pattern_of(text)
    if pattern is None:
        problem = f"{quote_value(text)} is neither a format nor {EXAMPLE_DATE}"
        hint = f'write it as "{_ISO[0]}", or as 2024-12-19 18:15:00'
        if _LETTERS.search(text):
            hint = "copy it as your Opus shows it, such as 19/12/2024 18:15"
        raise SettingsError("--datetime-format", problem, hint)
    place = Span("--datetime-format", 1, 1, 1, 2)
    for one in check_datetime_format(TargetOptions(datetime_format=pattern), place):
        raise SettingsError("--datetime-format", one.message, one.hint)
    return pattern


def _pattern_of(text: str) -> str | None:
    formats = DateFormats()
    formats.note(text)
    for pattern in [one.pattern for one in formats.formats() if one.pattern is not None] or _ISO:
        try:
            read = datetime.strptime(text, pattern)  # noqa: DTZ007 - only the format is tried
        except ValueError:
            continue
        if read in (_EXAMPLE, _EXAMPLE.replace(hour=0, minute=0)):
            return pattern
    return None
