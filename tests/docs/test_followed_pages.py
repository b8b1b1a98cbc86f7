"""The tutorial and how-to pages are followed as they stand."""

from __future__ import annotations

import re

import pytest
from documentation import ROOT
from followed_pages import Reader, pattern, plain

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")

DOCS = ROOT / "docs"
FOLLOWED = [
    "howto/from-a-script.md",
    "howto/dates.md",
    "howto/choices.md",
    "howto/people.md",
    "howto/check-before-sending.md",
    "howto/see-what-would-change.md",
    "howto/destroy-due-records.md",
    *(
        pytest.param(page, marks=pytest.mark.slow)
        for page in ("tutorial.md", "howto/testing.md", "howto/file-share.md", "howto/custom-converter.md")
    ),
]


@pytest.mark.parametrize("page", FOLLOWED)
def test_what_a_page_says_is_so_from_beginning_to_end(page, tmp_path):
    reader = Reader(tmp_path)
    try:
        reader.read(DOCS / page)
    finally:
        reader.close()


def test_a_page_that_writes_a_secret_into_env_says_who_may_read_it_as_doctor_asks():
    writes = re.compile(r"^```text\n(?:OPUSMAP_.*\n)*OPUSMAP_CLIENT_SECRET", re.MULTILINE)
    pages = {path: path.read_text("utf-8") for path in DOCS.rglob("*.md")}
    found = {path.name for path, text in pages.items() if writes.search(text)}
    assert {"tutorial.md", "send.md", "command-line.md"} <= found
    assert [
        path.name for path, text in pages.items() if path.name in found and "chmod 600 .env" not in text
    ] == []


@pytest.mark.parametrize(
    ("output", "real", "fits"),
    [
        ("a\n…\nb\n", "a\nx\ny\nb\n", True),
        ("a\n…\nb\n", "a\nb\n", True),
        ("a\n…\nb\n", "a\nx\n", False),
        ("a … c\n", "a b c  \n", True),
        ("a … c\n", "a b\nc\n", False),
        ("a\n", "a\nb\n", False),
        ("2 (*)\n", "2 (*)\n", True),
    ],
)
def test_outputs_are_compared_line_by_line(output, real, fits):
    assert bool(pattern(output).fullmatch(plain(real))) is fits
