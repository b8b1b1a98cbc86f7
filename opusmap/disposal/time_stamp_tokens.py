"""Time-stamp tokens by RFC 3161: asking for one, and checking an authority's answer, without any network.

Such an answer has a token: CMS signed data (RFC 5652) around the hash of what was stamped and the time.
The signature is checked here, with the certificate that the token has and names by its hash (RFC 5035, 5816);
`openssl ts -verify` checks the same. The libraries are the extra `timestamp`, loaded when they are needed.
`rfc3161-client` would not do: it reads strict DER alone, which the answers of several large authorities are
not, and can't say whose signature it is unless that authority is trusted.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from opusmap.disposal.signatures import describe_certificate
from opusmap.errors import SettingsError
from opusmap.wording import show_extra

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm
    from cryptography.x509 import Certificate

SETTING = "OPUSMAP_TIMESTAMP_URL"
_LONGEST = 200
_HASHES = ("sha256", "sha384", "sha512")
"""What a token may be made with; a collision of SHA-1 can be bought."""


@dataclass(frozen=True, slots=True)
class TimeStamp:
    """What a token says: when it was made, and by whom: subject and SHA-256 of the certificate that signed.

    `chain` is the file of certificates to which that certificate leads; empty if that was not checked.
    """

    time: datetime
    by: str
    chain: str = ""


@dataclass
class BadTimeStamp(Exception):
    """A token, or what came in place of one, proves nothing; `why` says so in words."""

    why: str

    def __str__(self) -> str:
        return self.why


@dataclass(frozen=True, slots=True)
class TrustedCertificates:
    """The certificates that may vouch for an authority's, and the file that has them."""

    file: str
    certificates: tuple[Certificate, ...]


def need_extra(setting: str = SETTING) -> None:
    """Make sure that the extra is installed.

    Raises:
        SettingsError: it is not.
    """
    try:
        import asn1crypto  # noqa: F401, PLC0415 - an extra
        from cryptography.x509.verification import ExtensionPolicy  # noqa: F401, PLC0415 - an extra
    except ImportError:
        problem = "time stamps need asn1crypto and cryptography 45 or later, which are not installed"
        raise SettingsError(setting, problem, show_extra("timestamp")) from None


def make_request(content: bytes) -> tuple[bytes, int]:
    """Return a request (DER) for a token of this content, and its nonce, which the token must have."""
    from asn1crypto.tsp import TimeStampReq  # noqa: PLC0415 - an extra

    nonce = secrets.randbits(63) | 1 << 62
    imprint = {
        "hash_algorithm": {"algorithm": "sha256"},
        "hashed_message": hashlib.sha256(content).digest(),
    }
    asked = {"version": 1, "message_imprint": imprint, "nonce": nonce, "cert_req": True}
    return bytes(TimeStampReq(asked).dump()), nonce


def check_answer(
    answer: bytes, content: bytes, trusted: TrustedCertificates | None, nonce: int | None = None
) -> TimeStamp:
    """Return what the token in an authority's answer says of this content.

    Args:
        answer: as the authority sent it.
        content: what should have been stamped.
        trusted: to which the certificate that signed must lead; None if that is not checked.
        nonce: of the request; None if it is not known any more.

    Raises:
        BadTimeStamp: there is no token, or it is of something else, not well signed or not trusted.
    """
    try:
        return _check(answer, content, trusted, nonce)
    except BadTimeStamp:
        raise
    except Exception as error:  # noqa: BLE001 - reading a stranger's bytes: whatever it is, it is not a token
        raise BadTimeStamp(f"it can't be read as a time stamp ({type(error).__name__})") from None


def _check(
    answer: bytes, content: bytes, trusted: TrustedCertificates | None, nonce: int | None
) -> TimeStamp:
    signed = _find_signed_data(answer)
    wrapped = signed["encap_content_info"]
    if wrapped["content_type"].native != "tst_info":
        raise BadTimeStamp("what is signed is not a time stamp")
    (signer,), said = signed["signer_infos"], bytes(wrapped["content"])
    sealed = b"\x31" + signer["signed_attrs"].dump()[1:]  # signed as a SET (RFC 5652, 5.4), as it was sent
    certificates = list(_load_certificates(signed))
    attributes = _read_attributes(signer)
    own = _find_signer(attributes, certificates)
    _check_signature(signer, sealed, own)
    digest = hashlib.new(_find_hash(signer["digest_algorithm"]), said).digest()
    if attributes["content_type"].native != "tst_info" or bytes(attributes["message_digest"]) != digest:
        raise BadTimeStamp("its content was changed after it was signed")
    info = wrapped["content"].parsed
    imprint = info["message_imprint"]
    stamped = hashlib.new(_find_hash(imprint["hash_algorithm"]), content)
    if bytes(imprint["hashed_message"]) != stamped.digest():
        raise BadTimeStamp("it belongs to another file, or the file was changed after it was stamped")
    if nonce is not None and info["nonce"].native != nonce:
        raise BadTimeStamp("it is not the answer to this request: its nonce differs")
    time: datetime = info["gen_time"].native
    if time.tzinfo is None:
        raise BadTimeStamp("its time has no zone")
    _check_purpose(own, time)
    if trusted is not None:
        _check_chain(own, certificates, trusted, time)
    by = describe_certificate(b64encode(_dump(own)).decode())
    return TimeStamp(time, by, "" if trusted is None else trusted.file)


def _find_signed_data(answer: bytes) -> Any:
    """Return the signed data of an answer that grants a token."""
    from asn1crypto.cms import ContentInfo  # noqa: PLC0415 - an extra
    from asn1crypto.core import Sequence as Asn1Sequence  # noqa: PLC0415
    from asn1crypto.core import Void  # noqa: PLC0415
    from asn1crypto.tsp import PKIStatusInfo  # noqa: PLC0415

    class Answer(Asn1Sequence):  # type: ignore[misc]
        """TimeStampResp; the library's own class has no answer without a token."""

        _fields: ClassVar = [
            ("status", PKIStatusInfo),
            ("time_stamp_token", ContentInfo, {"optional": True}),
        ]

    whole = Answer.load(answer, strict=True)
    status = whole["status"]
    if (said := status["status"].native) not in ("granted", "granted_with_mods"):
        reasons = sorted(status["fail_info"].native or ())
        words = [str(said), *reasons, *(status["status_string"].native or ())]
        raise BadTimeStamp(f"the authority refused it: {', '.join(words).replace('_', ' ')[:_LONGEST]}")
    token = whole["time_stamp_token"]
    if isinstance(token, Void) or token["content_type"].native != "signed_data":
        raise BadTimeStamp("the answer has no token")
    return token["content"]


def _load_certificates(signed: Any) -> Iterator[Certificate]:
    from cryptography.x509 import InvalidVersion, load_der_x509_certificate  # noqa: PLC0415 - an extra

    for choice in signed["certificates"]:
        try:
            if choice.name == "certificate":
                yield load_der_x509_certificate(choice.chosen.dump())
        except (ValueError, InvalidVersion):  # one that is not needed may be odd
            continue


def _read_attributes(signer: Any) -> dict[str, Any]:
    """Return what is signed beside the content, by name; each has one value (RFC 5652, 11)."""
    found: dict[str, Any] = {}
    for attribute in signer["signed_attrs"]:
        name, values = attribute["type"].native, attribute["values"]
        if name in found or len(values) != 1:
            raise BadTimeStamp(f"its attribute {name} is there more than once")
        found[name] = values[0]
    return found


def _find_signer(attributes: dict[str, Any], certificates: Sequence[Certificate]) -> Certificate:
    """Return the certificate that signed: the token names it by its hash, and has it."""
    if named := attributes.get("signing_certificate_v2"):
        first = named["certs"][0]
        algorithm = _find_hash(first["hash_algorithm"])
    elif named := attributes.get("signing_certificate"):
        first, algorithm = named["certs"][0], "sha1"  # RFC 3161 had no other: it tells one from the rest
    else:
        raise BadTimeStamp("it does not say whose certificate signed it")
    wanted = bytes(first["cert_hash"])
    for certificate in certificates:
        if hashlib.new(algorithm, _dump(certificate), usedforsecurity=False).digest() == wanted:
            return certificate
    raise BadTimeStamp("the certificate that signed it is missing or can't be read")


def _check_signature(signer: Any, sealed: bytes, own: Certificate) -> None:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa  # noqa: PLC0415

    algorithm = signer["signature_algorithm"]
    kind = algorithm.signature_algo
    plain = algorithm["algorithm"].native == "rsassa_pkcs1v15"  # names no hash: the other one counts
    by = _load_hash(_find_hash(signer["digest_algorithm"]) if plain else _known_hash(algorithm.hash_algo))
    value = bytes(signer["signature"])
    key = own.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and kind == "rsassa_pkcs1v15":
            key.verify(value, sealed, padding.PKCS1v15(), by)
        elif isinstance(key, ec.EllipticCurvePublicKey) and kind == "ecdsa":
            key.verify(value, sealed, ec.ECDSA(by))
        else:
            raise BadTimeStamp(f"its signature is of a kind that opusmap can't check: {kind}")
    except InvalidSignature:
        raise BadTimeStamp("its signature is not that of its certificate") from None


def _check_purpose(own: Certificate, time: datetime) -> None:
    """Refuse a certificate that is not for time stamps alone (RFC 3161, 2.3), or not of that time."""
    from cryptography.x509 import ExtendedKeyUsage, ExtensionNotFound  # noqa: PLC0415 - an extra
    from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415

    try:
        usage = own.extensions.get_extension_for_class(ExtendedKeyUsage)
    except ExtensionNotFound:
        usage = None
    if usage is None or not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise BadTimeStamp("the certificate that signed it is not one for time stamps alone")
    if not own.not_valid_before_utc <= time <= own.not_valid_after_utc:
        raise BadTimeStamp("the certificate that signed it was not valid at that time")


def _check_chain(
    own: Certificate, certificates: Sequence[Certificate], trusted: TrustedCertificates, time: datetime
) -> None:
    """Refuse a certificate that was not issued, over others of the token, by a trusted one at that time."""
    from cryptography import x509  # noqa: PLC0415 - an extra
    from cryptography.x509 import verification as checking  # noqa: PLC0415

    if own in trusted.certificates:
        return

    def check_key_usage(_policy: object, _certificate: object, usage: x509.KeyUsage | None) -> None:
        if usage is not None and not usage.key_cert_sign:
            raise ValueError("it may not sign certificates")

    any_way = checking.Criticality.AGNOSTIC
    issuers = checking.ExtensionPolicy.permit_all()
    issuers = issuers.require_present(x509.BasicConstraints, any_way, None)
    issuers = issuers.may_be_present(x509.KeyUsage, any_way, check_key_usage)
    policy = checking.PolicyBuilder().store(checking.Store(list(trusted.certificates))).time(time)
    policy = policy.extension_policies(ca_policy=issuers, ee_policy=checking.ExtensionPolicy.permit_all())
    others = [each for each in certificates if each != own]
    try:
        policy.build_client_verifier().verify(own, others)
    except checking.VerificationError as error:
        problem = f"the certificate that signed it does not lead to one in {trusted.file}"
        raise BadTimeStamp(f"{problem}: {str(error)[:_LONGEST]}") from None


def _find_hash(algorithm: Any) -> str:
    return _known_hash(str(algorithm["algorithm"].native))


def _known_hash(name: str) -> str:
    if name not in _HASHES:
        raise BadTimeStamp(f"it uses {name}, which proves nothing today")
    return name


def _load_hash(name: str) -> HashAlgorithm:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - an extra

    known = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
    return known[name]


def _dump(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - an extra

    return certificate.public_bytes(Encoding.DER)
