"""The extension for VS Code passes on what the language server says; VS Code itself is not run here."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from documentation import ROOT
from opusmap_program import COMMAND, environment_of

pytest.importorskip("pygls", reason="the extra `lsp` is not installed")
NODE = shutil.which("node")
EXTENSION = ROOT / "docs" / "editors" / "vscode"
DRIVER = Path(__file__).parent.parent / "support" / "vscode_extension.cjs"


def run_extension(mapping, *questions, command=COMMAND):
    ended = subprocess.run(
        [NODE, DRIVER, EXTENSION / "extension.js", mapping, *command], input="\n".join(questions),
        env=environment_of(), capture_output=True, encoding="utf-8", check=False, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.skipif(NODE is None, reason="Node is not installed")
def test_the_extension_shows_what_the_server_says(tmp_path):
    shutil.copytree(ROOT / "mappings" / "contracts", tmp_path / "contracts")
    mapping = tmp_path / "contracts" / "mapping.yaml"
    text = mapping.read_text("utf-8").replace("lookup: staff", "lookup: staf", 1)
    mapping.write_text(text, "utf-8")
    lines = text.split("\n")
    line = next(number for number, one in enumerate(lines) if "lookup: staf" in one)
    at = f"{line} {lines[line].index('lookup: staf') + len('lookup: st')}"
    zone = next(number for number, one in enumerate(lines) if one.startswith("timezone:"))
    found = run_extension(
        mapping, f"completion {at}", f"hover {zone} 2", f"fixes {at}", f"definition {line} 3"
    )
    problem = next(one for one in found["problems"] if one["code"] == "unknown-table")
    assert problem["severity"] == "error"
    assert problem["range"]["start"]["line"] == line
    assert "staff" in [one["label"] for one in found["completion"]]
    assert "zone" in found["hover"]["contents"]["value"]
    assert [edit["text"] for one in found["fixes"] for edit in one["edit"]["edits"]] == ["staff"]
    assert all("connection.json" in one["uri"] for one in found["definition"])


@pytest.mark.skipif(NODE is None, reason="Node is not installed")
def test_a_program_that_is_not_there_is_said(tmp_path):
    (tmp_path / "mapping.yaml").write_text("opusmap: 1\n", "utf-8")
    error = run_extension(tmp_path / "mapping.yaml", command=["no-such-program"])["error"]
    assert "no-such-program can't be started" in error
    assert "opusmap.command" in error


def test_the_manifest_has_what_vs_code_needs():
    manifest = json.loads((EXTENSION / "package.json").read_text("utf-8"))
    assert {"name", "publisher", "version", "engines", "main", "activationEvents"} <= set(manifest)
    assert (EXTENSION / manifest["main"]).is_file()
    settings = manifest["contributes"]["configuration"]["properties"]
    script = (EXTENSION / "extension.js").read_text("utf-8")
    assert all(f'"{name.removeprefix("opusmap.")}"' in script for name in settings)
    assert "dependencies" not in manifest
