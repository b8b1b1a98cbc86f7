"""A total below the rows is named, and how to exclude it; no other row is taken for one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_mapping import COLUMNS

from opusmap import load_mapping
from opusmap.drafting.draft import count_questions, write_draft
from opusmap.drafting.files import draft_files
from opusmap.report import Reason
from opusmap.run.map import MapStream
from opusmap.run.open import Work
from opusmap.sources import from_rows

CONNECTION = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [COLUMNS]}
GOOD = {"No": "1", "Project title": "Bridge", "Fee": "5", "Day": "2024-01-02"}


def reasons(
    folder: Path, *rows: dict[str, Any], where: str = "", limit: int | None = None
) -> tuple[Reason, ...]:
    (folder / "c.json").write_text(json.dumps(CONNECTION))
    (folder / "m.yaml").write_text(
        f"opusmap: 1\nconnection: c.json\n{where}timezone: UTC\n"
        "fields:\n  rowKey: No\n  Line: Project title\n  Number: Fee\n  When: Day\n"
    )
    work = Work(load_mapping(folder / "m.yaml"), from_rows(rows))
    stream = MapStream(work, limit=limit)
    for _ in stream:
        pass
    return stream.report().reasons


def total(text: str, **cells: str) -> dict[str, Any]:
    return {"No": "", "Project title": text, "Fee": "10", "Day": "", **cells}


@pytest.mark.parametrize(
    "word",
    [
        "Total",
        "total:",
        "TOTAL ",
        "Sum",
        "Grand total",
        "Total général",
        "Summe",
        "Totaal",
        "Total fees: 2,625.50",
    ],
)
def test_the_last_row_that_is_a_total_is_named_with_a_where_that_excludes_it(
    word: str, tmp_path: Path
) -> None:
    (found,) = reasons(tmp_path, GOOD, total(word))
    condition = f"row['Project title'] != '{word}'"
    assert found.code == "empty-required"
    assert (
        found.help == f'the last row looks like a total row: exclude it with `where: "{{{{ {condition} }}}}"`'
    )
    assert not reasons(tmp_path, GOOD, total(word), where=f'where: "{{{{ {condition} }}}}"\n')


def test_a_where_that_is_there_is_extended(tmp_path: Path) -> None:
    where = "where: \"{{ Fee != '7' }}\"\n"
    (found,) = reasons(tmp_path, GOOD, total("Total"), where=where)
    assert (
        found.help
        == "the last row looks like a total row: add `and row['Project title'] != 'Total'` to `where`"
    )


@pytest.mark.parametrize("written", ["Fee != '7' or No == '1'", "No == '1' if No else Fee != '7'"])
def test_a_where_of_which_and_would_join_only_a_part_gets_brackets(written: str, tmp_path: Path) -> None:
    (found,) = reasons(tmp_path, GOOD, total("Total"), where=f'where: "{{{{ {written} }}}}"\n')
    condition = "and row['Project title'] != 'Total'"
    assert found.help == (
        "the last row looks like a total row: put brackets around what `where` has, and add "
        f"`{condition}` to it"
    )
    assert not reasons(tmp_path, GOOD, total("Total"), where=f'where: "{{{{ ({written}) {condition} }}}}"\n')


@pytest.mark.parametrize(
    "rows",
    [
        (total("Total"), GOOD),  # not the last
        (GOOD, total("Totally new bridge")),
        (GOOD, total("Total station survey of the bridge")),
        (GOOD, total("Bridge")),
        (GOOD, {**GOOD, "Project title": "Total", "Fee": "wrong"}),  # no cell is empty
        (GOOD, total("Total 'A'")),  # how it is quoted is not obvious
        (GOOD, total("Total\n")),  # the condition would be two lines of the mapping
        ({**GOOD, "a }}": ""}, total("", **{"a }}": "Total"})),  # this would end its template
        (GOOD, {"No": "", "Project title": "", "Fee": "", "Day": ""}),
    ],
)
def test_other_rejected_rows_keep_their_help(rows: tuple[dict[str, Any], ...], tmp_path: Path) -> None:
    found = reasons(tmp_path, *rows)
    assert found
    assert not any("total row" in one.help for one in found)


def test_a_reason_that_other_rows_have_as_well_keeps_its_help(tmp_path: Path) -> None:
    found = reasons(tmp_path, total("Bridge"), total("Total", Fee="?"))
    assert {one.code: "total row" in one.help for one in found} == {
        "empty-required": False,
        "bad-number": True,
    }


def test_a_good_row_and_one_at_which_reading_stopped_are_not_taken_for_a_total(tmp_path: Path) -> None:
    assert not reasons(tmp_path, GOOD, total("Total", No="2"))
    (found,) = reasons(tmp_path, total("Total"), GOOD, GOOD, limit=1)
    assert "total row" not in found.help


def test_a_total_is_named_whether_or_not_other_rows_have_its_reasons(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(CONNECTION))
    (tmp_path / "m.yaml").write_text(
        "opusmap: 1\nconnection: c.json\nfields:\n  rowKey: No\n  Line: Project title\n"
    )
    stream = MapStream(Work(load_mapping(tmp_path / "m.yaml"), from_rows([total("Bridge"), total("Total")])))
    for _ in stream:
        pass
    assert stream.report().total_row.startswith("the last row looks like a total row: exclude it with")


@pytest.mark.parametrize(
    ("last", "rows", "found"),
    [("Total", None, True), ("Total", 2, False), ("Totally new", None, False), ('"Total\n"', None, False)],
)
def test_a_draft_has_the_where_that_excludes_a_total(
    last: str, rows: int | None, *, found: bool, tmp_path: Path
) -> None:
    (tmp_path / "c.json").write_text(json.dumps(CONNECTION))
    cells = "".join(f"{number},Bridge {number},5,2024-01-02\n" for number in range(1, 6))
    (tmp_path / "s.csv").write_text(f"No,Project title,Fee,Day\n{cells},{last},25,\n")
    draft = draft_files(tmp_path / "c.json", tmp_path / "s.csv", tmp_path / "m.yaml", rows=rows)
    (at,) = [at for at, line in enumerate(write_draft(draft).splitlines()) if line == "fields:"]
    line = write_draft(draft).splitlines()[at - 2]
    written = "# TODO where: \"{{ row['Project title'] != 'Total' }}\""
    assert line.startswith(written) == found
    assert ("where" in write_draft(draft)) == found
    assert count_questions(draft) == count_questions(replace(draft, total_row=None)) + found
    if found:  # without what it begins with, it is a line of the mapping
        (tmp_path / "s.yaml").write_text(
            f"opusmap: 1\nconnection: c.json\n{line.removeprefix('# TODO ')}\nfields: {{rowKey: No}}\n"
        )
        work = Work(load_mapping(tmp_path / "s.yaml"), from_rows([GOOD, total("Total")]))
        stream = MapStream(work)
        for _ in stream:
            pass
        assert stream.report().filtered == 1
