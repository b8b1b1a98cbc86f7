"""What the program tells of itself and to shells, and how little it loads for that."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys

import pytest

import opusmap

CODE = "import sys; from opusmap.cli import main; sys.exit(main())"
HEAVY = {
    *("aiohttp", "asyncio", "calamine", "cryptography", "email_validator", "httpx", "hypothesis", "jinja2"),
    *("jsonschema", "msgspec", "openpyxl", "pyarrow", "pytest", "rapidfuzz", "re2", "rich", "sqlalchemy"),
    *("sqlite3", "ssl", "uvicorn", "xlsxwriter", "yaml", "zoneinfo"),
}


def run(*args, code=CODE, **environ):
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1", **environ},
    )


LOADED = """
import json, sys
from opusmap.cli import main
main(sys.argv[1:])
print("\\n" + json.dumps(list(sys.modules)))
"""


@pytest.mark.parametrize(
    "line", ["--help", "submit --help", "report --help", "completion bash", "help bad-date"]
)
def test_help_loads_nothing_heavy(line):
    loaded = {
        name.partition(".")[0] for name in json.loads(run(*line.split(), code=LOADED).stdout.splitlines()[-1])
    }
    assert loaded & HEAVY == set()
    assert "click" in loaded


def test_the_version_tells_what_a_bug_report_should_say():
    ended = run("--version")
    assert ended.returncode == 0
    lines = ended.stdout.splitlines()
    assert lines[0] == f"opusmap {opusmap.__version__}"
    assert platform.python_version() in lines[1]
    assert platform.platform() in lines[1]
    assert lines[2].startswith(f"SQLite {sqlite3.sqlite_version}, time zones from ")
    assert lines[3].startswith("encodings: output utf-8")
    for package in ("click", "httpx", "jinja2", "google-re2"):
        assert f"{package} " in lines[4]
    assert "None" not in ended.stdout


@pytest.mark.parametrize("shell", ["zsh", "fish", "powershell"])
def test_each_shell_gets_a_script_that_asks_opusmap(shell):
    ended = run("completion", shell)
    assert ended.returncode == 0
    assert "_OPUSMAP_COMPLETE" in ended.stdout
    assert f"{shell}_complete" in ended.stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("opusmap che", ["check"]),
        ("opusmap submit --conc", ["--concurrency"]),
        ("opusmap submit mapping.yaml --to e", ["emulator"]),
        ("opusmap completion p", ["powershell"]),
        ("opusmap help bad-d", ["bad-date"]),
        ("opusmap init c.json x.txt --set head", ["header_row=", "headers="]),
    ],
)
def test_bash_completes_commands_options_and_values(words, offered, tmp_path):
    bash = shutil.which("bash")
    if bash is None or os.name == "nt":
        pytest.skip("no bash")
    program = tmp_path / "opusmap"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{CODE}' \"$@\"\n", "utf-8")
    program.chmod(0o755)
    script = (
        'eval "$(opusmap completion bash)"; COMP_WORDS=($WORDS); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); '
        '_opusmap_completion opusmap; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    ended = subprocess.run(
        [bash, "-c", script],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "WORDS": words},
    )
    assert ended.stdout.split() == offered, ended.stderr


def test_a_shell_that_is_not_known_is_refused_with_those_that_are():
    ended = run("completion", "tcsh")
    assert ended.returncode == 2
    assert "powershell" in ended.stderr
