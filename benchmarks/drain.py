"""How fast rows are staged, and how fast one, two and three processes send what is staged.

    python benchmarks/drain.py DATABASE [--rows N] [--latency SECONDS] [--concurrency N] [--limit N]
        [--rounds N]

The rows are the contract register that the project generates (20 columns, with its flaws), as Parquet. They
are mapped and staged by one process and with two workers. Then processes send them: one with a journal in a
file, and one to three with a journal in PostgreSQL, `DATABASE`, on this machine (`postgresql://…`; its role
signs in without a password), each with the full concurrency. The service only waits, in a separate process.
It is another one each time, so nothing that was sent before counts. Seconds are wall-clock time. Those of
sending, and its CPU, are without the start, which is what the same command takes once more. CPU is of all
processes that send, and of the database's server. With `--limit`, the service takes so many requests a second
of all processes, and answers 429 to the rest. Beside each time is the one that the model of
`check --drain-time` gives.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from drain_time import Setting, light_service
from sources import OPUSMAP, REGISTER, write_parquet

from opusmap.report.drain_time import Conditions, count_requests, find_rate

PARTS = 16


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("database")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--limit", type=float, default=0.0, help="requests a second that are taken; 0: any")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    machine = f"{platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    print(f"{machine}, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in ("contracts.connection.json", "staff.csv", "mapping.yaml"):
            shutil.copy(REGISTER / name, folder)
        source, _ = write_parquet(folder, options.rows)
        for _ in range(options.rounds):
            stage(folder, source)
            for number, journal in ((1, ""), *((number, options.database) for number in (1, 2, 3))):
                drain(folder, number, journal, options)
    print(f"load at the end {os.getloadavg()[0]:.1f}")


def stage(folder: Path, source: Path) -> None:
    """Print how fast the rows are mapped and staged; leave a staged run."""
    for workers in ("1", "2"):
        for command in (["map", "-o", "out.jsonl"], ["stage", "-o", "run", "--parts", str(PARTS)]):
            shutil.rmtree(folder / "run", ignore_errors=True)
            what, *more = command
            arguments = [what, "mapping.yaml", str(source), *more, "--workers", workers, "--json"]
            began = time.perf_counter()
            ended = subprocess.run([*OPUSMAP, *arguments], cwd=folder, check=False, capture_output=True)
            seconds = time.perf_counter() - began
            read = json.loads(ended.stdout)["read"]
            print(f"{what} --workers {workers}: {seconds:.1f} s, {read / seconds:,.0f} rows/s", flush=True)


def drain(folder: Path, number: int, database: str, options: argparse.Namespace) -> None:
    """Print how fast so many processes send the staged run to a service that knows nothing yet."""
    in_flight, allowed = options.concurrency, options.limit or None
    command = [*OPUSMAP, "submit", "--staged", "run", "--yes", "--json", "--concurrency", str(in_flight)]
    service = light_service(Setting(options.rows, options.latency, options.limit, in_flight))
    with tempfile.TemporaryDirectory() as made, service as url:
        environ = {
            **os.environ,
            "OPUSMAP_BASE_URL": url,
            "OPUSMAP_TOKEN_URL": f"{url}/connect/token",
            "OPUSMAP_CLIENT_ID": "c",
            "OPUSMAP_CLIENT_SECRET": "s",
            "OPUSMAP_JOURNAL": database or str(Path(made) / "journal.db"),
        }
        own, server = count_own_cpu(), count_server_cpu(database)
        ended = run(command, folder, environ, number)
        own, server = count_own_cpu() - own, count_server_cpu(database) - server
        start, began = count_own_cpu(), time.perf_counter()
        (again,) = run(command, folder, environ, 1)
        start, start_seconds = count_own_cpu() - start, time.perf_counter() - began
    whole, requests = ended[0], sum(one["process"]["requests"] for one in ended)
    assert whole["submitted"] == whole["mapped"], whole
    assert not again["process"]["requests"], again
    seconds = max(one["seconds"] for one in ended)
    cpu = (own - number * start) / requests * 1e6
    rate, bound = find_rate(Conditions(options.latency, allowed, in_flight, number))
    model = count_requests(whole["submitted"]) / rate
    print(
        f"{'PostgreSQL' if database else 'SQLite':10} {number} processes: {seconds:.1f} s"
        f" (model {model:.1f} s, held back by {bound}; {seconds / model - 1:+.0%}),"
        f" {requests / seconds:.0f} requests/s, {whole['submitted'] / seconds:,.0f} records/s; CPU a request"
        f" {cpu:.0f} µs, of the server {server / requests * 1e6:.0f} µs; a start {start_seconds:.1f} s,"
        f" {sum(one['process']['retries'] for one in ended)} retries",
        flush=True,
    )


def run(command: list[str], folder: Path, environ: dict[str, str], number: int) -> list[dict[str, Any]]:
    """Run a command in so many processes at once; return what each prints as JSON."""
    processes = [
        subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(number)
    ]
    return [json.loads(process.communicate()[0]) for process in processes]


def count_own_cpu() -> float:
    """Return the seconds of CPU of the processes that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def count_server_cpu(database: str) -> float:
    """Return the seconds of CPU of all processes that the server of a database ever had; 0 without one."""
    import psycopg

    if not database:
        return 0.0
    with psycopg.connect(database) as connection:
        server = int(_stat(connection.info.backend_pid)[1])
        children = Path(f"/proc/{server}/task/{server}/children").read_text("ascii").split()
        ticks = [*_stat(server)[11:15], *(tick for child in children for tick in _stat(int(child))[11:13])]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """Return what Linux says of a process, from its state on (`man proc_pid_stat`)."""
    return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()


if __name__ == "__main__":
    main()
