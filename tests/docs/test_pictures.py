"""The README's pictures show what opusmap prints and writes today; `make pictures` makes them again."""

from __future__ import annotations

import re
import struct

import pytest
from documentation import ROOT
from pictures import CHROMIUM, FOLDER, STUDIO, draw_terminal, photograph_report, read_terminal, write_report

SIZE_LIMIT = 200_000
AGAIN = "run `make pictures`, look at docs/pictures, and commit them"


def test_the_terminal_in_the_picture_shows_what_the_demo_prints():
    shown = (FOLDER / "terminal.svg").read_text("utf-8")
    assert read_terminal(shown) == read_terminal(draw_terminal()), AGAIN


def test_the_text_of_a_terminal_is_read_line_by_line():
    lines = read_terminal((FOLDER / "terminal.svg").read_text("utf-8"))
    assert lines[0] == "$ opusmap demo"
    assert any(line.startswith("submitted") for line in lines)
    assert len(lines) > 20


def test_the_pictures_load_nothing_and_are_small():
    names = {"terminal.svg", "report.png", *(f"studio-{name}.webp" for name in STUDIO)}
    assert {path.name for path in FOLDER.iterdir()} == names
    assert all(path.stat().st_size < SIZE_LIMIT for path in FOLDER.iterdir())
    assert all(path.stat().st_size < 80_000 for path in FOLDER.glob("studio-*"))
    drawn = (FOLDER / "terminal.svg").read_text("utf-8")
    assert "url(http" not in drawn
    assert "href" not in drawn


def test_a_photograph_of_a_report_is_like_the_one_that_is_kept(tmp_path):
    pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    page = write_report(tmp_path)
    photograph_report(page, tmp_path / "report.png")
    kept, taken = _png_size(FOLDER / "report.png"), _png_size(tmp_path / "report.png")
    assert kept[0] == taken[0] == 1100
    assert abs(kept[1] - taken[1]) <= 60, f"the page has another shape: {AGAIN}"  # fonts differ by machine
    shown = re.sub(r"<[^>]+>", " ", page.read_text("utf-8"))
    assert "Finished: 86 rows need attention." in shown


def _png_size(path):
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", head[16:24])


def test_the_readme_and_the_first_page_show_them():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert {"docs/pictures/terminal.svg", "docs/pictures/report.png"} <= set(
        re.findall(r'<img src="([^"]+)"[^>]* alt="[^"]+">', readme)
    )
    assert "](pictures/terminal.svg)" in (ROOT / "docs" / "index.md").read_text("utf-8")


def test_the_tutorial_shows_each_picture_of_the_studio_in_the_order_of_its_steps():
    tutorial = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
    shown = re.findall(r"!\[([^\]]{20,})\]\(pictures/studio-(\w+)\.webp\)", tutorial)
    assert [name for _, name in shown] == list(STUDIO)
    for name in STUDIO:
        picture = (FOLDER / f"studio-{name}.webp").read_bytes()
        assert (picture[:4], picture[8:12]) == (b"RIFF", b"WEBP")
