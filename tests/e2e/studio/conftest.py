"""A real studio (a process, a port) and a real browser, for each test its own folder.

Needs the extras `studio` and `browser`, and Chromium from the system's packages.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from opusmap_program import Program, environment_of, start_opusmap
from pictures import CHROMIUM, QUIET

pytest.importorskip("starlette", reason="the extra `studio` is not installed")
sync_api = pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")

MODULES = ("opusmap.cli.studio", "opusmap.studio.opening", "opusmap.studio.serving")
"""What each studio imports."""

WAIT = 45_000
"""Milliseconds until something that must come has come, on a busy machine."""


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.studio)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium is installed"))


@dataclass
class Studio:
    """A studio that runs: its folder, address, and what it prints."""

    folder: Path
    process: Program | subprocess.Popen[str]
    address: str

    @property
    def origin(self) -> str:
        return self.address.partition("/?")[0]

    def stop(self) -> int:
        """End it as SIGTERM does; return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def start_studio() -> Iterator[Any]:
    """Start studios: `start_studio(folder, *arguments, env={})`; all are stopped at the end."""
    started: list[Studio] = []

    def start(folder: Path, *args: object, env: dict[str, str] | None = None) -> Studio:
        process = start_opusmap(
            "studio", *args, "--no-browser", cwd=folder, env=environment_of(**(env or {})), modules=MODULES
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("Studio: "):
            process.kill()
            pytest.fail(f"the studio did not start: {line}{process.communicate()[1]}")
        studio = Studio(folder, process, line.removeprefix("Studio: ").strip())
        started.append(studio)
        return studio

    yield start
    for one in started:
        one.stop()


@pytest.fixture(scope="module")  # while it is open, its loop lets no other run in this thread
def chromium() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@dataclass
class Watched:
    """What a page asked for and complained of."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Any]:
    """Open a studio in the browser: `open_page(studio, path="/columns?…")` signs in and gives a page.

    `page.watched` says what it asked for and complained of (errors, violations of the policy).
    """
    contexts = {}

    def open_(studio: Studio, path: str | None = None, **options: Any) -> Any:
        key = studio.address
        signed_in = key in contexts
        if not signed_in:
            options.setdefault("viewport", {"width": 1440, "height": 900})
            contexts[key] = chromium.new_context(**options)
            contexts[key].set_default_timeout(WAIT)
        page = contexts[key].new_page()
        page.watched = Watched()
        page.on("request", lambda request: page.watched.requests.append(request.url))
        page.on("console", lambda told: told.type == "error" and page.watched.complaints.append(told.text))
        page.on("pageerror", lambda error: page.watched.complaints.append(str(error)))
        if not signed_in:
            page.goto(studio.address)
        if path is not None:
            page.goto(studio.origin + path)
        return page

    yield open_
    for context in contexts.values():
        context.close()
