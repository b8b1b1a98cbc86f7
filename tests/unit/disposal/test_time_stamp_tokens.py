"""What a token proves: `openssl` makes tokens and has the last word, and forgeries are told in words."""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("asn1crypto", reason="the extra `timestamp` is not installed")
pytest.importorskip("cryptography", "45", reason="the extra `timestamp` is not installed")

from asn1crypto import cms, tsp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding
from time_stamp_authority import OPENSSL, STAMPS, Openssl, issue

from opusmap.disposal.time_stamp_tokens import (
    BadTimeStamp,
    TrustedCertificates,
    check_answer,
    make_request,
)

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="there is no OpenSSL here")
CONTENT = b'{"format": "a certificate"}\n'


@pytest.fixture(scope="module")
def openssl(tmp_path_factory):
    made = Openssl(tmp_path_factory.mktemp("authority"))
    (made.folder / "data").write_bytes(CONTENT)
    return made


@pytest.fixture(scope="module")
def trusted(openssl):
    return TrustedCertificates("root.pem", (openssl.certificates["root"],))


@pytest.fixture(scope="module")
def asked():
    return make_request(CONTENT)


@pytest.fixture(scope="module")
def good(openssl, asked):
    return openssl.reply(asked[0])


def confirmed(openssl, answer, root="root"):
    """Whether openssl itself confirms an answer."""
    path = openssl.folder / "tried.tsr"
    path.write_bytes(answer)
    return openssl.confirms(openssl.folder / "data", path, root)


def forge(openssl, answer, signer="tsa", *, sign=True, change=None, twice=False, kind="tst_info"):
    """Return an answer with another content and certificate, signed again by the key that it has."""
    whole = tsp.TimeStampResp.load(answer)
    signed = whole["time_stamp_token"]["content"]
    info = signed["encap_content_info"]["content"].parsed
    if change is not None:
        change(info)
    signed["encap_content_info"]["content"] = cms.ParsableOctetString(info.dump(force=True))
    certificate = openssl.certificates[signer]
    der = certificate.public_bytes(Encoding.DER)
    others = [choice.chosen.dump() for choice in signed["certificates"]]
    signed["certificates"] = [cms.Certificate.load(each) for each in dict.fromkeys([*others, der])]
    one = signed["signer_infos"][0]
    hashed = hashes.Hash(hashes.SHA256())
    hashed.update(info.dump())
    for attribute in one["signed_attrs"]:
        if attribute["type"].native == "content_type":
            attribute["values"] = [kind]
        if attribute["type"].native == "message_digest":
            attribute["values"] = [hashed.finalize()]
        if attribute["type"].native == "signing_certificate_v2":
            named = {"cert_hash": certificate.fingerprint(hashes.SHA256())}
            attribute["values"] = [tsp.SigningCertificateV2({"certs": [tsp.ESSCertIDv2(named)]})]
    if twice:
        one["signed_attrs"].append(one["signed_attrs"][0].copy())
    if sign:
        said = one["signed_attrs"].untag().dump(force=True)
        one["signature"] = openssl.keys["tsa"].sign(said, PKCS1v15(), hashes.SHA256())
    return whole.dump()


def refused(answer, *, content=CONTENT, trusted=None, nonce=None):
    with pytest.raises(BadTimeStamp) as caught:
        check_answer(answer, content, trusted, nonce)
    return caught.value.why


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"digest": "sha512"},
        {"digest": "sha384", "names": "sha512"},
        {"names": "sha1"},
        {"signer": "ec"},
        {"signer": "ec", "digest": "sha384"},
    ],
    ids=str,
)
def test_a_token_of_openssl_says_when_and_by_whom(openssl, trusted, asked, how):
    before = datetime.now(UTC).replace(microsecond=0)
    answer = openssl.reply(asked[0], **how)
    stamp = check_answer(answer, CONTENT, trusted, asked[1])
    assert before <= stamp.time <= datetime.now(UTC)
    own = openssl.certificates[how.get("signer", "tsa")]
    assert stamp.by.startswith("CN=Stamps")
    assert stamp.by.endswith(own.fingerprint(hashes.SHA256()).hex())
    assert stamp.chain == "root.pem"
    assert confirmed(openssl, answer)


def test_without_trusted_certificates_the_chain_is_not_checked_and_the_rest_is(openssl, good):
    assert check_answer(good, CONTENT, None).chain == ""
    assert (
        refused(forge(openssl, good, sign=False, change=older))
        == "its signature is not that of its certificate"
    )


def test_the_certificates_of_a_token_may_be_in_any_order(openssl, trusted, good):
    whole = tsp.TimeStampResp.load(good)
    signed = whole["time_stamp_token"]["content"]
    ders = [choice.chosen.dump() for choice in signed["certificates"]]
    for order in (ders, ders[::-1]):
        content = b"".join(order)
        answer = good.replace(b"".join(ders), content)
        assert check_answer(answer, CONTENT, trusted).chain
        assert confirmed(openssl, answer)


def test_a_certificate_that_is_odd_matters_only_if_it_is_needed(openssl, trusted, good):
    der = openssl.certificates["issuing"].public_bytes(Encoding.DER)
    odd = good.replace(der, der.replace(b"\x02\x01\x02\x02", b"\x02\x01\x07\x02", 1))  # a version 8
    assert odd != good
    assert check_answer(odd, CONTENT, None).chain == ""
    assert "does not lead to one in root.pem" in refused(odd, trusted=trusted)
    own = openssl.certificates["tsa"].public_bytes(Encoding.DER)
    odd = good.replace(own, own.replace(b"\x02\x01\x02\x02", b"\x02\x01\x07\x02", 1))
    assert "the certificate that signed it is missing" in refused(odd)


def test_a_token_of_another_file_or_another_request_is_refused(openssl, good, asked):
    assert "belongs to another file" in refused(good, content=CONTENT + b" ")
    replayed = openssl.reply(make_request(CONTENT)[0])
    assert check_answer(replayed, CONTENT, None)
    assert "its nonce differs" in refused(replayed, nonce=asked[1])
    without = openssl.reply(
        tsp.TimeStampReq({**tsp.TimeStampReq.load(asked[0]).native, "nonce": None}).dump()
    )
    assert "its nonce differs" in refused(without, nonce=asked[1])


def older(info):
    info["gen_time"] = datetime(2020, 1, 1, tzinfo=UTC)


def test_a_token_that_was_changed_or_signed_again_by_another_key_is_refused(openssl, good):
    changed = good.replace(good_time(good), b"20200101000000Z")
    assert changed != good
    assert refused(changed) == "its content was changed after it was signed"
    again = forge(openssl, good, "ec", change=older)
    assert refused(again).startswith("its signature is")
    assert not confirmed(openssl, again)


def test_a_token_that_says_something_twice_is_refused(openssl, good):
    assert "is there more than once" in refused(forge(openssl, good, twice=True))


def test_a_token_whose_signature_is_of_another_kind_of_content_is_refused(openssl, good):
    answer = forge(openssl, good, kind="data")
    assert refused(answer) == "its content was changed after it was signed"  # openssl does not look


def good_time(answer):
    info = tsp.TimeStampResp.load(answer)["time_stamp_token"]["content"]["encap_content_info"][
        "content"
    ].parsed
    return info["gen_time"].contents


@pytest.mark.parametrize(
    ("signer", "words"),
    [
        ("web", "not one for time stamps alone"),
        ("both", "not one for time stamps alone"),
        ("lax", "not one for time stamps alone"),
        ("expired", "was not valid at that time"),
        ("early", "was not valid at that time"),
    ],
)
def test_a_certificate_that_may_not_stamp_is_refused_by_openssl_too(openssl, good, signer, words):
    answer = forge(openssl, good, signer)
    assert words in refused(answer)
    assert not confirmed(openssl, answer)


def test_a_token_made_again_by_the_same_key_shows_that_the_forgeries_fail_for_their_own_reasons(
    openssl, good
):
    assert check_answer(forge(openssl, good), CONTENT, None)


def test_a_certificate_is_trusted_only_if_it_leads_to_a_trusted_one(openssl, good, asked):
    def trusting(*names):
        return TrustedCertificates("ca.pem", tuple(openssl.certificates[name] for name in names))

    for names in (("root",), ("other", "root"), ("issuing",), ("tsa",)):
        assert check_answer(good, CONTENT, trusting(*names)).chain == "ca.pem"
    why = refused(good, trusted=trusting("other"))
    assert "does not lead to one in ca.pem" in why
    assert not confirmed(openssl, good, "other")
    alone = openssl.reply(asked[0], chain=False)
    assert "does not lead to one in ca.pem" in refused(alone, trusted=trusting("root"))
    assert not confirmed(openssl, alone)
    assert check_answer(alone, CONTENT, trusting("issuing")).chain


@pytest.mark.parametrize("name", ["Web", "Half"])
def test_a_certificate_that_may_not_issue_others_vouches_for_none(openssl, good, trusted, name):
    """If it could, anyone with a certificate for something else could issue one for time stamps."""
    half = issue("Half", openssl.keys["tsa"], "Issuing", openssl.keys["issuing"], may_sign=False)
    fake = issue("Stamps", openssl.keys["tsa"], name, openssl.keys["tsa"], uses=STAMPS)
    openssl.certificates.update(half=half, fake=fake)
    answer = forge(openssl, forge(openssl, good, name.lower()), "fake")
    assert check_answer(answer, CONTENT, None).chain == ""
    assert "does not lead to one in root.pem" in refused(answer, trusted=trusted)
    assert not confirmed(openssl, answer)


def test_what_the_authority_refused_is_told_in_its_words(openssl, asked):
    why = refused(openssl.reply(asked[0], digests="sha512"))
    assert why.startswith("the authority refused it: rejection, bad alg, ")
    assert "not supported" in why


def test_old_hashes_prove_nothing(openssl, asked):
    assert "it uses sha1" in refused(openssl.reply(asked[0], digest="sha1"))
    query = {**tsp.TimeStampReq.load(asked[0]).native}
    query["message_imprint"] = {"hash_algorithm": {"algorithm": "sha1"}, "hashed_message": b"1" * 20}
    answer = openssl.reply(tsp.TimeStampReq(query).dump(), digests="sha1")
    assert "it uses sha1" in refused(answer)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"\x30\x80" * 3000,
        b"\x30\x03\x02\x01\x00",
        b"\x30\x84\xff\xff\xff\xff",
        secrets.token_bytes(99),
    ],
    ids=["nothing", "html", "nested", "no token", "length", "noise"],
)
def test_what_is_no_answer_is_told(content):
    assert refused(content)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_token_with_other_bytes_says_the_same_or_is_refused(good, trusted, data):
    stamp = check_answer(good, CONTENT, trusted)
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    with suppress(BadTimeStamp):
        assert check_answer(bytes(changed), CONTENT, trusted) == stamp
