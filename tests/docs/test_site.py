"""The site is built without the network, its links lead somewhere, and nothing of the code is missing."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import click
import pytest
from built_once import build_once
from documentation import ROOT
from pictures import CHROMIUM, QUIET
from raised_codes import raised_codes

import opusmap
from opusmap.cli.entry import opusmap as program
from opusmap.converters import builtin_converters
from opusmap.mapping.schema import load_schema

pytest.importorskip("furo", reason="the extra `docs` is not installed")
pytestmark = (
    pytest.mark.slow
)  # the site is built twice; links between pages are looked at in other tests, too

OFFLINE = """
import sys
from sphinx.cmd.build import main
def refuse(event, details):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        raise OSError(f"no network: {event} {details}")
sys.addaudithook(refuse)
sys.exit(main(sys.argv[1:]))
"""


def build(source, site):
    """Build as `make docs` does, in a process that reaches no network."""
    options = ["-q", "-W", "--keep-going", "-b", "html", "-c", str(ROOT / "docs" / "site")]
    return subprocess.run(
        [sys.executable, "-c", OFFLINE, *options, "-d", str(site) + "-trees", str(source), str(site)],
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    def build_site(folder):
        built = build(ROOT, folder)
        assert built.returncode == 0, built.stderr

    own = tmp_path_factory.getbasetemp()
    return build_once(own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own, "site", build_site)


@pytest.fixture(scope="module")
def reader(site):
    """A page of a real browser, without a network."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser.new_page()
        browser.close()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("date format", "Map dates and date formats"),
        ("Date formats", "Map dates and date formats"),
        ("time zone", "Map dates and date formats"),
        ("choices", "Map choices"),
        ("email", "Map people"),
        ("bad-date", "bad-date"),
    ],
)
def test_the_search_finds_the_page_on_a_subject_first(words, found, site, reader):
    reader.goto((site / "search.html").as_uri() + "?q=" + words.replace(" ", "+"))
    reader.get_by_text(re.compile(r"^Search finished")).wait_for()
    assert reader.locator("ul.search > li > a").first.inner_text() == found


@pytest.mark.parametrize(
    ("name", "begins", "copied"),
    [
        ("index", "$ opusmap demo", "opusmap demo"),
        ("howto/check-before-sending", "$ opusmap explain", "opusmap explain finished.mapping.yaml"),
        ("tutorial", "PermitNo;Address", "PermitNo;Address"),
    ],
)
def test_a_button_copies_commands_without_prompt_and_output_and_files_whole(
    name, begins, copied, site, reader
):
    reader.goto((site / "docs" / f"{name}.html").as_uri())
    block = reader.locator(".highlight", has_text=re.compile("^" + re.escape(begins))).first
    shown = block.locator("pre").inner_text()
    reader.evaluate("document.addEventListener('copy', () => { window.copied = `${getSelection()}` })")
    block.hover()
    block.locator("button.copybtn").click()
    text = reader.evaluate("window.copied")
    assert text.startswith(copied)
    commands = [line[2:] for line in shown.splitlines() if line.startswith("$ ")]
    assert text.splitlines() == (commands or shown.splitlines())


def test_the_files_of_the_samples_can_be_downloaded(site):
    text = page(site, "sample-files")
    found = re.findall(r'<a class="reference download[^"]*"[^>]* href="([^"]+)"', text)
    names = [address.rpartition("/")[2] for address in found]
    assert sorted(names) == sorted(
        [
            *("permits.csv", "permits.connection.json", "mapping.yaml", "finished.mapping.yaml"),
            *("contracts.csv", "staff.csv", "contracts.connection.json", "mapping.yaml"),
        ]
    )
    assert all((site / "docs" / address).resolve().stat().st_size for address in found)


def test_the_footer_says_whose_the_pages_are(site):
    assert "the opusmap developers" in re.sub(r"\s+", " ", page(site, "index").partition("<footer>")[2])


def page(site, name):
    return (site / "docs" / f"{name}.html").read_text("utf-8")


def headings(text):
    return set(re.findall(r'<section id="([^"]+)"', text))


def test_each_command_and_option_is_in_the_reference(site):
    text = page(site, "reference/commands")
    assert set(program.commands) <= headings(text)
    parts = dict(part.split('">', 1) for part in text.split('<section id="')[1:])
    missing = [
        f"{name} {option}"
        for name, command in program.commands.items()
        for each in command.get_params(click.Context(command))
        if isinstance(each, click.Option) and not each.hidden
        for option in each.opts
        if option != "-h"  # click remembers it once a command has run in this process
        if f">{option}<" not in parts[name]
    ]
    assert not missing


def test_each_converter_is_in_the_reference(site):
    known = {name.replace("_", "-") for name in builtin_converters().converters}
    assert known <= headings(page(site, "reference/converters"))


def test_each_key_of_the_language_is_in_the_reference(site):
    def names(part):
        if isinstance(part, dict):
            yield from part.get("properties", ())
            for inner in part.values():
                yield from names(inner)

    shown = set(re.findall(r'<span class="pre">(\w+)</span>', page(site, "reference/keys")))
    assert set(names(load_schema())) <= shown


def test_each_public_name_of_the_library_is_in_the_reference(site):
    ids = set(re.findall(r'id="opusmap\.(?:testing\.)?(\w+)"', page(site, "reference/library")))
    assert {*opusmap.__all__, *opusmap.testing.__all__} - {"__version__"} <= ids


def test_each_code_has_a_page_in_the_navigation(site):
    text = page(site, "diagnostics/index")
    assert not [code for code in raised_codes() if f'href="{code}.html"' not in text]


def test_each_page_can_be_reached_from_the_first_one(site):
    text = page(site, "index")
    pages = {
        path.stem
        for folder in ("howto", "explanation", "reference")
        for path in (ROOT / "docs" / folder).glob("*.md")
    }
    assert not [name for name in pages if f"/{name}.html" not in text]
    assert "url=docs/index.html" in (site / "index.html").read_text("utf-8")


def test_no_page_loads_anything_from_elsewhere(site):
    loading = re.compile(r'<(?:script|img|iframe|link)\b[^>]*?(?:src|href)="((?:https?:)?//[^"]+)"')
    found = {address for path in site.rglob("*.html") for address in loading.findall(path.read_text("utf-8"))}
    styles = {
        address
        for path in site.rglob("*.css")
        for address in re.findall(r"url\(\W*(https?://[^)]+)", path.read_text("utf-8"))
    }
    assert found | styles == set()


def test_a_link_that_leads_nowhere_ends_the_build(tmp_path):
    links = ["nowhere.md", "index.md#nowhere", "#nowhere", "../nowhere.txt"]
    (tmp_path / "docs").mkdir()
    text = "# Index\n\n" + "".join(f"[broken]({link})\n\n" for link in links)
    (tmp_path / "docs" / "index.md").write_text(text, "utf-8")
    built = build(tmp_path, tmp_path / "site")
    assert built.returncode != 0
    for line, _ in enumerate(links):
        told = rf"index\.md:{3 + 2 * line}: WARNING: .*not found.*nowhere"
        assert re.search(told, built.stderr), built.stderr
