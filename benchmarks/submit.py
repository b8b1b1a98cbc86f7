"""How quick submitting is: against a service that answers after a fixed time, beside a bare httpx loop.

    python benchmarks/submit.py [--requests 20000] [--latency 0.05] [--concurrency 32]
    python benchmarks/submit.py --grow

The service runs in a process of its own and does nothing but wait. Records are made beforehand, so mapping
does not count; hashing, the journal on disk, pacing and reading answers do. Each is done over httpx and over
aiohttp (the extra `fast`), by the client alone and by a whole run. No more requests a second than
concurrency / latency are possible.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import multiprocessing
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import httpx

from opusmap.delivery import DeliveryOptions, SubmitTotals, deliver
from opusmap.journal import open_journal
from opusmap.opus import EncodedRecord, encode_body, encode_records
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
        signs_in = head.startswith(b"POST /connect/token")
        self._read.clear()
        status, said = (200, TOKEN) if signs_in else (201, TAKEN)
        answer = b"HTTP/1.1 %d .\r\nContent-Length: %d\r\n\r\n%s" % (status, len(said), said)
        asyncio.get_running_loop().call_later(self.latency, self._transport.write, answer)


def serve(latency: float, ready: Connection) -> None:
    async def run() -> None:
        Waiting.latency = latency
        server = await asyncio.get_running_loop().create_server(Waiting, "127.0.0.1", 0, backlog=1024)
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
    parser.add_argument("--grow", action="store_true", help="from 1 to 128 requests at a time instead")
    options = parser.parse_args()
    if options.grow:
        grow(options.latency)
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
