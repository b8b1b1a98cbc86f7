"""Where what is at a position is defined."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def found(asked, start):
    """Return file name and text of the line from the definition on, of what is at the mark."""

    def find(more, *, before=start):
        text = before + more
        service, position = asked(text, whole=text.replace("‸", ""))
        places = []
        for one in service.find_definition(position):
            name = one.file.replace("\\", "/").rpartition("/")[2]
            read = service.text if name == "mapping.yaml" else Path(one.file).read_text("utf-8")
            line = read.split("\n")[one.range.start.line]
            places.append((name, line[one.range.start.column : one.range.end.column]))
        return places

    return find


@pytest.mark.parametrize(
    ("more", "places"),
    [
        ("  Line: ti‸tle", [("mapping.yaml", "title")]),
        ("  Line: [ti‸tle, Key]", [("mapping.yaml", "title")]),
        ('  Line: "{{ ti‸tle }}"', [("mapping.yaml", "title")]),
        ("  Line: \"{{ colours[Title] | de‸fault('') }}\"", []),
        ("  Line: \"{{ colo‸urs[Title] | default('') }}\"", [("mapping.yaml", "colours")]),
        ("  Line: {from: Title, lookup: colou‸rs, default: x}", [("mapping.yaml", "colours")]),
        ("  Li‸ne: Title", [("c.json", '"_Line"')]),
        ("tests: [{row: {}, expect: {Li‸ne: x}}]", [("c.json", '"_Line"')]),
        ("  Line: Ti‸tle", []),
        ("  Line: &t Title\n  Text: *t‸", [("mapping.yaml", "t")]),
        ("include: [more‸.yaml]", [("more.yaml", "")]),
        ("include: [more.yaml]\nwhere: '{{ shar‸ed }}'", [("more.yaml", "shared")]),
    ],
)
def test_the_definition_is_found(found, folder, more, places):
    (folder / "more.yaml").write_text('let: {shared: "{{ true }}"}\n')
    assert found(more) == places


@pytest.mark.parametrize(
    ("old", "new", "places"),
    [
        ("connection: c.json", "connection: c.js‸on", [("c.json", "")]),
        ("{path: rows.csv}", "{path: row‸s.csv}", [("rows.csv", "")]),
        (
            "Choice: [Red, Green, Blue], ",
            "Choice: {options: [Red], aliases: {Rad: Re‸d}}, ",
            [("mapping.yaml", "Red")],
        ),
    ],
)
def test_files_and_options_are_found(found, start, old, new, places):
    assert found("", before=start.replace(old, new)) == places


def test_no_file_outside_the_folder_is_found(asked, folder, start):
    (folder / "inner").mkdir()
    (folder.parent / "outside.yaml").touch()
    service, position = asked(start + "include: [../out‸side.yaml]")
    assert service.find_definition(position) == ()
