"""The README is true: its diagnostic is what opusmap prints, its Python runs, its links lead somewhere."""

from __future__ import annotations

import contextlib
import csv
import io
import re
import subprocess
import sys

import pytest
from documentation import PAGES, ROOT, blocks, sample_row

README = ROOT / "README.md"
ROW = sample_row(ROOT / "docs" / "language.md")


def test_the_diagnostic_shown_is_what_is_printed_for_that_mistake(tmp_path):
    (shown,) = [block.text for block in blocks(README, "text") if "error[" in block.text]
    (mapping,) = [block.text for block in blocks(README, "yaml") if block.text.startswith("opusmap:")]
    wrong = re.search(r'no column "(\w+)"', shown)[1]
    right = re.search(r'mean "(\w+)"', shown)[1]
    line = re.search(r"(?m)^ *\d+ \| (.*)$", shown)[1]
    original = line.replace(wrong, right)
    assert original in mapping.splitlines(), "the line shown is not one of the mapping's, but for the mistake"
    (tmp_path / "mapping.yaml").write_text(mapping.replace(original, line), "utf-8")
    connection = ROOT / "mappings" / "contracts" / "contracts.connection.json"
    (tmp_path / connection.name).write_bytes(connection.read_bytes())
    with (tmp_path / "contracts.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([ROW.keys(), ROW.values()])
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from opusmap.cli import main; sys.exit(main())",
            "check",
            "mapping.yaml",
        ],
        capture_output=True,
        check=False,
        encoding="utf-8",
        cwd=tmp_path,
        env={"PYTHONUTF8": "1", "PATH": "", "SYSTEMROOT": "C:\\Windows"},
        timeout=60,
    )
    assert ended.returncode == 2
    assert ended.stderr == shown + "1 error\n"


def python_blocks():
    return [pytest.param(block.text, id=str(block)) for page in PAGES for block in blocks(page, "python")]


@pytest.mark.parametrize("code", python_blocks())
def test_python_runs_and_prints_what_its_comments_say(code, monkeypatch):
    monkeypatch.chdir(ROOT)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "documentation", "exec"), {"__name__": "documentation"})
    said = re.findall(r"(?m)^print\(.*\)  # (.*)$", code)
    lines = printed.getvalue().splitlines()
    assert len(lines) == len(said)
    for line, words in zip(lines, said, strict=True):
        assert words == line or words.startswith(f"{line}:")


def anchors(text: str) -> set[str]:
    """Return the names that GitHub gives a page's headings."""
    prose = re.sub(r"(?ms)^ *```.*?^ *```$", "", text)
    headings = [found.replace("`", "") for found in re.findall(r"(?m)^#+ (.+)$", prose)]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


LINKED = (*PAGES, *sorted((ROOT / "docs" / "diagnostics").glob("*.md")))


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page):
    text = re.sub(r"(?ms)^ *```.*?^ *```$", "", page.read_text("utf-8"))
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        if (
            not found.exists()
            or not found.is_relative_to(ROOT)
            or (anchor and (found.suffix != ".md" or anchor not in anchors(found.read_text("utf-8"))))
        ):
            broken.append(target)
    assert not broken


def test_each_page_of_the_documentation_is_in_its_table_of_contents():
    contents = (ROOT / "docs" / "index.md").read_text("utf-8")
    missing = [page.name for page in (ROOT / "docs").glob("*.md") if f"]({page.name})" not in contents]
    assert missing == ["index.md"]


@pytest.mark.parametrize(
    ("folder", "contents"),
    [("howto", "howto/index.md"), ("explanation", "index.md"), ("reference", "index.md")],
)
def test_each_page_of_a_folder_is_in_a_table_of_contents(folder, contents):
    index = ROOT / "docs" / contents
    listed = {
        (index.parent / path).resolve() for path in re.findall(r"\]\(([^)#]+)\)", index.read_text("utf-8"))
    }
    assert set((ROOT / "docs" / folder).glob("*.md")) - {index} <= listed
