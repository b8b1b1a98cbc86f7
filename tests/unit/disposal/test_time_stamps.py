"""Time stamps of certificates: a real authority on this machine, one that misbehaves, and none at all."""

from __future__ import annotations

import json
import shutil
import sys
import time
from base64 import b64encode
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path

import pytest

pytest.importorskip("asn1crypto", reason="the extra `timestamp` is not installed")
pytest.importorskip("cryptography", "45", reason="the extra `timestamp` is not installed")

from cryptography.hazmat.primitives.serialization import Encoding
from time_stamp_authority import OPENSSL, Answer, Openssl, open_authority

from opusmap.disposal.destruction_certificate import write_certificate
from opusmap.disposal.destruction_plan import read_plan_file
from opusmap.disposal.executing import list_states
from opusmap.disposal.time_stamps import LIMIT, load_authority, request_time_stamp, write_time_stamp
from opusmap.errors import SettingsError
from opusmap.journal import open_journal

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="there is no OpenSSL here")
NOT_CHECKED = "whether it is trusted was not checked, since OPUSMAP_TIMESTAMP_CA is not set"


@pytest.fixture(scope="module")
def openssl(tmp_path_factory):
    return Openssl(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(openssl):
    with open_authority(openssl) as opened:
        yield opened


@pytest.fixture
def data(tmp_path):
    """A file to be stamped."""
    path = tmp_path / "d.json"
    path.write_bytes(b"{}\n")
    return path


def stamp(server, data, **options):
    authority = load_authority({"OPUSMAP_TIMESTAMP_URL": server.url})
    return write_time_stamp(request_time_stamp(authority, data, data.read_bytes(), time.time(), **options))


def test_a_certificate_is_stamped_and_openssl_confirms_what_opusmap_verifies(
    certified, server, openssl, monkeypatch
):
    monkeypatch.setenv("OPUSMAP_TIMESTAMP_URL", server.url)
    ended = certified.run("destroy", "certificate", "plan.json", "-o", "s", "--json")
    assert (ended.code, ended.json["time_stamp_problem"]) == (0, None), ended.err
    found = ended.json["time_stamp"]
    assert (found["file"], found["trusted"], found["by"][:9]) == ("s.tsr", False, "CN=Stamps")
    assert abs(datetime.fromisoformat(found["time"]).timestamp() - time.time()) < 60
    assert openssl.confirms(Path("s.json"), Path("s.tsr"))
    host = server.url.removeprefix("http://").removesuffix("/tsr")
    assert f"The time-stamp authority {host} was then asked" in Path("s.html").read_text("utf-8")
    monkeypatch.delenv("OPUSMAP_TIMESTAMP_URL")  # a verifier needs no network
    seen = len(server.seen)
    for name in ("s.html", "s.json"):
        ended = certified.run("destroy", "verify", name)
        assert (ended.code, NOT_CHECKED in ended.err) == (0, True), ended.err
    monkeypatch.setenv("OPUSMAP_TIMESTAMP_CA", str(openssl.path("root")))
    ended = certified.run("destroy", "verify", "s.html", "--json")
    assert (ended.code, ended.json["time_stamp"].pop("trusted")) == (0, True)
    assert ended.json["time_stamp"].items() <= {**found, "trusted": True}.items()
    assert f"trusted by {openssl.path('root')}" in certified.run("destroy", "verify", "s.html").err
    monkeypatch.setenv("OPUSMAP_TIMESTAMP_CA", str(openssl.path("other")))
    ended = certified.run("destroy", "verify", "s.html")
    assert (ended.code, "s.tsr: the certificate that signed it does not lead to" in ended.err) == (2, True)
    assert not openssl.confirms(Path("s.json"), Path("s.tsr"), "other")
    monkeypatch.setenv("OPUSMAP_TIMESTAMP_CA", "absent.pem")
    assert "absent.pem: the file can't be read" in certified.run("destroy", "verify", "s.html").err
    assert len(server.seen) == seen


def test_an_edit_that_no_hash_covers_is_seen_by_the_time_stamp(certified, server, openssl, monkeypatch):
    monkeypatch.setenv("OPUSMAP_TIMESTAMP_URL", server.url)
    certified.run("destroy", "certificate", "plan.json", "-o", "s")
    path = Path("s.json")
    path.write_bytes(path.read_bytes().replace(b'"format"', b'"extra": 1, "format"', 1))
    ended = certified.run("destroy", "verify", "s.json")
    assert (ended.code, "the time stamp s.tsr: it belongs to another file" in ended.err) == (2, True)
    assert not openssl.confirms(path, Path("s.tsr"))
    shutil.copy("c.json", "s.json")
    shutil.copy("c.html", "s.html")
    ended = certified.run("destroy", "verify", "s.html")
    assert (ended.code, "the time stamp s.tsr: it belongs to another file" in ended.err) == (2, True)
    Path("s.tsr").unlink()
    ended = certified.run("destroy", "verify", "s.html")
    assert (ended.code, "there is no time stamp s.tsr" in ended.err) == (0, True)


def test_without_an_answer_a_certificate_is_written_unless_that_would_replace_one_with_a_time_stamp(
    certified, server, monkeypatch
):
    monkeypatch.setenv("OPUSMAP_TIMESTAMP_URL", server.url)
    good = server.answer
    server.answer = lambda _: Answer([b""], status=503)
    words = ("destroy", "certificate", "plan.json", "-o", "s")
    ended = certified.run(*words, "-q")
    assert (ended.code, Path("s.tsr").exists()) == (1, False)
    assert "s.json has no time stamp: 127.0.0.1:" in ended.err
    assert "it answered with HTTP status 503" in ended.err
    assert certified.run("destroy", "verify", "s.html").code == 0
    server.answer = good
    ended = certified.run(*words)
    assert (ended.code, "time stamp: s.tsr: it existed at " in ended.err) == (0, True), ended.err
    server.answer = lambda _: Answer([b""], status=503)
    before = {path: path.read_bytes() for path in Path().glob("s.*")}
    ended = certified.run(*words, "--json")
    assert (ended.code, ended.json["time_stamp"]) == (1, None)
    assert ended.json["time_stamp_problem"].endswith("it answered with HTTP status 503")
    assert "s.html and s.json stay as they are, because they have a time stamp" in ended.err
    assert {path: path.read_bytes() for path in Path().glob("s.*")} == before
    assert len(before) == 3
    ended = certified.run("destroy", "verify", "s.html")
    assert (ended.code, "s.tsr: it existed at" in ended.err) == (0, True)


def test_a_time_stamp_goes_with_its_certificate_even_if_no_other_is_asked_for(certified, server, monkeypatch):
    monkeypatch.setenv("OPUSMAP_TIMESTAMP_URL", server.url)
    certified.run("destroy", "certificate", "plan.json", "-o", "s")
    monkeypatch.delenv("OPUSMAP_TIMESTAMP_URL")
    ended = certified.run("destroy", "certificate", "plan.json", "-o", "s")
    assert (ended.code, Path("s.tsr").exists()) == (0, False)
    assert "s.tsr was removed" in ended.err
    assert certified.run("destroy", "verify", "s.html").code == 0


def test_a_clock_that_was_ahead_of_the_authority_is_found(server, data):
    authority = load_authority({"OPUSMAP_TIMESTAMP_URL": server.url})
    now = time.time()
    assert request_time_stamp(authority, data, b"{}", now + 50).stamp
    ended = request_time_stamp(authority, data, b"{}", now + 7200)
    assert "7,1" in ended.problem or "7,2" in ended.problem
    assert "seconds after the time stamp" in ended.problem
    assert not ended.path.exists()


def test_a_machine_that_was_ahead_is_found_by_those_who_verify(certified, server, monkeypatch):
    file = read_plan_file("plan.json")
    with open_journal("opusmap-journal.db") as journal:
        states = list_states(file.plan, journal, file.sha256)
    _, data, _ = write_certificate(file, states, "s", time.time() + 7200)
    assert stamp(server, Path(data)).stamp
    ended = certified.run("destroy", "verify", "s.html")
    assert (ended.code, "seconds after the time stamp" in ended.err) == (2, True)


def drip(server):
    """One byte at a time, for ever."""
    while not server.ended.wait(0.02):
        yield b"0"


MISBEHAVIOUR = {
    "html": (lambda _: Answer([b"<html>Sign in"], "text/html; charset=utf-8"), "it answered with text/html"),
    "refusal": (lambda _: Answer([b""], status=403), "HTTP status 403"),
    "nothing": (lambda _: Answer([b""]), "it can't be read as a time stamp"),
    "endless": (lambda _: Answer(repeat(b"0" * 65536, 1 << 14)), f"the answer has more than {LIMIT:,} bytes"),
    "unpacked": (lambda _: Answer([b"0"], headers={"Content-Encoding": "gzip"}), "it can't be read"),
}


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_an_answer_that_is_none_is_told_and_not_kept(server, data, name):
    server.answer, words = MISBEHAVIOUR[name]
    ended = stamp(server, data)
    assert words in ended.problem
    assert ended.stamp is None
    assert [each.name for each in data.parent.iterdir()] == ["d.json"]


def test_an_answer_that_never_ends_is_not_waited_for(server, data):
    server.answer = lambda _: Answer(drip(server))
    began = time.monotonic()
    assert "no answer" in stamp(server, data, seconds=0.3).problem
    assert time.monotonic() - began < 5


def test_a_redirect_is_not_followed(server, data):
    server.answer = lambda _: Answer([b""], status=302, headers={"Location": "/elsewhere"})
    assert stamp(server, data).problem.endswith("it answered with HTTP status 302")
    assert server.seen == ["/tsr"]


def test_an_authority_that_is_not_there_is_told(server, data):
    with open_closed() as url:
        authority = load_authority({"OPUSMAP_TIMESTAMP_URL": url})
        ended = request_time_stamp(authority, data, b"{}", time.time())
    assert "can't connect" in ended.problem


@contextmanager
def open_closed():
    """The address of a port that nothing listens at."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/tsr"


def test_a_token_of_an_earlier_request_is_not_taken_for_an_answer(server, openssl, data):
    kept = []

    def replay(query):
        kept.append(openssl.reply(query))
        return Answer([kept[0]])

    server.answer = replay
    assert stamp(server, data).stamp
    assert "its nonce differs" in stamp(server, data).problem


def test_an_answer_of_an_authority_that_is_not_trusted_is_not_kept(server, openssl, data):
    for root, problem in (("root", ""), ("other", "does not lead to one in")):
        variables = {"OPUSMAP_TIMESTAMP_URL": server.url, "OPUSMAP_TIMESTAMP_CA": str(openssl.path(root))}
        found = request_time_stamp(load_authority(variables), data, data.read_bytes(), time.time())
        assert (found.stamp is None, problem in found.problem) == (bool(problem), True)
        assert write_time_stamp(found).path.exists() is (not problem)


def test_an_odd_certificate_among_the_trusted_ones_is_told(openssl, data):
    der = openssl.certificates["root"].public_bytes(Encoding.DER)
    odd = der.replace(b"\x02\x01\x02\x02", b"\x02\x01\x07\x02", 1)  # a version 8
    data.write_text(f"-----BEGIN CERTIFICATE-----\n{b64encode(odd).decode()}\n-----END CERTIFICATE-----\n")
    given = {"OPUSMAP_TIMESTAMP_URL": "https://x.example/tsr", "OPUSMAP_TIMESTAMP_CA": str(data)}
    with pytest.raises(SettingsError, match="or has one that can't be read"):
        load_authority(given)


def test_what_the_authority_says_is_printed_without_the_characters_that_a_terminal_acts_on(
    certified, server, monkeypatch
):
    from asn1crypto.tsp import PKIStatusInfo

    status = PKIStatusInfo({"status": "rejection", "status_string": ["\x1b[31mno", "x" * 5000]}).dump()
    refusal = b"\x30\x82" + len(status).to_bytes(2, "big") + status
    server.answer = lambda _: Answer([refusal])
    monkeypatch.setenv("OPUSMAP_TIMESTAMP_URL", server.url)
    ended = certified.run("destroy", "certificate", "plan.json", "-o", "s")
    assert "the authority refused it: rejection" in ended.err
    assert "\x1b" not in ended.err
    assert "x" * 300 not in ended.err


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"OPUSMAP_TIMESTAMP_URL": "http://stamps.example/tsr"}, "only https is accepted"),
        ({"OPUSMAP_TIMESTAMP_URL": "https://user:pw@stamps.example/tsr"}, "user info"),
        (
            {"OPUSMAP_TIMESTAMP_URL": "https://x.example/tsr", "OPUSMAP_TIMESTAMP_CA": "no.pem"},
            "no such file",
        ),
        ({"OPUSMAP_TIMESTAMP_URL": "https://x.example/tsr", "OPUSMAP_TIMESTAMP_CA": "d.json"}, "in PEM"),
    ],
)
def test_a_wrong_setting_is_told_before_anything_is_written(data, monkeypatch, variables, words):
    monkeypatch.chdir(data.parent)
    with pytest.raises(SettingsError) as caught:
        load_authority(variables)
    assert words.casefold() in str(caught.value).casefold()


def test_a_schema_s_reader_finds_nothing_new_in_a_stamped_certificate(certified, server, monkeypatch):
    monkeypatch.setenv("OPUSMAP_TIMESTAMP_URL", server.url)
    certified.run("destroy", "certificate", "plan.json", "-o", "s")
    stamped, plain = (json.loads(Path(name).read_text("utf-8")) for name in ("s.json", "c.json"))
    assert stamped.keys() == plain.keys()
    assert stamped["certificate"].keys() == plain["certificate"].keys()
    assert datetime.fromisoformat(stamped["certificate"]["made"]).tzinfo == UTC


@pytest.mark.parametrize("package", ["asn1crypto", "cryptography.x509.verification"])
def test_without_the_extra_it_is_named_before_anything_is_written(certified, server, monkeypatch, package):
    Path("c.tsr").write_bytes(b"0")
    monkeypatch.setitem(sys.modules, package, None)
    ended = certified.run("destroy", "verify", "c.html")
    assert (ended.code, "c.tsr: time stamps need asn1crypto" in ended.err) == (2, True)
    assert "install the extra `timestamp`" in ended.err
    monkeypatch.setenv("OPUSMAP_TIMESTAMP_URL", server.url)
    ended = certified.run("destroy", "certificate", "plan.json", "-o", "s")
    assert (ended.code, "OPUSMAP_TIMESTAMP_URL: time stamps need" in ended.err) == (2, True)
    assert not Path("s.html").exists()
