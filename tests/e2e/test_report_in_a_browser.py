"""The report's page in a real browser: it loads nothing, runs nothing, is accessible and prints whole.

It needs the extra `browser` and Chromium from the system's packages.
"""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from opusmap_program import run_opusmap
from pictures import CHROMIUM, QUIET
from recorded_runs import HOSTILE, lengthen_run, record_run

from opusmap.journal import Run
from opusmap.report import Evidence, Reason
from opusmap.report.crosswalk import Crosswalk, Line
from opusmap.report.later_rows import LaterRow, LaterRows
from opusmap.report.later_runs import Later
from opusmap.report.pages import Related, render_run
from opusmap.report.rejected_rows import RejectedRows

sync_api = pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="the extra `browser` is not installed"
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

VIEWS = {
    "wide and light": {"color_scheme": "light", "viewport": {"width": 1200, "height": 900}},
    "wide and dark": {"color_scheme": "dark", "viewport": {"width": 1200, "height": 900}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 320, "height": 640}},
}


def opusmap(folder, *args):
    ended = run_opusmap(*args, cwd=folder)
    ended.check_returncode()
    return ended


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages that the command line writes of a run and of a mapping, one row of which is hostile."""
    folder = tmp_path_factory.mktemp("run")
    record_run(folder, 60)
    lengthen_run(record_run(folder, 90))
    opusmap(folder, "report", "--html", "run.html")
    opusmap(folder, "preview", "mapping.yaml", "--limit", "3", "--html", "preview.html")
    (folder / "later.html").write_text(make_later_page(), "utf-8")
    return folder


def make_later_page():
    """Return the page of a run whose rejected rows later runs dealt with, in each way."""
    wrong = (("Doc Type", "unknown-choice"), ("Amount", "bad-number"))
    rows = {
        2: LaterRow(2, "CT-000001", "sent", 2, sent_as="CT-000001b"),
        3: LaterRow(3, "CT-000002", "open", wrong=wrong, file="mapping.run-2.rejects.csv"),
        4: LaterRow(4, "", "deleted", wrong=wrong[:1]),
        5: LaterRow(5, "CT-000004", "filtered"),
    }
    later = Later(4, (2,), 1, filtered=1, still_open=2, deleted=1)
    crosswalk = Crosswalk((Line("Doc Type", "d", "SingleChoice", True, ("DocType",), ("as it is",), 3),))
    reasons = (Reason("Doc Type", "unknown-choice", 4, (2, 3, 4, 5), ""),)
    counts = {"read": 1_000_000, "submitted": 999_996, "rejected": 4}
    run = Run(1, "https://opus.example.com", "c-1", "mapping.yaml", 1000.0, 1060.0, "done", counts)
    return render_run(
        run,
        Evidence(crosswalk=crosswalk, reasons=reasons),
        [],
        RejectedRows(missing="Rows were left out of this page."),
        datetime(2026, 3, 1, tzinfo=UTC),
        related=Related(later=later, rows=LaterRows(rows), cells="opusmap-run-1.html", edited=True),
    )


@pytest.fixture(scope="module")
def browser(pages):  # the pages first: playwright's loop in this thread lets no other run
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield opened
        opened.close()


@pytest.fixture
def look(browser, pages):
    """Open a page and tell what it asked for and complained of; scripts of the tests pass its policy by."""
    contexts = []

    def open_page(name, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.asked, page.said = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.goto((pages / name).as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", ["run.html", "preview.html"])
def test_the_page_loads_nothing_and_its_policy_has_nothing_to_refuse(name, look, pages):
    page = look(name)
    assert page.asked == [(pages / name).as_uri()]
    assert page.said == []


@pytest.mark.parametrize("name", ["run.html", "preview.html"])
def test_a_hostile_cell_is_shown_as_text(name, look):
    page = look(name)
    assert page.locator("script, img, iframe, object, form, base").count() == 0
    assert "owned" not in page.title()
    assert HOSTILE in page.locator("main").text_content()


def test_the_policy_would_stop_a_script_and_a_picture(look, pages):
    text = (pages / "run.html").read_text("utf-8")
    (pages / "tampered.html").write_text(text.replace("</main>", HOSTILE + "</main>"), "utf-8")
    page = look("tampered.html")
    assert page.title() != "owned"
    refused = [message for message in page.said if "Content Security Policy" in message]
    assert any("evil.example" in message for message in refused)
    assert any("script" in message for message in refused)


@pytest.mark.parametrize("name", ["run.html", "preview.html", "later.html"])
@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_found_by_an_accessibility_checker(view, name, look):
    page = look(name, bypass_csp=True, **VIEWS[view])
    for details in page.locator("details").all():
        details.evaluate("each => each.open = true")
    found = axe.Axe().run(page)
    assert not found.response["violations"], found.generate_report()


@pytest.mark.parametrize("name", ["run.html", "preview.html", "later.html"])
@pytest.mark.parametrize("view", VIEWS)
def test_only_boxes_of_their_own_scroll_sideways(view, name, look):
    page = look(name, bypass_csp=True, **VIEWS[view])
    width = VIEWS[view]["viewport"]["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_two_spaces_of_a_name_or_a_rule_are_seen_in_the_crosswalk(look, pages):
    line = Line("To  Opus", "a", "SingleText", True, ("From  here",), ('joined by "  "',), 1)
    crosswalk = Crosswalk((line,), ("Only  rows",), ("Not  read",), ("Not  filled",))
    run = Run(1, "https://o", "c", "m.yaml", 1000.0, 1060.0, "done", {"read": 1, "submitted": 1})
    made = datetime(2026, 3, 1, tzinfo=UTC)
    text = render_run(run, Evidence(crosswalk=crosswalk), [], RejectedRows(), made)
    (pages / "spaces.html").write_text(text, "utf-8")
    shown = look("spaces.html").locator("section[aria-labelledby=crosswalk]").inner_text()
    for spaced in ("To  Opus", "From  here", 'joined by "  "', "Only  rows", "Not  read", "Not  filled"):
        assert spaced in shown


def test_dark_and_light_differ(look):
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    shades = {
        scheme: look("run.html", bypass_csp=True, color_scheme=scheme).evaluate(colour)
        for scheme in ("light", "dark")
    }
    assert shades["light"] == "rgb(255, 255, 255)"
    assert shades["dark"] != shades["light"]


def test_reasons_are_opened_from_the_keyboard(look):
    page = look("run.html", bypass_csp=True)
    summary = page.locator("details.reason > summary").first
    summary.focus()
    assert not page.locator("details.reason .row").first.is_visible()
    page.keyboard.press("Enter")
    assert page.locator("details.reason .row").first.is_visible()


def test_the_first_tab_leads_past_the_navigation(look):
    page = look("run.html", bypass_csp=True)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"


def test_charts_scroll_in_their_own_boxes_on_a_phone(look):
    page = look("run.html", bypass_csp=True, viewport={"width": 390, "height": 800})
    boxes = page.locator('[aria-label^="Chart: "]').all()
    assert boxes
    for box in boxes:
        assert box.evaluate("each => each.scrollWidth > each.clientWidth")
        box.evaluate("each => { each.scrollLeft = 1000 }")
        assert box.evaluate("each => each.scrollLeft") > 0


def test_the_rows_of_tables_are_stacked_on_a_phone_and_no_name_of_a_file_is_broken(look):
    page = look("run.html", viewport={"width": 390, "height": 800})
    for table in (".hashes", ".crosswalk", ".left-rows", ".runs"):
        for box in page.locator(f".wide:has({table})").all():
            assert box.evaluate("each => each.scrollWidth <= each.clientWidth"), table
            cell = box.locator("tbody td").first
            assert cell.evaluate("each => getComputedStyle(each, '::before').content.length > 2")
    assert page.locator(".hashes").count() == 1
    name = page.locator(".hashes bdi", has_text="connection.json").first
    assert name.evaluate("each => each.getClientRects().length") == 1


def test_no_word_of_a_preview_is_broken_on_a_phone(look):
    page = look("preview.html", viewport={"width": 320, "height": 800})
    names = page.eval_on_selector_all(
        ".sides tbody th bdi", "all => all.map(one => [one.textContent, one.getClientRects().length])"
    )
    assert len(names) > 20
    assert [name for name, lines in names if " " not in name and lines > 1] == []


def test_each_printed_sheet_has_the_run_and_its_number_and_something_else(look, tmp_path):
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    page = look("run.html", bypass_csp=True)
    page.pdf(path=tmp_path / "run.pdf", prefer_css_page_size=True)
    subprocess.run(["pdftotext", "-layout", "run.pdf", "run.txt"], cwd=tmp_path, check=True)
    *sheets, rest = (tmp_path / "run.txt").read_text("utf-8").split("\f")
    assert not rest
    for number, sheet in enumerate(sheets, 1):
        *body, foot = sheet.strip().splitlines()
        assert foot.split() == f"Rehearsal, run 2 of mapping.yaml page {number} of {len(sheets)}".split()
        assert "".join(body).strip()
    (signed,) = (sheet for sheet in sheets if "Signature" in sheet)
    assert signed.split()[:3] == ["Declaration", "and", "sign-off"]


def test_the_crosswalk_and_the_signature_are_printed(look, tmp_path):
    page = look("run.html", bypass_csp=True, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    for words in ("Crosswalk: from source columns to Opus", "Signature", "SHA-256"):
        assert page.get_by_text(words).first.is_visible()
    assert not page.locator("nav").is_visible()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    printed = Path(tmp_path / "run.pdf")
    page.pdf(path=printed)
    assert printed.read_bytes().startswith(b"%PDF")
