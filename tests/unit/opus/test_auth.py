"""Signing in: by a secret or a certificate, once for all workers, and what is made of a refusal."""

from __future__ import annotations

import asyncio
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from certificates import PASSWORD, make_certificate, make_key, write_pfx
from scripted_service import SECRET, SETTINGS, TOKEN, Service, broken, grant, streaming

from opusmap.errors import SignInError
from opusmap.opus.exchange import Answer, NoAnswer, TransportError
from opusmap.settings import CertificateFile, Secret


def test_with_a_certificate_an_assertion_takes_the_secrets_place(tmp_path: Path) -> None:
    key = make_key()
    own = make_certificate(key, now=datetime.fromtimestamp(1_800_000_000, UTC))
    file = CertificateFile(write_pfx(tmp_path / "c.pfx", key, own), Secret(PASSWORD))
    service = Service(identity=lambda _: grant("abc", 1))

    async def main() -> None:
        now = 0.0
        client = service.client(lambda: now, client_secret=None, certificate=file)
        await client.send(b"{}")
        now = 10.0
        await client.send(b"{}")

    asyncio.run(main())
    forms = [parse_qs(request.content.decode()) for request in service.asked if b"grant" in request.content]
    assertions = [form.pop("client_assertion")[0] for form in forms]
    assert (
        forms
        == [
            {
                "grant_type": ["client_credentials"],
                "client_id": ["app-1"],
                "client_assertion_type": ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"],
                "scope": ["records.readwrite.all"],
            }
        ]
        * 2
    )
    assert len(set(assertions)) == 2
    claims = jwt.decode(assertions[0], options={"verify_signature": False})
    assert (claims["aud"], claims["nbf"]) == (SETTINGS.token_url, 1_800_000_000)


def test_a_certificate_that_has_expired_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    key = make_key()
    own = make_certificate(key, timedelta(days=-9), timedelta(days=-8))
    service = Service()
    with pytest.raises(SignInError, match="the certificate expired on"):
        service.client(certificate=CertificateFile(write_pfx(tmp_path / "c.pfx", key, own), Secret(PASSWORD)))
    assert service.asked == []


@pytest.mark.parametrize("said", ["invalid_scope", "unauthorized_client"])
def test_a_missing_permission_is_told_apart_from_a_wrong_secret(said: str) -> None:
    def ask(error: str) -> SignInError:
        service = Service(identity=lambda _: httpx.Response(400, json={"error": error}))
        with pytest.raises(SignInError) as caught:
            asyncio.run(service.client().send(b"{}"))
        return caught.value

    assert "permission records.readwrite.all" in ask(said).help
    assert "the client secret" in ask("invalid_client").help


def test_many_workers_sign_in_once_and_again_only_before_the_token_ends() -> None:
    now = 0.0
    service = Service()

    async def main() -> None:
        nonlocal now
        client = service.client(lambda: now)
        for moment, sign_ins in ((0.0, 1), (3299.0, 1), (3300.0, 2), (6000.0, 2)):
            now = moment
            await asyncio.gather(*(client.send(b"{}") for _ in range(8)))
            assert service.sign_ins == sign_ins

    asyncio.run(main())


EXPIRED = [
    httpx.Response(401),
    httpx.Response(200, json={"statusCode": 401}),
    httpx.Response(401, html="Sign in"),
]


@pytest.mark.parametrize("expired", EXPIRED, ids=["no body", "body", "page"])
def test_a_refused_token_is_renewed_once_for_all_and_each_request_sent_again(expired: httpx.Response) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        old = request.headers["Authorization"] == f"Bearer {TOKEN}1"
        return expired if old else httpx.Response(201, json={"statusCode": 201})

    service, told = Service(answer), []

    async def before_resend(came: Answer) -> None:
        told.append(came.status)

    async def main() -> None:
        client = service.client()
        answers = await asyncio.gather(*(client.send(b"{}", before_resend) for _ in range(8)))
        assert [isinstance(each, Answer) and each.status for each in answers] == [201] * 8

    asyncio.run(main())
    assert (service.sign_ins, len(told)) == (2, len(service.asked) - 2 - 8)
    assert set(told) == {expired.status_code}


@pytest.mark.parametrize("expired", EXPIRED, ids=["no body", "body", "page"])
def test_a_freshly_renewed_token_that_is_refused_is_the_end_for_all(expired: httpx.Response) -> None:
    service = Service(lambda _: expired)

    async def main() -> None:
        client = service.client()
        ends = await asyncio.gather(*(client.send(b"{}") for _ in range(8)), return_exceptions=True)
        ends += await asyncio.gather(client.send(b"{}"), return_exceptions=True)
        assert all(isinstance(end, SignInError) and "just renewed" in str(end) for end in ends)

    asyncio.run(main())
    assert service.sign_ins == 2


def test_a_request_whose_tokens_are_refused_while_others_are_accepted_ends() -> None:
    accepted = httpx.Response(201, json={"statusCode": 201})
    service = Service(lambda request: accepted if request.content == b"good" else httpx.Response(401))

    async def main() -> None:
        client = service.client()

        async def others_go_through(_answer: Answer) -> None:
            await client.send(b"good")

        answer = await client.send(b"bad", others_go_through)
        assert isinstance(answer, Answer)
        assert answer.status == 401

    asyncio.run(main())
    assert service.sign_ins == 8


def test_a_sign_in_whose_answer_breaks_off_is_a_trouble_and_no_refusal() -> None:
    service = Service(identity=streaming(200, broken))
    assert asyncio.run(service.client().send(b"{}")) == NoAnswer(
        TransportError.SIGN_IN, "the identity service's answer broke off"
    )


def test_a_token_that_was_accepted_in_between_may_be_refused_again() -> None:
    expired = iter([False, True] * 4)
    service = Service(lambda _: httpx.Response(401) if next(expired, False) else httpx.Response(201))

    async def main() -> None:
        client = service.client()
        for sign_ins in range(1, 5):
            await client.send(b"{}")
            assert service.sign_ins == sign_ins

    asyncio.run(main())


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(400, json={"error": f"no {SECRET}", "error_description": f"bad {SECRET}"}),
        httpx.Response(401),
        httpx.Response(307, headers={"Location": "https://evil.example/token"}),
        httpx.Response(200, json={"access_token": "abc", "token_type": "mac"}),
        httpx.Response(200, json={"error": "invalid_client", "error_description": f"bad {SECRET}"}),
        httpx.Response(404, content=b"<html>"),
    ],
)
def test_a_refused_sign_in_is_an_error_without_the_secret_and_follows_no_redirect(
    answer: httpx.Response,
) -> None:
    service = Service(identity=lambda _: answer)
    with pytest.raises(SignInError) as caught:
        asyncio.run(service.client().send(b"{}"))
    assert len(service.asked) == 1
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_refused_sign_in_is_not_tried_by_every_worker() -> None:
    service = Service(identity=lambda _: httpx.Response(400, json={"error": "invalid_client"}))

    async def main() -> None:
        client = service.client()
        ends = await asyncio.gather(*(client.send(b"{}") for _ in range(8)), return_exceptions=True)
        assert all(isinstance(end, SignInError) for end in ends)

    asyncio.run(main())
    assert service.sign_ins == 1


@pytest.mark.parametrize("life", ["3600", 1, 0.5, 0, -1, None, True, "soon", 1e30, [1]])
def test_any_life_of_a_token_can_be_worked_with(life: object) -> None:
    service = Service(identity=lambda _: grant("abc", life))
    assert isinstance(asyncio.run(service.client().send(b"{}")), Answer)


def test_an_identity_service_in_trouble_is_a_trouble_of_its_own() -> None:
    service = Service(identity=lambda _: httpx.Response(503, headers={"Retry-After": "5"}))
    answer = asyncio.run(service.client().send(b"{}"))
    assert answer == NoAnswer(TransportError.SIGN_IN, "the identity service answers 503", 5.0)


GARBAGE = {
    "a page": httpx.Response(200, html=f"<html>Log in, {SECRET}</html>"),
    "no body": httpx.Response(200, content=b""),
    "204": httpx.Response(204),
    "202": httpx.Response(202, json={"access_token": "abc", "token_type": "Bearer"}),
    "cut": httpx.Response(200, content=b'{"access_token": "Canary-tok'),
    "a list": httpx.Response(200, json=[]),
    "null": httpx.Response(200, json=None),
    "no token": httpx.Response(200, json={"token_type": "Bearer", "expires_in": 3600}),
    "a number": httpx.Response(200, json={"access_token": 17}),
    "an object": httpx.Response(200, json={"access_token": {"value": "abc"}}),
    "an empty token": httpx.Response(200, json={"access_token": ""}),
    "a blank in it": httpx.Response(200, json={"access_token": "a b"}),
    "a header in it": httpx.Response(200, json={"access_token": "a\r\nX-Evil: 1"}),
    "no kind": httpx.Response(200, json={"access_token": "abc", "token_type": None}),
    "a kind of another type": httpx.Response(200, json={"access_token": "abc", "token_type": 7}),
    "not UTF-8": httpx.Response(200, content=b'{"access_token": "\xff"}'),
    "another error": httpx.Response(200, json={"error": "boom"}),
    "server_error": httpx.Response(400, json={"error": "server_error"}),
    "temporarily_unavailable": httpx.Response(400, json={"error": "temporarily_unavailable"}),
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
def test_an_answer_that_is_neither_a_token_nor_a_refusal_is_a_trouble_that_may_pass(
    answer: httpx.Response,
) -> None:
    answers = iter([answer])
    service = Service(identity=lambda _: next(answers, None) or grant("abc"))

    async def main() -> None:
        client = service.client()
        trouble = await client.send(b"{}")
        assert isinstance(trouble, NoAnswer)
        assert trouble.error is TransportError.SIGN_IN
        assert f"the identity service answers {answer.status_code}" in trouble.detail
        assert SECRET not in trouble.detail
        assert "Canary" not in trouble.detail
        assert isinstance(await client.send(b"{}"), Answer)

    asyncio.run(main())
