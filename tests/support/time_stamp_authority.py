"""A real time-stamp authority: `openssl ts -reply` behind a small HTTP server, with its own certificates."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from certificates import make_key, write_pem
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID


def _find_openssl() -> str | None:
    """Return the program, unless it is LibreSSL's, which makes other time stamps."""
    found = shutil.which("openssl")
    if found is None:
        return None
    said = subprocess.run([found, "version"], check=False, capture_output=True, text=True).stdout
    return found if said.startswith("OpenSSL ") else None


OPENSSL = _find_openssl()
DAY = timedelta(days=1)
STAMPS = (ExtendedKeyUsageOID.TIME_STAMPING,)
CONFIG = """[tsa]
default_tsa = one
[one]
serial = {folder}/serial
crypto_device = builtin
signer_key = {folder}/{key}.key
signer_digest = {digest}
default_policy = 1.2.3.4.1
digests = {digests}
accuracy = secs:1
tsa_name = yes
ess_cert_id_alg = {names}
{chain}
"""


def issue(
    name: str,
    key: Any,
    issuer: str,
    issuer_key: Any,
    *,
    begins: timedelta = -3 * DAY,
    ends: timedelta = DAY,
    uses: Iterable[x509.ObjectIdentifier] = (),
    critical: bool = True,
    may_sign: bool = True,
) -> x509.Certificate:
    """Return a certificate of a key; one without `uses` may issue others, with a key that may sign them."""
    now, is_issuer = datetime.now(UTC), not uses
    kinds = {
        each: each == ("key_cert_sign" if is_issuer and may_sign else "digital_signature")
        for each in (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
            *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        )
    }
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=is_issuer, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**kinds), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())


@dataclass
class Openssl:
    """Files of an authority in a folder, and what openssl makes and says with them.

    `root.pem` is a root that issued `issuing.pem`, which issued the rest: `tsa.pem` and `ec.pem` are as they
    should be, the others are not: `expired.pem`, `early.pem`, and of a signer with the same key `web.pem`,
    `both.pem` and `lax.pem`.
    """

    folder: Path
    keys: dict[str, Any] = field(default_factory=dict)
    certificates: dict[str, x509.Certificate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = {name: make_key(f"time stamps {name}", "ec") for name in ("root", "issuing", "ec")}
        self.keys["tsa"] = make_key("time stamps tsa")
        root, issuing, tsa = (self.keys[name] for name in ("root", "issuing", "tsa"))
        web = ExtendedKeyUsageOID.CLIENT_AUTH
        made = {
            "root": issue("Root", root, "Root", root),
            "issuing": issue("Issuing", issuing, "Root", root),
            "other": issue(
                "Other root", make_key("other root", "ec"), "Other root", make_key("other root", "ec")
            ),
            "tsa": issue("Stamps", tsa, "Issuing", issuing, uses=STAMPS),
            "ec": issue("Stamps of P-256", self.keys["ec"], "Issuing", issuing, uses=STAMPS),
            "expired": issue("Expired", tsa, "Issuing", issuing, ends=-DAY, uses=STAMPS),
            "early": issue("Early", tsa, "Issuing", issuing, begins=DAY / 2, uses=STAMPS),
            "web": issue("Web", tsa, "Issuing", issuing, uses=[web]),
            "both": issue("Both", tsa, "Issuing", issuing, uses=[*STAMPS, web]),
            "lax": issue("Lax", tsa, "Issuing", issuing, uses=STAMPS, critical=False),
        }
        self.certificates = made
        for name, certificate in made.items():
            write_pem(self.path(name), None, certificate)
        for name in ("tsa", "ec"):
            write_pem(self.folder / f"{name}.key", self.keys[name])

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def reply(
        self,
        query: bytes,
        signer: str = "tsa",
        *,
        digest: str = "sha256",
        digests: str = "sha256, sha512",
        names: str = "sha256",
        chain: bool = True,
    ) -> bytes:
        """Return what openssl answers to a query."""
        assert OPENSSL is not None
        config, asked, answer = (self.folder / each for each in ("ts.cnf", "query.tsq", "answer.tsr"))
        certs = f"certs = {self.folder.as_posix()}/issuing.pem" if chain else ""
        key = "ec" if signer == "ec" else "tsa"
        values = {"key": key, "digest": digest, "digests": digests, "names": names, "chain": certs}
        config.write_text(CONFIG.format(folder=self.folder.as_posix(), **values), "utf-8")
        asked.write_bytes(query)
        words = ["-config", config, "-queryfile", asked, "-signer", self.path(signer), "-out", answer]
        subprocess.run(
            [OPENSSL, "ts", "-reply", *map(str, words)], check=True, capture_output=True, env=_env()
        )
        return answer.read_bytes()

    def confirms(self, data: Path, stamp: Path, root: str = "root") -> bool:
        """Return whether openssl itself says that a time stamp is one of this file."""
        assert OPENSSL is not None
        words = ["-data", data, "-in", stamp, "-CAfile", self.path(root)]
        done = subprocess.run(
            [OPENSSL, "ts", "-verify", *map(str, words)], check=False, capture_output=True, env=_env()
        )
        return done.returncode == 0


def _env() -> dict[str, str]:
    return {**os.environ, "OPENSSL_CONF": os.devnull}


@dataclass
class Answer:
    """What the server answers: parts of the content are written one after the other."""

    content: Iterable[bytes]
    kind: str = "application/timestamp-reply"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """An authority's server: `answer` is what it answers to a query, `seen` the paths that were asked for."""

    url: str
    answer: Callable[[bytes], Answer]
    seen: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)


@contextmanager
def open_authority(openssl: Openssl) -> Iterator[Server]:
    """Serve an authority on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            server.seen.append(self.path)
            query = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            answer = server.answer(query)
            with suppress(OSError):  # who asked may have hung up
                self.send_response(answer.status)
                for name, value in {"Content-Type": answer.kind, **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                for part in answer.content:
                    self.wfile.write(part)

        def do_GET(self) -> None:  # a redirect that is followed
            server.seen.append(self.path)

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{listener.server_address[1]}/tsr"
    server = Server(url, lambda query: Answer([openssl.reply(query)]))
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        listener.shutdown()
        thread.join()
        listener.server_close()
