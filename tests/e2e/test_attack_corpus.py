"""Hostile expressions do nothing but end: within bounds, with a plain value or an error of ours.

Two corpora: our own (tests/data/expressions.json, which also holds legal expressions with their right
values, so that refusing everything fails), and the shared one, where there is one: beside the public data
that OPUSMAP_TEST_DATA names, else beside the repository.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from evaluation import evaluate

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "tests" / "support"
DATA = os.environ.get("OPUSMAP_TEST_DATA")
SHARED = (Path(DATA).parent if DATA else ROOT.parent / "shared") / "attacks" / "expressions.json"
OWN = json.loads((ROOT / "tests" / "data" / "expressions.json").read_text(encoding="utf-8"))
CANARY = "canary-9c1f0a77"
PEAK = 50 << 20
"""Bytes that compiling and evaluating one expression may take."""


def written_out(expression: Any) -> str:
    """Return an expression that is stored as texts, and pairs of a text and how often it stands there."""
    parts = [expression] if isinstance(expression, str) else expression
    return "".join(part if isinstance(part, str) else part[0] * part[1] for part in parts)


HOSTILE = [written_out(expression) for expression in OWN["hostile"]]
LEGAL = [(case["expression"], case["value"]) for case in OWN["legal"]]


def meant(value: Any) -> Any:
    """Return a value that JSON has no word for: `{"decimal": "1.5"}`, `{"date": "2024-01-31"}`."""
    if isinstance(value, dict):
        return Decimal(value["decimal"]) if "decimal" in value else date.fromisoformat(value["date"])
    return value


def test_refusing_everything_would_not_do() -> None:
    assert len(LEGAL) >= 60


@pytest.mark.parametrize(("expression", "expected"), LEGAL)
def test_a_legal_expression_has_its_right_value(expression: str, expected: Any) -> None:
    value = evaluate(expression, OWN["row"])
    assert value == meant(expected)
    assert type(value) is type(meant(expected))


def attacked(expressions: list[str], warm: list[str] | None = None) -> list[dict[str, Any]]:
    """Return what each expression did in a process of its own; one that ends the process ends the list.

    What is loaded once and for all is loaded by evaluating `warm` first (default: all of ours).
    """
    task = {
        "row": OWN["row"],
        "warm": [*(text for text, _ in LEGAL), *(HOSTILE if warm is None else warm)],
        "expressions": expressions,
    }
    environment = os.environ | {
        "OPUS_CLIENT_SECRET": CANARY,
        "PYTHONPATH": os.pathsep.join([str(SUPPORT), str(ROOT)]),
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", str(SUPPORT / "attack_runner.py")],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        env=environment,
        timeout=1_200,  # a busy machine; each expression has its own limit of CPU
        check=False,
    )
    assert CANARY not in done.stdout + done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"{expressions[len(told)][:200]!r} ended it: {done.stderr[-2000:]}"
    return told


def successes(expressions: list[str], warm: list[str] | None = None) -> list[str]:
    found = []
    for expression, told in zip(expressions, attacked(expressions, warm), strict=True):
        good = all(end.startswith(("value ", "refused ", "problem ")) for end in told["outcomes"])
        bounded = told["memory"] <= PEAK and told["steps"] <= told["step_limit"]
        if not good or told["events"] or not told["row_kept"] or not bounded:
            found.append(f"{expression[:100]!r}: {told}")
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="limits of memory and processor time are POSIX's")
@pytest.mark.parametrize("step", [10, pytest.param(1, marks=pytest.mark.slow)], ids=["every tenth", "all"])
def test_no_hostile_expression_of_ours_succeeds(step: int) -> None:
    assert len(HOSTILE) >= 100
    assert successes(HOSTILE[::step], HOSTILE[::step]) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits of memory and processor time are POSIX's")
@pytest.mark.skipif(not SHARED.exists(), reason=f"no shared attack corpus at {SHARED}")
def test_no_hostile_expression_of_the_shared_corpus_succeeds() -> None:
    expressions = [case["expression"] for case in json.loads(SHARED.read_text(encoding="utf-8"))]
    assert expressions
    assert successes(expressions) == []


@pytest.mark.skipif(sys.platform == "win32", reason="limits of memory and processor time are POSIX's")
def test_the_watch_sees_what_it_is_there_for(tmp_path: Path) -> None:
    """A compiler that opens a file and keeps a row in hand must be found out."""
    (tmp_path / "evaluation.py").write_text(
        "def compiled(expression, columns):\n"
        "    return open(__file__).read()\n"
        "def evaluated(mapper, row):\n"
        "    row['name'] = 'changed'\n"
        "    return [['x' * (1 << 17)], {1: 2}]\n"
    )
    script = (SUPPORT / "attack_runner.py").read_text(encoding="utf-8")
    (tmp_path / "attack_runner.py").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "attack_runner.py")],
        input=json.dumps({"row": {"name": "Acme"}, "warm": [], "expressions": ["name"]}),
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=60,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["events"][0].startswith("open ")
    assert told["outcomes"][0].startswith("NOT PLAIN")
    assert told["row_kept"] is False
    assert told["steps"] > 0
