"""Settings: where Opus is and how to sign in, from options, the environment and a `.env` file.

Owns the names `OPUSMAP_*`, and what a `.env` file may say: it may come from a stranger, with the mapping, so
it must not lead a secret of the environment to a host of its choice, or name files elsewhere. It makes no
connection; a mapping file never names a host or a secret, so nothing here reads one.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar
from urllib.parse import urlsplit

from opusmap.env_file import read_env_file, read_small_text
from opusmap.errors import SettingsError
from opusmap.journal_address import find_user, is_address, read_address
from opusmap.output_files import JOURNAL_NAME
from opusmap.safe_files import refuse_irregular, resolve_inside
from opusmap.service_address import (
    DATA_CENTERS,
    BadAddress,
    check_path,
    check_proxy,
    check_webhook,
    find_center,
    find_token_url,
    is_on_this_machine,
    read_url,
)
from opusmap.wording import show_extra, suggest, visible

_NAMES = (
    "base_url",
    "data_center",
    "token_url",
    "client_id",
    "client_secret",
    "client_secret_file",
    "client_secret_keyring",
    "certificate",
    "certificate_password",
    "certificate_password_file",
    "certificate_password_keyring",
    "api_path",
    "proxy",
    "timeout",
    "journal",
    "journal_password",
    "journal_password_file",
    "journal_password_keyring",
    "late_effect_window",
    "retry_timeout",
    "transport",
    "trust_status",
    "allow_destroy",
    "approval_certificate",
    "approval_certificate_password",
    "approval_certificate_password_file",
    "timestamp_url",
    "timestamp_ca",
)
_OUTLETS = ("webhook", "metrics")
"""Settings of where runs are reported to. They are the environment's alone: a run does not depend on them."""
_OLD_NAMES = {"late_effect_window": "fence", "retry_timeout": "patience"}
"""Settings by the names that they had before; these are read until the next release."""
_ADDRESSES = ("base_url", "token_url")
_HIDDEN = frozenset(
    (
        *("client_id", "client_secret", "certificate_password", "journal_password", "proxy", "webhook"),
        "approval_certificate_password",
    )
)
"""Settings whose values a bug report hides. The client's ID is not secret, but identifies the owner."""
REHEARSE_INSTEAD = "; to rehearse without it, use `opusmap submit MAPPING --to emulator`"
"""What the command line adds to the advice about a missing setting."""
_PROOFS = ("client_secret", "client_secret_file", "client_secret_keyring", "certificate")
_JOURNAL_PASSWORDS = ("journal_password", "journal_password_file", "journal_password_keyring")
_ENV_FILE_PATHS = ("client_secret_file", "certificate", "certificate_password_file", "journal")
_FILES = (
    *(*_ENV_FILE_PATHS, "journal_password_file"),
    *("approval_certificate", "approval_certificate_password_file", "timestamp_ca"),
)
_IN_ENV_FILE = frozenset(
    (
        *("data_center", "client_id", "certificate_password", "api_path"),
        *("timeout", "transport"),
        *(*_OLD_NAMES, *_OLD_NAMES.values()),
        *_ADDRESSES,
        *(name for name in _PROOFS if not name.endswith("_keyring")),
        *_ENV_FILE_PATHS,
    )
)
"""What a `.env` file may say. The rest, and whatever is added, is the environment's unless it is put here."""
_log = logging.getLogger(__name__)


class Secret:
    """A text that is never shown: printing, formatting and `repr` give `***`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself. Only code that sends it calls this."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret can't be pickled")


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """A file with a certificate and its private key (PFX or PEM), and its password if it has one."""

    path: Path
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A journal in PostgreSQL: libpq's URL, which contains no password and may be shown, and the password."""

    url: str
    password: Secret | None = None

    def __str__(self) -> str:
        return self.url


JournalPlace: TypeAlias = Path | PostgresAddress
"""Where a journal is: a file, or a database."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where and how to submit. `load_settings` checks the values; code that builds it is trusted.

    `base_url` has no slash at its end. Either `client_secret` or `certificate` is given; the certificate
    counts where both are. `api_path` is `auto` or the path of the records endpoint. `proxy` is a URL,
    hidden because it may hold a password. `timeout` is how many seconds one request may take in all,
    `late_effect_window` how many a changed record waits after an answer for it was lost, `retry_timeout` how
    many Opus may be away until the run stops. `transport` is `httpx`, `aiohttp`, or `auto`: aiohttp where it
    is installed.
    `trust_status`: records count as submitted by an HTTP status of 200 or 201 that comes without any body.
    """

    base_url: str
    token_url: str
    client_id: str
    client_secret: Secret | None
    journal: JournalPlace
    api_path: str = "auto"
    proxy: Secret | None = None
    certificate: CertificateFile | None = None
    timeout: float = 60.0
    late_effect_window: float = 30.0
    retry_timeout: float = 120.0
    transport: str = "auto"
    trust_status: bool = False

    @property
    def is_local(self) -> bool:
        """Whether Opus is on this machine, so that it is an emulator and behind no proxy."""
        return is_on_this_machine(self.base_url)


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where runs are reported in addition to the journal: `metrics` is a file, `webhook` an address.

    The address is hidden: its path or query often contains the key that permits to post. `proxy` is the way
    to it, None for an address on this machine. With `telemetry`, OpenTelemetry's own variables say where.
    """

    metrics: Path | None = None
    webhook: Secret | None = None
    proxy: Secret | None = None
    telemetry: bool = False


@dataclass(frozen=True, slots=True)
class TimeStamping:
    """Who confirms when a certificate of destruction existed: a time-stamp authority (RFC 3161).

    `url` is its address, empty if none is asked; `proxy` the way to it, None for an address on this machine.
    `trusted` is a file of certificates (PEM) that may vouch for an authority's; None if none is named.
    """

    url: str = ""
    proxy: Secret | None = None
    trusted: Path | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """A value with the place that it came from: the name to blame, and the folder if it is a `.env` file."""

    name: str
    blame: str
    text: str
    folder: Path | None = None

    def error(self, problem: str, help: str = "") -> SettingsError:
        """Return the error that this value is wrong."""
        return SettingsError(self.blame, problem, help)

    def read(self, reader: Callable[[str], _T]) -> _T:
        """Return what the reader of an address makes of the text.

        Raises:
            SettingsError: it refuses the address.
        """
        try:
            return reader(self.text)
        except BadAddress as bad:
            raise self.error(bad.problem, bad.help) from None

    def path(self) -> Path:
        """Return the file that the value names; one that a `.env` file names is in its own folder.

        Raises:
            SettingsError: it is elsewhere.
        """
        if self.folder is None:
            return Path(self.text)
        if resolve_inside(self.folder, self.text) is None:
            raise self.error(
                "this file is not in the folder of the .env file",
                f"a .env file names only files beside or below itself, by a relative path; for another, set "
                f"OPUSMAP_{self.name.upper()} in the environment",
            )
        path = self.folder / self.text
        try:
            refuse_irregular(path)
        except FileNotFoundError:
            pass  # a journal is made there; of others, who reads them says so
        except OSError as error:
            raise self.error(f"the file can't be read: {error.strerror}") from None
        return path


_T = TypeVar("_T")
_Level = Mapping[str, _Found]


def load_settings(options: Mapping[str, str | None], environ: Mapping[str, str], folder: Path) -> Settings:
    """Return the settings from options, then `OPUSMAP_*` variables, then `folder/.env`; the first wins.

    Args:
        options: by setting name in lower case (`base_url`, `client_id`, …); None and blank are not given.
        environ: the environment's variables.
        folder: the mapping's folder; paths in its `.env` are relative to it and stay in it. An address in
            `.env` counts only if `.env` also has the credentials (secret or certificate).

    Raises:
        SettingsError: something is missing (all that is, at once), wrong, or not for a `.env` to say. Of
            values it quotes only the host of an address in `.env`.
    """
    levels = _read_levels(options, environ, folder)
    place = _first(levels, "base_url", "data_center")
    proof = _first(levels, *_PROOFS)
    client_id = _first(levels, "client_id")
    missing = [
        name
        for name, found in (
            ("OPUSMAP_DATA_CENTER (or OPUSMAP_BASE_URL)", place),
            ("OPUSMAP_CLIENT_ID", client_id),
            ("OPUSMAP_CLIENT_SECRET (or OPUSMAP_CLIENT_SECRET_FILE, or OPUSMAP_CERTIFICATE)", proof),
        )
        if found is None
    ]
    if place is None or client_id is None or proof is None:
        raise SettingsError(
            ", ".join(missing),
            "not set",
            f"set it as an environment variable or in a .env file beside the mapping{REHEARSE_INSTEAD}",
        )
    token = _first(levels, "token_url")
    _refuse_strange_addresses(proof, place, token)
    base_url, token_url = _read_addresses(place, token)
    api_path, proxy, timeout, transport = (
        _first(levels, name) for name in ("api_path", "proxy", "timeout", "transport")
    )
    by_certificate = proof.name == "certificate"
    return Settings(
        base_url=base_url,
        token_url=token_url,
        client_id=_read_client_id(client_id),
        client_secret=None if by_certificate else _read_secret(proof, client_id.text),
        journal=_read_journal(levels, folder),
        api_path=_read_api_path(api_path) if api_path else "auto",
        proxy=_read_proxy(proxy) if proxy else None,
        timeout=_read_timeout(timeout) if timeout else 60.0,
        transport=_read_transport(transport) if transport else "auto",
        trust_status=_read_trust(levels),
        certificate=_find_certificate(proof, levels, client_id.text) if by_certificate else None,
        **{name: _read_seconds(found) for name in _OLD_NAMES if (found := _first_by_any_name(levels, name))},
    )


def load_outlets(environ: Mapping[str, str]) -> Outlets:
    """Return where runs are reported to, from `OPUSMAP_METRICS`, `OPUSMAP_WEBHOOK` and `OPUSMAP_PROXY`.

    Raises:
        SettingsError: the webhook's address is not a safe one, or the proxy's is none.
    """
    metrics, webhook = (_from_environ(environ, name) for name in ("metrics", "webhook"))
    file = Path(metrics.text) if metrics else None
    if webhook is None:
        return Outlets(file)
    webhook.read(check_webhook)
    return Outlets(file, Secret(webhook.text), _find_proxy(environ, webhook.text))


def load_approval_certificate(environ: Mapping[str, str]) -> CertificateFile | None:
    """Return the certificate that signs approvals, from `OPUSMAP_APPROVAL_CERTIFICATE`; None without one.

    Raises:
        SettingsError: its password can't be read.
    """
    names = ("approval_certificate", "approval_certificate_password", "approval_certificate_password_file")
    file, text, in_file = (_from_environ(environ, name) for name in names)
    if file is None:
        return None
    password = text or in_file
    return CertificateFile(Path(file.text), _read_secret(password, "") if password else None)


def load_time_stamping(environ: Mapping[str, str]) -> TimeStamping:
    """Return who confirms times, from `OPUSMAP_TIMESTAMP_URL`, `OPUSMAP_TIMESTAMP_CA` and `OPUSMAP_PROXY`.

    Raises:
        SettingsError: the authority's address is not a safe one, or the proxy's is none.
    """
    url, trusted = (_from_environ(environ, name) for name in ("timestamp_url", "timestamp_ca"))
    file = Path(trusted.text) if trusted else None
    if url is None:
        return TimeStamping(trusted=file)
    address = url.read(read_url)
    return TimeStamping(address, _find_proxy(environ, address), file)


def may_destroy(environ: Mapping[str, str]) -> bool:
    """Return whether `OPUSMAP_ALLOW_DESTROY` lets this process mark records as destroyed."""
    return environ.get("OPUSMAP_ALLOW_DESTROY", "").strip() == "1"


def _from_environ(environ: Mapping[str, str], name: str) -> _Found | None:
    variable = f"OPUSMAP_{name.upper()}"
    text = environ.get(variable, "").strip()
    return _Found(name, variable, text) if text else None


def _find_proxy(environ: Mapping[str, str], url: str) -> Secret | None:
    """Return the proxy to an address; None without one, and for an address on this machine."""
    proxy = _from_environ(environ, "proxy")
    return None if proxy is None or is_on_this_machine(url) else _read_proxy(proxy)


@dataclass(frozen=True, slots=True)
class Given:
    """A setting that is given: its variable, where it is set, and its value, or "" where that is hidden."""

    variable: str
    origin: str
    shown: str
    file: Path | None = None


def list_given(environ: Mapping[str, str], folder: Path) -> tuple[Given, ...]:
    """Return all settings that are given, each from where it counts; the values of secrets are hidden.

    Variables that begin with `OPUSMAP_` but are not settings come last, with the help as their origin.

    Raises:
        SettingsError: the `.env` file can't be read, or sets what it must not.
    """
    levels = _read_levels({}, environ, folder)
    outlets = {name: found for name in _OUTLETS if (found := _from_environ(environ, name))}
    given = []
    for name in (*_NAMES, *_OLD_NAMES.values(), *_OUTLETS):
        found = _first(levels, name) or outlets.get(name)
        if found is None:
            continue
        origin = "the environment" if found.folder is None else ".env"
        in_database = name == "journal" and is_address(found.text)
        is_file = name in (*_FILES, "metrics") and not in_database
        hidden = name in _HIDDEN or (in_database and not _is_good_address(found.text))
        shown = "" if hidden else visible(found.text)
        file = (found.folder or Path()) / found.text if is_file else None
        given.append(Given(f"OPUSMAP_{name.upper()}", origin, shown, file))
    known = {f"OPUSMAP_{name.upper()}" for name in (*_NAMES, *_OLD_NAMES.values(), *_OUTLETS)}
    for variable in sorted(set(environ) - known):
        if variable.startswith("OPUSMAP_DATABASE"):
            given.append(Given(variable, "the environment", ""))
        elif variable.startswith("OPUSMAP_"):
            given.append(Given(variable, suggest(variable, sorted(known)), "no such setting"))
    return tuple(given)


def _is_good_address(text: str) -> bool:
    try:
        read_address(text)
    except BadAddress:  # it may contain a password
        return False
    return True


def locate_journal(
    options: Mapping[str, str | None], environ: Mapping[str, str], folder: Path
) -> JournalPlace:
    """Return the journal's place alone, for commands that read it and never sign in to Opus."""
    return _read_journal(_read_levels(options, environ, folder), folder)


def _read_levels(
    options: Mapping[str, str | None], environ: Mapping[str, str], folder: Path
) -> tuple[_Level, ...]:
    names = (*_NAMES, *_OLD_NAMES.values())
    unknown = sorted(set(options) - set(names))
    if unknown:
        raise SettingsError(unknown[0], "there is no such setting", suggest(unknown[0], _NAMES))
    variables = {name: f"OPUSMAP_{name.upper()}" for name in names}
    in_file = read_env_file(folder / ".env", _IN_ENV_FILE, (*names, *_OUTLETS))
    given = (
        {name: (options.get(name), "--" + name.replace("_", "-"), None) for name in names},
        {name: (environ.get(variable), variable, None) for name, variable in variables.items()},
        {name: (in_file.get(each), f"{each} in .env", folder) for name, each in variables.items()},
    )
    return tuple(
        {
            name: _Found(name, blame, text.strip(), base)
            for name, (text, blame, base) in level.items()
            if text and text.strip()
        }
        for level in given
    )


def _first(levels: tuple[_Level, ...], *names: str) -> _Found | None:
    """Return what the highest level says; names that exclude each other can't be on the same level."""
    for level in levels:
        found = [level[name] for name in names if name in level]
        if len(found) > 1:
            raise SettingsError(" and ".join(each.blame for each in found), "only one of them may be set")
        if found:
            return found[0]
    return None


def _first_by_any_name(levels: tuple[_Level, ...], name: str) -> _Found | None:
    """Return what the highest level says under the setting's name or, with a note, under its old one."""
    found = _first(levels, name)
    if found is None and (found := _first(levels, _OLD_NAMES[name])):
        _log.warning(
            "%s is an old name, which the next release does not read; use OPUSMAP_%s",
            found.blame,
            name.upper(),
        )
    return found


def _refuse_strange_addresses(proof: _Found, *addresses: _Found | None) -> None:
    """Refuse an address that a `.env` file names, if what would be sent there comes from elsewhere.

    The file may have come with the mapping: its host would be given the secret of the person who runs it.
    """
    strange = [
        found for found in addresses if found is not None and found.folder and found.name in _ADDRESSES
    ]
    if proof.folder or not strange:
        return
    urls = [found.read(read_url) for found in strange]
    hosts = " and ".join(dict.fromkeys(urlsplit(url).netloc for url in urls))
    center = next(filter(None, map(find_center, urls)), "")
    instead = f"; or write OPUSMAP_DATA_CENTER={center} into .env instead" if center else ""
    variables = " and ".join(f"OPUSMAP_{found.name.upper()}" for found in strange)
    raise SettingsError(
        " and ".join(found.blame for found in strange),
        f"the credentials in {proof.blame} would be sent to {hosts}, which only the .env file names; such a "
        "file can come with a mapping from a stranger",
        f"if you trust {hosts}, set {variables} in the environment as well{instead}",
    )


def _read_addresses(place: _Found, token: _Found | None) -> tuple[str, str]:
    """Return base URL and token URL; the latter follows from a known data center unless it is set."""
    if place.name == "data_center":
        name = place.text.casefold()
        if name not in DATA_CENTERS:
            raise place.error(
                "there is no such data center",
                suggest(place.text, DATA_CENTERS) or f"one of: {', '.join(DATA_CENTERS)}",
            )
        base_url, center = DATA_CENTERS[name], name
    else:
        base_url = place.read(read_url)
        center = find_center(base_url)
    if token is not None:
        return base_url, token.read(read_url)
    if not center:
        raise SettingsError(
            "OPUSMAP_TOKEN_URL",
            "not set, and the base URL is not one of AvePoint's, so opusmap can't derive it",
        )
    return base_url, find_token_url(center)


def _read_api_path(found: _Found) -> str:
    if found.text.casefold() == "auto":
        return "auto"
    found.read(check_path)
    return found.text


def _read_proxy(found: _Found) -> Secret:
    found.read(check_proxy)
    return Secret(found.text)


def _read_timeout(found: _Found) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?", found.text) or not 1 <= float(found.text) <= 600:  # noqa: PLR2004
        raise found.error("not a number of seconds from 1 to 600", "write it as 60")
    return float(found.text)


def _read_transport(found: _Found) -> str:
    name = found.text.casefold()
    if name not in ("auto", "httpx", "aiohttp"):
        raise found.error("unknown transport", "write auto, httpx or aiohttp")
    return name


def _read_trust(levels: tuple[_Level, ...]) -> bool:
    """Return whether to trust the status alone. A file that came with a mapping must not decide that."""
    *trusted, dotenv = levels
    if "trust_status" in dotenv:
        raise dotenv["trust_status"].error("not read from a file", "set it as an environment variable")
    found = _first(tuple(trusted), "trust_status")
    if found is not None and found.text not in ("0", "1"):
        raise found.error("not 0 or 1", "write 1 to trust the HTTP status, or leave it out")
    return found is not None and found.text == "1"


def _read_client_id(found: _Found) -> str:
    if not re.fullmatch(r"[!-~]{1,256}", found.text):
        raise found.error("not a client id: spaces and non-ASCII characters are refused")
    return found.text


def _read_secret(found: _Found, user: str, whose: str = "client id") -> Secret:
    """Return a secret from a value, a file or the keyring; `user` is whose it is there, `whose` in words."""
    text = found.text
    if found.name.endswith("_keyring"):
        text = _ask_keyring(found, user, whose)
    elif found.name.endswith("_file"):
        text = read_small_text(found.path(), found.blame, devices=found.folder is None).strip()
    if not text or not text.isprintable():
        raise found.error("the secret is empty or contains unprintable characters")
    return Secret(text)


def _ask_keyring(found: _Found, user: str, whose: str) -> str:
    """Return the password that the system's keyring holds for a service and a user."""
    try:
        import keyring  # noqa: PLC0415 - an extra
        from keyring.errors import KeyringError  # noqa: PLC0415 - an extra
    except ImportError:
        help_text = show_extra("keyring")
        raise found.error("the package keyring is not installed", help_text) from None
    try:
        text: str | None = keyring.get_password(found.text, user)
    except (KeyringError, OSError, RuntimeError) as error:
        problem = f"the system's keyring can't be used ({type(error).__name__})"
        raise found.error(problem, "is it unlocked for this account? `keyring diagnose` shows more") from None
    if text is None:
        help_text = f"store it: keyring set {found.text} {user}"
        raise found.error(f"the system's keyring has no such entry for the {whose}", help_text)
    return text.strip()


def _find_certificate(found: _Found, levels: tuple[_Level, ...], client_id: str) -> CertificateFile:
    kinds = ("certificate_password", "certificate_password_file", "certificate_password_keyring")
    password = _first(levels, *kinds)
    return CertificateFile(found.path(), _read_secret(password, client_id) if password else None)


def _read_journal(levels: tuple[_Level, ...], folder: Path) -> JournalPlace:
    found = _first(levels, "journal")
    if found and is_address(found.text):
        return _read_database(found, levels)
    path = found.path() if found else folder / JOURNAL_NAME
    if found and str(path) == ":memory:":  # SQLite's name for a database without a file
        raise found.error("this is not a file, and a journal must remain after the run", "name a file")
    return path


def _read_database(found: _Found, levels: tuple[_Level, ...]) -> PostgresAddress:
    """Return the database that a journal is in. A file that came with a mapping must not name it."""
    if found.folder is not None:
        raise found.error(
            "a .env file can come with a mapping from a stranger, so it can't name a database",
            "set OPUSMAP_JOURNAL as an environment variable",
        )
    url = found.read(read_address)
    password = _first(levels, *_JOURNAL_PASSWORDS)
    if password is None:
        return PostgresAddress(url)
    user = find_user(url)
    if not user and password.name.endswith("_keyring"):
        raise found.error("the keyring needs the user", "write it as postgresql://user@host/database")
    return PostgresAddress(url, _read_secret(password, user, "user of the journal"))


def _read_seconds(found: _Found) -> float:
    if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,3})?", found.text):
        raise found.error("not a number of seconds", "write it as 30 or 0.5")
    return float(found.text)
