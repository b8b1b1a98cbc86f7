"""The emulator judges on its own: a mistake shared with the mapper or the client would go unseen."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import opusmap.emulator

OWN = {"connection", "emulator", "errors", "issues", "local_server", "records", "safe_files", "wording"}
"""What it may load: `local_server` opens a port, and knows no record."""
MODULES = sorted(Path(opusmap.emulator.__file__).parent.glob("*.py"))


def test_loading_the_emulator_loads_nothing_of_the_mapper_or_the_client():
    program = "import sys, opusmap.emulator; print(*(name for name in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names = {name.split(".")[1] for name in loaded.stdout.split() if name.startswith("opusmap.")}
    assert names == OWN


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_module_of_the_emulator_imports_them_later_either(path):
    modules = {
        name
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
        if name.split(".")[0] == "opusmap"
    }
    assert all(name.split(".")[1:2] and name.split(".")[1] in OWN for name in modules)
