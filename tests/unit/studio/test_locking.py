import shutil

import pytest
from documentation import ROOT

from opusmap.cli import main
from opusmap.edits import InsertOption, MoveOption, SetOptions
from opusmap.errors import InvalidMapping, SettingsError
from opusmap.studio.locking import state_of_lock, write_lock_of
from opusmap.studio.workbench import Workbench


@pytest.fixture
def bench(tmp_path):
    shutil.copytree(ROOT / "mappings" / "contracts", tmp_path / "contracts")
    return Workbench(tmp_path / "contracts" / "mapping.yaml", "mapping.yaml")


def test_a_mapping_without_a_lock_has_not_drifted(bench):
    assert state_of_lock(bench).kind == "none"
    assert state_of_lock(bench).drift == ()


def test_a_lock_is_the_one_that_the_command_line_writes(bench):
    write_lock_of(bench)
    lock = bench.path.with_suffix(".lock.json")
    written = lock.read_bytes()
    assert state_of_lock(bench).kind == "held"
    lock.unlink()
    assert main(["lock", str(bench.path), "--quiet"]) == 0
    assert lock.read_bytes() == written


def test_a_reordered_list_is_a_drift_that_the_check_knows_too_and_undo_ends_it(bench):
    write_lock_of(bench)
    bench.apply(MoveOption("Doc Type", "Deed", 1))
    (issue,) = state_of_lock(bench).drift
    assert issue.code == "drift-choices"
    assert state_of_lock(bench).kind == "stale"
    assert issue in bench.problems
    assert bench.sample.mapped  # rows are shown by the new order all the same
    assert not bench.sample.stale
    bench.undo()
    assert state_of_lock(bench).drift == ()
    assert state_of_lock(bench).kind == "held"


def test_an_option_at_the_end_changes_no_number(bench):
    write_lock_of(bench)
    bench.apply(InsertOption("Doc Type", "Memo", 6))
    assert state_of_lock(bench).kind == "grown"
    assert state_of_lock(bench).drift == ()


def test_a_mapping_that_is_partly_to_do_drifts_too_but_is_not_locked(bench):
    write_lock_of(bench)
    bench.apply(MoveOption("Doc Type", "Deed", 1), SetOptions("Tags", ("TODO",)))
    assert "drift-choices" in [one.code for one in state_of_lock(bench).drift]
    with pytest.raises(InvalidMapping, match="TODO"):
        write_lock_of(bench)


def test_text_that_is_not_saved_is_not_locked(bench):
    bench.type(bench.text + "\n]")
    with pytest.raises(SettingsError, match="not what is in the file"):
        write_lock_of(bench)
    assert not bench.path.with_suffix(".lock.json").exists()


def test_a_lock_that_cant_be_read_is_said_in_words(bench):
    bench.path.with_suffix(".lock.json").write_text("{", "utf-8")
    assert state_of_lock(bench).kind == "unreadable"
    assert "not a lock" in state_of_lock(bench).error.problem
