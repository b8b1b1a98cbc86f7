"""Signing in by certificate at the emulator: what proves the client, and every way of not proving it."""

from __future__ import annotations

import sys
import time
import uuid
from base64 import urlsafe_b64encode
from datetime import timedelta

import jwt
import pytest
from certificates import make_certificate, make_key, public_pem, write_pem
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding

from opusmap.emulator import Emulator
from opusmap.errors import SettingsError

KEY = make_key()
CERTIFICATE = make_certificate(KEY)
TOKEN_URL = "http://opus/connect/token"
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def thumbprint(certificate):
    return urlsafe_b64encode(certificate.fingerprint(SHA1())).rstrip(b"=").decode()


def assertion(key=KEY, certificate=CERTIFICATE, algorithm="RS256", **changes):
    now = int(time.time())
    claims = {
        "iss": "app",
        "sub": "app",
        "aud": TOKEN_URL,
        "jti": str(uuid.uuid4()),
        "nbf": now,
        "exp": now + 600,
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm, headers={"x5t": thumbprint(certificate)})


@pytest.fixture
def opus(make_caller):
    return make_caller(client=(public_pem(CERTIFICATE),))


def sign_in(opus, text, **changes):
    form = {"client_id": None, "client_secret": None, "client_assertion_type": TYPE, "client_assertion": text}
    return opus.sign_in(**{**form, **changes})


def test_an_assertion_gets_a_token_that_submits(opus, make_record):
    opus.token = sign_in(opus, assertion()).json()["access_token"]
    assert opus.submit(make_record()).status_code == 201


def test_the_secret_still_serves_and_not_both_at_once(opus):
    assert opus.sign_in().status_code == 200
    assert sign_in(opus, assertion(), client_secret="planted-secret").status_code == 400


def test_an_assertion_serves_once(opus):
    text = assertion()
    assert sign_in(opus, text).status_code == 200
    answer = sign_in(opus, text)
    assert (answer.status_code, "used before" in answer.json()["error_description"]) == (400, True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"key": make_key("other")}, "not signed with the private key"),
        ({"certificate": make_certificate(make_key("other"))}, "`x5t`"),
        ({"key": "x" * 64, "algorithm": "HS256"}, "RS256"),
        ({"algorithm": "none", "key": None}, "RS256"),
        ({"iss": "other"}, "`iss` and `sub`"),
        ({"sub": None}, "`iss` and `sub`"),
        ({"sub": "é"}, "`iss` and `sub`"),
        ({"aud": "http://evil/connect/token"}, "`aud`"),
        ({"aud": "http://opus/other"}, "`aud`"),
        ({"aud": "http://["}, "`aud`"),
        ({"aud": [TOKEN_URL]}, "`aud`"),
        ({"exp": int(time.time()) - 1}, "expired"),
        ({"nbf": int(time.time()) + 500}, "not valid yet"),
        ({"exp": int(time.time()) + 5000}, "3600 seconds at most"),
        ({"exp": None}, "`nbf` and `exp`"),
        ({"nbf": "soon"}, "`nbf` and `exp`"),
        ({"jti": None}, "`jti`"),
        ({"jti": ""}, "`jti`"),
    ],
)
def test_an_assertion_that_proves_nothing_is_refused_with_its_reason(opus, changes, words):
    answer = sign_in(opus, assertion(**changes))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")
    assert words in answer.json()["error_description"]


@pytest.mark.parametrize("text", ["", "x.y.z", "a" * 5000, "é.é.é", jwt.encode({}, KEY, algorithm="RS256")])
def test_what_is_no_assertion_is_refused(opus, text):
    assert sign_in(opus, text).json()["error"] == "invalid_client"


def test_a_signed_text_that_is_no_object_is_refused(opus):
    text = jwt.PyJWS().encode(b"[1]", KEY, algorithm="RS256", headers={"x5t": thumbprint(CERTIFICATE)})
    assert "not an object" in sign_in(opus, text).json()["error_description"]


def test_the_type_must_be_said_and_a_certificate_known(opus, make_caller):
    assert "client_assertion_type" in sign_in(opus, assertion(), client_assertion_type=None).text
    assert "no certificate of this client is known" in sign_in(make_caller(), assertion()).text


@pytest.mark.parametrize(("begins", "ends"), [(-2, -1), (1, 2)])
def test_a_certificate_out_of_its_time_proves_nothing(make_caller, begins, ends):
    certificate = make_certificate(KEY, timedelta(days=begins), timedelta(days=ends))
    opus = make_caller(client=(certificate.public_bytes(Encoding.DER),))
    assert "expired" in sign_in(opus, assertion(certificate=certificate)).json()["error_description"]


@pytest.mark.parametrize(
    ("usage", "status"), [("digital_signature", 200), ("", 200), ("key_encipherment", 400)]
)
def test_a_certificate_signs_where_its_key_usage_includes_digital_signature(make_caller, usage, status):
    certificate = make_certificate(KEY, usage=usage)
    opus = make_caller(client=(public_pem(certificate),))
    answer = sign_in(opus, assertion(certificate=certificate))
    assert (answer.status_code, "key usage" in answer.text) == (status, status == 400)


def test_a_file_without_a_certificate_is_refused_when_the_emulator_is_made(make_caller, tmp_path):
    elliptic = make_key(kind="ec")
    for content in (
        b"hello",
        b"-----BEGIN CERTIFICATE-----",
        write_pem(tmp_path / "key", KEY).read_bytes(),
        public_pem(make_certificate(elliptic)),
        public_pem(make_certificate(KEY, usage="damaged")),
    ):
        with pytest.raises(SettingsError, match="certificate"):
            make_caller(client=(content,))


def test_without_the_extra_it_is_named(make_caller, monkeypatch):
    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(SettingsError, match="install the extra `certificate`"):
        make_caller(client=(public_pem(CERTIFICATE),))
    assert isinstance(make_caller().emulator, Emulator)
