"""A harsh day in small: some hundred records, all kinds of faults, two kills. In large: `make harsh`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAULTS = "harsh,lost-after=5%,cut=5%,error-halfway=5%,throttle=5%,refuse=5%,seconds=0.2,retry-after=0"


@pytest.mark.slow
def test_opus_ends_with_exactly_the_mapped_records_and_the_same_again_sends_nothing():
    command = [sys.executable, ROOT / "benchmarks" / "harsh.py", "600", "--kills", "2", "--faults", FAULTS]
    ended = subprocess.run(command, capture_output=True, check=False, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "2 kills" in ended.stdout
    assert "wrong in the end: 0" in ended.stdout
    assert "the same again: 0 requests, 600 unchanged" in ended.stdout
