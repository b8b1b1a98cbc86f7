"""Values, options, tables and the lock, by clicks and keys in a real browser."""

import csv
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import pytest
import yaml
from documentation import ROOT

from opusmap.cli import main

axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="the extra `browser` is not installed"
)

DATA = os.environ.get("OPUSMAP_TEST_DATA", "")
DOC_TYPES = ["Contract", "Deed", "Lease", "NDA", "Variation"]


@pytest.fixture
def contracts(tmp_path):
    """The bundled register, whose document types and tags have no second spellings yet."""
    folder = tmp_path / "contracts"
    shutil.copytree(ROOT / "mappings" / "contracts", folder)
    return folder


def change_cells(folder, column, values):
    """Give the first rows of the register other values in a column."""
    path = folder / "contracts.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    at, status = rows[0].index(column), rows[0].index("Status")
    for row, value in zip((row for row in rows[1:] if row[status] != "Draft"), values, strict=False):
        row[at] = value
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def mapping_of(folder):
    return yaml.safe_load((folder / "mapping.yaml").read_text("utf-8"))


def options_of(folder, column="Doc Type"):
    given = mapping_of(folder)["choices"][column]
    return given["options"] if isinstance(given, dict) else given


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def open_values(studio, open_page, **query):
    parts = "".join(f"&{name}={value}" for name, value in query.items())
    return open_page(studio, f"/values?mapping=mapping.yaml{parts}")


def value_line(page, value):
    exact = re.compile(f"^{re.escape(value)}$")
    return page.locator(".facet > li").filter(has=page.locator("bdi.value", has_text=exact))


def said(page, text):
    """Wait until the page says something above the screen."""
    page.locator("#notices", has_text=text).wait_for()


def press(page, target, text):
    """Click what does something, wait for the answer, and until the page says this above the screen."""
    with page.expect_response(lambda answer: "/do/" in answer.url):
        (page.locator(target) if isinstance(target, str) else target).click()
    said(page, text)


def test_an_alias_changes_its_span_alone_and_undo_restores_the_file(contracts, start_studio, open_page):
    """Proof 4 of the studio."""
    path = contracts / "mapping.yaml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    before, digest = path.read_bytes(), sha256(path)
    page = open_values(start_studio(contracts, "mapping.yaml"), open_page, column="_Tags")
    line = value_line(page, "Miscellaneous")
    line.locator("select").select_option("Grant")
    press(page, line.get_by_role("button", name="Make Miscellaneous an alias"), "sent as 7")
    after = path.read_bytes()
    assert mapping_of(contracts)["choices"]["Tags"]["aliases"] == {
        "Human Resources": "HR",
        "Miscellaneous": "Grant",
    }
    added = b", Miscellaneous: Grant"
    assert after.replace(added, b"", 1) == before
    assert after.count(b"\r\n") == after.count(b"\n") == before.count(b"\n")
    value_line(page, "Miscellaneous").get_by_text("by an alias").wait_for()
    press(page, "#undo", "Undone")
    assert sha256(path) == digest


def test_an_unknown_value_becomes_an_option_only_at_a_position_that_a_person_names(
    contracts, start_studio, open_page
):
    """Proof 6 of the studio."""
    change_cells(contracts, "DocType", ["Dweling"] * 3 + ["dweling"] * 2 + ["Leese"] * 2)
    page = open_values(start_studio(contracts, "mapping.yaml"), open_page)
    cluster = page.locator(".cluster", has_text="Like one another")
    assert "Dweling" in cluster.inner_text()
    press(page, cluster.get_by_role("button"), "no option is chosen")
    assert options_of(contracts) == DOC_TYPES
    press(
        page,
        value_line(page, "Dweling").get_by_role("button", name="Make Dweling an alias"),
        "no option is chosen",
    )
    press(page, value_line(page, "Leese").get_by_role("button", name="Make Leese an alias"), "sent as 3")
    assert options_of(contracts) == DOC_TYPES
    value_line(page, "Dweling").get_by_role("link").click()
    page.wait_for_selector("#new-option[open]")
    page.wait_for_function("() => document.activeElement.id === 'new-position'")
    press(page, "#insert-option", "no position is chosen")
    assert options_of(contracts) == DOC_TYPES
    assert page.locator("#new-position option", has_text="before Deed").inner_text() == (
        "2, before Deed: Deed and 3 later options get the next number"
    )
    page.fill("#new-name", "Dwelling")
    page.select_option("#new-position", "2")
    press(page, "#insert-option", "Deed 2 → 3")
    assert options_of(contracts) == ["Contract", "Dwelling", "Deed", "Lease", "NDA", "Variation"]


def test_a_draft_has_no_options_until_the_list_of_opus_is_pasted(contracts, start_studio, open_page):
    """Proof 6 of the studio, for drafts."""
    (contracts / "mapping.yaml").unlink()
    change_cells(contracts, "DocType", ["Dweling"] * 3)
    studio = start_studio(contracts, "contracts.csv", "contracts.connection.json")
    drafted = next(path for path in contracts.glob("*.yaml"))
    page = open_page(studio, f"/values?mapping={drafted.name}&column=_Doc_%2520_Type")
    page.wait_for_selector("#paste-options[open]")
    assert page.locator(".options li").count() == 0
    assert page.locator("#pasted").input_value() == ""
    assert "Dweling" in page.locator(".facet").inner_text()
    page.fill("#pasted", "Contract\nDeed\n\nLease\nNDA\nDeed\n")
    press(page, "#paste", "twice")
    page.fill("#pasted", "Contract\nDeed\n\nLease\nNDA\nVariation\n")
    press(page, "#paste", "5 options")
    written = yaml.safe_load(drafted.read_text("utf-8"))["choices"]["Doc Type"]
    assert (written["options"] if isinstance(written, dict) else written) == DOC_TYPES
    assert page.locator(".options .number").all_inner_texts() == ["1", "2", "3", "4", "5"]
    assert "not an option" in value_line(page, "Dweling").inner_text()


def test_a_cluster_shows_its_members_and_aliases_those_that_are_ticked(contracts, start_studio, open_page):
    change_cells(contracts, "DocType", ["LEASE", "lease", " Lease.", "Leese"] * 2)
    page = open_values(start_studio(contracts, "mapping.yaml"), open_page)
    cluster = page.locator(".cluster", has_text="Like Lease")
    text = cluster.inner_text()
    assert {"LEASE", "lease", "Lease.", "Leese"} <= set(text.split())
    assert "only letter case differs" in text
    assert "one letter differs" in text
    cluster.get_by_label("Leese").uncheck()
    press(page, cluster.get_by_role("button"), "sent as 3")
    aliases = mapping_of(contracts)["choices"]["Doc Type"]["aliases"]
    assert aliases == dict.fromkeys(["LEASE", "lease", "Lease."], "Lease")
    press(page, "#undo", "Undone")  # all of them are one step
    assert options_of(contracts) == DOC_TYPES


def test_options_are_reordered_by_keyboard_and_the_lock_goes_stale(
    contracts, start_studio, open_page, capsys
):
    """Proof 7 of the studio."""
    page = open_values(start_studio(contracts, "mapping.yaml"), open_page)
    press(page, "#lock", "Locked")
    lock = json.loads((contracts / "mapping.lock.json").read_text("utf-8"))
    assert lock["choices"]["_Doc_%20_Type"] == DOC_TYPES
    page.wait_for_selector(".lock.held")
    page.get_by_role("button", name="Move NDA up").focus()
    page.keyboard.press("Enter")
    said(page, "Lease 3 → 4")
    page.wait_for_function("() => document.activeElement.getAttribute('aria-label') === 'Move NDA up'")
    page.keyboard.press("Space")
    said(page, "NDA 3 → 2")
    assert options_of(contracts) == ["Contract", "NDA", "Deed", "Lease", "Variation"]
    page.wait_for_selector(".lock.stale")
    assert 'orders of "Doc Type" have another meaning' in page.locator(".lock").inner_text()
    assert page.locator("#app.stale").count() == 0  # what the rows become is shown by the new order
    assert main(["check", str(contracts / "mapping.yaml"), "--no-source"]) != 0
    assert "drift-choices" in capsys.readouterr().err
    page.click("#step-send")
    page.wait_for_selector("#rehearse[disabled]")
    assert "The lock is stale" in page.inner_text("#obstacles")
    page.click("#step-values")
    page.wait_for_selector(".lock.stale")
    press(page, "#undo", "Undone")
    page.wait_for_selector(".options li:nth-child(3)[data-option=NDA]")
    press(page, "#undo", "Undone")
    page.wait_for_selector(".lock.held")


def test_an_option_is_dragged_to_another_place(contracts, start_studio, open_page):
    page = open_values(start_studio(contracts, "mapping.yaml"), open_page)
    page.drag_and_drop("[data-option=Variation] .name", "[data-option=Deed] .name")
    said(page, "Variation 5 → 2")
    assert options_of(contracts) == ["Contract", "Variation", "Deed", "Lease", "NDA"]


def test_letter_case_is_a_checkbox(contracts, start_studio, open_page):
    page = open_values(start_studio(contracts, "mapping.yaml"), open_page)
    assert "not an option" in value_line(page, "lease").inner_text()
    page.check("#ignore-case")
    value_line(page, "lease").get_by_text("letter case is ignored").wait_for()
    assert mapping_of(contracts)["choices"]["Doc Type"]["ignore_case"] is True
    page.uncheck("#ignore-case")
    value_line(page, "lease").get_by_text("not an option").wait_for()
    assert "ignore_case" not in mapping_of(contracts)["choices"]["Doc Type"]


def paste(page, selector, text):
    """Paste a text as a spreadsheet program puts it on the clipboard."""
    page.locator(selector).evaluate(
        """(cell, text) => {
            const data = new DataTransfer();
            data.setData("text/plain", text);
            cell.focus();
            const how = {clipboardData: data, bubbles: true, cancelable: true};
            cell.dispatchEvent(new ClipboardEvent("paste", how));
        }""",
        text,
    )


def test_two_columns_are_pasted_into_a_table_and_its_file_keeps_all_else(contracts, start_studio, open_page):
    path = contracts / "staff.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]))
    gone = [line.decode().split(",")[0] for line in lines[-2:]]
    before = path.read_bytes()
    page = open_values(start_studio(contracts, "mapping.yaml"), open_page, table="staff")
    assert "not in the table" in page.locator("tr.open", has=page.locator(f"[value={gone[0]}]")).inner_text()
    rows = "".join(f"{login}\t{login}@example.org\r\n" for login in [*reversed(gone), "newcomer"])
    paste(page, "tr.open:first-child input[name=value]", rows)
    press(page, "#save-table", "3 entries written into staff.csv")
    with path.open(encoding="utf-8", newline="") as file:
        added = list(csv.DictReader(file))[-3:]
    assert {one["login"]: one["email"] for one in added} == {
        login: f"{login}@example.org" for login in [*gone, "newcomer"]
    }
    written = path.read_bytes()
    assert written.startswith(before)
    assert page.locator(f"tr.open [value={gone[0]}]").count() == 0
    press(page, "#undo", "Undone, in staff.csv too")
    assert path.read_bytes() == before
    page.locator(f"tr.open [value={gone[0]}]").wait_for()
    press(page, "#redo", "Done again, in staff.csv too")
    assert path.read_bytes() == written
    path.write_bytes(written + b"theirs,t@example.org\n")
    press(page, "#undo", "staff.csv: this file was changed elsewhere meanwhile, so it stays as it is")
    assert path.read_bytes() == written + b"theirs,t@example.org\n"


def test_an_inline_table_is_completed_in_the_mapping(contracts, start_studio, open_page):
    page = open_values(start_studio(contracts, "mapping.yaml"), open_page, table="departments")
    row = page.locator("tr.open").first
    missing = row.locator("input[name=key]").input_value()
    assert "the default is used" in row.inner_text()
    row.locator("input[name=value]").fill("Facilities")
    press(page, "#save-table", "written into this mapping")
    assert mapping_of(contracts)["tables"]["departments"][missing] == "Facilities"


def test_people_without_addresses_get_a_table_beside_the_mapping(contracts, start_studio, open_page):
    path = contracts / "mapping.yaml"
    text = path.read_text("utf-8").replace('split: ";", lookup: staff}', 'split: ";"}')
    path.write_text(text, "utf-8")
    page = open_values(start_studio(contracts, "mapping.yaml"), open_page)
    page.get_by_role("link", name="Owners: e-mail addresses").click()
    page.wait_for_selector("#table-file")
    logins = [one.input_value() for one in page.locator("tr.open input[name=key]").all()]
    paste(page, "tr.open:first-child input[name=value]", "\n".join(f"{one}@example.org" for one in logins))
    press(page, "#save-table", "people.csv is written")
    mapping = mapping_of(contracts)
    assert mapping["tables"]["people"] == {"path": "people.csv", "key": "login", "value": "email"}
    assert mapping["fields"]["Owners"]["lookup"] == "people"
    with (contracts / "people.csv").open(encoding="utf-8", newline="") as file:
        assert [one["login"] for one in csv.DictReader(file)] == logins
    assert page.locator("tr.open").count() == 0
    press(page, "#undo", "Undone, in people.csv too")
    assert path.read_text("utf-8") == text
    assert not (contracts / "people.csv").exists()


@pytest.mark.skipif(not DATA, reason="the public data sets are not here")
def test_options_of_a_shared_file_are_shown_but_edited_there(tmp_path, start_studio, open_page):
    shutil.copytree(ROOT / "mappings" / "kev", tmp_path / "kev")
    shutil.copy(Path(DATA) / "kev.csv", tmp_path / "kev")
    page = open_values(start_studio(tmp_path / "kev", "mapping.yaml"), open_page)
    page.wait_for_selector(".options li")
    assert "shared.yaml" in page.locator(".values-options").inner_text()
    assert page.locator(".options button, #pasted").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("query", [{"column": "_Tags"}, {"table": "staff"}])
def test_axe_finds_nothing_and_a_narrow_page_does_not_scroll_sideways(
    scheme, query, contracts, start_studio, open_page
):
    page = open_page(
        start_studio(contracts, "mapping.yaml"),
        None,
        color_scheme=scheme,
        viewport={"width": 390, "height": 844},
    )
    page.goto(
        page.url.partition("/columns")[0]
        + "/values?mapping=mapping.yaml&"
        + "&".join(map("=".join, query.items()))
    )
    page.wait_for_selector(".values")
    found = axe.Axe().run(page, context="main")
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.watched.complaints == []
