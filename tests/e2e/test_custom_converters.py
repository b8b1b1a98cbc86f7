"""Custom converters from a file, from an installed package, and from nowhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "opusmap-barcodes"
CONNECTION = """{"id": "d9da492f-cc67-4920-99f9-6fbaae1f1410", "data": [{"rowKey": "SingleText",
"leafName": "SingleText", "timeCreated": "DateTime", "timeModified": "DateTime",
"createdBy": "SingleText", "modifiedBy": "SingleText"}]}"""
MAPPING = """\
opusmap: 1
connection: c.json
source: {path: boxes.csv}
fields:
  rowKey: "{{ BoxNo | barcode }}"
  leafName: {from: BoxNo, convert: {barcode: {prefix: X}}}
  timeCreated: {const: "2024-01-31"}
  timeModified: {const: "2024-01-31"}
  createdBy: {const: register}
  modifiedBy: {const: register}
tests:
  - row: {BoxNo: "7"}
    expect: {rowKey: B00000007, leafName: X00000007}
"""


@pytest.fixture
def boxes(tmp_path):
    (tmp_path / "mapping.yaml").write_text(MAPPING, "utf-8")
    (tmp_path / "c.json").write_text(CONNECTION, "utf-8")
    (tmp_path / "boxes.csv").write_text("BoxNo\n7\nbox 8\n", "utf-8")
    return tmp_path


def run(folder, *args, path=""):
    return subprocess.run(
        [sys.executable, "-c", "import sys; from opusmap.cli import main; sys.exit(main())", *args],
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1", "PYTHONPATH": str(path)},
    )


def test_a_converter_of_a_named_file_is_used(boxes):
    ended = run(boxes, "test", "mapping.yaml", "--converters", str(EXAMPLE / "opusmap_barcodes.py"))
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_value_that_it_refuses_is_a_reject_with_its_code(boxes):
    ended = run(boxes, "check", "mapping.yaml", "--converters", str(EXAMPLE / "opusmap_barcodes.py"))
    assert ended.returncode == 1
    assert "bad-barcode" in ended.stdout


def test_a_converter_of_an_installed_package_is_found(boxes, tmp_path):
    target = tmp_path / "site"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"),
            *("--target", str(target), str(EXAMPLE)),
        ],
        check=True,
    )
    assert run(boxes, "test", "mapping.yaml", path=target).returncode == 0
    assert "barcode" in run(boxes, "converters", path=target).stdout


def test_a_mapping_alone_loads_no_code(boxes):
    (boxes / "barcode.py").write_text("raise SystemExit('loaded')", "utf-8")
    ended = run(boxes, "check", "mapping.yaml")
    assert ended.returncode == 2
    assert 'there is no converter "barcode"' in ended.stderr


def test_a_file_that_breaks_is_told_with_its_line_and_no_traceback(boxes):
    (boxes / "broken.py").write_text("import opusmap\n1 / 0\n", "utf-8")
    ended = run(boxes, "check", "mapping.yaml", "--converters", "broken.py")
    assert ended.returncode == 2
    assert "ZeroDivisionError" in ended.stderr
    assert "broken.py:2" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_converter_that_breaks_on_a_row_rejects_it_and_no_other(boxes):
    (boxes / "odd.py").write_text(
        "from opusmap import converter\n\n@converter\ndef barcode(value: str, *, prefix: str = 'B') -> str:\n"
        "    return prefix + str(100 // (len(value) - 1))\n",
        "utf-8",
    )
    ended = run(boxes, "check", "mapping.yaml", "--converters", "odd.py")
    assert ended.returncode == 1
    assert "converter-failed" in ended.stdout
    assert "ZeroDivisionError" in ended.stdout
    assert ended.stdout.split()[:6] == ["read", "2", "mapped", "1", "rejected", "1"]


def test_a_wrong_argument_is_told_when_the_mapping_is_compiled(boxes):
    text = MAPPING.replace("{barcode: {prefix: X}}", "{barcode: {prefx: X}}")
    (boxes / "mapping.yaml").write_text(text, "utf-8")
    ended = run(boxes, "check", "mapping.yaml", "--converters", str(EXAMPLE / "opusmap_barcodes.py"))
    assert ended.returncode == 2
    assert "mapping.yaml:6:" in ended.stderr
    assert 'did you mean "prefix"?' in ended.stderr


def test_a_built_in_name_can_t_be_taken(boxes):
    (boxes / "taken.py").write_text(
        "from opusmap import converter\n\n@converter\ndef trim(value: str) -> str:\n    return value\n",
        "utf-8",
    )
    ended = run(boxes, "check", "mapping.yaml", "--converters", "taken.py")
    assert ended.returncode == 2
    assert "trim" in ended.stderr


def test_the_example_package_passes_its_own_tests():
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--override-ini=addopts=",
            str(EXAMPLE),
        ],
        capture_output=True,
        check=False,
        text=True,
        env={**os.environ, "PYTHONPATH": str(EXAMPLE)},
    )
    assert ended.returncode == 0, ended.stdout
