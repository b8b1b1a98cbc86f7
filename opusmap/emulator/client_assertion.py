"""Certificates at the identity service: judging the assertion that a client signs in place of a secret.

Owns the rules of RFC 7523 and of AvePoint's documentation. The libraries are the extra `certificate`.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import urlsplit

from opusmap.emulator.http import read_json
from opusmap.errors import SettingsError
from opusmap.records import JsonValue
from opusmap.wording import show_extra

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""The one type of client assertion (RFC 7523, 2.2)."""

LONGEST_LIFE = 3600
"""Seconds from an assertion's beginning to its end, at most."""

LEEWAY = 60
"""Seconds that the client's clock may be ahead."""


class AssertionVerifier:
    """Knows one client's certificate, and each assertion that was used before."""

    def __init__(self, client_id: str, certificate: bytes, clock: Callable[[], float]) -> None:
        """Read the certificate, without its private key, from PEM or DER.

        Args:
            client_id: whose certificate it is.
            certificate: the file's bytes.
            clock: seconds since 1970.

        Raises:
            SettingsError: the extra is not installed, or there is no certificate of an RSA key, or its
                extensions can't be read.
        """
        try:
            import jwt  # noqa: PLC0415 - an extra
            from cryptography import x509  # noqa: PLC0415
            from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
            from cryptography.hazmat.primitives.hashes import SHA1  # noqa: PLC0415
        except ImportError:
            raise SettingsError(
                "certificate",
                "checking certificates needs pyjwt and cryptography, which are not installed",
                show_extra("certificate"),
            ) from None
        try:
            pem = b"-----BEGIN " in certificate
            found = (x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate)(certificate)
        except ValueError:
            problem = "the file contains no certificate in PEM or DER"
            raise SettingsError("certificate", problem, "export it without its private key") from None
        key = found.public_key()
        if not isinstance(key, RSAPublicKey):
            raise SettingsError("certificate", "the certificate's key is not an RSA key")
        self._jwt = jwt
        self._client_id = client_id
        self._key = key
        self._clock = clock
        self._thumbprint = urlsafe_b64encode(found.fingerprint(SHA1())).rstrip(b"=").decode("ascii")  # noqa: S303 - RFC 7515, 4.1.7
        self._ends = found.not_valid_after_utc.timestamp()
        self._begins = found.not_valid_before_utc.timestamp()
        try:
            self._signs = found.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
        except x509.ExtensionNotFound:
            self._signs = True  # RFC 5280, 4.2.1.3: any use is allowed
        except (ValueError, x509.DuplicateExtension):
            raise SettingsError("certificate", "the certificate's extensions can't be read") from None
        self._used: dict[str, float] = {}

    def find_problem(self, assertion: str, host: str, path: str) -> str:
        """Return why an assertion proves nothing to this host and path, or "" if it does."""
        now = self._clock()
        try:
            header = self._jwt.get_unverified_header(assertion)
            payload = self._jwt.PyJWS().decode(assertion, self._key, ["RS256"])
        except self._jwt.InvalidAlgorithmError:
            return "the assertion must be signed with RS256"
        except self._jwt.InvalidSignatureError:
            return "the assertion is not signed with the private key of the client's certificate"
        except self._jwt.InvalidTokenError as error:
            return f"the assertion can't be read: {error}"
        claims = read_json(payload)
        if not isinstance(claims, dict):
            return "the assertion's claims are not an object"
        if not is_same(header.get("x5t"), self._thumbprint):
            return "the header `x5t` is not the thumbprint of the client's certificate"
        if not self._begins <= now <= self._ends:
            return "the client's certificate has expired, or is not valid yet"
        if not self._signs:
            return "the key usage of the client's certificate does not include digital signature"
        if not all(is_same(claims.get(name), self._client_id) for name in ("iss", "sub")):
            return "`iss` and `sub` must be the client id"
        if not _is_here(claims.get("aud"), host, path):
            return "`aud` must be the token URL"
        return self._find_wrong_time(claims, now) or self._find_repetition(claims, now)

    def _find_wrong_time(self, claims: dict[str, JsonValue], now: float) -> str:
        begins, ends = claims.get("nbf"), claims.get("exp")
        if not isinstance(begins, int | float) or not isinstance(ends, int | float):
            return "`nbf` and `exp` must be seconds since 1970"
        if ends - begins > LONGEST_LIFE:
            return f"the assertion may be valid for {LONGEST_LIFE} seconds at most"
        if now < begins - LEEWAY:
            return "the assertion is not valid yet (`nbf`)"
        return "the assertion has expired (`exp`)" if now >= ends else ""

    def _find_repetition(self, claims: dict[str, JsonValue], now: float) -> str:
        number, ends = claims.get("jti"), claims["exp"]
        assert isinstance(ends, int | float)
        if not isinstance(number, str) or not number:
            return "`jti` must be a new ID"
        self._used = {known: until for known, until in self._used.items() if until > now}
        if number in self._used:
            return "this assertion was used before (`jti`)"
        self._used[number] = ends
        return ""


def is_same(given: object, known: str) -> bool:
    """Return whether what a client gives is what is known of it, in a time that does not tell."""
    return isinstance(given, str) and hmac.compare_digest(
        given.encode("utf-8", "replace"), known.encode("utf-8", "replace")
    )


def _is_here(audience: object, host: str, path: str) -> bool:
    if not isinstance(audience, str):
        return False
    try:
        parts = urlsplit(audience)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and (parts.netloc, parts.path) == (host, path)
