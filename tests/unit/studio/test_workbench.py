"""An open mapping: what is typed is a span edit of the file, and nothing is lost."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from documentation import ROOT
from hypothesis import given
from hypothesis import strategies as st

from opusmap.edits import Bind, ChangedOnDisk, Constant
from opusmap.errors import OpusmapError
from opusmap.studio.workbench import State, Workbench, _typed

TEXTS = st.text("ab: \n{}'é𝄞", max_size=30)
BREAKS = st.sampled_from(["\n", "\r\n"])


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "mappings" / "contracts", tmp_path / "contracts")
    return tmp_path / "contracts"


def open_mapping(folder):
    return Workbench(folder / "mapping.yaml", "mapping.yaml")


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@given(start=TEXTS, old=TEXTS, end=TEXTS, new=TEXTS, newline=BREAKS, mark=st.sampled_from(["", "\ufeff"]))
def test_typing_changes_only_what_was_typed(start, old, end, new, newline, mark):
    def written(text):
        return mark + text.replace("\n", newline)

    patch = _typed(written(start + old + end), start + new + end)
    assert patch.text.removeprefix("\ufeff").replace("\r\n", "\n") == start + new + end
    assert patch.undo.text == written(start + old + end)
    assert patch.text.startswith(mark)
    for edit in patch.edits:
        assert edit.end - edit.start <= len(written(old))


@given(st.lists(st.sampled_from("ab\r\n"), max_size=12).map("".join), st.integers(0, 12))
def test_mixed_line_breaks_stay_where_nothing_was_typed(text, at):
    text = text.replace("\r\n", "\x00").replace("\r", "").replace("\x00", "\r\n")
    plain = text.replace("\r\n", "\n")
    at = min(at, len(plain))
    patch = _typed(text, plain[:at] + "X" + plain[at:])
    assert patch.text.replace("X", "") == text


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
    bench = open_mapping(folder)
    before = sha256(bench.path)
    bench.type(bench.text + "# a")
    bench.type(bench.text + "b")
    bench.apply(Bind("Department", Constant("X")))
    bench.type(bench.text + "c")
    bench.undo()
    assert bench.text.endswith("# ab")
    bench.undo()
    assert "const: X" not in bench.text
    bench.undo()
    assert sha256(bench.path) == before


def test_one_click_is_one_step_to_undo(folder):
    bench = open_mapping(folder)
    before = sha256(Path(bench.path))
    bench.apply(Bind("Department", Constant("X")), Bind("Supplier", Constant("Y")))
    bench.undo()
    assert sha256(bench.path) == before
    assert not bench.can_undo
