"""The screen Check: the whole file in the background, reasons as facets, fixed cells, kept tests."""

import csv
import json
import runpy
import shutil
import time
from pathlib import Path

import pytest
from documentation import ROOT
from opusmap_program import run_opusmap

write_register = runpy.run_path(str(ROOT / "mappings" / "contracts" / "generate.py"))["write_register"]

CHECK = "/check?mapping=mapping.yaml"
DOC_TYPE = CHECK + "&reason=unknown-choice%3ADoc+Type"
LONG = 120_000
"""Milliseconds for what a busy machine has to work at."""
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"


@pytest.fixture
def contracts(tmp_path):
    return shutil.copytree(ROOT / "mappings" / "contracts", tmp_path / "contracts")


@pytest.fixture
def studio(contracts, start_studio):
    return start_studio(contracts, "mapping.yaml")


def wait_until_checked(page):
    """Wait until the whole file was checked by the mapping and the source as they are now."""
    page.wait_for_selector("#checked")
    page.wait_for_selector("#checked .attention", state="detached")


def open_grid(open_page, studio, path=DOC_TYPE):
    page = open_page(studio, path)
    wait_until_checked(page)
    focus_grid(page)
    return page


def focus_grid(page):
    page.wait_for_selector("#grid .active")
    page.focus("#grid")


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def write_cell(page, text):
    """Edit the active cell, and wait until the server has mapped the row again."""
    press(page, "F2")
    page.keyboard.type(text)
    press(page, "Enter")
    wait_until_saved(page)


def wait_until_saved(page):
    page.wait_for_selector("#grid[aria-busy='false']")


def active(page):
    return page.inner_text("#grid .active")


def fixed_rows(contracts):
    with (contracts / "mapping.fixed-rows.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_counts_are_those_of_the_command_line(contracts, studio, open_page):
    page = open_page(studio, CHECK)
    wait_until_checked(page)
    told = run_opusmap("check", "mapping.yaml", "--json", cwd=contracts)
    report = json.loads(told.stdout)
    shown = page.eval_on_selector_all(
        "#check-totals dd", "all => all.slice(0, 4).map(one => Number(one.textContent.replace(/\\D/g, '')))"
    )
    assert shown == [report[name] for name in ("read", "mapped", "filtered", "rejected")]
    facets = {
        one.get_attribute("data-facet"): one.evaluate("one => one.parentElement.innerText")
        for one in page.query_selector_all("[data-facet]")
    }
    assert list(facets) == [f"{one['code']}:{one['column']}" for one in report["reasons"]]
    for one in report["reasons"]:
        told = facets[f"{one['code']}:{one['column']}"]
        assert f"{one['count']} row" in told
    replaced = page.inner_text("section:has-text('Values that were replaced')")
    assert all(f"{one['count']} rows" in replaced for one in report["replaced"])
    assert "checked" in page.inner_text("#step-check")
    assert page.watched.complaints == []


def test_a_reason_has_its_sentence_help_top_values_and_three_ways_out(contracts, studio, open_page):
    page = open_grid(open_page, studio)
    detail = page.inner_text(".facets .current")
    assert '"Memo" is not an option' in detail
    assert "give it an alias" in detail
    assert "Memo 5 rows" in page.inner_text(".top-values").replace("\n", " ")
    assert page.get_attribute(
        "#change-rule", "href"
    ) == "/values?mapping=mapping.yaml&column=ChoiceDocType" or (
        "column=" in page.get_attribute("#change-rule", "href")
    )
    page.fill("#why", "they are notes, not records")
    page.click("#leave")
    page.wait_for_selector(".facets .left.current")
    assert "they are notes, not records" in page.inner_text(".facets .current")
    kept = json.loads((contracts / "mapping.fixes.json").read_text("utf-8"))
    assert kept["left"] == [{"reason": ["Doc Type", "unknown-choice"], "why": "they are notes, not records"}]
    page.reload()
    page.click(".facets .current button")
    page.wait_for_selector("#why")


def test_a_check_of_an_older_mapping_says_so_and_is_done_again(contracts, studio, open_page):
    page = open_page(studio, CHECK)
    wait_until_checked(page)
    mapping = contracts / "mapping.yaml"
    text = mapping.read_text("utf-8")
    mapping.write_text(text.replace("NDA, Variation]", "NDA, Variation, Memo]", 1), "utf-8")
    page.click("#take-theirs")
    wait_until_checked(page)
    page.wait_for_selector(".facets li:has([data-facet='unknown-choice:Doc Type']):has-text('4 rows')")
    page.wait_for_selector("#checked")
    assert json.loads(run_opusmap("check", "mapping.yaml", "--json", cwd=contracts).stdout)[
        "rejected"
    ] == int(page.inner_text("#check-totals div:nth-child(4) dd"))


def test_the_grid_is_worked_by_keys(contracts, studio, open_page):
    page = open_grid(open_page, studio)
    assert page.get_attribute("#grid", "aria-rowcount") == "10"
    assert active(page) == "Memo"
    press(page, "End")
    assert page.get_attribute("#grid .active", "aria-colindex") == "22"
    press(page, "Home")
    assert active(page) == "41"
    press(page, "ArrowRight", "ArrowRight", "PageDown")
    assert page.get_attribute("#grid", "aria-activedescendant") == "cell-8-2"
    press(page, "Control+Home", "ArrowRight", "ArrowRight")
    press(page, "F2")
    page.keyboard.type("Lease")
    press(page, "Escape")
    assert active(page) == "Memo"
    write_cell(page, "Lease")
    press(page, "ArrowUp")
    assert active(page) == "edited Lease"
    assert page.get_attribute("#grid .active", "title") == "Original: Memo"
    assert "The original of this cell is “Memo”" in page.inner_text("#grid-told")
    assert "fixed" in page.inner_text("#cell-0-1")
    # Fill down: the block's first row goes into the others.
    press(page, "Shift+ArrowDown", "Shift+ArrowDown", "Control+d")
    wait_until_saved(page)
    assert page.inner_text("#cell-2-2") == "edited Lease"
    press(page, "Control+z")
    wait_until_saved(page)
    page.wait_for_selector("#cell-2-2:not(.edited)")
    assert page.inner_text("#cell-2-2") == "Memo"
    assert (contracts / "mapping.yaml").read_text("utf-8") == (
        ROOT / "mappings/contracts/mapping.yaml"
    ).read_text("utf-8")


def test_blocks_are_copied_and_pasted_as_a_spreadsheet_has_them(contracts, start_studio, open_page):
    studio = start_studio(contracts, "mapping.yaml")
    page = open_page(studio, DOC_TYPE, permissions=["clipboard-read", "clipboard-write"])
    wait_until_checked(page)
    focus_grid(page)
    press(page, "Shift+ArrowDown", "Shift+ArrowRight", "Control+c")
    assert page.evaluate("navigator.clipboard.readText()") == "Memo\t000040\nlease\t000233"
    page.evaluate('navigator.clipboard.writeText(\'Deed\\tX-1\\r\\n"NDA"\\t"a ""b"""\\r\\n\')')
    press(page, "Control+Home", "ArrowRight", "ArrowRight", "Control+v")
    wait_until_saved(page)
    page.wait_for_selector("#cell-1-3.edited")
    assert [page.inner_text(f"#cell-{row}-{column}") for row in (0, 1) for column in (2, 3)] == [
        "edited Deed", "edited X-1", "edited NDA", 'edited a "b"',
    ]  # fmt: skip


def test_an_edit_that_is_still_wrong_says_why_and_is_not_among_the_fixed_rows(contracts, studio, open_page):
    page = open_grid(open_page, studio)
    write_cell(page, "Dweling")
    assert 'still wrong · Doc Type: "Dweling" is not an option' in page.inner_text("#cell-0-1")
    assert not (contracts / "mapping.fixed-rows.csv").exists()


def test_a_key_that_another_row_has_is_no_fix(contracts, studio, open_page):
    page = open_grid(open_page, studio, CHECK + "&reason=empty-in-template%3ARow+key")
    write_cell(page, "000002")
    wrong = page.inner_text("#cell-0-1")
    assert 'still wrong · Row key: another row has the same row key, "CT-000002"' in wrong
    press(page, "ArrowUp")
    write_cell(page, "900001")
    assert page.inner_text("#cell-0-1") == "fixed"


def test_retry_sends_exactly_the_fixed_rows_and_the_source_stays(contracts, studio, open_page):
    before = (contracts / "contracts.csv").read_bytes()
    page = open_grid(open_page, studio)
    write_cell(page, "Deed")
    write_cell(page, "Deed")  # this row has other problems, too
    write_cell(page, "NDA")
    assert page.inner_text("#send-fixed") == "Send 2 fixed"
    assert [(one["_row"], one["DocType"]) for one in fixed_rows(contracts)] == [
        ("41", "Deed"),
        ("275", "NDA"),
    ]
    assert (contracts / "contracts.csv").read_bytes() == before
    sent = run_opusmap(
        "retry", "mapping.yaml", "mapping.fixed-rows.csv", "--to", "emulator", "--json", cwd=contracts
    )
    report = json.loads(sent.stdout)
    assert (report["read"], report["submitted"], report["rejected"]) == (2, 2, 0)


def test_fixed_cells_survive_a_new_run_and_a_reload(contracts, start_studio, open_page):
    """Proof 15 of the studio."""
    studio = start_studio(contracts, "mapping.yaml")
    page = open_grid(open_page, studio)
    write_cell(page, "Deed")
    kept = (contracts / "mapping.fixed-rows.csv").read_bytes()
    assert run_opusmap("submit", "mapping.yaml", "--to", "emulator", cwd=contracts).returncode == 1
    page.click("#check-start")
    wait_until_checked(page)
    for again in (page, None):
        if again is None:
            studio.stop()
            page = open_page(start_studio(contracts, "mapping.yaml"), DOC_TYPE)
        else:
            page.reload()
        wait_until_checked(page)
        page.wait_for_selector("#cell-0-2.edited")
        assert page.inner_text("#cell-0-2") == "edited Deed"
        assert page.inner_text("#cell-0-1") == "fixed"
        assert (contracts / "mapping.fixed-rows.csv").read_bytes() == kept


def test_a_fix_of_a_row_that_has_changed_since_is_not_used_until_it_is_confirmed(
    contracts, studio, open_page
):
    page = open_grid(open_page, studio)
    write_cell(page, "Deed")
    source = contracts / "contracts.csv"
    lines = source.read_text("utf-8").replace("Memo", "Note", 1)
    source.write_text(lines, "utf-8")
    page.reload()
    page.wait_for_selector(".decisions")
    told = page.inner_text(".decisions")
    assert all(one in told for one in ("Memo", "Note", "Deed"))
    assert not (contracts / "mapping.fixed-rows.csv").exists()
    focus_grid(page)
    assert "Decide above the grid" in page.inner_text("#grid-told")
    page.click("text=Use my fix")
    page.wait_for_selector(".decisions", state="detached")
    assert [one["DocType"] for one in fixed_rows(contracts)] == ["Deed"]
    page.wait_for_selector("#cell-0-2.edited")
    assert page.get_attribute("#cell-0-2", "title") == "Original: Note"


def test_a_fix_follows_its_row_to_another_number(contracts, studio, open_page):
    page = open_grid(open_page, studio)
    write_cell(page, "Deed")
    source = contracts / "contracts.csv"
    head, _, rest = source.read_text("utf-8").partition("\n")
    first, _, others = rest.partition("\n")
    source.write_text(f"{head}\n{first}\n{first.replace('000001', '900001', 1)}\n{others}", "utf-8")
    page.reload()
    wait_until_checked(page)
    page.wait_for_selector("#cell-0-2.edited")
    assert page.inner_text("#cell-0-0") == "42"
    assert [one["_row"] for one in fixed_rows(contracts)] == ["42"]


def test_a_hostile_cell_stays_text_in_the_grid(contracts, start_studio, open_page):
    source = contracts / "contracts.csv"
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    rows[40][3] = HOSTILE
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    page = open_grid(open_page, start_studio(contracts, "mapping.yaml"), CHECK)
    assert HOSTILE in page.inner_text("#content")
    write_cell(page, HOSTILE)
    assert page.locator("#app img").count() == 0
    assert page.title() != "owned"
    assert page.watched.complaints == []


@pytest.mark.parametrize("fixed", [False, True])
def test_a_row_is_kept_as_a_test_that_passes(fixed, contracts, studio, open_page):
    """Proof 11 of the studio."""
    page = open_grid(open_page, studio)
    before = run_opusmap("test", "mapping.yaml", cwd=contracts)
    if fixed:
        write_cell(page, "Deed")
        press(page, "ArrowUp")
    page.click("#grid-keep button")
    page.wait_for_selector(".notice.good")
    page.click("#keep-test")
    page.wait_for_selector("#notices:has-text('Row 2 is kept')")
    after = run_opusmap("test", "mapping.yaml", cwd=contracts)
    assert before.returncode == after.returncode == 0
    text = (contracts / "mapping.yaml").read_text("utf-8")
    assert ("row 41 of the source, as fixed" in text) is fixed
    assert "row 2 of the source" in text
    original = (ROOT / "mappings/contracts/mapping.yaml").read_text("utf-8")
    assert text.startswith(original)
    # A test that is kept can fail: the rule changes, and it does.
    (contracts / "mapping.yaml").write_text(
        text.replace("CT-{{ ContractNo }}", "C-{{ ContractNo }}", 1), "utf-8"
    )
    assert "row 2 of the source" in run_opusmap("test", "mapping.yaml", cwd=contracts).stdout


def test_a_check_can_be_stopped_and_done_again(contracts, start_studio, open_page):
    write_register(contracts / "contracts.csv", 20_000)
    page = open_page(start_studio(contracts, "mapping.yaml"), CHECK)
    page.click("#check-stop")
    page.wait_for_selector("#checked:has-text('Stopped')")
    assert 0 < int(page.inner_text("#check-totals dd").replace(",", "")) < 20_000
    page.click("#check-start")
    page.wait_for_selector("#check-totals dd:has-text('20,000')", timeout=LONG)


SCROLL = """async share => {
  const grid = document.getElementById("grid"), end = grid.scrollHeight - grid.clientHeight;
  grid.scrollTop = end * share;
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return [document.querySelectorAll("#grid [role=row]").length, grid.scrollTop >= end * share - 1];
}"""
"""Scrolls to a share of all rows and waits until it is drawn: how many rows are in the page; has it moved?"""

STEPS = 240
SLOW_FRAME = 0.1
"""Seconds of CPU: what other programs take of a busy machine is not the page's."""


def test_thousands_of_rejects_are_scrolled_without_a_slow_frame(contracts, start_studio, open_page):
    """Proof 12 of the studio."""
    write_register(contracts / "contracts.csv", 30_000)
    page = open_page(start_studio(contracts, "mapping.yaml"), CHECK)
    page.wait_for_selector("#checked", timeout=LONG)
    focus_grid(page)
    assert int(page.get_attribute("#grid", "aria-rowcount")) > 1_900
    browser = page.context.new_cdp_session(page)
    browser.send("Performance.enable", {"timeDomain": "threadTicks"})

    def measure_cpu() -> float:
        found = browser.send("Performance.getMetrics")["metrics"]
        return next(one["value"] for one in found if one["name"] == "TaskDuration")

    def find_slowest() -> float:
        slowest, before = 0.0, measure_cpu()
        for step in range(STEPS + 1):
            rows, moved = page.evaluate(SCROLL, step / STEPS)
            assert rows < 200
            assert moved
            after = measure_cpu()
            slowest, before = max(slowest, after - before), after
        return slowest

    tries = [
        find_slowest() for _ in range(2)
    ]  # what the browser does now and then for itself is in one of them
    assert 0 < min(tries) <= SLOW_FRAME, tries
    page.wait_for_function("() => !document.querySelector('#grid').innerText.includes('…\\n')")
    press(page, "Control+End")
    rows, columns = (page.get_attribute("#grid", f"aria-{one}count") for one in ("row", "col"))
    assert page.locator(f"[aria-rowindex='{rows}'] > .active[aria-colindex='{columns}']").count() == 1


def resident(process):
    """Return the megabytes of memory that a process holds."""
    lines = Path(f"/proc/{process.pid}/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_large_file_is_shown_at_once_and_checked_in_bounded_memory(contracts, start_studio, open_page):
    studio = start_studio(contracts, "mapping.yaml")
    page = open_page(studio, CHECK)
    wait_until_checked(page)
    before = resident(studio.process)
    write_register(contracts / "contracts.csv", 200_000)
    began = time.monotonic()
    page.goto(studio.origin + "/columns?mapping=mapping.yaml")
    page.wait_for_selector("#row-panel")
    assert time.monotonic() - began < 10
    page.goto(studio.origin + CHECK)
    page.wait_for_selector("#checked:has-text('200,000 rows')", timeout=10 * LONG)
    assert int(page.get_attribute("#grid", "aria-rowcount")) > 10_000
    # The rows themselves would take some 400 MB.
    assert resident(studio.process) - before < 120
