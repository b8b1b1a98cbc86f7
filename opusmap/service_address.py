"""Addresses of Opus and of the services beside it: which are known, and to which a secret may be sent.

Nothing here connects. User info, numbers in place of names, queries and fragments are refused: each has been
used to make one host look like another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

_CENTERS = (
    *("au", "sg", "ca", "ne", "we", "fr", "de", "jp", "kr", "ch", "uk", "us"),
    *("uae", "za", "qa", "gov", "aos2"),
    *("gcp-au", "gcp-jp", "gcp-us", "gcp-we", "gcp-kr"),
)

DATA_CENTERS: Mapping[str, str] = {
    **{name: f"https://graph-{name}.avepointonlineservices.com" for name in _CENTERS},
    "fedramp": "https://graphusgovapi.online15.net",
}
"""Data center -> base URL (AvePoint's public documentation of the Graph API; `fedramp` is Project Hosts)."""

_TOKEN_URL = "https://identity.avepointonlineservices.com/connect/token"  # noqa: S105 - an address
_TOKEN_URLS = {
    "gov": "https://identity-gov.avepointonlineservices.com/connect/token",
    "aos2": "https://identity-aos2.avepointonlineservices.com/connect/token",
    "fedramp": "https://identity.online15.net/connect/token",
}
"""Data centers that do not sign in at the commercial identity service."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class BadAddress(ValueError):
    """An address that can't be used; neither text quotes it, because it may hold a password."""

    def __init__(self, problem: str, help: str = "") -> None:
        super().__init__(problem)
        self.problem, self.help = problem, help


def is_on_this_machine(url: str) -> bool:
    """Return whether a service's address names this machine; only an emulator of Opus does."""
    try:
        return urlsplit(url).hostname in LOOPBACK
    except ValueError:  # what a journal holds may be no address
        return False


def find_center(url: str) -> str:
    """Return the data center with this base URL, "" if it is of none."""
    return next((name for name, known in DATA_CENTERS.items() if known == url), "")


def find_token_url(center: str) -> str:
    """Return where a data center signs in."""
    return _TOKEN_URLS.get(center, _TOKEN_URL)


def read_url(text: str) -> str:
    """Return a safe address without the slash at its end: https (http to loopback), a plain host name.

    Raises:
        BadAddress: it is another one.
    """
    parts = _split(text)
    host = _check_origin(parts)
    if "?" in text or "#" in text:
        raise BadAddress("a URL with a query or fragment is refused")
    path = parts.path.rstrip("/")
    if path:
        check_path(path)
    port = f":{parts.port}" if parts.port is not None else ""
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{port}{path}"


def check_webhook(text: str) -> None:
    """Refuse an address whose origin is not safe, as in `read_url`; path and query may be any.

    Raises:
        BadAddress: it is none.
    """
    _check_origin(_split(text))
    if "#" in text:
        raise BadAddress("a URL with a fragment is refused")


def check_proxy(text: str) -> None:
    """Refuse a text that is not the URL of a proxy. It may hold user and password, and an address for a name.

    Raises:
        BadAddress: it is none.
    """
    parts = _split(text)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise BadAddress("not a proxy's URL", "write it as http://proxy.example.com:8080")


def check_path(text: str) -> None:
    """Refuse what is not the plain path of an address.

    Raises:
        BadAddress: it is none.
    """
    if not re.fullmatch(r"(?:/[A-Za-z0-9._~-]+)+", text) or re.search(r"/\.\.?(?:/|$)", text):
        raise BadAddress("not a plain path", "write it as /connector/records")


def _check_origin(parts: SplitResult) -> str:
    """Return an address's host: any on this machine, else a plain name that is reached by https."""
    host = parts.hostname or ""
    if "@" in parts.netloc:
        raise BadAddress("a URL with user info (`…@`) is refused", "remove the part before the @")
    if host not in LOOPBACK:
        if parts.scheme != "https":
            raise BadAddress("only https is accepted (http for 127.0.0.1, localhost and [::1] alone)")
        if not _is_host_name(host):
            raise BadAddress("not a plain host name", _FORM)
    return host


_FORM = "write it as https://host.example.com"


def _split(text: str) -> SplitResult:
    if not re.fullmatch(r"[!-~]+", text) or "\\" in text:
        raise BadAddress("not a URL: spaces, backslashes and non-ASCII characters are refused")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise BadAddress("not a URL", _FORM) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise BadAddress("not a URL", _FORM)
    return parts


def _is_host_name(host: str) -> bool:
    """Return whether this is a name and no spelling of a number: `2852039166` and `0x7f.1` are addresses."""
    labels = host.split(".")
    plain = all(re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", label) for label in labels)
    return plain and len(host) <= 253 and not re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1])  # noqa: PLR2004 - RFC 1035
