"""A staged run sent by real processes that share a journal in a real PostgreSQL: killed, stopped, cut off.

The lease is short by the database's own row, so that no test waits half a minute.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from crashes import BATCH, COMMAND, CONCURRENCY, Counting, environment, prepare, serve_counting
from postgres import Server, execute, fill_disk, free_disk

from opusmap.cli import main
from opusmap.journal import open_journal
from opusmap.settings import PostgresAddress

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and the tests' server as on POSIX")

PARTS = 6


class Drain:
    """A staged run of some records, and the processes that send it."""

    def __init__(self, folder: Path, opus: Counting, address: str, records: int, lease: float) -> None:
        self.folder, self.opus, self.address = folder, opus, address
        self.names = prepare(folder, records)
        command = ["stage", str(folder / "mapping.yaml"), "-o", str(folder / "run"), "--parts", str(PARTS)]
        assert main([*command, "-q"]) == 0
        open_journal(PostgresAddress(address)).close()
        execute(address, f"UPDATE opusmap.journal SET lease = {lease}")

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, "submit", "--staged", "run", "--json", "--concurrency", str(CONCURRENCY)],
            cwd=self.folder,
            env={**environment(self.opus), "OPUSMAP_JOURNAL": self.address},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start_together(self, number: int) -> list[subprocess.Popen[str]]:
        """Start so many processes; return when each has parts, and some requests have been sent.

        Nothing is answered before that, so that none of them is through when another one begins.
        """
        self.opus.unpaused.clear()
        processes = [self.start() for _ in range(number)]
        self.wait_for_lease(processes[-1], number)
        self.opus.unpaused.set()
        self.wait_for_requests(20)
        return processes

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < until, what
            self.opus.busy.wait(0.01)
            time.sleep(0.01)

    def wait_for_requests(self, count: int) -> None:
        self.wait_for(lambda: self.opus.requests >= count, f"{count} requests")

    def wait_for_lease(self, process: subprocess.Popen[str], number: int) -> None:
        """Wait until so many processes have parts, so that one that is killed holds a lease."""

        def found() -> bool:
            assert process.poll() is None, process.communicate()
            query = "SELECT count(DISTINCT writer) FROM opusmap.parts WHERE writer IS NOT NULL"
            return _ask(self.address, query) >= number

        self.wait_for(found, f"{number} processes with parts")

    def end(self, process: subprocess.Popen[str], code: int = 0) -> dict[str, Any]:
        out, said = process.communicate(timeout=120)
        assert process.returncode == code, said
        assert "Traceback" not in said
        return {**json.loads(out or "{}"), "said": said}

    def check(self, cuts: int) -> None:
        """Nothing is lost or wrong, little is sent again, the report adds up, a rerun makes no request."""
        assert self.opus.held == self.names
        resent = sum((self.opus.arrived - Counter(self.opus.arrived.keys())).values())
        assert resent <= cuts * CONCURRENCY * BATCH
        before = self.opus.requests
        again = self.end(self.start())
        assert self.opus.requests == before
        assert again["process"]["requests"] == 0
        assert again["submitted"] + again["unchanged"] == len(self.names)
        with open_journal(PostgresAddress(self.address), write=False) as journal:
            [run] = journal.runs()
            assert run.ending == "done"
            assert sum(1 for _ in journal.records(run)) == len(self.names)
            assert run.counts["submitted"] == len(self.names)
            assert run.counts["not_sent"] == 0


def _ask(address: str, query: str) -> int:
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[arg-type]
        assert row is not None
        return int(row[0])


def test_three_processes_send_a_run_though_one_is_killed_and_another_hangs(
    postgres: Server, tmp_path: Path
) -> None:
    """`kill -9` while it holds a lease; `SIGSTOP` for longer than the lease, then `SIGCONT`."""
    with serve_counting(Random(1), quickest=0.02, slowest=0.08) as opus:
        drain = Drain(tmp_path, opus, postgres.make_database(), 1_800, lease=4.0)
        first, second, third = drain.start_together(3)
        first.kill()
        first.communicate()
        os.kill(second.pid, signal.SIGSTOP)
        last = drain.end(third)
        assert (last["submitted"], last["unchanged"], last["not_sent"]) == (len(drain.names), 0, 0)
        assert last["parts"] == {"done": PARTS, "leased": 0, "free": 0}
        requests = opus.requests
        os.kill(second.pid, signal.SIGCONT)
        said = drain.end(second, code=2)["said"]
        assert "has taken the journal over" in said
        # Those that it had begun to send may still leave: a connection is made after the look at the lease.
        assert opus.requests <= requests + CONCURRENCY
        drain.check(cuts=2)


def test_a_server_that_is_restarted_stops_all_and_loses_nothing(postgres: Server, tmp_path: Path) -> None:
    with serve_counting(Random(2), quickest=0.02, slowest=0.08) as opus:
        drain = Drain(tmp_path, opus, postgres.make_database(), 1_500, lease=2.0)
        processes = drain.start_together(2)
        postgres.restart()
        for process in processes:
            assert "run the same command again" in drain.end(process, code=2)["said"]
        assert opus.held != drain.names
        assert drain.end(drain.start())["submitted"] == len(drain.names)
        drain.check(cuts=2)


def test_a_process_that_is_asked_to_stop_gives_its_parts_back(postgres: Server, tmp_path: Path) -> None:
    with serve_counting(Random(3), quickest=0.02, slowest=0.08) as opus:
        drain = Drain(tmp_path, opus, postgres.make_database(), 1_500, lease=600.0)
        process = drain.start()
        drain.wait_for_requests(20)
        process.send_signal(signal.SIGTERM)
        stopped = drain.end(process, code=4)
        assert stopped["submitted"] + stopped["not_sent"] == len(drain.names)
        assert drain.end(drain.start())["submitted"] == len(drain.names)  # at once: a lease lasts ten minutes
        drain.check(cuts=0)


def test_a_full_disk_of_the_server_stops_all_and_loses_nothing(postgres: Server, tmp_path: Path) -> None:
    """The server says so by its code, which a trigger gives here as a full disk would."""
    with serve_counting(Random(4), quickest=0.02, slowest=0.08) as opus:
        drain = Drain(tmp_path, opus, postgres.make_database(), 1_500, lease=2.0)
        processes = drain.start_together(2)
        fill_disk(drain.address)
        for process in processes:
            assert "the server's disk is full" in drain.end(process, code=2)["said"]
        assert opus.held != drain.names
        free_disk(drain.address)
        assert drain.end(drain.start())["submitted"] == len(drain.names)
        drain.check(cuts=2)
