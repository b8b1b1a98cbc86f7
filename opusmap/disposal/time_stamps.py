"""Time stamps of certificates of destruction: a third party confirms when `NAME.json` existed.

`NAME.tsr` has the answer of a time-stamp authority (RFC 3161) as it was sent, and
`openssl ts -verify -data NAME.json -in NAME.tsr -CAfile …` confirms it without opusmap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from opusmap.disposal.sealed import read_content
from opusmap.disposal.time_stamp_tokens import (
    BadTimeStamp,
    TimeStamp,
    TrustedCertificates,
    check_answer,
    make_request,
    need_extra,
)
from opusmap.errors import SettingsError
from opusmap.operations.one_request import NoContact, send_request
from opusmap.output_files import write_whole
from opusmap.safe_files import UnreadableFile, read_bytes
from opusmap.settings import TimeStamping, load_time_stamping
from opusmap.wording import write_time

TRUST_SETTING = "OPUSMAP_TIMESTAMP_CA"
LIMIT = 1 << 18
"""Bytes of an answer at most: a token with four certificates has some 10,000."""
_TRUSTED_LIMIT = 1 << 22
_SKEW = 60
"""Seconds by which a machine's clock may be ahead of the authority's: tokens may have whole seconds."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A time-stamp authority, and the certificates to which its own must lead; None: that is not checked."""

    settings: TimeStamping
    trusted: TrustedCertificates | None

    @property
    def host(self) -> str:
        """What messages and the certificate call it."""
        return urlsplit(self.settings.url).netloc


def load_authority(environ: Mapping[str, str]) -> Authority | None:
    """Return whom to ask for time stamps; None if `OPUSMAP_TIMESTAMP_URL` names none.

    Raises:
        SettingsError: a setting is wrong, or the extra is not installed.
    """
    settings = load_time_stamping(environ)
    if not settings.url:
        return None
    need_extra()
    return Authority(settings, _load_trusted(settings.trusted))


def _load_trusted(path: Path | None) -> TrustedCertificates | None:
    if path is None:
        return None
    from cryptography.x509 import InvalidVersion, load_pem_x509_certificates  # noqa: PLC0415 - an extra

    try:
        found = tuple(load_pem_x509_certificates(read_bytes(path, _TRUSTED_LIMIT)))
    except UnreadableFile as error:
        help_text = "name the file of the authority's root certificate, in PEM"
        raise SettingsError(TRUST_SETTING, f"{path}: {error.message}", help_text) from None
    except (ValueError, InvalidVersion):
        problem = f"{path} has no certificates in PEM, or has one that can't be read"
        help_text = "convert the authority's root: openssl x509 -inform der -in root.cer -out root.pem"
        raise SettingsError(TRUST_SETTING, problem, help_text) from None
    return TrustedCertificates(str(path), found)


def locate_time_stamp(data: str | Path) -> Path:
    """Return where the time stamp of a certificate's JSON file is."""
    return Path(data).with_suffix(".tsr")


@dataclass(frozen=True, slots=True)
class Stamping:
    """What came of a certificate's time stamp: `stamp`, or `problem` in words; neither if none was asked for.

    `path` is where it is, `answer` what the authority sent, `removed` whether that of an earlier certificate
    was there, and is not any more, `kept` whether a certificate with a time stamp is there, and stays.
    """

    path: Path
    stamp: TimeStamp | None = None
    answer: bytes = b""
    problem: str = ""
    removed: bool = False
    kept: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data, for the command's JSON."""
        found = None if self.stamp is None else {"file": str(self.path), **time_stamp_as_json(self.stamp)}
        return {"time_stamp": found, "time_stamp_problem": self.problem or None}


def request_time_stamp(
    authority: Authority | None, data: str | Path, content: bytes, now: float, seconds: float = 30.0
) -> Stamping:
    """Ask for the time stamp of a certificate that is not written yet; nothing is written here.

    Args:
        authority: who is asked, once; None if none is.
        data: the JSON file.
        content: what will be in it.
        now: when it was made, in seconds since 1970.
        seconds: for which an answer is waited.
    """
    path = locate_time_stamp(data)
    if authority is None:
        return Stamping(path)
    try:
        stamp, answer = ask(authority, content, seconds)
        _check_made(stamp, datetime.fromtimestamp(now, UTC))
    except BadTimeStamp as error:
        kept = path.exists() and Path(data).exists()
        return Stamping(path, problem=f"{authority.host}: {error}", kept=kept)
    return Stamping(path, stamp, answer)


def write_time_stamp(stamping: Stamping) -> Stamping:
    """Write a time stamp beside its certificate, which was just written; without one, an earlier one goes.

    Raises:
        SettingsError: it can't be written, or the earlier one removed.
    """
    if stamping.stamp is None:
        return replace(stamping, removed=_remove(stamping.path))
    with write_whole(stamping.path, mode=0o644) as output:
        output.write(stamping.answer)
    return stamping


def ask(authority: Authority, content: bytes, seconds: float) -> tuple[TimeStamp, bytes]:
    """Ask for a time stamp of this content; return what it says, and the answer as it was sent.

    Raises:
        BadTimeStamp: there is no answer, or none that proves anything.
    """
    body, nonce = make_request(content)
    settings, kind = authority.settings, "application/timestamp-query"
    try:
        answered = send_request(
            "POST", settings.url, body, kind=kind, proxy=settings.proxy, seconds=seconds, limit=LIMIT
        )
    except NoContact as error:
        raise BadTimeStamp(error.why) from None
    if answered.status != 200:  # noqa: PLR2004 - HTTP
        raise BadTimeStamp(f"it answered with HTTP status {answered.status}")
    if answered.kind.startswith("text/"):
        raise BadTimeStamp(f"it answered with {answered.kind.partition(';')[0]}, not with a time stamp")
    return check_answer(answered.content, content, authority.trusted, nonce), answered.content


def _remove(path: Path) -> bool:
    """Remove the time stamp of a file that was written again; return whether there was one."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        problem = f"it belongs to an earlier certificate, and can't be removed: {error.strerror}"
        raise SettingsError(str(path), problem) from None
    return True


def find_time_stamp(data: Path, made: datetime, environ: Mapping[str, str]) -> TimeStamp | None:
    """Return the time stamp beside a certificate's JSON file, checked; None if there is none.

    Raises:
        BadTimeStamp: it proves nothing.
        SettingsError: `OPUSMAP_TIMESTAMP_CA` can't be read, or the extra is not installed.
    """
    path = locate_time_stamp(data)
    if not path.exists():
        return None
    need_extra(str(path))
    try:
        answer = read_bytes(path, LIMIT)
    except UnreadableFile as error:
        raise BadTimeStamp(error.message) from None
    stamp = check_answer(answer, read_content(data), _load_trusted(load_time_stamping(environ).trusted))
    _check_made(stamp, made)
    return stamp


def describe_time_stamp(stamp: TimeStamp) -> str:
    """Return who says that a file existed, and when."""
    chain = (
        f"trusted by {stamp.chain}"
        if stamp.chain
        else f"whether it is trusted was not checked, since {TRUST_SETTING} is not set"
    )
    return f"it existed at {write_time(stamp.time.timestamp())}, by {stamp.by}; {chain}"


def time_stamp_as_json(stamp: TimeStamp) -> dict[str, Any]:
    """Return a time stamp as plain data."""
    return {"time": write_time(stamp.time.timestamp()), "by": stamp.by, "trusted": bool(stamp.chain)}


def _check_made(stamp: TimeStamp, made: datetime) -> None:
    ahead = (made - stamp.time).total_seconds()
    if ahead > _SKEW:
        problem = f"the certificate says that it was made {ahead:,.0f} seconds after the time stamp"
        raise BadTimeStamp(f"{problem}: the clock of its machine, or the authority's, was wrong")
