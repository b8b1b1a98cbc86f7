"""The command `check`: what it says of the mapping beside the totals."""

import json
import re

import pytest

from opusmap.cli import main

_HEAD = "opusmap: 1\nconnection: c.json\nsource: {path: s.csv}\n"
_FIELDS = "fields: {Row key: No, When: {from: On, format: '%d/%m/%Y'}}\n"
_SAYS = "Dates are sent as 2024-12-19 18:15:00. If Opus"


@pytest.fixture
def check(tmp_path, capsys):
    connection = {
        "id": "2c3f5d0e-6a51-4f0b-9c77-0d5d7c1e4a90",
        "confilictOption": "Overwrite",
        "data": [{"rowKey": "SingleText", "_When": "DateTime"}],
    }

    def run(mapping: str, *words: str) -> tuple[int, str]:
        (tmp_path / "c.json").write_text(json.dumps(connection), "utf-8")
        (tmp_path / "s.csv").write_text("No,On\n1,19/12/2024\n", "utf-8")
        (tmp_path / "m.yaml").write_text(mapping, "utf-8")
        return main(["check", str(tmp_path / "m.yaml"), *words]), capsys.readouterr().err

    return run


def test_how_dates_are_sent_is_said_where_the_mapping_does_not_say_it(check):
    code, shown = check(_HEAD + "timezone: UTC\n" + _FIELDS)
    assert code == 0, shown
    assert shown.count(_SAYS) == 1
    assert _SAYS not in check(_HEAD + "timezone: UTC\n" + _FIELDS, "--quiet")[1]
    stated = "timezone: UTC\ntarget: {datetime_format: '%d/%m/%Y %H:%M'}\n"
    assert _SAYS not in check(_HEAD + stated + _FIELDS)[1]
    assert _SAYS not in check(_HEAD + "fields: {Row key: No}\n")[1]


def test_empty_cells_are_a_warning_for_each_source_column_and_for_each_binding_in_json(tmp_path, capsys):
    connection = {
        "id": "2c3f5d0e-6a51-4f0b-9c77-0d5d7c1e4a90",
        "data": [dict.fromkeys(("rowKey", "leafName", "createdBy", "modifiedBy"), "SingleText")],
    }
    (tmp_path / "c.json").write_text(json.dumps(connection), "utf-8")
    (tmp_path / "s.csv").write_text("No,Owner\n1,ann\n2,\n", "utf-8")
    fields = "fields:\n  Row key: No\n  Name: No\n  Created by: Owner\n  Modified by: Owner\n"
    (tmp_path / "m.yaml").write_text(_HEAD + fields, "utf-8")
    main(["check", str(tmp_path / "m.yaml"), "--json"])
    shown = capsys.readouterr()
    listed = [one for one in json.loads(shown.out)["diagnostics"] if one["code"] == "may-be-empty"]
    assert [one["span"]["line"] for one in listed] == [7, 8]
    assert [one["message"].partition(" ")[0] for one in listed] == ['"Created', '"Modified']
    assert shown.err.count("[may-be-empty]") == 1
    assert (
        '"Owner" is empty in 1 of the first 2 rows, and required columns read it: "Created by", "Modified by"'
        in (shown.err)
    )
    assert "1 warning\n" in shown.err
    (tmp_path / "s.csv").write_text("No,Owner\n1,ann\n2,,\n3,\n", "utf-8")
    main(["check", str(tmp_path / "m.yaml")])
    shown = capsys.readouterr()
    assert re.search(r"read +3 .*\(a row can have several\)", shown.out, re.DOTALL)
    assert '"Owner" is empty in 1 of the first 3 rows' in shown.err  # one of these can't be read


@pytest.mark.parametrize("command", ["check", "preview"])
def test_a_draft_is_told_first_what_opus_needs(tmp_path, capsys, command):
    connection = {
        "id": "2c3f5d0e-6a51-4f0b-9c77-0d5d7c1e4a90",
        "data": [
            {
                "rowKey": "SingleText",
                "createdBy": "SingleText",
                "_When": "DateTime",
                "_Kind": "SingleChoice",
                "termFullPath": "Taxonomy",
            }
        ],
    }
    (tmp_path / "c.json").write_text(json.dumps(connection), "utf-8")
    (tmp_path / "s.csv").write_text("No,On\n1,2024-12-19T10:00:00\n", "utf-8")
    draft = _HEAD + (
        "timezone: TODO\nchoices: {Kind: [TODO]}\nfields:\n"
        "  Row key: No\n  When: On\n  Kind: No\n  # TODO Classification: No\n  Created by: TODO\n"
    )
    (tmp_path / "m.yaml").write_text(draft, "utf-8")
    assert main([command, str(tmp_path / "m.yaml")]) == 2
    shown = [line for line in capsys.readouterr().err.splitlines() if "[" in line and "]: " in line]
    codes = [line.partition("[")[2].partition("]")[0] for line in shown]
    first = ["no-classification", "to-do"] if command == "check" else ["to-do"]
    assert codes == [*first, "to-do", "to-do"]
    assert 'the required column "Created by" is still TODO' in shown[len(first) - 1]
    assert "timezone" in shown[len(first)]


def test_a_classification_that_is_to_do_is_told_first_and_once(tmp_path, capsys):
    head = _HEAD + "timezone: TODO\nfields:\n  Row key: No\n  When: On\n"
    connection = {
        "id": "2c3f5d0e-6a51-4f0b-9c77-0d5d7c1e4a90",
        "data": [{"rowKey": "SingleText", "_When": "DateTime", "termFullPath": "Taxonomy"}],
    }
    (tmp_path / "c.json").write_text(json.dumps(connection), "utf-8")
    (tmp_path / "s.csv").write_text("No,On\n1,2024-12-19T10:00:00\n", "utf-8")
    (tmp_path / "m.yaml").write_text(head + "  Classification: TODO\n", "utf-8")
    assert main(["check", str(tmp_path / "m.yaml")]) == 2
    shown = capsys.readouterr().err
    assert "no-classification" not in shown
    assert shown.index('the column "Classification" is still TODO') < shown.index("timezone is still TODO")
