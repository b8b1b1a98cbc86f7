"""Signatures of approvals and of certificates of destruction: an X.509 certificate with its RSA key signs.

What is signed is a statement (PKCS #1 v1.5, SHA-256). The libraries are the extra `certificate`, loaded when
one signs or a signature is checked. Whether a certificate is trusted is not decided here: a person knows its
hash.
"""

from __future__ import annotations

import os
import warnings
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opusmap.errors import SettingsError
from opusmap.settings import load_approval_certificate
from opusmap.wording import show_extra

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.x509 import Certificate

SETTING = "OPUSMAP_APPROVAL_CERTIFICATE"
_UNREADABLE = "its certificate can't be read"


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature: the certificate (DER) and the signature's bytes, both as Base64."""

    certificate: str
    value: str


@dataclass(frozen=True, slots=True)
class Signer:
    """Who can sign: the certificate (DER, as Base64), and its private key."""

    certificate: str
    key: RSAPrivateKey

    def sign(self, statement: bytes) -> Signature:
        """Sign a statement."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - an extra

        value = self.key.sign(statement, PKCS1v15(), SHA256())
        return Signature(self.certificate, b64encode(value).decode())


def load_signer(now: float, environ: Mapping[str, str] | None = None) -> Signer | None:
    """Return who signs, by the certificate that the environment names; None if it names none.

    Args:
        now: seconds since 1970; the certificate must be valid then.
        environ: the environment's variables; the process's by default.

    Raises:
        SettingsError: the certificate can't be used.
    """
    file = load_approval_certificate(os.environ if environ is None else environ)
    if file is None:
        return None
    from opusmap.opus.certificate import read_certificate  # noqa: PLC0415 - slow to load

    try:
        own = read_certificate(file)
    except SettingsError as error:
        setting = error.setting.replace("OPUSMAP_CERTIFICATE", SETTING)
        raise SettingsError(setting, error.problem, error.help) from None
    if not own.valid_from <= now <= own.valid_until:
        raise SettingsError(SETTING, "the certificate is not valid now", "name one that is")
    return Signer(b64encode(own.der).decode(), own.key)


def find_flaw(signature: Signature, statement: bytes, signed: float, address: str = "") -> str:
    """Return what is wrong with a signature; an empty text if nothing is.

    Args:
        signature: of the statement.
        statement: what should be signed.
        signed: when it was signed, in seconds since 1970.
        address: the signer's, which the certificate must have if it has any; empty if it is not known.

    Raises:
        SettingsError: the extra is not installed.
    """
    certificate = _load(signature.certificate)
    if certificate is None:
        return _UNREADABLE
    try:
        return _find_flaw(certificate, signature, statement, signed, address)
    except _odd_certificates():
        return _UNREADABLE


def _find_flaw(
    certificate: Certificate, signature: Signature, statement: bytes, signed: float, address: str
) -> str:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        return "its certificate has no RSA key"
    try:
        key.verify(b64decode(signature.value), statement, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return "its signature is not of this statement"
    start, end = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    if not start <= signed <= end:
        return "its certificate was not valid when it was signed"
    addresses = _find_addresses(certificate)
    if address and addresses and address.casefold() not in addresses:
        return f"its certificate is of {', '.join(sorted(addresses))}"
    return ""


def describe_certificate(certificate_der: str) -> str:
    """Return whose certificate this is (DER, as Base64), and its SHA-256, by which a person knows it."""
    certificate = _load(certificate_der)
    if certificate is None:
        return "a certificate that can't be read"
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - an extra

    hashed = f"SHA-256 {certificate.fingerprint(SHA256()).hex()}"
    try:
        return f"{certificate.subject.rfc4514_string()}, {hashed}"
    except _odd_certificates():
        return f"a name that can't be read, {hashed}"


def _load(certificate: str) -> Certificate | None:
    try:
        from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415 - an extra
    except ImportError:
        problem = "checking a signature needs cryptography, which is not installed"
        raise SettingsError(SETTING, problem, show_extra("certificate")) from None
    try:
        with warnings.catch_warnings(action="ignore"):  # of a serial number that is not positive
            return load_der_x509_certificate(b64decode(certificate))
    except _odd_certificates():
        return None


def _odd_certificates() -> tuple[type[Exception], ...]:
    """Return what the library raises for a certificate that is damaged or odd, when that part is read."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - an extra
    from cryptography.x509 import DuplicateExtension, InvalidVersion  # noqa: PLC0415 - an extra
    from cryptography.x509 import UnsupportedGeneralNameType as UnsupportedName  # noqa: PLC0415 - an extra

    return ValueError, InvalidVersion, UnsupportedAlgorithm, DuplicateExtension, UnsupportedName


def _find_addresses(certificate: Certificate) -> set[str]:
    """Return the e-mail addresses of a certificate, in lower case."""
    from cryptography.x509 import ExtensionNotFound, RFC822Name, SubjectAlternativeName  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    named = certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)
    found = {str(each.value).casefold() for each in named}
    try:
        names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
        found |= {each.casefold() for each in names.get_values_for_type(RFC822Name)}
    except ExtensionNotFound:
        pass
    return found
