"""A mapping begins with two files, and with the row of the source that has the column names."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import openpyxl
import pytest
from documentation import ROOT
from opusmap_program import run_opusmap
from recorded_runs import record_run

CONTRACTS = ROOT / "mappings" / "contracts"
NAMES = ("contracts.connection.json", "contracts.csv")

PERMITS = """opusmap: 1  # kept
connection: contracts.connection.json
source: {path: permits.xlsx}
fields:
  rowKey: Number
  Name: Address
"""


@pytest.fixture
def permits(tmp_path):
    """A workbook with two title rows, and a mapping that does not know of them."""
    shutil.copy(CONTRACTS / NAMES[0], tmp_path)
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = "Permits"
    for row in (["Building permits 2025"], ["printed on 3 March"], ["Number", "Address", "Lodged"]):
        sheet.append(row)
    for number in range(40):
        sheet.append([f"BP-{number:04}", f"{number} High Street", "01/02/2025"])
    workbook.create_sheet("Notes").append(["Topic", "Text"])
    workbook.save(tmp_path / "permits.xlsx")
    (tmp_path / "mapping.yaml").write_bytes(PERMITS.encode())
    return tmp_path


def written(folder, name="mapping.yaml"):
    return (folder / name).read_bytes().decode()


def drop(page, *files):
    """Drop files onto the page, as a file manager does."""
    transfer = page.evaluate_handle("() => new DataTransfer()")
    for file in files:
        page.evaluate(
            "([transfer, name, bytes]) => transfer.items.add(new File([Uint8Array.from(bytes)], name))",
            [transfer, file.name, list(file.read_bytes())],
        )
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})


def test_a_click_on_the_row_of_names_writes_header_row(permits, start_studio, open_page):
    """Proof 1 of the studio: a workbook with title rows; click row 3; `header_row: 3` is written."""
    page = open_page(start_studio(permits, "mapping.yaml"), "/file?mapping=mapping.yaml")
    assert "the column names seem to be in row 3" in page.inner_text("#source-problem")
    assert page.inner_text(".raw-rows tr:nth-child(1) td") == "Building permits 2025"
    assert page.locator(".raw-rows tr").count() == 20
    page.click(".raw-rows tr:nth-child(3) td")
    page.wait_for_selector(".raw-rows .header-row")
    assert written(permits) == PERMITS.replace("{path: permits.xlsx}", "{path: permits.xlsx, header_row: 3}")
    assert page.get_attribute("#row-3", "aria-pressed") == "true"
    assert page.locator("#source-problem").count() == 0
    page.click("#step-columns")
    page.wait_for_selector("#app.screen-columns .sources")
    assert page.locator(".sources strong").all_inner_texts() == ["Number", "Address", "Lodged"]


def test_the_row_of_names_is_chosen_by_keyboard_and_undone(permits, start_studio, open_page):
    page = open_page(start_studio(permits, "mapping.yaml"), "/file?mapping=mapping.yaml")
    page.focus("#row-3")
    page.keyboard.press("Enter")
    page.wait_for_selector(".raw-rows .header-row")
    assert "header_row: 3" in written(permits)
    page.click("#undo")
    page.wait_for_selector("#source-problem")
    assert written(permits) == PERMITS


def test_a_file_without_names_gets_those_that_are_written(permits, start_studio, open_page):
    (permits / "bare.csv").write_text("".join(f"7{n},2024-01-0{n},x@y.org\n" for n in range(1, 9)), "utf-8")
    page = open_page(start_studio(permits, "mapping.yaml"), "/file?mapping=mapping.yaml")
    page.select_option("#source-file", "bare.csv")
    page.click("#replace-source")
    page.wait_for_selector("#source-problem:has-text('seems to be data')")
    page.click("text=The file has no row of column names")
    page.fill("#names", "Number\nLodged\nOfficer\n")
    page.click("#give-names")
    page.wait_for_selector(".file-head .good:has-text('3 columns')")
    assert "path: bare.csv" in written(permits)
    assert "columns: [Number, Lodged, Officer]" in written(permits)


def test_an_encoding_a_delimiter_a_sheet_and_a_list_are_picked_by_what_they_do(
    permits, start_studio, open_page
):
    (permits / "old.csv").write_bytes("Name;Ort|Land\nMüller;Köln|DE\n".encode("cp1252"))
    (permits / "nested.json").write_text(json.dumps({"meta": 1, "rows": [{"No": 7}, {"No": 8}]}), "utf-8")
    page = open_page(start_studio(permits, "mapping.yaml"), "/file?mapping=mapping.yaml")
    sheets = page.locator("#option-sheet option").all_inner_texts()
    assert sheets[1:] == ["Permits — the first", "Notes — number 2"]
    page.select_option("#option-sheet", "Notes")
    page.click(".picked:has(#option-sheet) button")
    page.wait_for_selector(".raw-rows td:has-text('Topic')")
    assert "sheet: Notes" in written(permits)

    page.select_option("#source-file", "old.csv")
    page.click("#replace-source")
    page.wait_for_selector("#option-encoding")
    assert "sheet" not in written(permits)  # CSV has none
    assert page.inner_text("#option-encoding option[value=cp1252]") == "cp1252 — reads “Müller;Köln|DE”"
    page.select_option("#option-encoding", "cp1252")
    page.click(".picked:has(#option-encoding) button")
    page.wait_for_selector(".raw-rows td:has-text('Müller')")
    assert "2 columns" in page.inner_text("#option-delimiter option[value='|']")
    page.select_option("#option-delimiter", "|")
    page.click(".picked:has(#option-delimiter) button")
    page.wait_for_selector(".raw-rows td:has-text('Müller;Köln')")
    assert 'encoding: cp1252, delimiter: "|"' in written(permits).replace("'", '"')

    page.select_option("#source-file", "nested.json")
    page.click("#replace-source")
    page.wait_for_selector("#source-problem:has-text('not a list')")
    page.select_option("#option-items", "$.rows")
    page.click(".picked:has(#option-items) button")
    page.wait_for_selector("#typed-title")
    assert page.locator("section:has(#typed-title) td").all_inner_texts() == ["7", "8"]
    assert page.watched.complaints == []


def test_a_source_that_can_not_be_read_says_why(permits, start_studio, open_page):
    (permits / "permits.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    studio = start_studio(permits, "mapping.yaml")
    page = open_page(studio, "/file?mapping=mapping.yaml")
    said = page.inner_text("#source-problem")
    assert "not a workbook that can be read: it ends early, so a part of it is missing" in said
    (permits / "permits.xlsx").unlink()
    page.goto(f"{studio.origin}/file?mapping=mapping.yaml")
    assert page.locator("#source-problem").count() == 1
    assert page.locator("#source-file option").count() > 0


def test_a_file_of_a_million_rows_is_shown_at_once(permits, start_studio, open_page):
    with (permits / "large.csv").open("wb") as file:
        file.write(b"Number,Address,Lodged\n")
        for start in range(0, 1_000_000, 10_000):
            rows = (b"BP-%07d,%d High Street,2025-01-01\n" % (n, n) for n in range(start, start + 10_000))
            file.write(b"".join(rows))
    (permits / "mapping.yaml").write_text(PERMITS.replace("permits.xlsx", "large.csv"), "utf-8")
    studio = start_studio(permits, "mapping.yaml")
    page = open_page(studio)
    page.goto(f"{studio.origin}/file?mapping=mapping.yaml")
    assert page.locator(".raw-rows tr").count() == 20
    took = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    assert took < 5000, took  # reading all of it takes longer than that


@pytest.mark.parametrize("order", [NAMES, NAMES[::-1]])
def test_two_files_are_dropped_in_any_order(order, tmp_path, start_studio, open_page):
    """Proof 2 of the studio: files dropped swapped."""
    studio = start_studio(tmp_path)
    page = open_page(studio, "/home")
    drop(page, *(CONTRACTS / name for name in order))
    page.wait_for_selector("#app.screen-columns")
    assert page.url.endswith("/columns?mapping=mapping.yaml")
    page.wait_for_selector("#editor .cm-content")
    assert (tmp_path / "contracts.csv").read_bytes() == (CONTRACTS / "contracts.csv").read_bytes()
    assert "connection: contracts.connection.json" in written(tmp_path)
    drafted = run_opusmap("init", *NAMES, "-o", "by-command.yaml", cwd=tmp_path)
    assert drafted.returncode in (0, 1), drafted.stderr
    assert written(tmp_path) == written(tmp_path, "by-command.yaml")
    assert page.watched.complaints == []


def test_files_are_chosen_and_nothing_is_written_over(tmp_path, start_studio, open_page):
    for name in NAMES:
        shutil.copy(CONTRACTS / name, tmp_path)
    (tmp_path / "mapping.yaml").write_text(PERMITS, "utf-8")
    page = open_page(start_studio(tmp_path), "/home")
    page.set_input_files("#upload", [CONTRACTS / NAMES[1]])
    page.wait_for_selector("#upload-state:has-text('Now the other file')")
    page.set_input_files("#upload", [CONTRACTS / NAMES[0]])
    page.wait_for_selector("#app.screen-columns")
    assert page.url.endswith("/columns?mapping=mapping-2.yaml")
    assert written(tmp_path) == PERMITS
    copies = {"contracts-2.csv", "contracts.connection-2.json"}
    assert {path.name for path in tmp_path.iterdir()} == {
        *NAMES, *copies, "mapping.yaml", "mapping-2.yaml", "opusmap.schema.json",
    }  # fmt: skip


def choose(page, one, other, output="new.yaml"):
    page.select_option("#file-one", one)
    page.select_option("#file-other", other)
    page.fill("#output", output)
    page.click("#make-draft")


def test_what_can_not_be_drafted_is_said_in_words_and_the_files_stay_chosen(permits, start_studio, open_page):
    for name in NAMES:
        shutil.copy(CONTRACTS / name, permits)
    (permits / "broken.json").write_text('{"data": [\n  {"', "utf-8")
    page = open_page(start_studio(permits), "/home")
    choose(page, "contracts.csv", "permits.xlsx")
    page.wait_for_selector(".notice.bad:has-text('neither contracts.csv nor permits.xlsx is a connection')")
    assert page.input_value("#file-one") == "contracts.csv"
    choose(page, "contracts.csv", "broken.json")
    page.wait_for_selector(".notice.bad:has-text('broken.json, line 2')")
    choose(page, "contracts.csv", "contracts.connection.json", "mapping.yaml")
    page.wait_for_selector(".notice.bad:has-text('a file of this name is there already')")
    assert "mapping-2.yaml" in page.inner_text(".notice.bad")
    assert written(permits) == PERMITS
    assert not (permits / "new.yaml").exists()
    choose(page, "contracts.csv", "contracts.connection.json", "other")
    page.wait_for_selector("#app.screen-columns")
    assert page.url.endswith("/columns?mapping=other.yaml")


def test_the_list_has_the_folder_s_mappings_and_the_last_runs(tmp_path, start_studio, open_page):
    studio = start_studio(tmp_path)
    page = open_page(studio, "/home")
    assert "There is no mapping in this folder yet" in page.inner_text("main")
    assert "No run has sent records" in page.inner_text("main")
    with ThreadPoolExecutor(1) as thread:  # this thread has the browser's loop
        for _ in range(2):
            thread.submit(record_run, tmp_path).result()
    page.reload()
    assert page.locator(".mappings li").all_inner_texts() == ["mapping.yaml"]
    assert page.locator("table td:first-child").all_inner_texts() == ["2", "1"]
    told = run_opusmap("report", "mapping.yaml", "--json", cwd=tmp_path).stdout
    counts = json.loads(told)["runs"][1]["counts"]
    assert f"{counts['submitted']:,} submitted" in page.inner_text("main tbody tr:nth-child(2)")
    assert "run=2" in page.get_attribute("main tbody tr:first-child a", "href")
