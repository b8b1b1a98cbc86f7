"""A real PostgreSQL for tests: in a folder of its own, on a socket and a free port of this machine alone."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "pg-password-planted"
"""Of the user `opus`, by the port alone; the socket asks for none."""


@dataclass
class Server:
    """A server that runs; `folder` is that of its socket."""

    folder: str
    port: int
    as_user: list[str]
    options: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def make_database(self) -> str:
        """Make an empty database; return its address, by the socket."""
        import psycopg

        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.address(name)

    def address(self, database: str) -> str:
        return f"postgresql://opus@/{database}?host={self.folder}&port={self.port}"

    def by_port(self, address: str) -> str:
        """Return the address of the same database by the port, which asks for the password."""
        name = address.partition("@/")[2].partition("?")[0]
        return f"postgresql://opus@127.0.0.1:{self.port}/{name}"

    def restart(self, *settings: str) -> None:
        """End the server as a crash does, and start it again."""
        self.control("restart", "-m", "immediate", *settings)

    def stop(self) -> None:
        self.control("stop", "-m", "immediate")

    def start(self) -> None:
        self.control("start")

    def control(self, what: str, *more: str) -> None:
        options = () if what == "stop" else ("-l", f"{self.folder}/log", "-o", self.options)
        self.run(_find("pg_ctl"), "-D", f"{self.folder}/data", "-w", *options, what, *more)

    def run(self, *command: str) -> None:
        done = subprocess.run(
            [*self.as_user, *command], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def log(self) -> str:
        return Path(self.folder, "log").read_text("utf-8")


def empty_database(address: str) -> None:
    """Remove the journal that a database has, if it has one."""
    execute(address, "DROP SCHEMA IF EXISTS opusmap CASCADE")


def cut_off(address: str) -> None:
    """End all connections to a database, as the end of their processes, or of the server, does."""
    execute(
        address,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


def let_leases_run_out(address: str) -> None:
    """Let the leases of processes that are gone run out now, and not in 30 seconds."""
    execute(address, "UPDATE opusmap.leases SET expires = 0 WHERE expires IS NOT NULL")


def fill_disk(address: str) -> None:
    """Refuse each new request in a journal by the code of a full disk (53100), as the server then does."""
    execute(
        address,
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$",
    )
    trigger = "TRIGGER no_room BEFORE INSERT ON opusmap.requests"
    execute(address, f"CREATE {trigger} FOR EACH ROW EXECUTE FUNCTION no_room()")


def free_disk(address: str) -> None:
    """Take back what `fill_disk` did."""
    execute(address, "DROP TRIGGER no_room ON opusmap.requests")


def execute(address: str, query: str) -> list[tuple[Any, ...]]:
    """Execute a statement; return its rows."""
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        cursor = connection.execute(query)
        return [] if cursor.description is None else cursor.fetchall()


def _find(name: str) -> str:
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(places[-1]) if places else shutil.which(name)
    if found is None:
        pytest.skip("PostgreSQL's server is not installed (Debian's package postgresql)")
    return found


@contextmanager
def run_server() -> Iterator[Server]:
    """Run an empty server. What it calls durable outlives its own end, but no power cut: that is quicker."""
    pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
    initdb, _ = _find("initdb"), _find("pg_ctl")
    # A socket's path must be short, and another user must get there: pytest's own folders are neither.
    with tempfile.TemporaryDirectory(prefix="opusmap-pg-") as folder:
        as_user = []
        if hasattr(os, "getuid") and os.getuid() == 0:  # PostgreSQL refuses to run as root
            if shutil.which("setpriv") is None:
                pytest.skip("PostgreSQL does not run as root, and there is no setpriv to be somebody else")
            as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            os.chown(folder, 65534, 65534)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='{folder}' -c fsync=off"
        )
        server = Server(folder, port, as_user, options)
        secret = Path(folder, "password")
        secret.write_text(PASSWORD, "utf-8")
        secret.chmod(0o644)
        auth = ("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={secret}")
        server.run(initdb, "-D", f"{folder}/data", "-U", "opus", *auth, "--no-sync", "-E", "UTF8")
        secret.unlink()
        server.start()
        try:
            yield server
        finally:
            server.stop()
