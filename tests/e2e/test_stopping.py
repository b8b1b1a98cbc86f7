"""Stopping a real run: the first signal drains it, the second ends it at once, and both can go on."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from crashes import prepare, serve_counting, start, submit

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

PARTS = ("filtered", "rejected", "unchanged", "submitted", "failed", "uncertain", "not_sent")


def wait_for(process: subprocess.Popen[str], happened) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def end(process: subprocess.Popen[str]) -> tuple[str, str]:
    try:
        return process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_lets_requests_in_flight_end(number: signal.Signals, tmp_path: Path) -> None:
    names = prepare(tmp_path, 600)
    with serve_counting(random.Random(1), quickest=0.2, slowest=0.3) as opus:
        process = start(tmp_path, opus)
        wait_for(process, lambda: len(opus.answered) >= 15)
        process.send_signal(number)
        out, err = end(process)
        assert process.returncode == 4, err
        assert "press Ctrl-C again to stop now" in err
        assert "Traceback" not in err
        result = json.loads(out)
        assert result["read"] == sum(result[part] for part in PARTS)
        assert result["uncertain"] == 0
        # What had left was answered, and is known to have been taken.
        assert len(opus.arrived) == len(opus.answered) == result["submitted"] < 600
        rest = submit(tmp_path, opus)
        assert (rest["unchanged"], rest["submitted"]) == (result["submitted"], 600 - result["submitted"])
        assert opus.held == names
        assert max(opus.arrived.values()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_ends_the_run_at_once_and_it_goes_on_the_next_time(
    number: signal.Signals, tmp_path: Path
) -> None:
    names = prepare(tmp_path, 600)
    with serve_counting(random.Random(1), quickest=10.0, slowest=10.0) as opus:
        process = start(tmp_path, opus)
        wait_for(process, lambda: opus.requests >= 1)
        process.send_signal(number)
        assert process.stderr is not None
        while "press Ctrl-C again" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(number)
        _, err = end(process)
        assert not opus.answered, "it waited for the answers"
        assert process.returncode != 0
        assert "Traceback" not in err
        in_flight = dict(opus.arrived)
    with serve_counting(random.Random(1)) as opus:
        last = submit(tmp_path, opus)
        assert (last["submitted"], last["uncertain"], last["not_sent"]) == (600, 0, 0)
        assert opus.held == names
    assert len(in_flight) <= 8 * 15


def test_another_run_at_the_same_time_is_refused_with_the_way_out(tmp_path: Path) -> None:
    prepare(tmp_path, 600)
    with serve_counting(random.Random(1), quickest=5.0, slowest=5.0) as opus:
        process = start(tmp_path, opus)
        wait_for(process, lambda: opus.requests >= 1)
        second = start(tmp_path, opus)
        _, err = end(second)
        process.kill()
        end(process)
    assert second.returncode == 2
    assert "another run is using the journal" in err
    assert "wait for it to end" in err
