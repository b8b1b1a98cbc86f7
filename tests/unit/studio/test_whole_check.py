"""Fixed rows are judged as `retry` judges them: a key that another row owns is no fix."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from opusmap.run.map import MapStream
from opusmap.run.open import open_corrected_rejects, open_work
from opusmap.studio.fixed_rows import Fixes
from opusmap.studio.jobs import Job
from opusmap.studio.whole_check import FixState, WholeCheck, write_fixes
from opusmap.studio.workbench import Workbench

CELLS = st.tuples(st.sampled_from("abc"), st.sampled_from(["1", "x"]))


def make_check(folder: Path, setting: str, rows: list[tuple[str, str]]) -> tuple[Workbench, WholeCheck]:
    columns = {"rowKey": "SingleText", "_N": "Number"}
    connection = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [columns]}
    (folder / "c.json").write_text(json.dumps(connection), "utf-8")
    (folder / "m.yaml").write_text(
        f"opusmap: 1\nconnection: c.json\nsource: {{path: rows.csv}}\nduplicates: {setting}\n"
        "fields: {rowKey: Id, N: N}\n",
        "utf-8",
    )
    (folder / "rows.csv").write_text("Id,N\n" + "".join(f"{key},{n}\n" for key, n in rows), "utf-8")
    bench = Workbench(folder / "m.yaml", "m.yaml")
    return bench, WholeCheck(bench).run(Job(1, "check", "m.yaml"), bench)


@pytest.mark.parametrize("setting", ["first", "last"])
@example([("a", "x"), ("a", "1")], {2: ("a", "1")})
@example([("a", "x"), ("a", "x")], {3: ("a", "1")})
@example([("a", "1"), ("a", "x"), ("a", "x")], {3: ("a", "1"), 4: ("a", "1")})
@given(
    st.lists(CELLS, min_size=1, max_size=8), st.dictionaries(st.integers(2, 9), CELLS, min_size=1, max_size=8)
)
@settings(max_examples=25)
def test_retry_sends_each_row_that_counts_as_fixed_and_replaces_no_record(
    tmp_path_factory: pytest.TempPathFactory,
    setting: str,
    rows: list[tuple[str, str]],
    fixed: dict[int, tuple[str, str]],
) -> None:
    bench, check = make_check(tmp_path_factory.mktemp("studio"), setting, rows)
    fixes = Fixes(bench.path)
    for row, (key, number) in fixed.items():
        if (reject := check.kept.find(row)) is not None:
            fixes.set_cells(reject, {"Id": key, "N": number})
    judged = write_fixes(bench, check, fixes)
    ready = {row for row, one in judged.items() if one.state is FixState.READY}
    sent = dict[int, str]()
    if ready:
        assert fixes.file is not None
        with (work := open_corrected_rejects(bench.path, fixes.file)).source:
            stream = MapStream(work)
            for chunk in stream:
                sent |= zip(chunk.numbers, chunk.keys, strict=True)
        assert stream.report().rejected == 0
    assert set(sent) == ready
    assert len(set(sent.values())) == len(sent)
    with (work := open_work(bench.path)).source:
        before = {key for chunk in MapStream(work) for key in chunk.keys}
    if setting == "first":
        assert before.isdisjoint(sent.values())
    else:  # a later row with the same key replaces the last one that was a record
        records = {key: row for row, (key, n) in enumerate(rows, 2) if n == "1"}
        assert all(records[key] < row for row, key in sent.items() if key in before)


def test_a_fix_has_to_be_for_a_key_that_no_row_has_to_itself(tmp_path: Path) -> None:
    bench, check = make_check(tmp_path, "first", [("a", "x"), ("a", "x"), ("b", "x"), ("c", "1")])
    fixes, states = Fixes(bench.path), list[FixState]()
    for row, cells in [(3, ("a", "1")), (4, ("a", "1")), (4, ("c", "1")), (4, ("d", "1")), (2, ("a", "1"))]:
        reject = check.kept.find(row)
        assert reject is not None
        fixes.set_cells(reject, dict(zip(("Id", "N"), cells, strict=True)))
        states.append(write_fixes(bench, check, fixes)[row].state)
    assert states == [FixState.WRONG, FixState.WRONG, FixState.WRONG, FixState.READY, FixState.READY]


@pytest.mark.parametrize(("setting", "ready"), [("first", 2), ("last", 3)])
def test_of_two_fixes_with_one_key_that_counts_which_the_mapping_says(
    tmp_path: Path, setting: str, ready: int
) -> None:
    bench, check = make_check(tmp_path, setting, [("a", "x"), ("b", "x")])
    fixes = Fixes(bench.path)
    for row in (2, 3):
        reject = check.kept.find(row)
        assert reject is not None
        fixes.set_cells(reject, {"Id": "c", "N": "1"})
    judged = write_fixes(bench, check, fixes)
    assert {row for row, one in judged.items() if one.state is FixState.READY} == {ready}
