"""The mapping's text beside the screens: saved if it can be read, never lost, answered while it is typed."""

import hashlib
import re
import shutil

import pytest
from documentation import ROOT
from opusmap_program import run_opusmap


@pytest.fixture
def contracts(tmp_path):
    shutil.copytree(ROOT / "mappings" / "contracts", tmp_path / "contracts")
    return tmp_path / "contracts"


@pytest.fixture
def page(contracts, start_studio, open_page):
    page = open_page(start_studio(contracts, "mapping.yaml"))
    page.wait_for_selector(".cm-content")
    page.wait_for_function("() => window.opusmapEditor?.state.doc.lines > 10")
    return page


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(page, old, new):
    """Type in the editor: replace a text that is there."""
    page.evaluate(
        """([old, added]) => {
            const view = window.opusmapEditor, at = view.state.doc.toString().indexOf(old);
            if (at < 0) throw new Error("not there: " + old);
            view.focus();
            view.dispatch({changes: {from: at, to: at + old.length, insert: added},
                           selection: {anchor: at + added.length}, userEvent: "input.type"});
        }""",
        [old, new],
    )


def text_of(page):
    return page.evaluate("window.opusmapEditor.state.doc.toString()")


def test_what_is_typed_is_saved_and_the_totals_follow(page, contracts):
    ready = page.inner_text("#totals strong")
    write(page, "where: \"{{ Status != 'Draft' }}\"", "where: \"{{ Status == 'Draft' }}\"")
    page.wait_for_function(
        "before => document.querySelector('#totals strong').innerText !== before", arg=ready
    )
    assert "Status == 'Draft'" in (contracts / "mapping.yaml").read_text("utf-8")
    assert page.inner_text("#save-state") == "Saved"


def test_text_that_is_no_yaml_is_not_saved_and_the_last_preview_stays_dimmed(page, contracts):
    """Proof 8 of the studio."""
    before, totals = sha256(contracts / "mapping.yaml"), page.inner_text("#totals strong")
    write(page, "conflict: overwrite", "conflict: [overwrite")
    page.wait_for_selector("#app.stale")
    assert page.inner_text("#save-state").startswith("Not saved")
    assert sha256(contracts / "mapping.yaml") == before
    assert page.inner_text("#totals strong") == totals
    assert page.locator(".cm-lint-marker-error").count() > 0
    write(page, "conflict: [overwrite", "conflict: skip")
    page.wait_for_selector("#app:not(.stale)")
    page.wait_for_selector("#save-state.saved")
    assert b"conflict: skip" in (contracts / "mapping.yaml").read_bytes()


def test_a_change_by_another_program_asks_and_no_text_is_lost(page, contracts):
    """Proof 9 of the studio."""
    path = contracts / "mapping.yaml"
    theirs = path.read_bytes() + b"# written by another program\n"
    path.write_bytes(theirs)
    write(page, "conflict: overwrite", "conflict: skip")
    page.wait_for_selector(".conflict")
    assert "# written by another program" in page.inner_text(".diff")
    assert path.read_bytes() == theirs
    page.click("#take-theirs")
    page.wait_for_selector(".conflict", state="detached")
    page.wait_for_function("() => window.opusmapEditor.state.doc.toString().includes('another program')")
    page.click("#undo")
    page.wait_for_function("() => window.opusmapEditor.state.doc.toString().includes('conflict: skip')")
    assert b"conflict: skip" in path.read_bytes()


def test_the_page_s_text_can_be_kept_and_undo_brings_back_the_other(page, contracts):
    path = contracts / "mapping.yaml"
    theirs = path.read_bytes() + b"# written by another program\n"
    path.write_bytes(theirs)
    page.wait_for_selector(".conflict")
    page.click("#keep-mine")
    page.wait_for_selector(".conflict", state="detached")
    assert b"another program" not in path.read_bytes()
    page.click("#undo")
    page.wait_for_selector("#save-state.saved")
    page.wait_for_function("() => window.opusmapEditor.state.doc.toString().includes('another program')")
    assert path.read_bytes() == theirs


def test_a_second_tab_sees_what_the_first_one_changed(page, contracts, start_studio, open_page):
    context = page.context
    other = context.new_page()
    other.goto(page.url)
    other.wait_for_function("() => window.opusmapEditor?.state.doc.lines > 10")
    other.bring_to_front()
    write(page, "conflict: overwrite", "conflict: skip")
    page.wait_for_selector("#undo:not([disabled])")
    other.wait_for_function("() => window.opusmapEditor.state.doc.toString().includes('conflict: skip')")
    assert other.inner_text("#save-state") == "Saved"


def test_a_second_studio_on_the_same_file_is_told_of_the_change(page, contracts, start_studio, open_page):
    other = open_page(start_studio(contracts, "mapping.yaml"))
    other.wait_for_function("() => window.opusmapEditor?.state.doc.lines > 10")
    write(page, "conflict: overwrite", "conflict: skip")
    page.wait_for_selector("#undo:not([disabled])")
    other.wait_for_selector(".conflict")
    assert "conflict: skip" in other.inner_text(".diff")


def test_the_editor_s_problems_are_those_of_check(page, contracts):
    write(page, "convert: trim", "convert: trimm")
    page.wait_for_selector(".cm-lint-marker-error")
    shown = page.evaluate(
        """async () => {
            const answer = await fetch("/ask/problems?mapping=mapping.yaml", {method: "POST", body: "{}"});
            return (await answer.json()).map(one => [one.code, one.from[0] + 1, one.from[1] + 1]);
        }"""
    )
    ended = run_opusmap("check", "mapping.yaml", cwd=contracts)
    places = re.findall(r"^mapping\.yaml:(\d+):(\d+): ", ended.stderr, re.MULTILINE)
    assert ("unknown-converter", 47) in [(code, line) for code, line, _ in shown]
    assert sorted((line, column) for _, line, column in shown) == sorted((int(a), int(b)) for a, b in places)


def test_completion_and_hover_answer_where_the_cursor_is(page):
    page.evaluate(
        """() => {
            const view = window.opusmapEditor, at = view.state.doc.toString().indexOf("{from: Title");
            view.focus();
            view.dispatch({changes: {from: at + 7, to: at + 12, insert: "Ti"}, selection: {anchor: at + 9},
                           userEvent: "input.type"});
        }"""
    )
    page.keyboard.press("Control+Space")
    page.wait_for_selector(".cm-tooltip-autocomplete")
    assert "Title" in page.inner_text(".cm-tooltip-autocomplete")
    page.click(".cm-tooltip-autocomplete li:has-text('Title')")
    page.wait_for_function("() => /from: Title/.test(window.opusmapEditor.state.doc.toString())")
    box = page.evaluate(
        """() => {
            const view = window.opusmapEditor, at = view.state.doc.toString().indexOf("convert: trim") + 11;
            view.dispatch({selection: {anchor: at}, scrollIntoView: true});
            const {left, top, bottom} = view.coordsAtPos(at);
            return [left, (top + bottom) / 2];
        }"""
    )
    page.mouse.move(*box)
    page.wait_for_selector(".cm-hover")
    assert "trim" in page.inner_text(".cm-hover")


def test_a_studio_that_was_stopped_says_so_and_the_text_stays_in_the_page(contracts, start_studio, open_page):
    studio = start_studio(contracts, "mapping.yaml")
    page = open_page(studio)
    page.wait_for_function("() => window.opusmapEditor?.state.doc.lines > 10")
    assert studio.stop() == 0
    write(page, "conflict: overwrite", "conflict: skip")
    page.wait_for_selector("#offline:not([hidden])")
    assert "conflict: skip" in text_of(page)


def test_the_editor_is_left_by_escape_and_the_keys_work(page):
    page.locator(".cm-content").focus()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "toggle-yaml"
    page.keyboard.press("Alt+3")
    page.wait_for_selector("#app.screen-values")
    page.keyboard.press("Control+k")
    page.keyboard.type("report")
    page.keyboard.press("Enter")
    page.wait_for_selector("#app.screen-report")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
