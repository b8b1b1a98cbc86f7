"""A stranger's mapping, run by the command line: it ends soon, within 300 MB, and says what is wrong."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from attacked_files import OPUSMAP, run, write

LONG_STEP = "instr(hex(zeroblob(8000000)), hex(zeroblob(3000000)) || '1')"
"""Seconds in one call of a function, in which SQLite looks neither at its steps nor at an interrupt."""
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
SAME_HASH = 2**61 - 1


def attack(folder: Path, source: str, steps: str, title: str) -> tuple[int, dict[str, int]]:
    """Map a source by these steps; return the exit code and the codes of what was rejected."""
    write(folder, source, None)
    mapping = f"opusmap: 1\nconnection: c.json\nsource: {{path: {source}}}\nlet:\n{steps}"
    (folder / "m.yaml").write_text(
        f"{mapping}fields:\n  rowKey: key\n  Title: {json.dumps(title)}\n", "utf-8"
    )
    code, said = run(folder)
    assert code in (0, 1), said
    return code, {one["code"]: one["count"] for one in json.loads(said.splitlines()[0])["reasons"]}


TWENTY = f"[{', '.join(['l#'] * 20)}]"


@pytest.mark.parametrize(
    ("make", "levels", "title", "code"),
    [
        (TWENTY, 9, "{{ l9 | length ~ '' }}", "list-too-long"),
        (TWENTY, 9, "{{ l9 == l8 }}", "list-too-long"),
        (TWENTY, 9, "{{ coalesce(l9, key) }}", "list-too-long"),
        ("[l#]", 300, "{{ l300 | length ~ '' }}", "list-too-long"),
    ],
)
def test_steps_that_hold_each_other(tmp_path: Path, make: str, levels: int, title: str, code: str) -> None:
    (tmp_path / "x.csv").write_text("key,title\n1,a\n2,b\n", "utf-8")
    steps = '  l0: "{{ [key, key] }}"\n' + "".join(
        f'  l{n}: "{{{{ {make.replace("#", str(n - 1))} }}}}"\n' for n in range(1, levels + 1)
    )
    assert attack(tmp_path, "x.csv", steps, title) == (1, {code: 2})


def test_texts_that_double(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("key,title\n1,a\n2,b\n", "utf-8")
    steps = '  t0: "{{ key }}"\n' + "".join(
        f'  t{n}: "{{{{ t{n - 1} ~ t{n - 1} }}}}"\n' for n in range(1, 100)
    )
    assert attack(tmp_path, "x.csv", steps, "{{ t99 }}") == (1, {"text-too-long": 2})


def test_numbers_of_one_hash(tmp_path: Path) -> None:
    numbers = [n * SAME_HASH for n in range(1, 40_001)]
    (tmp_path / "x.jsonl").write_text(
        json.dumps({"key": "1", "n": numbers}) + '\n{"key": "2", "n": [1]}\n', "utf-8"
    )
    started = time.monotonic()
    assert attack(tmp_path, "x.jsonl", '  u: "{{ n | unique }}"\n', "{{ u | length ~ '' }}") == (0, {})
    assert time.monotonic() - started < 12
    titles = [json.loads(line)["_Title"] for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert titles == ["40000", "1"]


def test_values_that_are_no_option_of_very_many(tmp_path: Path) -> None:
    options = ", ".join(f"Option {n * 7919 % 999983}" for n in range(15_000))
    rows = "".join(f"{n},Optoin {n * 31}\n" for n in range(500))
    (tmp_path / "x.csv").write_text(f"key,title\n{rows}", "utf-8")
    connection = {
        "id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11",
        "data": [{"rowKey": "SingleText", "_C": "SingleChoice"}],
    }
    (tmp_path / "c.json").write_text(json.dumps(connection), "utf-8")
    (tmp_path / "m.yaml").write_text(
        "opusmap: 1\nconnection: c.json\nsource: {path: x.csv}\n"
        f"choices: {{C: [{options}]}}\nfields: {{rowKey: key, C: title}}\n",
        "utf-8",
    )
    started = time.monotonic()
    done = subprocess.run(
        [*OPUSMAP, "check", "m.yaml", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert time.monotonic() - started < 30
    assert len(json.loads(done.stdout)["unmatched"]) == 500


@pytest.fixture
def database(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "x.sqlite")) as database:
        database.execute("CREATE TABLE t (key TEXT, title TEXT, sum INTEGER)")
        database.executemany("INSERT INTO t VALUES (?, ?, ?)", [(str(n), "a", n) for n in range(100)])
        database.commit()
    return tmp_path


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (", ".join(f"zeroblob(16000000) AS c{n}" for n in range(180)), "too much memory"),
        (", ".join(f"hex(zeroblob(8000000)) AS c{n}" for n in range(180)), "too much memory"),
        ("replace(hex(zeroblob(4000000)), '0', 'xxxxxxxx') AS c", "too big"),
        ("load_extension('x') AS c", "not authorized"),
    ],
)
def test_a_query_that_asks_for_too_much(database: Path, columns: str, said: str) -> None:
    write(database, "x.sqlite", None, f', sql: "SELECT key, title, sum, {columns} FROM t"')
    code, text = run(database)
    assert code == 2
    assert said in text
    assert "bad-query" in text


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("command", ["check", pytest.param("map", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "query",
    [
        f"SELECT key, title, {LONG_STEP} AS sum FROM t",
        f"SELECT key, title, sum FROM t ORDER BY {LONG_STEP}",
        f"{ENDLESS} SELECT i AS key, i AS title, count(*) AS sum FROM n",
    ],
)
def test_ctrl_c_ends_a_query_in_the_middle_of_a_step(database: Path, command: str, query: str) -> None:
    write(database, "x.sqlite", None, f', sql: "{query}"')
    output = ("-o", "out.jsonl") if command == "map" else ()
    process = subprocess.Popen(
        [*OPUSMAP, command, "m.yaml", *output],
        cwd=database,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 60
    while children.exists() and not children.read_text("ascii").strip():  # until the query runs
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)
    child = children.read_text("ascii").split() if children.exists() else []
    stopped = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert time.monotonic() - stopped < 5, said
    assert process.returncode == 4
    assert "Traceback" not in said
    assert not any(Path(f"/proc/{number}").exists() for number in child)
