"""How quick submitting is, against a service in a process of its own that answers after a fixed time.

    python benchmarks/submit.py [--requests 20000] [--latency 0.05] [--concurrency 32]
    python benchmarks/submit.py --parts
    python benchmarks/submit.py --grow

From rows to answers: the plain command `opusmap submit` on a register that is mapped by expressions, from
its start to its end, beside a bare aiohttp loop in this process that sends bodies made beforehand; they take
turns. `--parts` leaves mapping out: bodies are sent by a bare httpx loop, by the client alone and by the
engine, with the journal on disk, over httpx and over aiohttp (the extra `fast`). No more requests a second
than concurrency / latency are possible.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import multiprocessing
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
from workloads import WORKS, write_source

from opusmap.delivery import DeliveryOptions, SubmitTotals, deliver
from opusmap.journal import open_journal
from opusmap.opus import BATCH_SIZE, EncodedRecord, encode_body, encode_records
from opusmap.opus.client import OpusClient
from opusmap.opus.exchange import Answer
from opusmap.records import Record
from opusmap.settings import Secret, Settings

CONNECTION = "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11"
TOKEN = b'{"access_token": "t", "token_type": "Bearer", "expires_in": 3600}'
TAKEN = b'{"statusCode": 201, "message": null}'


class Waiting(asyncio.Protocol):
    """One connection of the service: reads a request, answers after the latency."""

    latency = 0.05

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers go through."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._read = bytearray()

    def data_received(self, data: bytes) -> None:
        """Answer once a request is whole."""
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._read.clear()
        answer = self.answer(signs_in=head.startswith(b"POST /connect/token"))
        asyncio.get_running_loop().call_later(self.latency, self._transport.write, answer)

    def answer(self, *, signs_in: bool) -> bytes:
        """Return the answer to a request."""
        status, said = (200, TOKEN) if signs_in else (201, TAKEN)
        return b"HTTP/1.1 %d .\r\nContent-Length: %d\r\n\r\n%s" % (status, len(said), said)


def serve(latency: float, ready: Connection, protocol: type[Waiting] = Waiting) -> None:
    async def run() -> None:
        protocol.latency = latency
        server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, backlog=1024)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def served(latency: float) -> Iterator[str]:
    """Serve in a process of its own; yield the base URL."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(latency, there), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


def make_records(count: int) -> list[EncodedRecord]:
    """Return records of 15 columns, about 650 bytes each: 10 KB a request."""
    records = (
        Record(
            row,
            f"CT-{row:08d}",
            {
                "rowKey": f"CT-{row:08d}",
                "leafName": f"Lease of premises {row}",
                "termFullPath": "Contracts/Property/Leases",
                "timeCreated": "2024-12-19 18:15:00",
                "timeModified": "2024-12-20 08:00:00",
                "createdBy": "maria.silva@example.org",
                "modifiedBy": "j.smith@example.org",
                **{f"_Column_%20_{number}": f"{row} is what stands in {number}" for number in range(8)},
            },
        )
        for row in range(2, count + 2)
    )
    return list(encode_records(records))


async def loop_aiohttp(url: str, bodies: list[bytes], concurrency: int) -> None:
    """Send the bodies with aiohttp and nothing else."""
    import aiohttp

    waiting = iter(bodies)
    headers = {"Content-Type": "application/json", "Authorization": "Bearer t"}

    async def work(session: aiohttp.ClientSession) -> None:
        for body in waiting:
            async with session.post(f"{url}/connector/records", data=body, headers=headers) as answer:
                assert answer.status == 201  # noqa: PLR2004 - HTTP
                await answer.read()

    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(work(session))


def from_rows(requests: int, latency: float, at_once: int, rounds: int = 3) -> None:
    """Print how quick the command is from rows to answers, beside the bare loop, for two kinds of work."""
    with tempfile.TemporaryDirectory() as name, served(latency) as url:
        for kind in ("expressions", "contracts"):
            work, folder = WORKS[kind], Path(name) / kind
            shutil.copytree(WORKS[kind].mapping.parent, folder)
            mapping = folder / "mapping.yaml"
            source = folder / f"rows{work.suffix}"
            write_source(work, source, requests * BATCH_SIZE)
            bodies = make_bodies(mapping, source, folder)
            pairs = []
            for turn in range(rounds):
                began = time.perf_counter()
                asyncio.run(loop_aiohttp(url, bodies, at_once))
                bare = len(bodies) / (time.perf_counter() - began)
                began = time.perf_counter()
                done = run_command(url, mapping, source, folder / f"{turn}.db", at_once)
                ours = done["requests"] / (time.perf_counter() - began)
                pairs.append((ours / bare, ours, bare))
            ratio, ours, bare = sorted(pairs)[len(pairs) // 2]
            print(f"{kind:<12} {ours:5.0f} of {bare:.0f} requests/s: {ratio:.2f} (median of {rounds} pairs)")


def make_bodies(mapping: Path, source: Path, folder: Path) -> list[bytes]:
    """Return the bodies of a source's records."""
    bodies = folder / "bodies.jsonl"
    command = ["map", mapping, source, "-o", bodies, "--payloads", "-q"]
    subprocess.run([sys.executable, "-c", COMMAND, *map(str, command)], check=False)
    return bodies.read_bytes().splitlines()


def run_command(url: str, mapping: Path, source: Path, journal: Path, at_once: int) -> dict[str, Any]:
    """Run `opusmap submit` as its user does; return what it prints."""
    where = {
        "OPUSMAP_BASE_URL": url,
        "OPUSMAP_TOKEN_URL": f"{url}/connect/token",
        "OPUSMAP_CLIENT_ID": "c",
        "OPUSMAP_CLIENT_SECRET": "s",
        "OPUSMAP_JOURNAL": str(journal),
    }
    options = [
        "--concurrency",
        str(at_once),
        "--rejects",
        str(journal.with_suffix(".rejects")),
        "--json",
        "-q",
    ]
    command = ["submit", str(mapping), str(source), *options, "--yes"]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *command],
        env={**os.environ, **where},
        capture_output=True,
        check=False,
    )
    return dict(json.loads(done.stdout))


COMMAND = "import sys; from opusmap.cli import main; sys.exit(main())"


async def loop_bare(url: str, bodies: list[bytes], concurrency: int) -> None:
    """Send the bodies with httpx and nothing else: a client with one connection for each worker."""
    waiting = iter(bodies)
    tls = ssl.create_default_context()  # one for all, as opusmap's client has; making one takes 30 ms
    headers = {"Content-Type": "application/json", "Authorization": "Bearer t"}

    async def work() -> None:
        async with httpx.AsyncClient(
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1), trust_env=False, verify=tls
        ) as client:
            for body in waiting:
                answer = await client.post(f"{url}/connector/records", content=body, headers=headers)
                assert answer.status_code == 201  # noqa: PLR2004 - HTTP

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(work())


def settings_for(url: str, journal: Path, transport: str) -> Settings:
    return Settings(url, f"{url}/connect/token", "c", Secret("s"), journal, transport=transport)


async def loop_client(settings: Settings, bodies: list[bytes], concurrency: int) -> None:
    """Send the bodies with opusmap's client alone: no engine, no journal."""
    waiting = iter(bodies)

    async def work() -> None:
        for body in waiting:
            answer = await client.send(body)
            assert isinstance(answer, Answer)
            assert answer.status == 201  # noqa: PLR2004 - HTTP

    async with OpusClient(settings) as client, asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(work())


async def submit(settings: Settings, items: list[EncodedRecord], concurrency: int) -> SubmitTotals:
    """Send the records as a run does."""
    totals, options = SubmitTotals(), DeliveryOptions("overwrite", concurrency=concurrency)
    with open_journal(settings.journal) as journal:
        run = journal.start_run(origin=settings.base_url, connection=CONNECTION, mapping="m.yaml")
        async with OpusClient(settings) as client:
            async for event in deliver(stream(items), client, journal, run, options):
                totals.add(event)
    return totals


async def stream(items: list[EncodedRecord]) -> AsyncIterator[EncodedRecord]:
    for item in items:
        yield item


def measure(name: str, requests: int, limit: float, work: Callable[[], Awaitable[object]]) -> float:
    """Run it, print its figures, and return its CPU microseconds a request."""
    began, cpu = time.perf_counter(), time.process_time()
    asyncio.run(work())  # type: ignore[arg-type]
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    rate = requests / seconds
    each = cpu / requests * 1e6
    print(
        f"{name:<28} {rate:7.0f} requests/s ({rate / limit:.0%} of {limit:.0f}), CPU {each:.0f} µs a request"
    )
    return each


def grow(latency: float) -> None:
    """Print what a request costs with 1 to 128 of them under way: some seconds each."""
    records = make_records(5000 * 15)
    gc.freeze()
    with tempfile.TemporaryDirectory() as folder, served(latency) as url:
        for at_once in (1, 2, 4, 8, 16, 32, 64, 128):
            limit = at_once / latency
            count = min(5000, int(limit * 8))
            for transport in ("httpx", "aiohttp"):
                settings = settings_for(url, Path(folder) / f"{at_once}.{transport}.db", transport)
                work = partial(submit, settings, records[: count * 15], at_once)
                measure(f"{at_once:>3} at a time, {transport}", count, limit, work)


def main() -> None:
    parser = argparse.ArgumentParser(description="How quick submitting is.")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds")
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--parts", action="store_true", help="without mapping, part by part instead")
    parser.add_argument("--grow", action="store_true", help="from 1 to 128 requests at a time instead")
    options = parser.parse_args()
    if options.grow:
        grow(options.latency)
    elif not options.parts:
        from_rows(options.requests, options.latency, options.concurrency)
    else:
        compare(options.requests, options.latency, options.concurrency)


def compare(requests: int, latency: float, at_once: int) -> None:
    """Print the figures of a bare loop, of the client alone, of a run, and of the same run again."""
    records, limit = make_records(requests * 15), at_once / latency
    bodies = [
        encode_body(
            [item.json for item in records[start : start + 15]],
            connection_id=CONNECTION,
            conflict="overwrite",
        )
        for start in range(0, len(records), 15)
    ]
    print(f"bodies of {len(bodies[0]):,} bytes")
    gc.freeze()  # a run makes its records as it goes: those that stand here are not to be looked through
    with tempfile.TemporaryDirectory() as folder, served(latency) as url:
        count = len(bodies)
        measure("bare httpx loop", count, limit, lambda: loop_bare(url, bodies, at_once))
        for transport in ("httpx", "aiohttp"):
            settings = settings_for(url, Path(folder) / f"{transport}.db", transport)
            client = measure(
                f"client, {transport}", count, limit, partial(loop_client, settings, bodies, at_once)
            )
            ours = measure(f"submit, {transport}", count, limit, partial(submit, settings, records, at_once))
            print(f"{'submit beyond its client':<28} CPU {ours - client:.0f} µs a request")
        began = time.perf_counter()
        again = asyncio.run(submit(settings, records, at_once))
        seconds = time.perf_counter() - began
        print(f"the same again: {again.requests} requests, {again.unchanged:,} unchanged, {seconds:.1f} s")


if __name__ == "__main__":
    main()
