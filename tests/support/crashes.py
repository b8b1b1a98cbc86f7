"""Real processes of the command line, killed at random moments and run again, against a service that counts.

Owns the service (a few lines of HTTP, so that none of the emulator's or the client's code judges itself), the
source that goes on changing, and what must hold in the end.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-c", "import sys; from opusmap.cli import main; sys.exit(main())")
CONNECTION = {
    "id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11",
    "data": [{"rowKey": "SingleText", "leafName": "SingleText"}],
}
MAPPING = "opusmap: 1\nconnection: c.json\nsource:\n  path: rows.csv\nfields:\n  rowKey: Key\n  Name: Name\n"
CONCURRENCY, BATCH = 8, 15
LATE_EFFECT_WINDOW = 0.3
"""Seconds; the service here is done with a request in far less."""


def _set_event() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass(slots=True)
class Counting:
    """What the service has seen: `held` by rowKey, `arrived` and `answered` by rowKey and Name.

    While `unpaused` is not set, it answers nothing: no process can be through before a test has begun.
    """

    url: str = ""
    held: dict[str, str] = field(default_factory=dict)
    arrived: Counter[tuple[str, str]] = field(default_factory=Counter)
    answered: set[tuple[str, str]] = field(default_factory=set)
    requests: int = 0
    unpaused: threading.Event = field(default_factory=_set_event)
    busy: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class Crashes:
    """What came of a number of kills."""

    kills: int = 0
    ended: int = 0  # processes that were through before their kill
    records: int = 0
    requests: int = 0
    resent: int = 0  # records sent again although they had arrived
    most_resent: int = 0  # of what one killed process had sent last, whenever it was sent again
    problems: list[str] = field(default_factory=list)

    @property
    def allowed(self) -> int:
        """Records that may be sent again after one kill."""
        return CONCURRENCY * BATCH


def live_through_crashes(kills: int, seed: int, folder: Path) -> Crashes:
    """Kill so many runs over a changing source, let the last one through, and hold it to what it promises."""
    draw, crashes = random.Random(f"crashes {seed}"), Crashes(records=1200)
    names = prepare(folder, crashes.records)
    last, owed, run = dict[tuple[str, str], int](), Counter[int](), 0
    with serve_counting(draw) as opus:
        while crashes.kills < kills:
            before = Counter(opus.arrived)
            through = _run_and_kill(folder, opus, draw)
            since, run = Counter(opus.arrived) - before, run + 1
            for pair, number in since.items():
                # Sent again, and so owed to the run that sent it last. What that one had on the wire when
                # it was killed may arrive only now.
                again = number - 1 + (pair in before)
                crashes.resent += again
                owed[last.get(pair, run - 1)] += again
                last[pair] = run
            crashes.most_resent = max(owed.values(), default=0)
            crashes.kills += not through
            crashes.ended += through
            if through or draw.random() < 0.3:
                share = 1.0 if through else draw.choice((0.01, 0.2))
                for key in draw.sample(list(names), int(share * len(names))):
                    head, _, version = names[key].rpartition("v")
                    names[key] = f"{head}v{int(version) + 1}"
                _write_source(folder, names)
        _check_end(folder, opus, names, crashes)
        crashes.requests = opus.requests
    return crashes


def _check_end(folder: Path, opus: Counting, names: dict[str, str], crashes: Crashes) -> None:
    last, problems = submit(folder, opus), crashes.problems
    if last["submitted"] + last["unchanged"] != crashes.records or last["failed"] or last["uncertain"]:
        problems.append(f"the last run ended with {last}")
    if opus.held != names:
        wrong = [key for key in names if opus.held.get(key) != names[key]]
        problems.append(f"{len(wrong)} records are lost: {wrong[:3]}")
    if crashes.most_resent > crashes.allowed:
        problems.append(f"a crash sent {crashes.most_resent} records again, {crashes.allowed} would do")
    again = submit(folder, opus)
    if again["requests"] or again["unchanged"] != crashes.records:
        problems.append(f"running the same again: {again}")


def prepare(folder: Path, records: int) -> dict[str, str]:
    """Write a mapping with its connection and source; return rowKey -> Name."""
    (folder / "c.json").write_text(json.dumps(CONNECTION), "utf-8")
    (folder / "mapping.yaml").write_text(MAPPING, "utf-8")
    names = {f"k{number}": f"name {number} v0" for number in range(records)}
    _write_source(folder, names)
    return names


def start(folder: Path, opus: Counting, *more: str, **settings: str) -> subprocess.Popen[str]:
    """Start a run in a process of its own, with these variables as well."""
    return subprocess.Popen(
        _command("--json", *more),
        cwd=folder,
        env={**environment(opus), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _write_source(folder: Path, names: dict[str, str]) -> None:
    rows = "".join(f"{key},{name}\n" for key, name in names.items())
    (folder / "rows.csv").write_text("Key,Name\n" + rows, "utf-8")


def environment(opus: Counting) -> dict[str, str]:
    """Return the environment of a process that speaks to the service."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OPUSMAP_")}
    return {
        **clean,
        "OPUSMAP_BASE_URL": opus.url,
        "OPUSMAP_TOKEN_URL": f"{opus.url}/connect/token",
        "OPUSMAP_CLIENT_ID": "c",
        "OPUSMAP_CLIENT_SECRET": "s",
        "OPUSMAP_LATE_EFFECT_WINDOW": str(LATE_EFFECT_WINDOW),
    }


def _command(*more: str) -> list[str]:
    return [*COMMAND, "submit", "mapping.yaml", "--concurrency", str(CONCURRENCY), *more]


def _run_and_kill(folder: Path, opus: Counting, draw: random.Random) -> bool:
    """Start a run and kill it some time after it first speaks to the service; True if it ended before."""
    opus.busy.clear()
    with (folder / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            _command("-q"), cwd=folder, env=environment(opus), stdout=said, stderr=subprocess.STDOUT
        )
        try:
            while not opus.busy.wait(0.02) and process.poll() is None:
                pass
            process.wait(draw.random() * draw.choice((0.1, 0.5, 2.0)))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return False
    if process.returncode != 0:
        raise AssertionError((folder / "said.txt").read_text("utf-8")[-1000:])
    return True


def submit(folder: Path, opus: Counting) -> dict[str, Any]:
    """Run to the end; return what the command says as JSON."""
    ended = subprocess.run(
        _command("--json"), cwd=folder, env=environment(opus), capture_output=True, check=False, timeout=120
    )
    return dict(json.loads(ended.stdout)) if ended.stdout else {"said": ended.stderr.decode()[-500:]}


@contextmanager
def serve_counting(
    draw: random.Random, *, quickest: float = 0.0, slowest: float = 0.03
) -> Iterator[Counting]:
    """Serve Opus on a port in a thread; each request takes so many seconds there, and as many back."""
    opus, loop = Counting(), asyncio.new_event_loop()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                status, said = await handle(head.split(b" ")[1].decode(), await reader.readexactly(length))
                writer.write(b"HTTP/1.1 %d .\r\nContent-Length: %d\r\n\r\n%s" % (status, len(said), said))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def handle(path: str, body: bytes) -> tuple[int, bytes]:
        if path == "/connect/token":
            return 200, b'{"access_token": "t", "token_type": "Bearer", "expires_in": 3600}'
        opus.busy.set()
        opus.requests += 1
        pairs = [(record["rowKey"], record["leafName"]) for record in json.loads(body)["data"]]
        opus.arrived.update(pairs)
        if not opus.unpaused.is_set():
            await asyncio.to_thread(opus.unpaused.wait)
        await asyncio.sleep(draw.uniform(quickest, slowest))
        opus.held.update(pairs)
        await asyncio.sleep(draw.uniform(quickest, slowest))
        opus.answered.update(pairs)
        return 201, b'{"statusCode": 201, "message": null}'

    async def start() -> asyncio.Server:
        return await asyncio.start_server(answer, "127.0.0.1", 0)

    server = loop.run_until_complete(start())
    opus.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield opus
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
