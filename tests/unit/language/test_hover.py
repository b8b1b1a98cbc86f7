"""What is shown of what is at a position."""

from __future__ import annotations

import pytest

from opusmap.cli import main


@pytest.fixture
def shown(asked, start):
    def show(more, *, row=0):
        service, position = asked(start + more, whole=start + more.replace("‸", ""))
        found = service.hover(position, row)
        return None if found is None else found.text

    return show


@pytest.mark.parametrize(
    ("more", "texts"),
    [
        ("  Li‸ne: Title", ["**Line** (column in Opus)", "Type: SingleText", "Optional", "`_Line`"]),
        ("  Choi‸ce: {const: Red}", ["Type: SingleChoice", "Options: `Red`, `Green`, `Blue`"]),
        ("  Line: Ti‸tle", ["**Title** (source column)", "2 of the first 3 rows", "Samples: `One`, `Two`"]),
        ("  Line: Doc N‸o", ["**Doc No** (source column)", "3 distinct values"]),
        ("  Line: {from: Title, con‸vert: trim}", ["**convert**", "A converter, or several in turn."]),
        ("  Line: {from: Title, convert: tr‸im}", ["**trim(chars)** (converter)", "Remove spaces"]),
        ("  Line: {from: Title, convert: {trun‸cate: 3}}", ["(converter)", "- `length`: a whole number"]),
        ("  Line: {from: Title, lookup: col‸ours, default: x}", ["**colours** (lookup table)", "2 ent"]),
        ("  Line: ti‸tle", ["**title** (variable)", "`{{ Title | trim }}`"]),
        ('  Line: "{{ ti‸tle }}"', ["**title** (variable)", "`{{ Title | trim }}`"]),
        ('  Line: "no {{ Title | up‸per }}"', ["**upper** (converter)", "→ `NDA X`"]),
        ("  Line: '{{ row[\"Doc‸ No\"] }}'", ["**Doc No** (source column)"]),
        ("con‸flict: skip", ["**conflict**", "What Opus does with a record that it already holds"]),
        ("tests: [{row: {Ti‸tle: x}, expect: {}}]", ["**Title** (source column)"]),
    ],
)
def test_what_is_at_the_position_is_shown(shown, more, texts):
    found = shown(more)
    assert [text for text in texts if text not in found] == []


@pytest.mark.parametrize("more", ["# com‸ment", "conflict: sk‸ip", "‸"])
def test_elsewhere_there_is_nothing(shown, more):
    assert shown(more) is None


@pytest.mark.parametrize(
    "more", ["  Line‸: '{{ Title | upper }}!'", "  Line: {from: Ti‸tle, convert: upper}"]
)
def test_the_value_of_a_row_is_explained_as_explain_does(shown, folder, start, more, capsys):
    found = shown(more, row=1)
    (folder / "mapping.yaml").write_text(start + more.replace("‸", ""))
    main(["explain", str(folder / "mapping.yaml"), "Line", "--row", "3"])
    explained = capsys.readouterr().out.splitlines()
    assert "Row 3:" in found
    assert explained[0] == "Line of row 3"
    steps = [line for line in found.partition("Row 3:\n\n")[2].splitlines() if line.startswith("- ")]
    assert len(steps) == len(explained) - 1
    for step, line in zip(steps, explained[1:], strict=True):
        assert step.rpartition(": `")[2].rstrip("`") in line


def test_a_problem_of_the_row_is_explained(shown):
    assert "unknown-choice: " in shown("  Choi‸ce: Kind", row=1).replace("\\", "")


def test_a_cell_is_code_whatever_it_holds(shown, folder):
    hostile = "`<b>[x](http://h)\u202e"
    (folder / "rows.csv").write_text(f"Key,Title,Doc No\nk,{hostile},2\n", "utf-8")
    found = shown("  Line: Ti‸tle")
    assert "Samples: `` `<b>[x](http://h)\\u202e ``" in found


def test_while_the_text_can_t_be_read_what_was_known_is_shown(asked, start):
    service, position = asked(start + "  Line: Ti‸tle\n  When: {from: [", whole=start)
    assert "Samples: `One`, `Two`" in service.hover(position).text
