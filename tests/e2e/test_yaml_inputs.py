"""Mapping files that naive YAML readers mishandle: a located error of ours, or the stated reading.

Each test is named after its input; each runs in a process of its own, within 1 s and 100 MB.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="limits of memory and processor time are POSIX's"
)

ROOT = Path(__file__).parents[2]
CONNECTION = {
    "id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11",
    "data": {"rowKey": "SingleText", "_Country": "SingleText"}
    | {f"_S{number}": "SingleText" for number in range(10)},
}
HEAD = "opusmap: 1\nconnection: c.json\n"
FIELDS = "fields:\n  rowKey: K\n"


def told(folder: Path, text: str | bytes) -> dict[str, Any]:
    """Return what becomes of a mapping file."""
    (folder / "c.json").write_text(json.dumps(CONNECTION), "utf-8")
    (folder / "mapping.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "support" / "yaml_runner.py"), str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def problem(folder: Path, text: str | bytes) -> tuple[str, str, str]:
    """Return code, `line:column` and message of the one problem of a mapping file."""
    ((code, place, message),) = told(folder, text)["diagnostics"]
    return code, place.rpartition("mapping.yaml:")[2], message


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system ['id']", "!!python/name:os.environ"])
def test_a_tag_that_runs_code(tmp_path: Path, tag: str) -> None:
    assert problem(tmp_path, f"{HEAD}{FIELDS}  Country: {tag}\n")[:2] == ("yaml-tag", "5:12")


def test_25000_nested_brackets(tmp_path: Path) -> None:
    assert problem(tmp_path, f"{HEAD}{FIELDS}  Country: {'[' * 25_000}\n")[:2] == ("too-deep", "5:61")


def test_a_ten_level_alias_bomb(tmp_path: Path) -> None:
    levels = [f"  t{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 11)]
    bomb = "tables:\n  t0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(levels)
    assert problem(tmp_path, HEAD + bomb + FIELDS)[0] == "too-many-nodes"


def test_a_merge_bomb(tmp_path: Path) -> None:
    bomb = "tables:\n  a: &a {x: 1}\n  b: {<<: [" + ", ".join(["*a"] * 5_000) + "]}\n"
    assert problem(tmp_path, HEAD + bomb + FIELDS)[:2] == ("yaml-merge", "5:7")


def test_a_cyclic_alias(tmp_path: Path) -> None:
    assert problem(tmp_path, f"{HEAD}tables:\n  t: &a {{x: *a}}\n{FIELDS}")[:2] == ("cyclic-alias", "4:13")


def test_a_duplicate_key_names_both_places(tmp_path: Path) -> None:
    code, place, message = problem(tmp_path, f"{HEAD}{FIELDS}  rowKey: K\n")
    assert (code, place) == ("repeated-key", "5:3")
    assert "the first is at line 4, column 3" in message


def test_scalars_are_the_text_as_written(tmp_path: Path) -> None:
    written = ["NO", "on", "0123", "12:30:45", "1_000", "2024-01-02", "yes", "1e3", "0x1F", ".inf"]
    fields = "".join(f"  S{number}: {{const: {text}}}\n" for number, text in enumerate(written))
    found = told(tmp_path, f"{HEAD}{FIELDS}{fields}")
    assert [found["record"][f"_S{number}"] for number in range(len(written))] == written


def test_the_key_on_is_a_text(tmp_path: Path) -> None:
    table = "tables: {t: {on: switched, NO: Norway}}\n"
    found = told(tmp_path, f"{HEAD}{table}{FIELDS}  Country: \"{{{{ t['on'] ~ t['NO'] }}}}\"\n")
    assert found["record"]["_Country"] == "switchedNorway"


@pytest.mark.parametrize("separator", ["\u0085", "\u2028", "\u2029"])
def test_a_hidden_line_separator(tmp_path: Path, separator: str) -> None:
    assert problem(tmp_path, f"{HEAD}{FIELDS}  Country: K{separator}rowKey: evil\n")[:2] == (
        "line-separator",
        "5:13",
    )


def test_a_million_hexadecimal_digits(tmp_path: Path) -> None:
    code, place, message = problem(tmp_path, f"{HEAD}{FIELDS}  Country: 0x{'f' * 1_000_000}\n")
    assert (code, place) == ("unknown-column", "5:12")
    assert len(message) < 200


def test_one_scalar_of_30_mb(tmp_path: Path) -> None:
    assert problem(tmp_path, f"{HEAD}{FIELDS}  Country: {'x' * (30 << 20)}\n")[0] == "file-too-large"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_or_utf_16_is_read(tmp_path: Path, encoding: str) -> None:
    found = told(tmp_path, f"{HEAD}{FIELDS}  Country: {{const: Österreich}}\n".encode(encoding))
    assert found["record"] == {"rowKey": "1", "_Country": "Österreich"}


def test_utf_16_without_its_mark(tmp_path: Path) -> None:
    code, place, message = problem(tmp_path, (HEAD + FIELDS).encode("utf-16-le"))
    assert (code, place) == ("yaml-syntax", "1:2")
    assert "U+0000" in message


def test_a_tab_that_indents(tmp_path: Path) -> None:
    code, place, message = problem(tmp_path, f"{HEAD}fields:\n\trowKey: K\n")
    assert (code, place) == ("yaml-syntax", "4:1")
    assert message == "a tab is used for indentation"
