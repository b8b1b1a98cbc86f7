"""A bad network between the real program and the served emulator: each run ends right all the same.

The program runs as a process, over real sockets, through a proxy that resets, truncates, half-closes,
delays, drips and slices its connections.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fault_proxy import KINDS, FaultProxy, Mishap, faulty

from opusmap.compiler import load_mapping
from opusmap.emulator import TOKEN_PATH, Client, Delivery, Emulator, Fault, in_turn, served
from opusmap.run.rehearsal import make_emulator

pytestmark = pytest.mark.usefixtures("transport")
OPUSMAP = (sys.executable, "-c", "import sys; from opusmap.cli import main; sys.exit(main())")
ENDS = ("filtered", "rejected", "unchanged", "submitted", "failed", "uncertain", "not_sent")
ROWS = 180
SECRET = "planted-secret-8"
MAPPING = """
opusmap: 1
connection: c.json
source: {path: rows.csv}
fields:
  rowKey: Id
  leafName: Title
"""
CONNECTION = {
    "id": "d9da492f-cc67-4920-99f9-6fbaae1f1410",
    "data": [{"rowKey": "SingleText", "leafName": "SingleText"}],
}
TIMEOUT = 1.0


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mapping.yaml").write_text(MAPPING, "utf-8")
    (tmp_path / "c.json").write_text(json.dumps(CONNECTION), "utf-8")
    write_rows(tmp_path, ROWS)
    return tmp_path


@pytest.fixture
def opus(folder) -> Emulator:
    return make_emulator(load_mapping(folder / "mapping.yaml"), Client("rehearsal", SECRET))


def write_rows(folder: Path, count: int) -> None:
    lines = [f"k{number},Lease of hall {number}\n" for number in range(count)]
    (folder / "rows.csv").write_text("Id,Title\n" + "".join(lines), "utf-8")


def expected(count: int = ROWS) -> dict[str, dict[str, str]]:
    keys = [f"k{number}" for number in range(count)]
    return {key: {"rowKey": key, "leafName": f"Lease of hall {key[1:]}"} for key in keys}


def submit(folder: Path, url: str, token_url: str, **environ: str) -> tuple[int, dict[str, Any]]:
    """Run `opusmap submit` as a process; return its exit code and its JSON."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OPUSMAP_")}
    ended = subprocess.run(
        [*OPUSMAP, "submit", "mapping.yaml", "--json"],
        capture_output=True,
        check=False,
        encoding="utf-8",
        cwd=folder,
        env={
            **clean,
            "OPUSMAP_BASE_URL": url,
            "OPUSMAP_TOKEN_URL": token_url + TOKEN_PATH,
            "OPUSMAP_CLIENT_ID": "rehearsal",
            "OPUSMAP_CLIENT_SECRET": SECRET,
            "OPUSMAP_TIMEOUT": str(TIMEOUT),
            "OPUSMAP_TRANSPORT": os.environ["OPUSMAP_TRANSPORT"],
            "PYTHONUTF8": "1",
            **environ,
        },
        timeout=120,
    )
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout)


def adds_up(result: dict[str, Any]) -> bool:
    return result["read"] == sum(result[name] for name in ENDS)


def ends_right(code: int, result: dict[str, Any], opus: Emulator, proxy: FaultProxy, struck: int) -> None:
    assert (code, result["stopped"], result["submitted"]) == (0, None, ROWS), result
    assert adds_up(result)
    assert opus.records == expected()
    assert proxy.struck >= struck


LOSSY = [
    Mishap("reset", "answer"),
    Mishap("reset", "request", after=500),
    Mishap("truncate", "answer", after=60),
    Mishap("truncate", "request", after=500),
    Mishap("half-close", "answer"),
    Mishap("half-close", "request", after=500),
    Mishap("delay", "answer", seconds=TIMEOUT * 3),
    Mishap("delay", "request", after=10, seconds=TIMEOUT * 3),
    Mishap("drip", "answer", seconds=TIMEOUT / 8),
]
HARMLESS = [
    Mishap("slice", "request"),
    Mishap("drip", "answer", seconds=0.0002),
]


@pytest.mark.parametrize("mishap", LOSSY, ids=lambda mishap: f"{mishap.kind}-{mishap.on}")
def test_every_record_is_held_although_connections_break(folder, opus, mishap):
    def choose(number: int) -> Mishap | None:
        return mishap if number <= 3 else None

    with served(opus) as url, faulty(url, choose) as proxy:
        code, result = submit(folder, proxy.url, url)
    ends_right(code, result, opus, proxy, struck=3)
    assert result["requests"] > ROWS / 15


@pytest.mark.parametrize("mishap", HARMLESS, ids=lambda mishap: f"{mishap.kind}-{mishap.on}")
def test_what_only_takes_time_costs_no_request(folder, opus, mishap):
    with served(opus) as url, faulty(url, lambda _: mishap) as proxy:
        code, result = submit(folder, proxy.url, url)
    ends_right(code, result, opus, proxy, struck=1)
    assert (result["requests"], result["retries"]) == (ROWS / 15, 0)


def test_every_record_is_held_although_all_of_it_happens_at_any_byte_to_sign_ins_too(folder, opus):
    def choose(number: int) -> Mishap | None:
        if number > 12:
            return None
        kind = KINDS[number % len(KINDS)]
        on = "request" if number % 4 == 0 else "answer"
        return Mishap(kind, on, after=number * 211 % 700, seconds=0.001 if kind != "delay" else TIMEOUT / 2)

    with served(opus) as url, faulty(url, choose) as proxy:
        code, result = submit(folder, proxy.url, proxy.url)
    ends_right(code, result, opus, proxy, struck=3)


def test_answers_that_never_come_whole_leave_records_uncertain_until_the_network_is_back(folder, opus):
    write_rows(folder, 2)
    mishaps = [Mishap("truncate", after=140)]
    with served(opus) as url, faulty(url, lambda _: mishaps[0] if mishaps else None) as proxy:
        code, result = submit(folder, proxy.url, url)
        assert (code, result["uncertain"], result["submitted"]) == (1, 2, 0), result
        assert adds_up(result)
        assert opus.records == expected(2)
        mishaps.clear()
        write_rows(folder, ROWS)
        code, result = submit(folder, proxy.url, url)
    ends_right(code, result, opus, proxy, struck=1)


def test_a_network_that_stays_away_stops_the_run_with_3_and_the_next_one_goes_on(folder, opus):
    write_rows(folder, 2)
    mishaps = [Mishap("reset", "request")]
    with served(opus) as url, faulty(url, lambda _: mishaps[0] if mishaps else None) as proxy:
        code, result = submit(folder, proxy.url, url, OPUSMAP_RETRY_TIMEOUT="1")
        assert (code, result["submitted"]) == (3, 0), result
        assert "127.0.0.1" in result["stopped"]
        assert adds_up(result)
        assert opus.records == {}
        mishaps.clear()
        write_rows(folder, ROWS)
        code, result = submit(folder, proxy.url, url)
    ends_right(code, result, opus, proxy, struck=1)


def test_a_request_that_takes_effect_late_never_lands_on_top_of_a_change(folder, opus):
    write_rows(folder, 1)
    opus.faults = in_turn(Fault(504, after=True, late=4, delivery=Delivery(lost=True)))
    with served(opus) as url:
        assert submit(folder, url, url, OPUSMAP_LATE_EFFECT_WINDOW="6")[0] == 0
        assert opus.pending == 1
        (folder / "rows.csv").write_text("Id,Title\nk0,Changed\n", "utf-8")
        code, result = submit(folder, url, url, OPUSMAP_LATE_EFFECT_WINDOW="6")
    assert (code, result["submitted"], opus.pending) == (0, 1, 0)
    assert opus.records == {"k0": {"rowKey": "k0", "leafName": "Changed"}}
