"""A redraw of the page (a pulse, a job that ends, typed YAML) takes no click and no typed text away."""

import re
import shutil

import pytest
from documentation import ROOT

CLICKS = 15

KEEP_TYPING = """() => {
    const type = () => {
        const view = window.opusmapEditor;
        const changes = {from: view.state.doc.length, insert: "# typed\\n"};
        view.dispatch({changes, userEvent: "input.type"});
    };
    setInterval(type, 170);
}"""
"""Each keystroke that is followed by a short rest is saved, and redraws the screen."""

COUNT_REDRAWS = """() => {
    window.redraws = 0;
    document.addEventListener("htmx:afterSettle", () => { window.redraws += 1; });
}"""


@pytest.fixture
def page(tmp_path, start_studio, open_page):
    shutil.copytree(ROOT / "mappings" / "contracts", tmp_path / "contracts")
    mapping = tmp_path / "contracts" / "mapping.yaml"
    mapping.write_text(re.sub(r"(?m)^where: .*\n", "", mapping.read_text("utf-8")), "utf-8")
    studio = start_studio(tmp_path / "contracts", "mapping.yaml")
    page = open_page(studio, "/columns?mapping=mapping.yaml&column=timeCreated")
    page.wait_for_function("() => window.opusmapEditor?.state.doc.lines > 10")
    page.evaluate(COUNT_REDRAWS)
    return page


def type_in_editor(page):
    page.evaluate(KEEP_TYPING.replace("setInterval(type, 170)", "type()"))


def wait_for_redraw(page):
    before = page.evaluate("window.redraws")
    page.wait_for_function("before => window.redraws > before", arg=before)


def test_each_of_many_clicks_is_answered_while_the_screen_is_redrawn_again_and_again(page):
    page.evaluate(KEEP_TYPING)
    for number in range(CLICKS):
        wait_for_redraw(page)
        page.click("#row-next", delay=20 * (number % 8))
        page.wait_for_selector(f"#row-panel nav:has-text('{number + 2} of')")
        assert f"row={number + 1}" in page.url
    assert page.watched.complaints == []


def test_a_button_that_is_pressed_stays_until_it_is_released(page):
    page.click("#step-file")
    page.wait_for_selector("#app.screen-file")
    page.hover("#step-values")
    page.mouse.down()
    with page.expect_response(lambda answer: "/file?" in answer.url) as redrawn:
        type_in_editor(page)
    redrawn.value.finished()
    page.mouse.up()
    page.wait_for_selector("#app.screen-values")


def test_a_redraw_that_waited_for_a_button_comes_once_it_is_released_elsewhere(page):
    page.hover("#step-values")
    page.mouse.down()
    with page.expect_response(lambda answer: "/columns?" in answer.url) as redrawn:
        type_in_editor(page)
    redrawn.value.finished()
    assert page.evaluate("window.redraws") == 0
    page.mouse.move(700, 300)
    page.mouse.up()
    page.wait_for_function("() => window.redraws > 0")
    assert page.locator("#app.screen-columns").count() == 1


def test_what_is_typed_in_a_form_and_unfolded_outlives_a_redraw(page):
    page.click("summary:has-text('Leave rows out')")
    page.fill("#where-value", "lapsed")
    page.select_option("#where-column", "Status")
    for _ in range(3):
        type_in_editor(page)
        wait_for_redraw(page)
    assert page.input_value("#where-value") == "lapsed"
    assert page.input_value("#where-column") == "Status"
    assert page.is_visible("#where-value")


def test_the_view_of_the_latest_click_is_shown_and_the_notice_of_the_one_before_is_not_lost(page):
    kept = []

    def keep(route):
        kept.append(route)

    page.route(re.compile("/do/check/keep-test"), keep)
    page.click("#keep-test")
    page.wait_for_function("() => document.querySelector('.htmx-request')")
    with page.expect_response(lambda answer: "/values" in answer.url):
        page.click("#step-values")
    page.wait_for_selector("#app.screen-values")
    kept[0].continue_()
    page.wait_for_selector("#notices:has-text('is kept')")
    assert page.locator("#app.screen-values").count() == 1
    assert "/values?" in page.url


def test_an_action_sees_the_text_that_was_typed_just_before_it(page):
    type_in_editor(page)
    with page.expect_response(lambda answer: "/do/mapping/undo" in answer.url):
        page.evaluate("document.getElementById('undo').disabled = false")
        page.click("#undo")
    asked = [re.sub(r".*?(/text|/do)\b.*", r"\1", one) for one in page.watched.requests]
    sent = [one for one in asked if one in ("/text", "/do")]
    assert sent[-2:] == ["/text", "/do"] or sent[-3:] == ["/text", "/do", "/text"]
    page.wait_for_function("() => !window.opusmapEditor.state.doc.toString().includes('# typed')")
