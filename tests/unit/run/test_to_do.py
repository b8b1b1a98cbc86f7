"""A mapping that has `TODO` can be looked at: what is decided is mapped, and the rest is left out by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from opusmap.errors import InvalidMapping
from opusmap.records import Record
from opusmap.run.check import SourceCheck
from opusmap.run.open import find_warnings, open_work

CONNECTION = {
    "id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11",
    "data": [
        {
            "rowKey": "SingleText",
            "leafName": "SingleText",
            "timeCreated": "DateTime",
            "timeModified": "DateTime",
            "_Kind": "SingleChoice",
            "_Sum": "Number",
        }
    ],
}
HEAD = "opusmap: 1\nconnection: c.json\nsource: {path: x.csv}\n"
DECIDED = {
    "rowKey": "Key",
    "Name": "Title",
    "Created time": "Created",
    "Modified time": "Zoned",
    "Kind": "Kind",
    "Sum": "Sum",
}


def work_of(folder: Path, head: str, fields: dict[str, str], *, around: bool = True, rows: int = 1):
    (folder / "c.json").write_text(json.dumps(CONNECTION))
    (folder / "x.csv").write_text(
        "Key,Title,Created,Zoned,Kind,Sum\n" + "1,a,2024-01-31T10:00:00,2024-01-31T10:00:00Z,Deed,5\n" * rows
    )
    bound = "".join(f"  {name}: {value}\n" for name, value in fields.items())
    (folder / "m.yaml").write_text(f"{HEAD}{head}\nfields:\n{bound}")
    return open_work(folder / "m.yaml", around_to_do=around)


CHOICES = "choices: {Kind: [Deed]}"


@pytest.mark.parametrize(
    ("head", "changed", "left_out"),
    [
        (f"timezone: UTC\n{CHOICES}", {"Name": "TODO"}, ("Name",)),
        ("timezone: UTC\nchoices: {Kind: [TODO]}", {}, ("Kind",)),
        (f"timezone: TODO\n{CHOICES}", {}, ("Created time",)),
        (
            f"timezone: UTC\n{CHOICES}",
            {"Created time": '{from: Created, format: "TODO: %d/%m/%Y or %m/%d/%Y"}'},
            ("Created time",),
        ),
        (f"timezone: UTC\ntarget: {{datetime_format: TODO}}\n{CHOICES}", {}, ()),
        ("timezone: TODO\nchoices: {Kind: [TODO]}", {"Name": "TODO"}, ("Name", "Created time", "Kind")),
    ],
)
def test_what_is_decided_is_mapped(
    tmp_path: Path, head: str, changed: dict[str, str], left_out: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidMapping) as refused:
        work_of(tmp_path, head, DECIDED | changed, around=False)
    assert {one.code for one in refused.value.diagnostics if one.severity == "error"} == {"to-do"}
    work = work_of(tmp_path, head, DECIDED | changed)
    with work.source:
        (row,) = work.source.rows()
        mapped = work.mapper.map_row(row.values, row.number)
        assert "unread-column" not in {one.code for one in find_warnings(work)}
    assert work.left_out == left_out
    assert {one.code for one in work.to_do} >= {"to-do"}
    assert len({*work.to_do}) == len(work.to_do)
    names = {column.internal_name: column.display_name for column in work.mapper.connection.columns}
    assert {names[name] for name in mapped.values} == {*names.values()} - {*left_out}


def test_without_the_row_key_the_other_columns_are_mapped_and_no_row_is_a_duplicate(tmp_path: Path) -> None:
    work = work_of(tmp_path, f"timezone: UTC\n{CHOICES}", DECIDED | {"rowKey": "TODO"}, rows=3)
    with work.source:
        checked = SourceCheck(work)
        assert [report.mapped for report in checked] == [3]
        assert checked.report().rejected == 0
        (first, *_) = work.source.rows()
    assert work.left_out == ("Row key",)
    assert work.lacks_key
    record = work.mapper.map_row(first.values, first.number)
    assert isinstance(record, Record)
    assert (record.key, record.values["leafName"]) == ("(TODO)", "a")


def test_another_error_is_not_worked_around(tmp_path: Path) -> None:
    with pytest.raises(InvalidMapping):
        work_of(tmp_path, f"timezone: TODO\n{CHOICES}", DECIDED | {"Name": "Titel"})


def test_a_mapping_without_to_do_is_whole(tmp_path: Path) -> None:
    work = work_of(tmp_path, f"timezone: UTC\n{CHOICES}", DECIDED)
    with work.source:
        assert (work.to_do, work.left_out) == ((), ())
