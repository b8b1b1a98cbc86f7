"""Signing in by certificate: reading it with its private key, and the assertion that proves who asks.

Owns the two kinds of file and the assertion's claims (RFC 7523, as AvePoint's documentation asks for it).
The libraries are an extra, loaded when a certificate is used. No message quotes what a file holds.
"""

from __future__ import annotations

import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opusmap.errors import SettingsError, SignInError
from opusmap.safe_files import UnreadableFile, read_bytes
from opusmap.settings import CertificateFile, Secret
from opusmap.wording import show_extra, show_minute

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.x509 import Certificate

LIFE = 600
"""Seconds that an assertion is good for; the identity service allows an hour at most."""

_SETTING = "OPUSMAP_CERTIFICATE"
_PASSWORD = "OPUSMAP_CERTIFICATE_PASSWORD"  # noqa: S105 - a setting's name
_EXPORT = "export it with its private key, as PFX (.pfx, .p12) or PEM"
_FILE_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class SigningCertificate:
    """A certificate with its private key.

    `thumbprint` is the SHA-1 of the certificate, by which the identity service finds it; times are
    seconds since 1970. `names_usage`: it says what its key may be used for, signing among it. `der` is the
    certificate itself.
    """

    key: RSAPrivateKey = field(repr=False)
    thumbprint: bytes
    valid_from: float
    valid_until: float
    names_usage: bool = True
    der: bytes = b""

    @property
    def shown_thumbprint(self) -> str:
        """The thumbprint as Windows and the app's registration show it."""
        return self.thumbprint.hex().upper()

    def check_validity(self, now: float, token_url: str) -> None:
        """Refuse a certificate out of its time, before anything is sent.

        Raises:
            SignInError: it has expired, or is not valid yet.
        """
        if now > self.valid_until:
            problem = f"the certificate expired on {show_minute(self.valid_until)} UTC, so nothing was sent"
            raise SignInError(
                token_url, problem, f"create a new one, add it to the app, name it in {_SETTING}"
            )
        if now < self.valid_from:
            problem = (
                f"the certificate is not valid before {show_minute(self.valid_from)} UTC, so nothing was sent"
            )
            raise SignInError(token_url, problem, "wait, or check this machine's clock")

    def sign_assertion(self, client_id: str, token_url: str, now: float) -> Secret:
        """Return a fresh assertion, good once and for ten minutes.

        Args:
            client_id: who asks.
            token_url: whom it is for.
            now: seconds since 1970.

        Raises:
            SignInError: the certificate has expired, or is not valid yet.
        """
        import jwt  # noqa: PLC0415 - an extra, and slow to load

        self.check_validity(now, token_url)
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": token_url,
            "jti": str(uuid.uuid4()),
            "nbf": int(now),
            "exp": int(now) + LIFE,
        }
        header = {"x5t": urlsafe_b64encode(self.thumbprint).rstrip(b"=").decode("ascii")}
        return Secret(jwt.encode(claims, self.key, algorithm="RS256", headers=header))


def read_certificate(file: CertificateFile) -> SigningCertificate:
    """Read a certificate and its private key from a PFX (PKCS #12) or PEM file.

    Raises:
        SettingsError: the extra is not installed, or the file can't be read, lacks one of the two,
            does not open with the password, or is of a certificate that may not sign.
    """
    try:
        import jwt  # noqa: F401, PLC0415 - reported now, not after the first rows
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
        from cryptography.hazmat.primitives.hashes import SHA1  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415
    except ImportError:
        raise SettingsError(
            _SETTING,
            "signing in with a certificate needs pyjwt and cryptography, which are not installed",
            show_extra("certificate"),
        ) from None
    try:
        data = read_bytes(file.path, _FILE_LIMIT, devices=True)
    except UnreadableFile as error:
        raise SettingsError(_SETTING, error.message) from None
    password = None if file.password is None else file.password.reveal().encode()
    key, certificates = (_read_pem if b"-----BEGIN " in data else _read_pfx)(data, password)
    if not isinstance(key, RSAPrivateKey):
        raise SettingsError(_SETTING, "the private key is not an RSA key, which signing in needs")
    own = _find_own(key, certificates)
    return SigningCertificate(
        key,
        own.fingerprint(SHA1()),  # noqa: S303 - a name for it, by the standard (RFC 7515, 4.1.7); no proof
        own.not_valid_before_utc.timestamp(),
        own.not_valid_after_utc.timestamp(),
        _check_usage(own),
        own.public_bytes(Encoding.DER),
    )


def _read_pfx(data: bytes, password: bytes | None) -> tuple[Any, list[Certificate]]:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import pkcs12  # noqa: PLC0415

    try:
        key, own, others = pkcs12.load_key_and_certificates(data, password)
    except UnsupportedAlgorithm:
        help_text = "export it again with AES256, which Windows and OpenSSL 3 offer"
        raise SettingsError(_SETTING, "the file uses an encryption that is too old", help_text) from None
    except ValueError as error:  # the library's words are all that tells the two apart
        if "password" in str(error).lower():
            raise _refuse_password(password) from None
        raise SettingsError(_SETTING, "the file is neither PFX nor PEM, or is damaged", _EXPORT) from None
    if key is None:
        raise SettingsError(_SETTING, "the file contains no private key", _EXPORT)
    return key, [*([own] if own else []), *others]


def _read_pem(data: bytes, password: bytes | None) -> tuple[Any, list[Certificate]]:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415
    from cryptography.x509 import InvalidVersion, load_pem_x509_certificates  # noqa: PLC0415

    if b"PRIVATE KEY-----" not in data:
        raise SettingsError(_SETTING, "the file contains no private key", _EXPORT)
    if b"BEGIN CERTIFICATE-----" not in data:
        raise SettingsError(_SETTING, "the file contains a private key, but no certificate", _EXPORT)
    encrypted = b"ENCRYPTED" in data
    try:
        certificates = load_pem_x509_certificates(data)
    except (ValueError, InvalidVersion):
        raise SettingsError(_SETTING, "the PEM file is damaged", _EXPORT) from None
    try:
        key = load_pem_private_key(data, password if encrypted else None)
    except TypeError:  # an encrypted key without a password
        raise _refuse_password(None) from None
    except (ValueError, UnsupportedAlgorithm):
        # A wrong password leaves padding that looks right once in 256 times (PKCS #7): the library then
        # complains of what it decrypted, as it would of a damaged key. The password is the likelier cause.
        if encrypted and password is not None:
            raise _refuse_password(password) from None
        raise SettingsError(_SETTING, "the PEM file is damaged", _EXPORT) from None
    return key, certificates


def _refuse_password(password: bytes | None) -> SettingsError:
    if password is None:
        return SettingsError(_PASSWORD, "not set, but the certificate's file needs a password")
    return SettingsError(
        _PASSWORD,
        "the certificate's file does not open with this password",
        f"correct the password; if it is right, the file is damaged: {_EXPORT}",
    )


def _find_own(key: RSAPrivateKey, certificates: Iterable[Certificate]) -> Certificate:
    """Return the certificate of this key; the others are of authorities."""
    numbers = key.public_key().public_numbers()
    for certificate in certificates:
        public = certificate.public_key()
        if getattr(public, "public_numbers", lambda: None)() == numbers:
            return certificate
    raise SettingsError(_SETTING, "the file contains a private key, but not its certificate", _EXPORT)


def _check_usage(own: Certificate) -> bool:
    """Refuse a certificate whose key usage excludes signing; return whether it names any usage.

    One that names none may be used for anything (RFC 5280, 4.2.1.3), whatever Opus makes of it.
    """
    from cryptography.x509 import DuplicateExtension, ExtensionNotFound, KeyUsage  # noqa: PLC0415

    try:
        usage = own.extensions.get_extension_for_class(KeyUsage).value
    except ExtensionNotFound:
        return False
    except (ValueError, DuplicateExtension):
        raise SettingsError(_SETTING, "the certificate's extensions can't be read", _EXPORT) from None
    if not usage.digital_signature:
        problem = "the certificate's key usage does not include digital signature, which signing in needs"
        raise SettingsError(_SETTING, problem, "make a certificate with the key usage digital signature")
    return True
