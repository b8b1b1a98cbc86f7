"""Columns are bound by clicks; what only a person can know is asked, and not written before the answer."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from documentation import ROOT
from opusmap_program import run_opusmap

from opusmap.connection import load_connection

CONTRACTS = ROOT / "mappings" / "contracts"
DATA = Path(os.environ.get("OPUSMAP_TEST_DATA", "/nowhere"))

MAPPING = """opusmap: 1
connection: contracts.connection.json
source: {path: permits.csv}
timezone: Australia/Brisbane
target: {datetime_format: "%Y-%m-%d %H:%M:%S"}
fields:
  rowKey: Number   # kept
  Name: Address
  timeModified: {const: "2025-01-01 00:00:00"}
  createdBy: Officer
  modifiedBy: Officer
  Created time: {const: "2025-01-01 00:00:00"}
"""


@pytest.fixture
def permits(tmp_path):
    """A register whose dates may be read with the day or the month first."""
    shutil.copy(CONTRACTS / "contracts.connection.json", tmp_path)
    lines = ["Number,Address,Lodged,Issued,Officer,First,Second"]
    lines += [
        f"BP-{n},{n} High St,{n % 12 + 1:02}/{n % 11 + 1:02}/2025,{n % 28 + 1}/03/2025 09:15,ann,Roads,Depots"
        for n in range(60)
    ]
    (tmp_path / "permits.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (tmp_path / "mapping.yaml").write_text(MAPPING, "utf-8")
    return tmp_path


@pytest.fixture
def columns(permits, start_studio, open_page):
    studio = start_studio(permits, "mapping.yaml")
    page = open_page(studio, "/columns?mapping=mapping.yaml")
    page.studio = studio
    return page


def written(folder):
    return (folder / "mapping.yaml").read_text("utf-8")


def binding(folder, name):
    found = re.search(rf"^  {re.escape(name)}: (.*)$", written(folder), re.MULTILINE)
    return found and found[1]


def bind(page, column, source):
    page.click(f"#column-{column}")
    page.wait_for_selector(f".current #column-{column}")
    page.click("#mode-column")
    page.wait_for_selector("#mode-column[aria-current]")
    page.select_option("#from", source)
    page.click("#bind")


def test_nothing_ambiguous_is_saved_before_it_is_chosen(permits, columns):
    """Proof 5 of the studio: ambiguous dates; nothing is saved until chosen."""
    bind(columns, "timeCreated", "Lodged")
    columns.wait_for_selector("#ambiguous:has-text('AMBIGUOUS')")
    assert written(permits) == MAPPING
    heads = columns.locator(".dates thead th").all_inner_texts()
    assert [head.split("\n")[0].strip() for head in heads] == ["As written", "day first", "month first"]
    assert all("60/60 fit" in head for head in heads[1:])
    columns.reload()
    columns.wait_for_selector("#ambiguous")
    assert written(permits) == MAPPING, "the question has an address, and looking at it saves nothing"
    columns.click(".use-reading:has-text('month first')")
    columns.wait_for_selector(".dates .good:has-text('in use')")
    assert binding(permits, "Created time") == '{from: "Lodged", format: "%m/%d/%Y"}'  # its quotes stay
    columns.click("#undo")
    columns.wait_for_selector("#undo[disabled]")
    assert written(permits) == MAPPING


def test_both_readings_are_shown_on_real_cells(permits, columns):
    columns.goto(f"{columns.studio.origin}/columns?mapping=mapping.yaml&column=timeCreated&from=Lodged")
    found = {
        row.locator("th").inner_text(): row.locator("td").all_inner_texts()
        for row in columns.locator(".dates tbody tr:has(th)").all()
    }
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    assert found
    for cell, (day_first, month_first) in found.items():
        one, other = int(cell[:2]), int(cell[3:5])
        assert day_first == f"→ {one} {months[other - 1]} 2025"
        assert month_first == f"→ {other} {months[one - 1]} 2025"


def test_not_decided_leaves_a_todo_that_blocks_only_its_column(permits, columns):
    bind(columns, "timeCreated", "Lodged")
    columns.click("#ask-owner")
    columns.wait_for_selector(".undecided #column-timeCreated")
    assert "TODO: %d/%m/%Y or %m/%d/%Y" in binding(permits, "Created time")
    assert "60 ready" in columns.inner_text("#totals")
    columns.click(".use-reading:has-text('day first')")
    columns.wait_for_selector(".bound #column-timeCreated")
    assert "TODO" not in written(permits)


def test_dates_that_show_what_they_mean_are_read_so_at_once(permits, columns):
    bind(columns, "timeCreated", "Issued")
    columns.wait_for_selector(".dates .good:has-text('in use')")
    assert 'format: "%d/%m/%Y %H:%M"' in binding(permits, "Created time").replace("'", '"')
    assert columns.locator("#ambiguous").count() == 0
    columns.click(".explain >> nth=0")
    columns.wait_for_selector(".stages")
    assert "09:15 Brisbane → 23:15 UTC the day before, \N{MINUS SIGN}10 h" in columns.inner_text(".stages")


def test_public_data_whose_day_is_always_the_first_is_ambiguous(tmp_path, start_studio, open_page):
    if not (DATA / "doaj.csv").exists():
        pytest.skip("OPUSMAP_TEST_DATA names no folder with the public data")
    shutil.copytree(ROOT / "mappings" / "doaj", tmp_path / "doaj")
    shutil.copy(DATA / "doaj.csv", tmp_path / "doaj")
    before = written(tmp_path / "doaj")
    studio = start_studio(tmp_path / "doaj", "mapping.yaml")
    page = open_page(studio, "/columns?mapping=mapping.yaml&column=timeCreated")
    assert "no day is over 12" in page.inner_text("#ambiguous")
    assert "1,000/1,000 fit" in page.inner_text(".dates")
    page.click("#bind")  # the format that the mapping has stays
    page.wait_for_selector(".dates .good:has-text('in use')")
    assert written(tmp_path / "doaj") == before


def test_a_column_is_bound_by_drag_or_by_select(permits, columns):
    columns.drag_and_drop("[data-drag=First]", "#column-_Supplier")
    columns.wait_for_selector(".bound #column-_Supplier")
    assert binding(permits, "Supplier") == "First"
    bind(columns, "_Supplier", "Second")
    columns.wait_for_selector(".bound .origin:has-text('Second')")
    assert binding(permits, "Supplier") == "Second"
    assert "rowKey: Number   # kept" in written(permits)
    columns.click("#undo")
    columns.wait_for_selector(".bound .origin:has-text('First')")
    columns.click("#unbind")
    columns.wait_for_selector(".optional #column-_Supplier, .question #column-_Supplier")
    assert written(permits) == MAPPING


def test_an_ambiguous_date_that_is_dragged_is_asked_about_too(permits, columns):
    columns.drag_and_drop("[data-drag=Lodged]", "#column-timeCreated")
    columns.wait_for_selector("#ambiguous")
    assert written(permits) == MAPPING


def test_each_way_to_make_a_value_is_written_as_the_language_has_it(permits, columns):
    def choose(mode):
        columns.click(f"#mode-{mode}")
        columns.wait_for_selector(f"#mode-{mode}[aria-current]")

    columns.click("#column-_Supplier")
    columns.wait_for_selector(".current #column-_Supplier")
    choose("columns")
    columns.select_option("#from-1", "First")
    columns.select_option("#from-2", "Second")
    columns.fill("#join", ", ")
    columns.click("#bind")
    columns.wait_for_selector(".bound .origin:has-text('First + Second')")
    assert binding(permits, "Supplier").replace("'", '"') == '{from: [First, Second], join: ", "}'
    assert columns.locator(".explain >> nth=0").inner_text() == "Roads, Depots"
    choose("constant")
    columns.fill("#constant", "City: Works")
    columns.click("#bind")
    columns.wait_for_selector(".bound .origin:has-text('always City: Works')")
    assert binding(permits, "Supplier") in ('{const: "City: Works"}', "{const: 'City: Works'}")
    choose("template")
    columns.fill("#template", "{{ First | upper }}")
    columns.click("#bind")
    columns.wait_for_selector(".bound .origin:has-text('First | upper')")
    assert columns.locator(".explain >> nth=0").inner_text() == "ROADS"
    choose("lookup")
    assert "no lookup table yet" in columns.inner_text(".bind")


def test_a_value_is_looked_up_in_a_table(tmp_path, start_studio, open_page):
    shutil.copytree(CONTRACTS, tmp_path / "contracts")
    folder = tmp_path / "contracts"
    studio = start_studio(folder, "mapping.yaml")
    page = open_page(studio, "/columns?mapping=mapping.yaml&column=_Supplier&mode=lookup")
    page.select_option("#from", "Dept")
    page.select_option("#table", "departments")
    page.click("#bind")
    page.wait_for_selector(".current .origin:has-text('Dept, looked up in departments')")
    assert binding(folder, "Supplier") == "{from: Dept, convert: squeeze, lookup: departments}"
    bind(page, "_Supplier", "Supplier")
    page.wait_for_selector(".notice:has-text('Removed, as it has no meaning with this: lookup')")
    assert binding(folder, "Supplier") == "{from: Supplier, convert: squeeze}"


def test_a_match_below_60_percent_is_a_question_and_is_not_written(permits, columns):
    before = written(permits)
    asked = columns.locator(".lines .question")
    assert asked.count() >= 1
    asked.first.locator("a").click()
    columns.wait_for_selector(".candidate")
    assert written(permits) == before
    for one in columns.locator(".candidate").all():
        text = one.inner_text()
        assert ("a question" in text) == (int(re.search(r"(\d+) %", text)[1]) < 60)
    columns.click(".candidate summary >> nth=0")
    assert "names" in columns.inner_text(".candidate details >> nth=0")
    columns.click(".candidate .accept >> nth=0")
    columns.wait_for_function("() => !document.querySelector('.lines .current.question')")
    assert written(permits) != before


def test_required_columns_come_first_and_rejected_rows_are_a_count_beside_them(
    tmp_path, start_studio, open_page
):
    shutil.copytree(CONTRACTS, tmp_path / "contracts")
    page = open_page(start_studio(tmp_path / "contracts", "mapping.yaml"), "/columns?mapping=mapping.yaml")
    order = [one.internal_name for one in load_connection(CONTRACTS / "contracts.connection.json").columns]
    names = [one.get_attribute("id").removeprefix("column-") for one in page.locator(".lines a").all()]
    required = page.locator(".lines li:has-text('required')").count()
    assert [name for name in order if name in names[:required]] == names[:required]
    assert [name for name in order if name in names[required:]] == names[required:]
    assert page.locator(".lines .problem, .lines .needed").count() == 0, "no error, so no mark"
    rejects = page.locator(".lines .rejects").all_inner_texts()
    assert rejects
    assert all(re.fullmatch(r"[\d,]+ of 1,000 rows rejected", one) for one in rejects)


def test_unused_columns_of_the_source_are_listed(permits, columns):
    assert columns.inner_text(".unused") == "Unused: Lodged, Issued, First, Second"
    assert (
        columns.locator(".sources li:has-text('Lodged')")
        .inner_text()
        .startswith("Lodged 100 % filled, unused")
    )
    samples = columns.locator(".sources li:has-text('Lodged') .samples bdi")
    assert samples.count() == 3


def test_the_zone_and_the_date_format_of_opus_are_asked_with_dates(permits, columns):
    (permits / "mapping.yaml").write_text(
        MAPPING.replace("timezone: Australia/Brisbane\n", "timezone: TODO\n").replace(
            'target: {datetime_format: "%Y-%m-%d %H:%M:%S"}', "target: {datetime_format: TODO}"
        ),
        "utf-8",
    )
    columns.wait_for_selector("#take-theirs")
    columns.click("#take-theirs")
    columns.wait_for_selector("#zone")
    columns.fill("#zone", "Brisbane")
    columns.click("#save-zone")
    columns.wait_for_selector(".notice.bad:has-text('time zone')")
    columns.fill("#zone", "Australia/Brisbane")
    columns.click("#save-zone")
    columns.wait_for_selector("label[for=zone]:not(:has-text('?'))")
    columns.fill("#datetime-format", "19/12/2024 18:15")
    columns.click("#save-format")
    columns.wait_for_selector(".times", state="detached")  # all is answered
    assert "timezone: Australia/Brisbane" in written(permits)
    assert "%d/%m/%Y %H:%M" in written(permits)


def without_marks(text):
    return text.replace("`", "").replace("\n", " ").strip()


@pytest.mark.parametrize("column", ["timeModified", "_Owners", "_Fiscal_%20_Year", "termFullPath"])
def test_the_steps_of_a_value_equal_those_of_explain(column, tmp_path, start_studio, open_page):
    """Proof 10 of the studio: click a value; the steps equal `opusmap explain`."""
    shutil.copytree(CONTRACTS, tmp_path / "contracts")
    folder = tmp_path / "contracts"
    page = open_page(start_studio(folder, "mapping.yaml"), "/columns?mapping=mapping.yaml&row=2")
    number = re.search(r"Row (\d+)", page.inner_text("#row-title"))[1]
    explained = run_opusmap("explain", "mapping.yaml", column, "--row", number, "--json", cwd=folder)
    told = json.loads(explained.stdout)
    assert len(told["stages"]) >= 2
    page.click(f"#row-panel dd a[href*='column={column.replace('%', '%25')}']")
    page.wait_for_selector(".stages")
    shown = [
        (one.locator(".what").inner_text(), one.locator(".value"), one.locator(".soft"))
        for one in page.locator(".stages li").all()
    ]
    assert [without_marks(what) for what, *_ in shown] == [
        without_marks(one["what"]) for one in told["stages"]
    ]
    for (_, value, place), stage in zip(shown, told["stages"], strict=True):
        if stage["value"] in (None, ""):
            assert value.count() == 0
        else:
            given = stage["value"]
            text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
            assert value.inner_text().strip('"') == text
        if stage["place"] is not None:
            assert place.inner_text() == f"line {stage['place'].split(':')[1]}"
