"""A planted secret, a password, tokens and assertions are searched for in everything that runs write: 0 hits.

The Opus here is as careless as one can be: it repeats what it was sent in each kind of answer.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from certificates import make_certificate, make_key, public_pem, write_pfx
from opusmap_program import MAIN, environment_of, run_opusmap

from opusmap import load_mapping
from opusmap.emulator import TOKEN_PATH, Client
from opusmap.emulator.server import served
from opusmap.journal import open_journal
from opusmap.run.rehearsal import make_emulator

CONTRACTS = Path(__file__).resolve().parents[2] / "mappings" / "contracts"
BUG = """
from opusmap.opus.client import OpusClient
async def broken(self, response): raise RuntimeError("a bug of ours")
OpusClient._read = broken
"""

SECRET = 'Planted-secret-7f3a é"/+&='
PASSWORD = "Planted-password-91cc"
CORES = ["Planted-secret-7f3a", "Planted-password-91cc"]  # what is left of them in any spelling
KEY = make_key()
CERTIFICATE = make_certificate(KEY)


class Careless:
    """An Opus that repeats tokens, secrets and assertions wherever it can, and fails in turns."""

    def __init__(self, mapping):
        self.emulator = make_emulator(load_mapping(mapping), Client("c", SECRET, public_pem(CERTIFICATE)))
        self.secrets = list(CORES)
        self.on_records = lambda: None
        self._right = self.emulator.answer
        self._count = 0
        self._refused = ""  # the token; a second one that is refused would end the run
        self.emulator.answer = self.answer

    def answer(self, request):
        answer = self._right(request)
        if request.path == TOKEN_PATH:
            return self._repeat_form(request, answer)
        if request.method != "POST":
            return answer
        self.on_records()
        return self._repeat_token(request, answer)

    def _repeat_form(self, request, answer):
        form = parse_qs(request.body.decode())
        self.secrets += form.get("client_assertion", [])
        if answer.status == 200:
            self.secrets.append(json.loads(answer.body)["access_token"])
            return answer
        said = f"{form} {request.body.decode()}"
        return replace(
            answer, body=json.dumps({"error": "invalid_client", "error_description": said}).encode()
        )

    def _repeat_token(self, request, answer):
        self._count += 1
        token = request.headers["authorization"]
        keys = [record["rowKey"] for record in json.loads(request.body)["data"]]
        said = {
            "statusCode": 418,
            "message": token,
            "failedItems": [{"key": keys[0], "error": f"no: {token}"}],
        }
        status = {1: 418, 2: 503, 3: 401, 4: 400}.get(self._count % 5) if len(keys) > 1 else None
        if status == 401:
            self._refused = self._refused or token
        if status is None or (status == 401 and token != self._refused):
            return answer
        if status != 418:
            said = {"statusCode": status, "message": f"not with {token}"}
        return replace(answer, status=status, body=json.dumps(said).encode())


@pytest.fixture
def register(tmp_path):
    for name in ("mapping.yaml", "contracts.connection.json", "staff.csv"):
        (tmp_path / name).write_bytes((CONTRACTS / name).read_bytes())
    lines = (CONTRACTS / "contracts.csv").read_bytes().splitlines(keepends=True)
    (tmp_path / "contracts.csv").write_bytes(b"".join(lines[:120]))
    return tmp_path


@pytest.fixture
def opus(register):
    careless = Careless(register / "mapping.yaml")
    with served(careless.emulator) as url:
        yield careless, url


def start(folder, url, *args, program=MAIN, **settings):
    return subprocess.Popen(
        [sys.executable, "-c", program, *args],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment_of(url, **{"OPUSMAP_CLIENT_SECRET": None} | settings),
    )


def run(folder, url, *args, **settings):
    env = environment_of(url, **{"OPUSMAP_CLIENT_SECRET": None} | settings)
    ended = run_opusmap(*args, cwd=folder, env=env)
    return ended.returncode, (ended.stdout + ended.stderr).encode()


def search(careless, folder, *shown):
    """Return where anything secret stands: in what was shown, in any file, or packed in a journal."""
    texts = dict(enumerate(shown))
    texts |= {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for path in folder.rglob("*.db"):
        with open_journal(path) as journal:
            evidence = [journal.evidence(run) for run in journal.runs()]
        texts[f"evidence of {path.name}"] = json.dumps(evidence, ensure_ascii=False).encode()
    assert len(careless.secrets) > len(CORES)
    return [
        (name, secret)
        for name, text in texts.items()
        for secret in careless.secrets
        if secret.encode() in text
    ]


def test_the_search_finds_what_it_looks_for(register, opus):
    careless, _ = opus
    careless.secrets.append("a token")
    (register / "log").write_bytes(b"Bearer a token")
    assert search(careless, register, CORES[0].encode()) == [(0, CORES[0]), ("log", "a token")]


@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_secret_shows_whatever_opus_repeats(form, register, opus, monkeypatch):
    careless, url = opus
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    by = {"OPUSMAP_CLIENT_SECRET": SECRET}
    args = ("mapping.yaml", "-vv", "--log-format", form, "--concurrency", "3")
    code, shown = run(register, url, "submit", *args, **by)
    assert code == 1
    assert b"not with Bearer ***" in shown, "the token was repeated, and hidden"
    rejects = (register / "mapping.run-1.rejects.csv").read_bytes()
    assert b"no: Bearer ***" in rejects
    _, told = run(register, url, "report", "1", "--json")
    _, page = run(register, url, "report", "1", "--html", "run.html")
    _, retried = run(register, url, "retry", *args, **by)
    _, proved = run(register, url, "check", "mapping.yaml", "--online", "-vv", **by)
    assert b"no: Bearer ***" in told
    assert search(careless, register, shown, retried, told, page, proved) == []


def test_nothing_secret_shows_when_the_sign_in_is_refused(register, opus):
    careless, url = opus
    careless.secrets.append("Planted-wrong-5d")
    by = {"OPUSMAP_CLIENT_SECRET": SECRET.replace("secret-7f3a", "wrong-5d")}
    code, shown = run(register, url, "submit", "mapping.yaml", "-vv", **by)
    assert (code, b"invalid_client" in shown) == (3, True)
    assert search(careless, register, shown) == []


def test_nothing_secret_shows_when_a_certificate_signs_in(register, opus, tmp_path_factory):
    careless, url = opus
    path = write_pfx(tmp_path_factory.mktemp("keys") / "app.pfx", KEY, CERTIFICATE, PASSWORD)
    by = {"OPUSMAP_CERTIFICATE": str(path), "OPUSMAP_CERTIFICATE_PASSWORD": PASSWORD}
    code, shown = run(register, url, "submit", "mapping.yaml", "-vv", **by)
    assert code == 1
    wrong, refused = run(
        register, url, "submit", "mapping.yaml", "-vv", **{**by, "OPUSMAP_CERTIFICATE_PASSWORD": CORES[0]}
    )
    other = write_pfx(
        path.parent / "other.pfx", make_key("other"), make_certificate(make_key("other")), PASSWORD
    )
    unknown, told = run(
        register, url, "submit", "mapping.yaml", "-vv", **{**by, "OPUSMAP_CERTIFICATE": str(other)}
    )
    assert (wrong, unknown) == (2, 3)
    assert search(careless, register, shown, refused, told) == []
    assert b"PRIVATE KEY" not in shown + refused + told


@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_secret_shows_in_the_traceback_of_a_bug(form, register, opus):
    careless, url = opus
    args = ("submit", "mapping.yaml", "-vv", "--log-format", form)
    broken = start(register, url, *args, program=BUG + MAIN, OPUSMAP_CLIENT_SECRET=SECRET)
    shown = b"".join(broken.communicate(timeout=120))
    assert broken.returncode == 70
    assert b"a bug of ours" in shown
    assert b"Traceback" in shown
    _, more = run(register, url, *args, OPUSMAP_CLIENT_SECRET=SECRET)
    assert search(careless, register, shown, more) == []


def test_nothing_secret_is_left_by_a_killed_run(register, opus):
    careless, url = opus
    process = start(register, url, "submit", "mapping.yaml", "-vv", OPUSMAP_CLIENT_SECRET=SECRET)
    seen = []

    def kill_at_the_fourth():
        seen.append(1)
        if len(seen) == 4:
            process.kill()

    careless.on_records = kill_at_the_fourth
    out, err = process.communicate(timeout=120)
    assert process.returncode not in (0, 1)
    assert (register / "opusmap-journal.db-wal").stat().st_size > 0
    assert search(careless, register, out, err) == []
