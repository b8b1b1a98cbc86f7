"""A sign-off holds what a person says and what the run read, and tells later which file has changed."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.errors import SettingsError
from opusmap.journal import Run
from opusmap.output_files import File, hash_file
from opusmap.report import Evidence
from opusmap.studio.sign_off import (
    draft_declaration,
    files_of,
    find_changes,
    look_up_sign_off,
    make_sign_off,
    read_sign_off,
    sign_off_path,
    write_sign_off,
)

COUNTS = {"read": 3, "mapped": 2, "filtered": 0, "rejected": 1, "submitted": 2, "not_sent": 0}
RUN = Run(7, "https://opus.example.com", "c-1", "m.yaml", 1000.0, 1060.0, "done", COUNTS)
WORDS = {"name": "Ana Pérez", "role": "Records manager", "declaration": "It is right."}
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    for name in ("m.yaml", "c.json", "rows.csv"):
        (tmp_path / name).write_text(name, "utf-8")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "t.csv").write_text("t", "utf-8")
    return tmp_path


def evidence_of(folder):
    named = {
        "mapping": "m.yaml",
        "connection": "c.json",
        "source": "rows.csv",
        "table or shared part": "tables/t.csv",
    }
    files = tuple(hash_file(role, folder / name) for role, name in named.items())
    return Evidence(files=(*files, File("rejects", str(folder / "m.run-7.rejects.csv"), 1, "00")))


def signed_in(folder):
    signed = make_sign_off(RUN, evidence_of(folder), folder / "m.yaml", **WORDS, now=NOW)
    write_sign_off(signed, folder / "m.yaml")
    return signed


def test_files_of_a_run_that_named_only_some_by_their_whole_paths_are_all_compared(folder):
    evidence = evidence_of(folder)
    named = [
        replace(file, path=str(Path(file.path).relative_to(folder))) if file.role != "connection" else file
        for file in evidence.files
    ]
    files = files_of(Evidence(files=tuple(named)), folder / "m.yaml")
    assert files == files_of(evidence, folder / "m.yaml")
    assert find_changes(files, folder / "m.yaml") == ()
    (folder / "c.json").write_text("other", "utf-8")
    (change,) = find_changes(files, folder / "m.yaml")
    assert (change.path, change.what) == ("c.json", "changed")


def test_it_comes_back_as_it_was_written_and_people_can_read_it(folder):
    signed = signed_in(folder)
    assert read_sign_off(folder / "m.yaml") == signed
    plain = json.loads(sign_off_path(folder / "m.yaml").read_text("utf-8"))
    assert {name: plain[name] for name in WORDS} == WORDS
    assert plain["opusmap_sign_off"] == 1
    assert plain["signed"] == "2026-03-01T12:00:00+00:00"
    assert plain["run"] == {
        "number": 7, "opus": RUN.origin, "connection": "c-1", "started": "1970-01-01T00:16:40+00:00",
        "finished": "1970-01-01T00:17:40+00:00", "totals": COUNTS,
    }  # fmt: skip
    assert [file["path"] for file in plain["files"]] == ["m.yaml", "c.json", "rows.csv", "tables/t.csv"]


def test_no_sign_off_is_none(folder):
    assert read_sign_off(folder / "m.yaml") is None
    assert look_up_sign_off(folder / "m.yaml") is None


@pytest.mark.parametrize("name", ["m.yaml", "c.json", "rows.csv", "tables/t.csv"])
def test_the_file_that_changed_is_named_and_no_other(name, folder):
    signed = signed_in(folder)
    assert find_changes(signed.files, folder / "m.yaml") == ()
    state = (folder / name).stat()
    (folder / name).write_text("X" * state.st_size, "utf-8")
    (change,) = find_changes(signed.files, folder / "m.yaml")
    assert (change.path, change.what) == (name, "changed")
    assert not look_up_sign_off(folder / "m.yaml").matches
    (folder / name).unlink()
    (change,) = find_changes(signed.files, folder / "m.yaml")
    assert change.what == "gone"


def test_a_lock_that_was_written_since_is_a_change(folder):
    signed = signed_in(folder)
    (folder / "m.lock.json").write_text("{}", "utf-8")
    (change,) = find_changes(signed.files, folder / "m.yaml")
    assert change.words == "the lock `m.lock.json` was added"


def test_a_folder_that_was_moved_with_its_sign_off_matches(folder, tmp_path_factory):
    signed_in(folder)
    moved = tmp_path_factory.mktemp("other") / "moved"
    folder.rename(moved)
    (moved / "m.yaml").rename(moved / "n.yaml")
    sign_off_path(moved / "m.yaml").rename(sign_off_path(moved / "n.yaml"))
    assert look_up_sign_off(moved / "n.yaml").matches


def test_files_elsewhere_are_not_read_and_that_is_said(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "rows.csv"
    outside.write_text("rows", "utf-8")
    evidence = replace(evidence_of(folder), files=(hash_file("source", outside),))
    write_sign_off(make_sign_off(RUN, evidence, folder / "m.yaml", **WORDS), folder / "m.yaml")
    standing = look_up_sign_off(folder / "m.yaml")
    assert standing.matches
    assert [one.what for one in standing.elsewhere] == ["elsewhere"]


@pytest.mark.parametrize("text", ["", "{}", "[", '{"opusmap_sign_off": 2}', "\0"])
def test_what_is_no_sign_off_is_refused_in_words(text, folder):
    sign_off_path(folder / "m.yaml").write_text(text, "utf-8")
    with pytest.raises(SettingsError, match="not a sign-off"):
        read_sign_off(folder / "m.yaml")
    assert "not a sign-off" in look_up_sign_off(folder / "m.yaml").problem


@pytest.mark.skipif(os.name == "nt", reason="needs a right on Windows")
def test_it_is_not_written_through_a_link(folder):
    sign_off_path(folder / "m.yaml").symlink_to(folder / "rows.csv")
    with pytest.raises(SettingsError, match="symbolic link"):
        signed_in(folder)
    assert (folder / "rows.csv").read_text("utf-8") == "rows.csv"


@pytest.mark.parametrize("run", [replace(RUN, finished=None, ending=""), replace(RUN, ending="stopped")])
def test_a_run_that_did_not_come_to_its_end_can_not_be_signed(run):
    with pytest.raises(SettingsError, match="did not come to its end"):
        make_sign_off(run, Evidence(), Path("m.yaml"), **WORDS)


@pytest.mark.parametrize("field", WORDS)
@given(blank=st.sampled_from(["", " ", "\n", "x" * 5_000]))
def test_each_field_is_needed(field, blank):
    with pytest.raises(SettingsError, match=field):
        make_sign_off(RUN, Evidence(), Path("m.yaml"), **WORDS | {field: blank})


@given(st.dictionaries(st.sampled_from(list(COUNTS)), st.integers(0, 10**9)))
def test_the_draft_of_a_declaration_has_the_totals(counts):
    text = draft_declaration(replace(RUN, counts=counts))
    assert f"{counts.get('submitted', 0):,}" in text
    assert ("must be handled" in text) == bool(counts.get("rejected") or counts.get("not_sent"))
    rehearsal = draft_declaration(replace(RUN, origin="http://127.0.0.1:1"))
    assert "none to Opus" in rehearsal
