"""The tutorial by clicks alone: from two files to a rehearsal, with the counts of the command line.

If OPUSMAP_TEST_PICTURES names a folder, it takes the tutorial's pictures on its way (`make pictures`).
"""

import base64
import json
import os
import re
from pathlib import Path

import pytest
from documentation import ROOT
from opusmap_program import run_opusmap
from pictures import STUDIO, TAKE_PICTURES

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text("utf-8")


def file_of_tutorial(name):
    return re.search(rf"<!-- file: {re.escape(name)} -->\n```\w+\n(.*?)```", TUTORIAL, re.DOTALL)[1]


@pytest.fixture
def folder(tmp_path):
    for name in ("permits.csv", "permits.connection.json"):
        (tmp_path / name).write_text(file_of_tutorial(name), "utf-8")
    return tmp_path


COUNT_REDRAWS = """
window.redraws = 0;
document.addEventListener("htmx:afterSettle", () => { window.redraws += 1; });
"""


class Clicks:
    """A person at the page: each click waits until the page has answered it."""

    def __init__(self, page):
        self.page = page
        self.photographed = []
        page.add_init_script(COUNT_REDRAWS)
        page.evaluate(COUNT_REDRAWS)

    def photograph(self, name, part="body"):
        """Show what the tutorial shows at this point; keep a picture of it, if one is asked for."""
        self.photographed.append(name)
        if folder := os.environ.get(TAKE_PICTURES):
            self.page.evaluate("() => scrollTo(0, 0)")
            place = self.page.locator(part).bounding_box()
            seen = min(place["height"], self.page.viewport_size["height"])
            asked = {"format": "webp", "quality": 65, "clip": {**place, "height": seen, "scale": 1}}
            taken = self.page.context.new_cdp_session(self.page).send("Page.captureScreenshot", asked)
            (Path(folder) / f"studio-{name}.webp").write_bytes(base64.b64decode(taken["data"]))

    def press(self, target):
        """Click, and wait until the answer is drawn: what is typed into the old screen meanwhile is lost."""
        before = self.page.evaluate("window.redraws")
        with self.page.expect_response(lambda answer: "/do/" in answer.url):
            self.page.locator(target).first.click()
        self.page.wait_for_function("before => window.redraws > before", arg=before)

    def column(self, name):
        self.page.click(f"#column-{name}")
        self.page.wait_for_selector(f"#column-{name}[aria-current]")

    def bind(self, name, source):
        self.column(name)
        if not self.page.locator("#mode-column[aria-current]").count():  # else it would be drawn twice
            self.page.click("#mode-column")
            self.page.wait_for_selector("#mode-column[aria-current]")
        self.page.select_option("#from", source)
        self.press("#bind")

    def say_always(self, name, value):
        self.column(name)
        self.page.click("#mode-constant")
        self.page.fill("#constant", value)
        self.press("#bind")

    def express(self, name, template):
        self.column(name)
        self.page.click("#mode-template")
        self.page.fill("#template", template)
        self.press("#bind")


def compare_and_rehearse(do):
    do.press("#compare")
    do.page.wait_for_selector("#diff")
    assert do.page.inner_text("[data-diff=new]") == "3"
    do.press("#rehearse")
    do.page.wait_for_selector("#outcome")
    assert "3" in do.page.inner_text("#outcome")
    assert "compare again" not in do.page.inner_text("#diff")
    do.photograph("send")


def test_the_whole_tutorial_is_done_by_clicks_and_the_command_line_counts_alike(
    folder, start_studio, open_page
):
    """Proof 3 of the studio: the YAML pane is never touched."""
    page = open_page(start_studio(folder), viewport={"width": 1200, "height": 800})
    do = Clicks(page)
    page.select_option("#file-one", "permits.csv")
    page.select_option("#file-other", "permits.connection.json")
    do.photograph("files", "section:has(#make-draft)")
    page.click("#make-draft")
    page.wait_for_selector("#app.screen-columns")
    page.click("#toggle-yaml")
    page.wait_for_selector("#editor", state="hidden")
    do.photograph("columns")
    do.bind("rowKey", "PermitNo")
    do.bind("leafName", "Address")
    do.say_always("termFullPath", "Planning/Building permits")
    do.bind("timeModified", "Decided")
    page.fill("#zone", "Australia/Brisbane")
    do.press("#save-zone")
    page.fill("#datetime-format", "2024-12-19 18:15:00")
    do.press("#save-format")
    do.photograph("dates")
    for name in ("createdBy", "modifiedBy"):
        do.express(name, "{{ Officer | email }}")
    do.bind(r"_Permit_\%20_Type", "Kind")
    page.click("summary:has-text('Leave rows out')")
    page.select_option("#where-column", "Status")
    page.fill("#where-value", "decided")
    do.press("#save-where")
    page.click("#step-values")
    page.wait_for_selector("#app.screen-values")
    page.fill("#pasted", "Dwelling\nDemolition\nFence\nPool")
    do.press("#paste")
    do.press("#ignore-case")
    do.photograph("values")
    do.press("#lock")
    page.click("#step-check")
    page.wait_for_selector("#checked")
    page.wait_for_function("() => /Rows\\s*8/.test(document.querySelector('#check-totals').innerText)")
    checked = json.loads(run_opusmap("check", "mapping.yaml", "--json", cwd=folder).stdout)
    assert {name: checked[name] for name in ("read", "mapped", "filtered", "rejected")} == {
        "read": 8, "mapped": 3, "filtered": 1, "rejected": 4,
    }  # fmt: skip
    shown = [int(number) for number in re.findall(r"\d+", page.inner_text("#check-totals"))]
    assert shown == [checked[name] for name in ("read", "mapped", "filtered", "rejected")]
    do.photograph("check")
    do.press("#keep-test")
    page.click("#step-send")
    compare_and_rehearse(do)
    assert tuple(do.photographed) == STUDIO
    tested = run_opusmap("test", "mapping.yaml", cwd=folder)
    assert tested.returncode == 0, tested.stdout + tested.stderr
