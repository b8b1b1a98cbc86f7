"""Time zones by their IANA names: which one a name is, which may be meant, and which names mislead.

Facts on names such as `Etc/GMT+1` and `EST`: the tz database, files `etcetera` and `northamerica`. Names of
Windows: Unicode CLDR, `common/supplemental/windowsZones.xml`.
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from opusmap.converters.registry import ArgumentError
from opusmap.wording import counted, quote_value, suggest

_OFFSET = re.compile(r"(?:Etc/)?(?:GMT|UTC)([+-])(\d{1,2})", re.IGNORECASE)
_FIXED = {
    "EST": ("five hours behind UTC", "America/New_York"),
    "MST": ("seven hours behind UTC", "America/Denver"),
    "HST": ("ten hours behind UTC", "Pacific/Honolulu"),
    "GMT": ("the same as UTC", "Europe/London"),
}
"""Short names without daylight saving: what they are all year, and a city that may be meant."""


def time_zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name.

    Raises:
        ArgumentError: there is no such zone.
    """
    if name.upper() == "UTC":
        return UTC
    if re.fullmatch(r"[A-Za-z0-9+_-]+(?:/[A-Za-z0-9+_-]+)*", name):
        try:
            zone = ZoneInfo(name)
            if sys.platform == "linux" or name in _zone_names():
                return zone
        except (OSError, ValueError, LookupError):  # LookupError covers ZoneInfoNotFoundError
            pass
    raise ArgumentError(f"there is no time zone {quote_value(name)}", _suggest_zone(name))


def describe_fixed_offset(name: str) -> tuple[str, str] | None:
    """Return what a zone's name means that is often taken for another, and what to write; None for others.

    These are zones with the same offset all year: `Etc/GMT+1`, whose sign is the reverse of what people
    expect, and short names such as `EST`.

    >>> describe_fixed_offset("EST")[0]
    '"EST" is five hours behind UTC all year, without daylight saving'
    """
    if name in _FIXED:
        meaning, city = _FIXED[name]
        hint = f"if clocks change in summer where the source comes from, name a city, such as {city}"
        return f"{quote_value(name)} is {meaning} all year, without daylight saving", hint
    found = _OFFSET.fullmatch(name) if name.startswith("Etc/") else None
    if found is None or not int(found[2]):
        return None
    hours = "one hour" if int(found[2]) == 1 else counted(int(found[2]), "hour")
    meaning = f"{hours} {'behind' if found[1] == '+' else 'ahead of'} UTC"
    return f"{quote_value(name)} is {meaning} all year", f"{_NAME_A_CITY}, unless you mean this"


_ABBREVIATIONS = {
    "ACST": ("Australia/Darwin", "Australia/Adelaide"),
    "ACDT": ("Australia/Adelaide",),
    "AEST": ("Australia/Brisbane", "Australia/Sydney"),
    "AEDT": ("Australia/Sydney",),
    "AST": ("America/Halifax", "Asia/Riyadh"),
    "AWST": ("Australia/Perth",),
    "BST": ("Europe/London", "Asia/Dhaka"),
    "CDT": ("America/Chicago", "America/Havana"),
    "CEST": ("Europe/Berlin",),
    "CST": ("America/Chicago", "Asia/Shanghai"),
    "EDT": ("America/New_York",),
    "EEST": ("Europe/Athens",),
    "HKT": ("Asia/Hong_Kong",),
    "IST": ("Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"),
    "JST": ("Asia/Tokyo",),
    "KST": ("Asia/Seoul",),
    "MDT": ("America/Denver",),
    "MEZ": ("Europe/Berlin",),
    "MESZ": ("Europe/Berlin",),
    "MSK": ("Europe/Moscow",),
    "NZDT": ("Pacific/Auckland",),
    "NZST": ("Pacific/Auckland",),
    "PDT": ("America/Los_Angeles",),
    "PST": ("America/Los_Angeles", "Asia/Manila"),
    "SAST": ("Africa/Johannesburg",),
    "SGT": ("Asia/Singapore",),
    "WEST": ("Europe/Lisbon",),
}
"""Abbreviations that are not names of zones -> zones that use them, some in a part of the year."""

_WINDOWS = {
    "AUS Central": "Australia/Darwin",
    "AUS Eastern": "Australia/Sydney",
    "Alaskan": "America/Anchorage",
    "Arab": "Asia/Riyadh",
    "Arabian": "Asia/Dubai",
    "Argentina": "America/Argentina/Buenos_Aires",
    "Atlantic": "America/Halifax",
    "Canada Central": "America/Regina",
    "Cen. Australia": "Australia/Adelaide",
    "Central": "America/Chicago",
    "Central Europe": "Europe/Budapest",
    "Central European": "Europe/Warsaw",
    "China": "Asia/Shanghai",
    "E. Africa": "Africa/Nairobi",
    "E. Australia": "Australia/Brisbane",
    "E. Europe": "Europe/Chisinau",
    "E. South America": "America/Sao_Paulo",
    "Eastern": "America/New_York",
    "Egypt": "Africa/Cairo",
    "FLE": "Europe/Kyiv",
    "GMT": "Europe/London",
    "GTB": "Europe/Bucharest",
    "Greenwich": "Atlantic/Reykjavik",
    "Hawaiian": "Pacific/Honolulu",
    "India": "Asia/Kolkata",
    "Israel": "Asia/Jerusalem",
    "Korea": "Asia/Seoul",
    "Mountain": "America/Denver",
    "New Zealand": "Pacific/Auckland",
    "Newfoundland": "America/St_Johns",
    "Pacific": "America/Los_Angeles",
    "Pacific SA": "America/Santiago",
    "Romance": "Europe/Paris",
    "Russian": "Europe/Moscow",
    "SA Pacific": "America/Bogota",
    "SE Asia": "Asia/Bangkok",
    "Singapore": "Asia/Singapore",
    "South Africa": "Africa/Johannesburg",
    "Taipei": "Asia/Taipei",
    "Tasmania": "Australia/Hobart",
    "Tokyo": "Asia/Tokyo",
    "Turkey": "Europe/Istanbul",
    "US Mountain": "America/Phoenix",
    "W. Australia": "Australia/Perth",
    "W. Central Africa": "Africa/Lagos",
    "W. Europe": "Europe/Berlin",
}
"""Names of Windows without ` Standard Time` -> the zone of the territory "001" in CLDR's windowsZones.

CLDR keeps the first name of a zone for ever; here it has today's: Europe/Kyiv for Europe/Kiev.
"""
_OF_WINDOWS = re.compile(r"(.+?) (?:Standard|Daylight|Summer) Time", re.IGNORECASE)

_NAME_A_CITY = "name a city in the zone, such as Europe/Oslo"


def _suggest_zone(name: str) -> str:
    """Return the zone that may be meant: Europe/London for London, or the nearest of a name with a `/`."""
    if _OFFSET.fullmatch(name.strip()):
        return f"{_NAME_A_CITY}; a zone can't be given as an offset from UTC"
    meant = _ABBREVIATIONS.get(name.strip().upper())
    if meant is not None:
        names = " or ".join(f'"{zone}"' for zone in meant)
        return f"did you mean {names}? Abbreviations such as {name.strip()} are ambiguous"
    if (windows := _find_windows_zone(name.strip())) is not None:
        city = f'did you mean "{windows}", or another city'
        return f"{city} in the Windows zone {quote_value(name.strip())}?"
    known = [zone for zone in sorted(_zone_names()) if not _OFFSET.fullmatch(zone)]
    place = name.strip().replace(" ", "_").casefold()
    if (country := _COUNTRIES.get(place)) is not None:
        return f'did you mean "{country}"?'
    blank = place.replace("/", "_")  # Europe London
    cities = [
        zone
        for zone in known
        if zone.casefold().rpartition("/")[2] == place or zone.casefold().replace("/", "_") == blank
    ]
    if cities:
        return f'did you mean "{cities[0]}"?'
    return (suggest(name, known) if "/" in name else "") or "use a name such as Europe/Berlin or UTC"


_COUNTRIES = {
    **dict.fromkeys(
        ("britain", "great_britain", "uk", "united_kingdom", "england", "scotland", "wales"), "Europe/London"
    ),
    "austria": "Europe/Vienna",
    "belgium": "Europe/Brussels",
    "denmark": "Europe/Copenhagen",
    "finland": "Europe/Helsinki",
    "france": "Europe/Paris",
    "germany": "Europe/Berlin",
    "india": "Asia/Kolkata",
    "ireland": "Europe/Dublin",
    "italy": "Europe/Rome",
    "netherlands": "Europe/Amsterdam",
    "new_zealand": "Pacific/Auckland",
    "norway": "Europe/Oslo",
    "south_africa": "Africa/Johannesburg",
    "sweden": "Europe/Stockholm",
    "switzerland": "Europe/Zurich",
}
"""Countries, or parts of one, in which one zone applies, except on islands far away."""


def _find_windows_zone(name: str) -> str | None:
    """Return the zone that Windows has under a name, such as `GMT Standard Time`."""
    found = _OF_WINDOWS.fullmatch(name)
    wanted = "" if found is None else found[1].casefold()
    return next((zone for key, zone in _WINDOWS.items() if key.casefold() == wanted), None)


@cache
def _zone_names() -> frozenset[str]:
    """Return the names of all zones; where files' names have no case, other spellings are found, too."""
    return frozenset(available_timezones())
