import csv
import shutil
from collections import Counter

import pytest
from documentation import ROOT

from opusmap.converters.plugins import all_converters
from opusmap.records import Record
from opusmap.studio.arrivals import count_arrivals, find_lookup, plan_loosely
from opusmap.studio.choice_columns import find_choice_columns
from opusmap.studio.lookups import find_lookups, make_people_table, set_entries
from opusmap.studio.workbench import Workbench


@pytest.fixture
def bench(tmp_path):
    shutil.copytree(ROOT / "mappings" / "contracts", tmp_path / "contracts")
    return Workbench(tmp_path / "contracts" / "mapping.yaml", "mapping.yaml")


def look(bench):
    plan = plan_loosely(bench.known, all_converters())
    return plan, list(bench.known.sample.rows())


def choices_of(bench):
    plan, rows = look(bench)
    columns = {one.column.display_name: one for one in find_choice_columns(plan)}
    nodes = {one.column.internal_name: one.plan.tree for one in columns.values()}
    arrivals = count_arrivals(plan, nodes, rows)
    return {name: (one, arrivals[one.column.internal_name]) for name, one in columns.items()}


def replace_text(bench, old, new):
    assert old in bench.text
    bench.type(bench.text.replace(old, new))
    assert bench.state == "saved"


def test_values_are_counted_as_they_arrive_split_and_without_filtered_rows(bench):
    _, tags = choices_of(bench)["Tags"]
    with bench.path.with_name("contracts.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    expected = Counter()
    for cells in rows[:1000]:
        row = dict(zip(header, cells, strict=False))
        if len(cells) == len(header) and row["Status"] != "Draft" and row["Tags"] not in ("N/A", "NULL"):
            expected.update(tag.strip() for tag in row["Tags"].split(";") if tag.strip())
    assert tags.values == expected
    assert list(tags.values.values()) == sorted(tags.values.values(), reverse=True)


def test_each_value_is_judged_as_the_mapper_does(bench):
    column, arrivals = choices_of(bench)["Doc Type"]
    judged = {one.text: one for one in column.judge(arrivals.values)}
    records = [one.values for one in bench.sample.mapped if isinstance(one, Record)]
    by_order = {one["_Doc_%20_Type"] for one in records if "_Doc_%20_Type" in one}
    assert {one.words.split()[0] for one in judged.values() if one.option} == by_order
    assert judged["Memo"].kind == "open"
    assert judged["lease"].help.endswith("`ignore_case: true`)")
    assert judged["lease"].nearest == "Lease"


def test_the_words_say_why_a_value_is_an_option(bench):
    column, _ = choices_of(bench)["Tags"]
    words = {one.text: one.words for one in column.judge({"HR": 1, "hr": 1, "Human Resources": 1, "x": 1})}
    assert words == {
        "HR": "3 HR",
        "hr": "3 HR (letter case is ignored)",
        "Human Resources": "3 HR, by an alias",
        "x": "not an option",
    }


def test_a_list_that_is_to_do_has_no_options_but_values(bench):
    replace_text(bench, "Doc Type: [Contract, Deed, Lease, NDA, Variation]", "Doc Type: [TODO]")
    column, arrivals = choices_of(bench)["Doc Type"]
    assert column.undecided
    assert column.options == ()
    assert "Contract" in arrivals.values
    assert all(one.kind == "open" for one in column.judge(arrivals.values))


def test_a_column_is_looked_at_whatever_is_wrong_elsewhere(bench):
    replace_text(bench, "Amount: Amount", "Amount: Nonsense")
    assert bench.service.latest.work is None
    _, arrivals = choices_of(bench)["Doc Type"]
    assert "Contract" in arrivals.values


def test_rows_that_fail_on_the_way_are_counted(bench):
    replace_text(bench, "Doc Type: DocType", "Doc Type: {from: DocType, convert: number}")
    _, arrivals = choices_of(bench)["Doc Type"]
    assert arrivals.values == {}
    assert arrivals.failed > 800


def test_a_table_lists_what_it_lacks_and_what_the_default_replaces(bench):
    plan, rows = look(bench)
    tables = {one.name: one for one in find_lookups(bench, plan, rows)}
    assert tables["staff"].kind == "csv"
    assert {one.value for one in tables["staff"].lacking} == {"qformer", "zz_leaver"}
    assert not any(one.replaced for one in tables["staff"].lacking)
    assert tables["departments"].kind == "inline"
    assert all(one.replaced for one in tables["departments"].lacking)
    assert find_lookup(next(one for one in plan.columns if one.column.display_name == "Notes")) is None


def test_an_entry_ends_what_a_table_lacks(bench):
    for name in ("staff", "departments"):
        table = next(one for one in find_lookups(bench, *look(bench)) if one.name == name)
        missing = {one.value: "x@example.org" for one in table.lacking}
        assert set_entries(bench, table, {**table.entries, **missing}) == len(missing)
        table = next(one for one in find_lookups(bench, *look(bench)) if one.name == name)
        assert table.lacking == ()


def test_entries_that_come_back_as_they_were_shown_change_nothing(bench):
    path = bench.path.with_name("staff.csv")
    text = path.read_text("utf-8").replace("ana.chen@example.org", '" ana.chen@example.org\n"')
    path.write_text(text, "utf-8")
    bench.refresh()
    table = next(one for one in find_lookups(bench, *look(bench)) if one.name == "staff")
    assert table.entries["achen"] == " ana.chen@example.org\n"
    shown = {key: value.replace("\n", "").strip() for key, value in table.entries.items()}
    assert set_entries(bench, table, shown) == 0
    assert path.read_text("utf-8") == text


def test_an_entry_that_is_no_address_is_lacking_for_a_column_of_people(bench):
    table = next(one for one in find_lookups(bench, *look(bench)) if one.name == "staff")
    set_entries(bench, table, {"achen": "no address"})
    table = next(one for one in find_lookups(bench, *look(bench)) if one.name == "staff")
    assert ("achen", "no-email") in [(one.value, one.code) for one in table.lacking]


def test_people_without_addresses_get_a_table_with_those_that_have_one(bench):
    replace_text(bench, 'split: ";", lookup: staff}', 'split: ";"}')
    rows = bench.path.with_name("contracts.csv")
    text = rows.read_text("utf-8").replace("epetrov", "elena@example.org")
    rows.write_text(text, "utf-8", newline="")
    bench.refresh()
    table = next(one for one in find_lookups(bench, *look(bench)) if one.kind == "missing")
    assert table.label == "Owners"
    path = bench.path.with_name("people.csv")
    before = bench.path.read_bytes()
    name = make_people_table(bench, table, path, {one.value: f"{one.value}@x.org" for one in table.lacking})
    bench.undo()  # the mapping and the file are one step
    assert bench.path.read_bytes() == before
    assert not path.exists()
    bench.redo()
    table = next(one for one in find_lookups(bench, *look(bench)) if one.name == name)
    assert table.lacking == ()
    assert table.entries["elena@example.org"] == "elena@example.org"
    assert not any(
        one.code == "not-in-table" for row in bench.sample.mapped for one in getattr(row, "problems", ())
    )
