"""The script in the wheel is what its sources give, to the byte, and brings the licences of what is in it."""

import json
import shutil
import subprocess

import pytest
from documentation import ROOT

STUDIO = ROOT / "opusmap" / "studio"
BUILT = ("studio.js", "LICENSES.txt")
NPM = shutil.which("npm")


@pytest.mark.slow
@pytest.mark.skipif(NPM is None, reason="npm is not installed")
def test_the_script_builds_again_to_the_byte(tmp_path):
    shutil.copytree(STUDIO / "web", tmp_path / "web", ignore=shutil.ignore_patterns("node_modules"))
    (tmp_path / "static").mkdir()
    for command in (["ci", "--no-audit", "--no-fund", "--silent"], ["run", "--silent", "build"]):
        ended = subprocess.run(
            [NPM, *command], cwd=tmp_path / "web", capture_output=True, text=True, check=False, timeout=300
        )
        if "ENOTFOUND" in ended.stderr or "ECONN" in ended.stderr:
            pytest.skip("the npm registry can't be reached")
        assert ended.returncode == 0, ended.stderr
    for name in BUILT:
        assert (tmp_path / "static" / name).read_bytes() == (STUDIO / "static" / name).read_bytes()


def test_each_package_in_the_script_has_a_licence_that_allows_it():
    lock = json.loads((STUDIO / "web" / "package-lock.json").read_text("utf-8"))["packages"]
    shipped = {line.split()[0] for line in _titles()}
    assert {"@codemirror/view", "htmx.org"} <= shipped
    for name in shipped:
        assert lock[f"node_modules/{name}"]["license"] in ("MIT", "0BSD")


def _titles():
    blocks = (STUDIO / "static" / "LICENSES.txt").read_text("utf-8").split("-" * 72)
    return [block.strip().splitlines()[0] for block in blocks]


def test_the_script_and_its_styles_stay_small():
    assert (STUDIO / "static" / "studio.js").stat().st_size < 600_000
    assert (STUDIO / "static" / "studio.css").stat().st_size < 60_000
