"""An open mapping: what is typed is a span edit of the file, and nothing is lost."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from documentation import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from opusmap.edits import Bind, ChangedOnDisk, Constant
from opusmap.errors import OpusmapError
from opusmap.studio import workbench
from opusmap.studio.file_changes import NotAsBefore
from opusmap.studio.table_files import CsvTable, make_csv_table
from opusmap.studio.workbench import State, Workbench


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "mappings" / "contracts", tmp_path / "contracts")
    return tmp_path / "contracts"


class Clock:
    """A clock that stands still until it is set: a busy machine makes no pause in typing."""

    now = 0.0

    def __call__(self):
        return self.now


def open_mapping(folder, clock=None):
    return Workbench(folder / "mapping.yaml", "mapping.yaml", clock=clock or Clock())


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_text_that_is_a_mapping_is_saved_and_undo_restores_the_file_s_hash(folder):
    bench = open_mapping(folder)
    before = sha256(bench.path)
    bench.type(bench.text.replace("conflict: overwrite", "conflict: skip"))
    assert bench.state is State.SAVED
    assert b"conflict: skip" in bench.path.read_bytes()
    bench.undo()
    assert sha256(bench.path) == before
    bench.redo()
    assert b"conflict: skip" in bench.path.read_bytes()


def test_text_that_is_no_yaml_is_kept_but_not_saved_and_the_sample_is_the_last_good_one(folder):
    bench = open_mapping(folder)
    before, good = sha256(bench.path), bench.sample
    bench.type(bench.text + "oh: [no\n")
    assert bench.state is State.UNSAVED
    assert sha256(bench.path) == before
    assert bench.sample.stale
    assert bench.sample.mapped == good.mapped
    with pytest.raises(OpusmapError):
        bench.apply(Bind("Department", Constant("X")))
    bench.undo()
    assert bench.state is State.SAVED
    assert not bench.sample.stale


def test_text_that_could_not_be_saved_outlives_the_studio(folder):
    bench = open_mapping(folder)
    broken = bench.text + "oh: [no\n"
    bench.type(broken)
    again = open_mapping(folder)
    assert again.state is State.SAVED
    assert again.left_unsaved == broken
    again.take_unsaved(use=True)
    assert again.text == broken
    again.undo()
    assert open_mapping(folder).left_unsaved == ""


def test_a_file_changed_by_another_program_is_not_written_over(folder):
    bench = open_mapping(folder)
    theirs = bench.path.read_text("utf-8") + "# theirs\n"
    bench.path.write_text(theirs, "utf-8")
    assert bench.state is State.CHANGED
    with pytest.raises(ChangedOnDisk):
        bench.apply(Bind("Department", Constant("X")))
    bench.type(bench.text + "# mine\n")
    assert bench.path.read_text("utf-8") == theirs
    assert bench.state is State.CHANGED


@pytest.mark.parametrize("typed", ["# mine\n", "oh: [no\n"])
def test_after_a_conflict_either_text_can_be_had_and_the_other_comes_back_by_undo(typed, folder):
    for choose_mine in (True, False):
        bench = open_mapping(folder)
        bench.take_unsaved(use=False)
        base = bench.text
        theirs = base + "# theirs\n"
        bench.path.write_text(theirs, "utf-8")
        bench.type(base + typed)
        if choose_mine and typed.startswith("#"):
            bench.keep_mine()
            assert bench.path.read_text("utf-8") == base + typed
            bench.undo()
            assert bench.path.read_text("utf-8") == theirs
        else:
            bench.reload()
            assert bench.text == theirs
            bench.undo()
            assert bench.text == base + typed
            broken = not typed.startswith("#")  # such a text is never written
            assert bench.path.read_text("utf-8") == (theirs if broken else base + typed)
        bench.path.write_text(base, "utf-8")


def test_a_file_that_is_gone_can_be_written_again(folder):
    bench = open_mapping(folder)
    text = bench.path.read_bytes()
    bench.path.unlink()
    assert bench.state is State.GONE
    bench.keep_mine()
    assert bench.path.read_bytes() == text
    assert bench.state is State.SAVED


def test_a_disk_that_is_full_loses_nothing(folder, monkeypatch):
    bench = open_mapping(folder)
    before = bench.path.read_bytes()
    changed = bench.text + "# mine\n"

    def refuse(_file, _patch):
        from opusmap.errors import SettingsError

        raise SettingsError(str(bench.path), "no space left on device")

    monkeypatch.setattr("opusmap.edits.MappingFile.write", refuse)
    bench.type(changed)
    assert bench.state is State.UNSAVED
    assert "no space left" in str(bench.problem)
    assert bench.path.read_bytes() == before
    assert bench.text == changed


@pytest.mark.skipif(
    os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all"
)
def test_a_file_that_may_not_be_written_is_shown_as_such(folder):
    bench = open_mapping(folder)
    bench.path.chmod(0o444)
    assert bench.state is State.READ_ONLY


def test_what_is_typed_without_a_pause_is_one_step_to_undo_and_a_click_is_another(folder):
    clock = Clock()
    bench = open_mapping(folder, clock)
    before = sha256(bench.path)
    bench.type(bench.text + "# a")
    clock.now += 1
    bench.type(bench.text + "b")
    clock.now += 2  # a pause
    bench.type(bench.text + "c")
    bench.apply(Bind("Department", Constant("X")))
    bench.type(bench.text + "d")
    bench.undo()
    assert bench.text.endswith("# abc")
    bench.undo()
    assert "const: X" not in bench.text
    bench.undo()
    assert bench.text.endswith("# ab")
    bench.undo()
    assert sha256(bench.path) == before
    assert not bench.can_undo


def test_one_click_is_one_step_to_undo(folder):
    bench = open_mapping(folder)
    before = sha256(Path(bench.path))
    bench.apply(Bind("Department", Constant("X")), Bind("Supplier", Constant("Y")))
    bench.undo()
    assert sha256(bench.path) == before
    assert not bench.can_undo


def change_table(bench, *intents, **entries):
    table = CsvTable.read(bench.path.with_name("staff.csv"), "login", "email")
    bench.apply(*intents, file=table.set(entries))


def files_of(bench):
    """Return the bytes of all files beside the mapping, but for the hidden one with the draft."""
    return {path.name: path.read_bytes() for path in bench.path.parent.iterdir() if path.name[0] != "."}


SMALL = """\
opusmap: 1
connection: contracts.connection.json
source: {type: csv, path: none.csv}
tables:
  staff: {path: staff.csv, key: login, value: email}
fields:
  rowKey: No
  Department: Dept  # theirs
"""

STEPS = {
    "click": lambda bench, text: bench.apply(Bind("Department", Constant(text))),
    "type": lambda bench, text: bench.type(bench.text + f"# {text}"),
    "entry": lambda bench, text: change_table(bench, achen=f"{text}@x.org"),
    "new entry": lambda bench, text: change_table(bench, **{f"new{text}": "n@x.org"}),
    "both": lambda bench, text: change_table(bench, Bind("Notes", Constant(text)), qformer=f"{text}@x.org"),
    "new file": lambda bench, text: bench.apply(
        Bind("Supplier", Constant(text)),
        file=make_csv_table(bench.path.with_name(f"people-{text}.csv"), "login", "email", {"a": "b@x.org"}),
    ),
}


@settings(max_examples=8)
@given(steps=st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=6), back=st.integers(1, 6))
def test_undo_and_redo_restore_the_bytes_of_the_mapping_and_of_its_tables(tmp_path_factory, steps, back):
    folder = tmp_path_factory.mktemp("undo")
    for name in ("contracts.connection.json", "staff.csv"):
        shutil.copy(ROOT / "mappings" / "contracts" / name, folder)
    (folder / "mapping.yaml").write_text(SMALL, "utf-8")
    bench = open_mapping(folder)
    seen = [files_of(bench)]
    for number, step in enumerate(steps):
        STEPS[step](bench, f"v{number}")
        if step == "type" and number and steps[number - 1] == "type":
            seen.pop()  # what is typed without a pause is one step
        seen.append(files_of(bench))
    back = min(back, len(seen) - 1)
    for before in reversed(seen[-1 - back : -1]):
        bench.undo()
        assert files_of(bench) == before
    for after in seen[len(seen) - back :]:
        bench.redo()
        assert files_of(bench) == after
    while bench.can_undo:
        bench.undo()
    assert files_of(bench) == seen[0]


def test_an_entry_of_a_table_s_file_is_a_step_to_undo_and_the_sample_follows(folder):
    bench = open_mapping(folder)
    rejected = bench.sample.rejected
    change_table(bench, qformer="q@x.org", zz_leaver="z@x.org")
    assert bench.sample.rejected < rejected
    assert bench.undo() == folder / "staff.csv"
    assert bench.sample.rejected == rejected
    assert bench.redo() == folder / "staff.csv"
    assert bench.sample.rejected < rejected


def test_the_oldest_steps_are_dropped_when_all_together_take_too_much_memory(folder, monkeypatch):
    monkeypatch.setattr(workbench, "UNDO_BYTES", 100_000)
    bench = open_mapping(folder)
    values = [str(number) * 30_000 for number in range(1, 8)]
    for value in values:
        change_table(bench, achen=value)
    undone = 0
    while bench.can_undo:
        bench.undo()
        undone += 1
    assert undone == 1  # each step keeps the cell before it and after it
    change_table(bench, achen="x" * 200_000)  # more than all may take
    bench.undo()
    assert values[-2] in (folder / "staff.csv").read_text("utf-8")


@pytest.mark.parametrize("gone", [False, True])
def test_a_table_s_file_that_was_changed_since_is_not_written_over_and_earlier_steps_can_be_undone(
    folder, gone
):
    bench = open_mapping(folder)
    before = sha256(bench.path)
    bench.apply(Bind("Department", Constant("X")))
    change_table(bench, achen="a@x.org")
    path = folder / "staff.csv"
    path.unlink() if gone else path.write_bytes(path.read_bytes() + b"theirs,t@x.org\n")
    theirs = files_of(bench)
    with pytest.raises(NotAsBefore, match=r"staff\.csv.*stays as it is"):
        bench.undo()
    assert files_of(bench) == theirs
    bench.undo()
    assert sha256(bench.path) == before
    assert not bench.can_undo


def test_of_a_step_of_both_files_the_text_is_undone_if_the_table_s_file_was_changed_since(folder):
    bench = open_mapping(folder)
    before = sha256(bench.path)
    STEPS["new file"](bench, "x")
    made = folder / "people-x.csv"
    made.write_bytes(b"login,email\ntheirs,t@x.org\n")
    with pytest.raises(NotAsBefore):
        bench.undo()
    assert sha256(bench.path) == before
    assert made.read_bytes() == b"login,email\ntheirs,t@x.org\n"
    bench.redo()
    assert "const: x" in bench.text
    assert made.read_bytes() == b"login,email\ntheirs,t@x.org\n"


def test_a_step_of_both_files_writes_neither_if_the_mapping_was_changed_on_disk(folder):
    bench = open_mapping(folder)
    bench.path.write_bytes(bench.path.read_bytes() + b"# theirs\n")
    theirs = files_of(bench)
    for step in ("both", "new file"):
        with pytest.raises(ChangedOnDisk):
            STEPS[step](bench, "x")
        assert files_of(bench) == theirs


def test_undo_waits_for_the_choice_between_the_page_s_text_and_the_file_s(folder):
    bench = open_mapping(folder)
    bench.apply(Bind("Department", Constant("X")))
    bench.path.write_bytes(bench.path.read_bytes() + b"# theirs\n")
    before = bench.text
    with pytest.raises(ChangedOnDisk):
        bench.undo()
    assert bench.text == before
    bench.reload()
    bench.undo()
    bench.undo()
    assert "const: X" not in bench.text
    assert not bench.can_undo


def test_a_table_can_be_completed_while_the_text_can_t_be_read(folder):
    bench = open_mapping(folder)
    before = files_of(bench)
    bench.type(bench.text + "oh: [no\n")
    broken = bench.text
    change_table(bench, achen="a@x.org")
    assert bench.text == broken
    bench.undo()  # the text first
    assert b"a@x.org" in files_of(bench)["staff.csv"]
    bench.undo()
    assert files_of(bench) == before
