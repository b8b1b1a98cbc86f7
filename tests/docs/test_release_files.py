"""What releases are made by: one version, workflows and a container file that say what the package says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from documentation import ROOT, section, table

import opusmap

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def workflow(name):
    text = (ROOT / ".github" / "workflows" / name).read_text("utf-8")
    return yaml.load(text, yaml.BaseLoader)  # texts alone: YAML 1.1 would read `on` as true


def test_the_version_is_written_once_and_cited_as_it_is():
    assert "version" in PROJECT["project"]["dynamic"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "opusmap/__init__.py"
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert cited["version"] == opusmap.__version__
    assert cited["license"] == PROJECT["project"]["license"]


def test_the_page_on_installing_lists_each_extra_that_a_user_may_need_once():
    rows = table(section(ROOT / "docs" / "howto" / "install.md", "Extras"))
    listed = [name for cell, _ in rows for name in re.findall(r"[a-z]+", cell)]
    for_developers = {"browser", "docs", "dev"}
    assert sorted(listed) == sorted(PROJECT["project"]["optional-dependencies"].keys() - for_developers)


def test_the_changelog_has_sections_and_kinds_of_changes_as_keep_a_changelog_says():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    sections = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert sections[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", each) for each in sections[1:])
    kinds = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert kinds


def test_the_tests_run_on_each_system_and_each_version_of_python_that_the_package_names():
    matrix = workflow("ci.yml")["jobs"]["tests"]["strategy"]["matrix"]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"]))
    assert matrix["python"] == named
    assert {each.partition("-")[0] for each in matrix["os"]} == {"ubuntu", "macos", "windows"}


def test_a_release_installs_extras_that_exist_and_only_publishing_may_ask_for_an_identity():
    jobs = workflow("release.yml")["jobs"]
    steps = "\n".join(step.get("run", "") for step in jobs["sbom"]["steps"])
    extras = re.search(r"opusmap\[([a-z,]+)\]", steps)[1].split(",")
    assert set(extras) <= set(PROJECT["project"]["optional-dependencies"])
    may = {name: set(job.get("permissions", {})) for name, job in jobs.items()}
    assert [name for name, granted in may.items() if "id-token" in granted] == ["publish"]
    assert "password" not in str(jobs["publish"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_unless_a_job_says_more(path):
    assert workflow(path.name)["permissions"] == {"contents": "read"}


def test_the_container_does_not_run_as_root_and_keeps_the_journal_in_a_volume():
    lines = (ROOT / "Containerfile").read_text("utf-8").splitlines()
    last = lines[max(at for at, line in enumerate(lines) if line.startswith("FROM ")) :]
    (user,) = [line.split()[1] for line in last if line.startswith("USER ")]
    assert user.partition(":")[0] not in ("0", "root")
    (volume,) = [line.split()[1] for line in last if line.startswith("VOLUME ")]
    assert any(f"OPUSMAP_JOURNAL={volume}/" in line for line in last)
    extras = re.search(r"'\.\[([a-z,]+)\]'", "\n".join(lines))[1].split(",")
    assert set(extras) <= set(PROJECT["project"]["optional-dependencies"])


@pytest.mark.parametrize(
    ("program", "files"), [("actionlint", WORKFLOWS), ("hadolint", [ROOT / "Containerfile"])]
)
def test_the_linters_have_nothing_to_say(program, files):
    found = shutil.which(program) or shutil.which(program, path=Path(sys.executable).parent)
    if found is None:
        pytest.skip(f"{program} is not installed")
    ended = subprocess.run([found, *map(str, files)], capture_output=True, check=False, text=True)
    assert ended.returncode == 0, ended.stdout
