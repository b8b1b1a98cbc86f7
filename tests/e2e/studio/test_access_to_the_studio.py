"""Proof 18 of the studio: an accessibility checker finds nothing, and the path is walked by keyboard."""

import shutil

import pytest
from documentation import ROOT
from emulator_process import serve_emulator

axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="the extra `browser` is not installed"
)

SCREENS = ("file", "columns", "values", "check", "send", "report")


@pytest.fixture
def contracts(tmp_path):
    shutil.copytree(ROOT / "mappings" / "contracts", tmp_path / "contracts")
    return tmp_path / "contracts"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_found_by_an_accessibility_checker(scheme, contracts, start_studio, open_page):
    page = open_page(start_studio(contracts), "/home", color_scheme=scheme, bypass_csp=True)
    found = {"home": axe.Axe().run(page).response["violations"]}
    page.click("text=mapping.yaml")
    for screen in SCREENS:
        page.click(f"#step-{screen}")
        page.wait_for_selector(f"#app.screen-{screen}")
        if screen == "columns":
            page.click("#column-timeCreated")
            page.wait_for_selector(".stages")
        if screen == "check":
            page.wait_for_selector("#checked")
        found[screen] = axe.Axe().run(page).response["violations"]
    told = {
        name: [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in violations]
        for name, violations in found.items()
        if violations
    }
    assert not told


@pytest.mark.parametrize("screen", SCREENS)
def test_a_phone_shows_each_screen_without_scrolling_sideways(screen, contracts, start_studio, open_page):
    page = open_page(
        start_studio(contracts, "mapping.yaml"),
        f"/{screen}?mapping=mapping.yaml&column=timeCreated",
        viewport={"width": 390, "height": 844},
    )
    page.wait_for_selector(f"#app.screen-{screen}")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_the_way_from_the_list_to_a_signed_run_is_walked_by_keyboard(contracts, start_studio, open_page):
    lines = (contracts / "contracts.csv").read_bytes().splitlines(keepends=True)
    (contracts / "contracts.csv").write_bytes(b"".join(lines[:60]))
    with serve_emulator(contracts / "mapping.yaml") as service:
        page = open_page(start_studio(contracts, env=service.settings), "/home")
        press(page, "a[href*='mapping=mapping.yaml']")
        page.wait_for_selector("#app.screen-columns")
        bind_by_keyboard(page)
        page.keyboard.press("Alt+3")
        page.wait_for_selector("#app.screen-values")
        press(page, "#lock")
        page.wait_for_selector(".lock.held")
        for number, screen in ((1, "file"), (4, "check"), (5, "send")):
            page.keyboard.press(f"Alt+{number}")
            page.wait_for_selector(f"#app.screen-{screen}")
        press(page, "#compare")
        page.wait_for_selector("#diff")
        press(page, "#rehearse")
        page.wait_for_selector("#outcome")
        press(page, "#send-all")
        page.wait_for_selector("#outcome:has-text('Sending all rows')")
        assert service.held()
        page.keyboard.press("Alt+6")
        page.wait_for_selector("#app.screen-report")
        for field, text in (("#sign-name", "Ana Pérez"), ("#sign-role", "Records manager")):
            focus(page, field)
            page.keyboard.type(text)
        press(page, "#sign")
        page.wait_for_selector("#sign-off-state.good")
        page.keyboard.press("Control+k")
        page.keyboard.type("columns")
        page.keyboard.press("Enter")
        page.wait_for_selector("#app.screen-columns")


def test_a_mapping_is_drafted_from_two_files_by_keyboard(contracts, start_studio, open_page):
    (contracts / "mapping.yaml").unlink()
    page = open_page(start_studio(contracts), "/home")
    for field, name in (("#file-one", "contracts.csv"), ("#file-other", "contracts.connection.json")):
        focus(page, field)
        page.keyboard.type(name)  # a list goes to the entry that begins so
        assert page.input_value(field) == name
    press(page, "#make-draft")
    page.wait_for_selector("#app.screen-columns")
    assert "connection: contracts.connection.json" in (contracts / "mapping.yaml").read_text("utf-8")


def bind_by_keyboard(page):
    press(page, "#column-_Supplier")
    page.wait_for_selector("#column-_Supplier[aria-current]")
    focus(page, "#from")
    page.keyboard.type("Title")
    press(page, "#bind")
    page.wait_for_selector(".current .origin:has-text('Title')")
    page.keyboard.press("Control+z")
    page.wait_for_selector(".current .origin:has-text('Supplier')")


def press(page, selector):
    focus(page, selector)
    page.keyboard.press("Enter")


def focus(page, selector):
    """Go to something by the Tab key alone."""
    page.locator(".skip").focus()  # the first stop of a page
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
    pytest.fail(f"{selector} is not reached by the Tab key")
