"""Signing in by certificate: the files, what is wrong with them, and the assertion's every claim."""

from __future__ import annotations

import hashlib
import ssl
import sys
import traceback
import uuid
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from certificates import PASSWORD, make_certificate, make_key, public_pem, write_pem, write_pfx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from opusmap.errors import SettingsError, SignInError
from opusmap.opus.certificate import SigningCertificate, read_certificate
from opusmap.settings import CertificateFile, Secret

KEY = make_key()
CERTIFICATE = make_certificate(KEY)
AUTHORITY = make_certificate(make_key("other"))
NOW = datetime.now(UTC).timestamp()
TOKEN_URL = "https://identity.example.com/connect/token"


def read(path: Path, password: str | None = PASSWORD) -> SigningCertificate:
    return read_certificate(CertificateFile(path, None if password is None else Secret(password)))


def refused(path: Path, password: str | None = PASSWORD) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        read(path, password)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    return caught.value


def test_the_assertion_is_as_the_contract_says_and_each_one_is_fresh(tmp_path: Path) -> None:
    certificate = read(write_pfx(tmp_path / "c.pfx", KEY, CERTIFICATE))
    first, second = (certificate.sign_assertion("app-1", TOKEN_URL, NOW).reveal() for _ in range(2))
    header = jwt.get_unverified_header(first)
    claims = jwt.decode(
        first,
        CERTIFICATE.public_key(),  # type: ignore[arg-type]
        algorithms=["RS256"],
        audience=TOKEN_URL,
        leeway=86_400,  # the tests may have begun long ago
    )
    assert header["alg"] == "RS256"
    assert (
        urlsafe_b64decode(header["x5t"] + "=")
        == hashlib.sha1(CERTIFICATE.public_bytes(Encoding.DER)).digest()
    )
    assert uuid.UUID(claims.pop("jti"))
    assert claims == {
        "iss": "app-1",
        "sub": "app-1",
        "aud": TOKEN_URL,
        "nbf": int(NOW),
        "exp": int(NOW) + 600,
    }
    assert jwt.decode(second, options={"verify_signature": False})["jti"] not in first
    assert first != second


@pytest.mark.parametrize("suffix", [".pfx", ".p12"])
@pytest.mark.parametrize("password", [PASSWORD, None])
def test_a_pfx_file_is_read_with_and_without_password(
    suffix: str, password: str | None, tmp_path: Path
) -> None:
    path = write_pfx(tmp_path / f"c{suffix}", KEY, CERTIFICATE, password)
    assert read(path, password).thumbprint == hashlib.sha1(CERTIFICATE.public_bytes(Encoding.DER)).digest()


@pytest.mark.parametrize("password", [PASSWORD, None])
def test_a_pem_file_may_hold_the_authorities_too_in_any_order(password: str | None, tmp_path: Path) -> None:
    for certificates in ((CERTIFICATE,), (AUTHORITY, CERTIFICATE), (CERTIFICATE, AUTHORITY)):
        path = write_pem(tmp_path / "c.pem", KEY, *certificates, password=password)
        assert (
            read(path, password).thumbprint == hashlib.sha1(CERTIFICATE.public_bytes(Encoding.DER)).digest()
        )


def test_a_password_that_a_plain_pem_file_does_not_need_does_no_harm(tmp_path: Path) -> None:
    assert read(write_pem(tmp_path / "c.pem", KEY, CERTIFICATE)).valid_until > NOW


@pytest.mark.parametrize("kind", ["pfx", "pem"])
def test_a_wrong_or_missing_password_is_told_apart_by_its_setting(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"c.{kind}"
    if kind == "pfx":
        write_pfx(path, KEY, CERTIFICATE)
    else:
        write_pem(path, KEY, CERTIFICATE, password=PASSWORD)
    wrong, missing = refused(path, "another"), refused(path, None)
    assert {wrong.setting, missing.setting} == {"OPUSMAP_CERTIFICATE_PASSWORD"}
    assert "does not open" in wrong.problem
    assert "needs a password" in missing.problem


def test_a_wrong_password_whose_result_passes_for_a_key_is_still_called_wrong(tmp_path: Path) -> None:
    path = write_pem(tmp_path / "c.pem", KEY, CERTIFICATE, password=PASSWORD)
    for number in range(5_000):  # one in some 256 leaves padding that looks right
        try:
            load_pem_private_key(path.read_bytes(), b"wrong %d" % number)
        except ValueError as error:
            if "password" not in str(error).lower():
                break
    refusal = refused(path, f"wrong {number}")
    assert refusal.setting == "OPUSMAP_CERTIFICATE_PASSWORD"
    assert "does not open" in refusal.problem
    assert "if it is right, the file is damaged" in str(refusal)


def test_each_file_that_can_not_serve_says_why(tmp_path: Path) -> None:
    path = tmp_path / "file"
    (tmp_path / "folder").mkdir()
    path.write_bytes(public_pem(CERTIFICATE))
    assert "no private key" in refused(path).problem
    assert "no private key" in refused(write_pfx(path, None, None)).problem
    assert "but no certificate" in refused(write_pem(path, KEY)).problem
    assert "but not its certificate" in refused(write_pem(path, KEY, AUTHORITY)).problem
    assert "but not its certificate" in refused(write_pfx(path, KEY, None)).problem
    elliptic = make_key(kind="ec")
    assert "not an RSA key" in refused(write_pem(path, elliptic, make_certificate(elliptic))).problem
    assert "can't be read" in refused(tmp_path / "missing.pfx").problem
    assert "can't be read" in refused(tmp_path / "folder").problem
    assert "can't be read" in refused(Path("a\0b")).problem
    path.write_bytes(b" " * ((1 << 20) + 1))
    assert "too large" in refused(path).problem


@pytest.mark.parametrize("content", ["", "hello", "-----BEGIN CERTIFICATE-----\n", "der", "cut", "cut-pem"])
def test_a_damaged_file_is_no_traceback(content: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    whole = write_pem(tmp_path / "whole", KEY, CERTIFICATE).read_bytes()
    pfx = write_pfx(tmp_path / "whole", KEY, CERTIFICATE).read_bytes()
    der = CERTIFICATE.public_bytes(Encoding.DER)
    path.write_bytes({"der": der, "cut": pfx[:-80], "cut-pem": whole[:-80]}.get(content, content.encode()))
    assert refused(path).setting == "OPUSMAP_CERTIFICATE"


@pytest.mark.parametrize(
    ("begins", "ends", "words"),
    [(-2, -1, "the certificate expired on 20"), (1, 2, "the certificate is not valid before 20")],
)
def test_a_certificate_out_of_its_time_signs_nothing(
    begins: int, ends: int, words: str, tmp_path: Path
) -> None:
    own = make_certificate(KEY, timedelta(days=begins), timedelta(days=ends))
    certificate = read(write_pfx(tmp_path / "c.pfx", KEY, own))
    with pytest.raises(SignInError, match=words):
        certificate.sign_assertion("app-1", TOKEN_URL, NOW)


@pytest.mark.parametrize("usage", ["key_encipherment", "key_cert_sign"])
def test_a_certificate_whose_key_usage_excludes_signatures_is_refused(usage: str, tmp_path: Path) -> None:
    refusal = refused(write_pfx(tmp_path / "c.pfx", KEY, make_certificate(KEY, usage=usage)))
    assert "key usage does not include digital signature" in refusal.problem


def test_a_certificate_of_a_version_that_x509_lacks_is_refused_in_words(tmp_path: Path) -> None:
    path = write_pem(tmp_path / "c.pem", KEY)
    der = CERTIFICATE.public_bytes(Encoding.DER).replace(
        bytes.fromhex("a003020102"), bytes.fromhex("a003020105"), 1
    )
    text = ssl.DER_cert_to_PEM_cert(der)
    path.write_text(path.read_text() + text)
    assert "the PEM file is damaged" in refused(path).problem


def test_a_certificate_whose_extensions_are_damaged_is_refused_in_words(tmp_path: Path) -> None:
    path = write_pfx(tmp_path / "c.pfx", KEY, make_certificate(KEY, usage="damaged"))
    assert "extensions can't be read" in refused(path).problem


@pytest.mark.parametrize("usage", ["digital_signature", ""])
def test_a_certificate_that_names_no_key_usage_is_told_from_one_that_names_signatures(
    usage: str, tmp_path: Path
) -> None:
    certificate = read(write_pfx(tmp_path / "c.pfx", KEY, make_certificate(KEY, usage=usage)))
    assert certificate.names_usage is bool(usage)


def test_neither_the_key_nor_an_assertion_shows(tmp_path: Path) -> None:
    certificate = read(write_pfx(tmp_path / "c.pfx", KEY, CERTIFICATE))
    assertion = certificate.sign_assertion("app-1", TOKEN_URL, NOW)
    assert assertion.reveal() not in f"{certificate!r} {assertion!r} {assertion}"
    assert "key" not in repr(certificate)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "jwt", None)
    path = write_pfx(tmp_path / "c.pfx", KEY, CERTIFICATE)
    assert refused(path).help == "install the extra `certificate`; `opusmap help extras` shows how"


def test_the_thumbprint_shows_as_a_registration_does() -> None:
    shown = SigningCertificate(KEY, bytes.fromhex("0aff"), 0, 1).shown_thumbprint
    assert shown == "0AFF"
    assert isinstance(CERTIFICATE, x509.Certificate)
