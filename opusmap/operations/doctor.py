"""Checks what a run depends on, for a bug report: versions, settings, clock, journal, permissions, network.

Owns that a report shows no secret and may be published: values of secrets are hidden, and the home folder is
written as `~`. Nothing is changed, nothing is signed in to, and no record is sent.
"""

from __future__ import annotations

import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from opusmap.errors import JournalError, NoJournal, SettingsError
from opusmap.operations.one_request import NoContact, send_request
from opusmap.operations.versions import list_versions
from opusmap.settings import (
    Given,
    JournalPlace,
    PostgresAddress,
    Settings,
    list_given,
    load_outlets,
    load_settings,
    load_time_stamping,
    locate_journal,
)

Verdict = Literal["ok", "note", "problem"]

_LITTLE_ROOM = 200 << 20
_NO_JOURNAL = "there is none yet; the first `opusmap submit` creates it"
_SKEW = 120
"""Seconds that clocks may differ; a certificate's sign-in is valid for some minutes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: in which area, what, what was found, and what to do about it."""

    area: str
    what: str
    found: str
    verdict: Verdict = "ok"
    help: str = ""

    def as_json(self) -> dict[str, str]:
        """Return it as plain data."""
        return asdict(self)


def examine(environ: Mapping[str, str], folder: Path, *, network: bool = True) -> Iterator[Finding]:
    """Yield what was found, area by area, as it is found.

    Args:
        environ: the environment's variables.
        folder: of the mapping.
        network: ask the hosts of the settings whether they answer; nothing but a `HEAD` is sent.
    """
    home = str(Path.home())
    for finding in _examine(environ, folder, network=network):
        texts = {name: getattr(finding, name).replace(home, "~") for name in ("found", "help")}
        yield replace(finding, **texts) if len(home) > 1 else finding


def _examine(environ: Mapping[str, str], folder: Path, *, network: bool) -> Iterator[Finding]:
    for line in list_versions():
        yield Finding("versions", "", line)
    given: tuple[Given, ...] = ()
    settings: Settings | None = None
    try:
        given = list_given(environ, folder)
        settings = load_settings({}, environ, folder)
    except SettingsError as error:
        yield _problem("settings", error)
    yield from map(_describe_given, given)
    for load in (load_outlets, load_time_stamping):
        try:
            load(environ)
        except SettingsError as error:
            yield _problem("settings", error)
    yield from _examine_clock()
    yield from _examine_journal(environ, folder)
    yield from _examine_permissions(folder, given)
    if network and settings is not None:
        yield from _examine_network(settings)
    else:
        why = "not checked" if settings is not None else "not checked: the settings are not complete"
        yield Finding("network", "", why, "note")


def _problem(area: str, error: SettingsError | JournalError) -> Finding:
    return Finding(area, error.place, error.problem, "problem", error.help)


def _describe_given(given: Given) -> Finding:
    if given.shown == "no such setting":
        return Finding("settings", given.variable, given.shown, "problem", given.origin)
    return Finding("settings", given.variable, f"{given.shown or 'set, hidden'} (from {given.origin})")


def _examine_clock() -> Iterator[Finding]:
    now = datetime.now(UTC)
    local = now.astimezone()
    shown = f"{local.isoformat(timespec='seconds')} ({local.tzname()}), UTC {now:%Y-%m-%d %H:%M:%S}"
    yield Finding("clock", "now", shown)
    try:
        ZoneInfo("Australia/Sydney")
    except (ZoneInfoNotFoundError, OSError):
        help_text = "install the package tzdata: pip install tzdata"
        yield Finding("clock", "time zones", "there is no time zone database", "problem", help_text)


def _examine_journal(environ: Mapping[str, str], folder: Path) -> Iterator[Finding]:
    try:
        place = locate_journal({}, environ, folder)
        yield from _examine_file(place) if isinstance(place, Path) else _examine_database(place)
    except (SettingsError, JournalError) as error:
        yield _problem("journal", error)
    except OSError as error:
        yield Finding("journal", str(folder), f"its folder can't be read: {error.strerror}", "problem")


def _examine_file(path: Path) -> Iterator[Finding]:
    from opusmap.journal.journal_file import refuse_share  # noqa: PLC0415 - slow to load

    refuse_share(str(path))
    if not path.exists():
        yield Finding("journal", str(path), _NO_JOURNAL, "note")
    else:
        yield _count_runs(path, f", {path.stat().st_size / (1 << 20):,.1f} MB")
    free = shutil.disk_usage(path.parent).free
    room: Verdict = "ok" if free >= _LITTLE_ROOM else "problem"
    help_text = "" if room == "ok" else "free disk space: a run stops when its journal can't be written"
    yield Finding("journal", "free disk space", f"{free / (1 << 30):,.1f} GB", room, help_text)


def _examine_database(address: PostgresAddress) -> Iterator[Finding]:
    try:
        yield _count_runs(address)
    except NoJournal:
        yield Finding("journal", str(address), _NO_JOURNAL, "note")


def _count_runs(place: JournalPlace, more: str = "") -> Finding:
    from opusmap.journal import open_journal  # noqa: PLC0415 - slow to load

    with open_journal(place, write=False) as journal:
        runs = journal.runs()
    last = f"; the latest ended: {runs[0].ending or 'not at all'}" if runs else ""
    return Finding("journal", str(place), f"{len(runs):,} runs{more}{last}")


def _examine_permissions(folder: Path, given: tuple[Given, ...]) -> Iterator[Finding]:
    try:
        with tempfile.TemporaryFile(dir=folder):  # asking the system is not enough on Windows or a share
            pass
        yield Finding("permissions", str(folder.absolute()), "can be written")
    except OSError as error:
        problem = f"can't be written: {error.strerror}"
        help_text = "rejects and mapping.last-run.json are written there: let this account write the folder"
        yield Finding("permissions", str(folder.absolute()), problem, "problem", help_text)
    files = [(folder / ".env", ".env")]
    files += [(each.file, each.variable) for each in given if each.file and "METRICS" not in each.variable]
    for path, what in files:
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            if what not in (".env", "OPUSMAP_JOURNAL"):
                yield Finding("permissions", what, f"{path}: there is no such file", "problem")
            continue
        except OSError as error:
            yield Finding("permissions", what, f"{path}: {error.strerror}", "problem")
            continue
        if sys.platform == "win32":
            yield Finding("permissions", what, f"{path}: check its security settings yourself", "note")
        elif what == "OPUSMAP_TIMESTAMP_CA":  # not a secret, but it decides what is trusted
            shared = bool(mode & 0o022)
            found = "other accounts may write it" if shared else "only this account may write it"
            help_text = f"chmod go-w {path}" if shared else ""
            yield Finding("permissions", what, found, "problem" if shared else "ok", help_text)
        elif stat.S_ISREG(mode) and mode & 0o077:
            help_text = f"chmod 600 {path}"
            yield Finding("permissions", what, "other accounts may read or write it", "problem", help_text)
        else:
            yield Finding("permissions", what, "only this account may read it")


def _examine_network(settings: Settings) -> Iterator[Finding]:
    origins = (urlsplit(url)._replace(path="") for url in (settings.base_url, settings.token_url))
    for parts in dict.fromkeys(origins):
        host = parts.geturl()
        proxy = None if settings.is_local else settings.proxy
        by = " through the proxy" if proxy else ""
        try:
            asked = time.time()
            answer = send_request("HEAD", host + "/", proxy=proxy)
        except NoContact as error:
            help_text = "check the address, OPUSMAP_PROXY and the firewall"
            yield Finding("network", host, f"{error}{by}", "problem", help_text)
            continue
        yield Finding("network", host, f"answers{by} (HTTP {answer.status})")
        skew = _find_skew(answer.date, asked)
        if skew is not None and abs(skew) > _SKEW:
            way = "behind" if skew > 0 else "ahead of"
            found = f"this machine's clock is {abs(skew):,.0f} seconds {way} that of {parts.hostname}"
            yield Finding("clock", "difference", found, "problem", "set the clock: a sign-in may be refused")
        elif skew is not None:
            yield Finding("clock", "difference", f"the same as at {parts.hostname}, within {_SKEW} seconds")


def _find_skew(date: str, now: float) -> float | None:
    """Return how many seconds an answer's date is ahead of this machine's clock; None if there is none."""
    try:
        return parsedate_to_datetime(date).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None
