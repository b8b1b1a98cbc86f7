"""Certificates for tests: made on the spot, with the trouble that a test is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as writing
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

PASSWORD = "Canary-certificate-password"
DAY = timedelta(days=1)


@cache
def make_key(name: str = "", kind: str = "rsa") -> Any:
    """Return a private key; the same for the same name."""
    return rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())


def make_certificate(
    key: Any,
    begins: timedelta = -DAY,
    ends: timedelta = DAY,
    now: datetime | None = None,
    usage: str = "digital_signature",
) -> x509.Certificate:
    """Return a certificate of a key, good from a day ago for two days unless told otherwise.

    `usage` is the one use of the key that it names; "" names none, "damaged" what can't be read.
    """
    now = now or datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "opusmap test")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    if usage == "damaged":
        damaged = x509.UnrecognizedExtension(x509.ExtensionOID.KEY_USAGE, b"junk")
        builder = builder.add_extension(damaged, critical=True)
    elif usage:
        uses = {name: name == usage for name in _USES}
        builder = builder.add_extension(x509.KeyUsage(**uses), critical=True)
    return builder.not_valid_before(now + begins).not_valid_after(now + ends).sign(key, hashes.SHA256())


_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def public_pem(certificate: x509.Certificate) -> bytes:
    """Return what an app's registration is given: the certificate without its key."""
    return certificate.public_bytes(writing.Encoding.PEM)


def write_pfx(
    path: Path, key: Any, certificate: x509.Certificate | None, password: str | None = PASSWORD
) -> Path:
    """Write a PFX file as Windows and OpenSSL export it."""
    others = None if certificate else [make_certificate(make_key("other"))]
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(b"opusmap", key, certificate, others, _encryption(password))
    )
    return path


def write_pem(path: Path, key: Any, *certificates: x509.Certificate, password: str | None = None) -> Path:
    """Write a PEM file: the key, if any, then the certificates."""
    parts = [public_pem(each) for each in certificates]
    if key is not None:
        pkcs8 = writing.PrivateFormat.PKCS8
        parts.insert(0, key.private_bytes(writing.Encoding.PEM, pkcs8, _encryption(password)))
    path.write_bytes(b"".join(parts))
    return path


def _encryption(password: str | None) -> Any:
    return writing.BestAvailableEncryption(password.encode()) if password else writing.NoEncryption()
