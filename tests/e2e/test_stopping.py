"""Stopping a run by signals: the first drains, the second stops at once, and both go on from there."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from opusmap import load_mapping
from opusmap.emulator.server import served
from opusmap.rehearsal import make_emulator

CONTRACTS = Path(__file__).resolve().parents[2] / "mappings" / "contracts"
OPUSMAP = (sys.executable, "-c", "import sys; from opusmap.cli import main; sys.exit(main())")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals to a process")


@pytest.fixture
def register(tmp_path):
    for name in ("mapping.yaml", "contracts.connection.json", "staff.csv"):
        (tmp_path / name).write_bytes((CONTRACTS / name).read_bytes())
    lines = (CONTRACTS / "contracts.csv").read_bytes().splitlines(keepends=True)
    (tmp_path / "contracts.csv").write_bytes(b"".join(lines[:300]))
    return tmp_path


class Running:
    """A submission under way, its standard error read as it comes."""

    def __init__(self, folder, url):
        settings = {
            "OPUSMAP_BASE_URL": url,
            "OPUSMAP_TOKEN_URL": f"{url}/connect/token",
            "OPUSMAP_CLIENT_ID": "c",
            "OPUSMAP_CLIENT_SECRET": "s",
        }
        self.process = subprocess.Popen(
            [*OPUSMAP, "submit", "mapping.yaml", "--json", "--concurrency", "1"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", **settings},
        )
        self.lines = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with self.process.stderr as stream:
            for line in stream:
                self.lines.put(line)

    def wait_for(self, words):
        while words not in (line := self.lines.get(timeout=60)):
            pass
        return line

    def end(self):
        with self.process.stdout as stream:
            out = stream.read()
        self._reader.join(60)
        return self.process.wait(60), json.loads(out) if out else None


@pytest.mark.parametrize(
    "signals", [["SIGTERM"], ["SIGINT"], ["SIGINT", "SIGINT"], ["SIGTERM", "SIGINT"], ["SIGTERM", "SIGTERM"]]
)
def test_a_stopped_run_ends_with_4_and_the_same_command_goes_on(signals, register):
    emulator = make_emulator(load_mapping(register / "mapping.yaml"), "c", "s")
    with served(emulator) as url:
        running = Running(register, url)
        seen = []

        def interrupt(request):
            """At the third batch: send the signals, each when the one before has shown its effect."""
            seen.extend(request.keys)
            if len(seen) == 45:
                for place, name in enumerate(signals):
                    running.process.send_signal(getattr(signal, name))
                    running.wait_for("stopped at once" if place else "stopping:")

        emulator.faults = interrupt
        code, report = running.end()
        assert code == 4
        assert len(seen) == 45, "nothing new was sent"
        if len(signals) == 1:
            assert report["submitted"] == 45
            assert "run the same command again" in report["stopped"]
            assert "run the same command again" in "".join(running.lines.queue)
        else:
            assert report is None
        emulator.faults = None
        code, report = Running(register, url).end()
        assert (code, report["stopped"], report["failed"]) == (1, None, 0)
        assert report["unchanged"] >= (45 if len(signals) == 1 else 30)
        assert report["unchanged"] + report["submitted"] == len(emulator.records) == report["mapped"]
