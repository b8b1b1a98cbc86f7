"""Checking a signature: whatever a stranger's certificate is, it is read, or refused in words."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from certificates import make_certificate, make_key, write_pem
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from opusmap.disposal.signatures import Signature, describe_certificate, find_flaw, load_signer

STATEMENT = b"the hash of a plan"
NOW = datetime.now(UTC).timestamp()
KEY = make_key()
CERTIFICATE = make_certificate(KEY)
DER = CERTIFICATE.public_bytes(Encoding.DER)
SERIAL = DER.index(bytes.fromhex("a003020102")) + 7
VERSION = DER.index(bytes.fromhex("a003020102")) + 4


@pytest.fixture(scope="module")
def signature(tmp_path_factory: pytest.TempPathFactory) -> Signature:
    path: Path = write_pem(tmp_path_factory.mktemp("signer") / "c.pem", KEY, CERTIFICATE)
    signer = load_signer(NOW, {"OPUSMAP_APPROVAL_CERTIFICATE": str(path)})
    assert signer is not None
    return signer.sign(STATEMENT)


def test_a_signature_is_of_its_statement_alone(signature: Signature) -> None:
    assert find_flaw(signature, STATEMENT, NOW) == ""
    assert "not of this statement" in find_flaw(signature, STATEMENT + b".", NOW)
    assert "not valid when" in find_flaw(signature, STATEMENT, NOW + 1e9)


def test_a_certificate_of_a_version_that_x509_lacks_is_refused_in_words(signature: Signature) -> None:
    odd = b64encode(DER[:VERSION] + b"\x05" + DER[VERSION + 1 :]).decode()
    assert find_flaw(replace(signature, certificate=odd), STATEMENT, NOW) == "its certificate can't be read"
    assert describe_certificate(odd) == "a certificate that can't be read"


def test_a_serial_number_that_is_not_positive_is_no_warning(signature: Signature) -> None:
    odd = b64encode(DER[:SERIAL] + b"\x81" + DER[SERIAL + 1 :]).decode()
    assert find_flaw(replace(signature, certificate=odd), STATEMENT, NOW) == ""


@given(place=st.integers(0, len(DER) - 1), byte=st.integers(0, 255))
def test_a_damaged_certificate_is_no_traceback(signature: Signature, place: int, byte: int) -> None:
    damaged = b64encode(DER[:place] + bytes([byte]) + DER[place + 1 :]).decode()
    find_flaw(replace(signature, certificate=damaged), STATEMENT, NOW, "kim@example.com")
    assert describe_certificate(damaged)
