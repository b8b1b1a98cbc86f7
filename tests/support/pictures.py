"""The pictures of the README and of the tutorial. `make pictures` makes them again.

The terminal's picture is an SVG of what `opusmap demo` really prints on 100 columns. The report's is a
photograph of the page that `opusmap report --html` writes about a submission of the same register. The
studio's are photographs that the test of the tutorial by clicks takes on its way. Photographs need the
extra `browser` and Chromium from the system's packages.
"""

from __future__ import annotations

import contextlib
import html
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from opusmap.cli import main
from opusmap.rejects import RejectWriter
from opusmap.run.open import open_work
from opusmap.run.rehearsal import EmbeddedTransport, embedded_opus
from opusmap.run.submit import SubmitOptions, submit_source

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "pictures"
CONTRACTS = ROOT / "mappings" / "contracts"
COLUMNS, LINES = 100, 30
STUDIO = ("files", "columns", "dates", "values", "check", "send")
"""What the tutorial by clicks shows of the studio, each in docs/pictures/studio-NAME.webp."""
TAKE_PICTURES = "OPUSMAP_TEST_PICTURES"
"""The variable of the environment that names the folder into which a test puts its pictures."""
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
"""Options of Chromium: it does nothing in the background, and asks nothing of the network."""


class _Screen(io.StringIO):
    """A stream that says of itself that it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@contextlib.contextmanager
def _surroundings(**variables: str) -> Iterator[None]:
    """Set variables of the environment for a while, without the settings of this machine's user."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith(("OPUSMAP_", "GITHUB_")) or name == "NO_COLOR"]:
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def draw_terminal() -> str:
    """Return the picture, as SVG, of a terminal on which `opusmap demo` was typed."""
    screen = _Screen()
    variables = {"COLUMNS": str(COLUMNS), "LINES": str(LINES), "TERM": "xterm-256color"}
    with _surroundings(**variables), contextlib.redirect_stdout(screen), contextlib.redirect_stderr(screen):
        code = main(["demo"])
    assert code == 0, screen.getvalue()
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), legacy_windows=False)
    console.print(Text("$ opusmap demo", "bold"))
    console.print(Text.from_ansi(_same_seconds(screen.getvalue())))
    drawn = console.export_svg(title="opusmap demo", unique_id="opusmap")
    # Without rich's web fonts: a picture in a page asks nothing of the network.
    return re.sub(r"(?s)\s*@font-face \{.*?\}", "", drawn)


def _same_seconds(printed: str) -> str:
    """Put one figure for the time that the machine needed: two pictures differ only by what opusmap says."""
    return re.sub(r"(seconds\s+)[\d.]+", lambda found: found[1] + "0.8", printed)


def read_terminal(picture: str) -> list[str]:
    """Return the lines of text of a terminal's picture."""
    lines: dict[float, str] = {}
    for place, text in re.findall(
        r'<text class="opusmap-r\d+"[^>]*? y="([\d.]+)"[^>]*>(.*?)</text>', picture
    ):
        lines[float(place)] = lines.get(float(place), "") + html.unescape(text).replace("\xa0", " ")
    return [lines[place].rstrip() for place in sorted(lines)]


def write_report(folder: Path) -> Path:
    """Submit the contract register to an embedded Opus, and return the page about that run."""
    for name in ("mapping.yaml", "contracts.connection.json", "contracts.csv", "staff.csv"):
        shutil.copy(CONTRACTS / name, folder)
    with contextlib.chdir(folder), _surroundings(LOGNAME="records"):
        work = open_work(Path("mapping.yaml"))
        emulator, settings = embedded_opus(work.mapper)
        settings = replace(settings, journal=Path("opusmap-journal.db"))
        with work.source, RejectWriter.beside(Path("mapping.yaml"), work.source, sending="run") as writer:
            submit_source(work, settings, SubmitOptions(EmbeddedTransport(emulator)), writer)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            assert main(["report", "1", "--html", "report.html"]) == 0
    return folder / "report.html"


def photograph_report(page: Path, picture: Path) -> None:
    """Take the picture of the top of a report's page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        view = browser.new_page(viewport={"width": 1100, "height": 900}, color_scheme="light")
        view.goto(page.as_uri())
        totals = view.locator("#totals table, table").first.bounding_box()
        assert totals is not None
        height = totals["y"] + totals["height"] + 24
        view.screenshot(path=picture, clip={"x": 0, "y": 0, "width": 1100, "height": height}, full_page=True)
        browser.close()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "terminal.svg").write_text(draw_terminal(), "utf-8", newline="\n")
    if CHROMIUM is None:
        sys.exit("docs/pictures/terminal.svg is made; no photographs, for no Chromium is installed.")
    with tempfile.TemporaryDirectory() as temporary:
        photograph_report(write_report(Path(temporary)), FOLDER / "report.png")
    walk = ROOT / "tests" / "e2e" / "studio" / "test_tutorial_by_clicks.py"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", str(walk)],
        cwd=ROOT, env={**os.environ, TAKE_PICTURES: str(FOLDER)}, check=True,
    )  # fmt: skip
