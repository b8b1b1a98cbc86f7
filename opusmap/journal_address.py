"""Addresses of journals in PostgreSQL, from `OPUSMAP_JOURNAL`: what may be in one, and when TLS is on.

Nothing here connects. The form is libpq's connection URI
(https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS).
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlsplit

from opusmap.service_address import LOOPBACK, BadAddress

_PARAMETERS = frozenset(
    (
        *("host", "port", "connect_timeout", "target_session_attrs", "application_name"),
        *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslcrldir", "sslnegotiation"),
        *("channel_binding", "require_auth", "gssencmode", "krbsrvname"),
    )
)
"""Parameters that an address may have: where the server is, and how it is proved. None changes what a commit
means (`options` could), names a password, or names a file with one."""

_FORM = "write it as postgresql://user@host/database"


def is_address(text: str) -> bool:
    """Return whether a journal's place is the address of a server, and no path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+:(?://|\\\\)", text) is not None


def read_address(text: str) -> str:
    """Return an address as it is used: with `sslmode=require` if it leads elsewhere and names no `sslmode`.

    Raises:
        BadAddress: it is not one of PostgreSQL, contains a password, or a parameter that is not known.
    """
    try:
        parts = urlsplit(text)
    except ValueError:
        raise BadAddress("not the address of a database", _FORM) from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise BadAddress("only a file or a PostgreSQL database can be a journal", _FORM)
    user, _, hosts = parts.netloc.rpartition("@")
    parameters = parse_qsl(parts.query, keep_blank_values=True)
    if ":" in user or "@" in user or any("password" in name.casefold() for name, _ in parameters):
        raise BadAddress(
            "an address with a password is refused: addresses are printed and logged",
            "remove it, and set OPUSMAP_JOURNAL_PASSWORD or OPUSMAP_JOURNAL_PASSWORD_FILE",
        )
    if not re.fullmatch(r"[!-~]+", text) or "\\" in text or parts.fragment:
        problem = "not the address of a database: blanks, backslashes, # and non-ASCII are refused"
        raise BadAddress(problem, _FORM)
    if not parts.path.strip("/"):
        raise BadAddress("the address names no database", _FORM)
    names = [name for name, _ in parameters]
    for name in names:
        if name not in _PARAMETERS or names.count(name) > 1:
            why = "there twice" if name in _PARAMETERS else "not one that a journal's address may have"
            shown = name if re.fullmatch(r"[A-Za-z_]{1,40}", name) else "a name that is not plain"
            raise BadAddress(f"the parameter {shown} is {why}", f"one of: {', '.join(sorted(_PARAMETERS))}")
    given = dict(parameters)
    places = [re.sub(r":\d*$|[\[\]]", "", re.sub(r":\d*$", "", unquote(host))) for host in hosts.split(",")]
    places += given.get("host", "").split(",")
    # libpq itself would try TLS, and go on without it: any host between could then read what is sent.
    if "sslmode" not in given and not all(_is_local(place) for place in places):
        text += ("&" if parts.query else "?") + "sslmode=require"
    return text


def find_user(address: str) -> str:
    """Return the user that an address names, or "" if it names none."""
    return unquote(urlsplit(address).netloc.rpartition("@")[0])


def _is_local(host: str) -> bool:
    """Return whether a host is this machine, or a socket in a folder."""
    return not host or host in LOOPBACK or host.startswith(("/", "@"))
