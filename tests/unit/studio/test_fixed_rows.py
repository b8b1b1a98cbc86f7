"""Corrected cells outlive the process; `retry` reads the fixed rows; nothing is replaced unseen."""

from decimal import Decimal

import pytest

from opusmap.errors import SettingsError
from opusmap.issues import Issue
from opusmap.language.cached_files import stamp
from opusmap.records import Reject, Row
from opusmap.run.open import open_rejects
from opusmap.sources import open_source
from opusmap.studio.fixed_rows import Fixes, mark_row

PROBLEM = (Issue("unknown-choice", "is not an option", "Type", "alias it"),)


def reject(number=7, **values):
    return Reject(number, "k", PROBLEM, {"Type": "Memo", "Title": "=1+1", **values})


@pytest.fixture
def mapping(tmp_path):
    return tmp_path / "mapping.yaml"


@pytest.fixture
def source(tmp_path):
    (tmp_path / "a.csv").write_text("Type;Title\nMemo;=1+1\n", "utf-8")
    with open_source(tmp_path / "a.csv") as opened:
        yield opened


def test_a_fix_is_applied_to_its_row_and_to_no_other_content(mapping):
    fixes = Fixes(mapping)
    fixes.set_cells(reject(), {"Type": "Deed"})
    fixes.save()
    again = Fixes(mapping)
    assert again.corrected(reject()) == {"Type": "Deed", "Title": "=1+1"}
    assert again.corrected(reject(Title="another")) is None
    again.set_cells(reject(), {"Type": "Memo"})
    assert not again.rows


def test_a_row_that_has_moved_is_followed_by_its_content(mapping):
    fixes = Fixes(mapping)
    fixes.set_cells(reject(7), {"Type": "Deed"})
    fixes.follow({mark_row(reject().values): 9})
    assert fixes.corrected(reject(9)) is not None
    assert fixes.corrected(reject(7)) is None


def test_the_fixed_rows_are_read_back_as_they_are_and_go_with_the_last_fix(mapping, source):
    fixes = Fixes(mapping)
    fixes.set_cells(reject(), {"Type": "Deed"})
    fixes.write_rows([Reject(7, "k", PROBLEM, fixes.corrected(reject()))], source, {})
    assert fixes.file == mapping.with_name("mapping.fixed-rows.csv")
    with open_rejects(fixes.file) as file:
        assert list(file.rows()) == [Row(7, {"Type": "Deed", "Title": "=1+1"})]
    assert Fixes(mapping).count == 1
    fixes.drop(7)
    assert not fixes.current
    fixes.write_rows([], source, {})
    assert not mapping.with_name("mapping.fixed-rows.csv").exists()


def test_a_file_of_fixed_rows_that_another_program_changed_is_not_replaced(mapping, source):
    fixes = Fixes(mapping)
    fixes.write_rows([reject()], source, {})
    fixes.file.write_text("mine", "utf-8")
    with pytest.raises(SettingsError, match="another program has changed this file"):
        fixes.write_rows([reject()], source, {})
    assert fixes.file.read_text("utf-8") == "mine"


def test_a_source_that_has_changed_since_makes_the_fixed_rows_outdated(mapping, source, tmp_path):
    path = tmp_path / "a.csv"
    fixes = Fixes(mapping)
    fixes.write_rows([reject()], source, {str(path): stamp(path)})
    assert Fixes(mapping).current
    path.write_text("Type;Title\nNote;x\nMore;y\n", "utf-8")
    assert not Fixes(mapping).current


def test_why_rows_are_left_rejected_is_kept_until_it_is_taken_back(mapping):
    fixes = Fixes(mapping)
    fixes.leave_rejected(("Type", "unknown-choice"), " they are notes ")
    fixes.save()
    assert [one.why for one in Fixes(mapping).left] == ["they are notes"]
    fixes.leave_rejected(("Type", "unknown-choice"), "")
    fixes.save()
    assert Fixes(mapping).left == ()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"rows": {"a": 1}}'])
def test_a_damaged_file_is_refused_with_a_way_out(text, mapping):
    mapping.with_suffix(".fixes.json").write_text(text, "utf-8")
    with pytest.raises(SettingsError, match="the fixes can't be read"):
        Fixes(mapping)


def test_numbers_stay_numbers(mapping):
    fixes = Fixes(mapping)
    fixes.set_cells(reject(Amount=12), {"Amount": "13.5"})
    assert fixes.corrected(reject(Amount=12))["Amount"] == Decimal("13.5")
