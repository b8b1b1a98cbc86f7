"""The writer of staged runs leaves a whole run or nothing, never over another, in bounded memory."""

from __future__ import annotations

import stat
import sys
from contextlib import suppress
from pathlib import Path

import fsspec
import msgspec
import pyarrow.parquet as pq
import pytest
from staged_runs import everything, stage_source, write_register

from opusmap.compiler import Mapper, load_mapping
from opusmap.errors import SettingsError, SourceError
from opusmap.records import Chunk
from opusmap.staging import StagedWriter, open_staged
from opusmap.staging.staged_writer import _PartWriter
from opusmap.staging.storage import Storage


@pytest.fixture(scope="module")
def mapper(tmp_path_factory: pytest.TempPathFactory) -> Mapper:
    return load_mapping(write_register(tmp_path_factory.mktemp("register")))


def chunk(keys: list[str], text: str = "") -> Chunk:
    lines = b"".join(msgspec.json.encode({"rowKey": key, "x": text}) + b"\n" for key in keys)
    return Chunk(list(range(len(keys))), keys, lines)


def stage(mapper: Mapper, address: str | Path) -> None:
    with StagedWriter(address, mapper) as writer:
        writer.write(chunk(["a"]))
        writer.finish()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each job find the place empty, as one does that looks while another one begins."""
    monkeypatch.setattr("opusmap.staging.staged_writer.refuse_occupied", lambda _: None)


@pytest.mark.parametrize("scheme", ["", "file://", "memory://"])
def test_a_run_is_the_same_at_any_kind_of_address(scheme: str, tmp_path: Path) -> None:
    plain, _ = stage_source(write_register(tmp_path), tmp_path / "plain")
    address = f"{scheme}{tmp_path.as_posix()}/run"
    stage_source(tmp_path / "register.yaml", address)
    staged = open_staged(address)
    assert everything(staged) == everything(plain)
    assert staged.content_hash == plain.content_hash
    with pytest.raises(SourceError) as caught:
        stage_source(tmp_path / "register.yaml", address)
    assert caught.value.code == "staged-exists"
    if scheme == "memory://":
        fsspec.filesystem("memory").rm(f"{tmp_path.as_posix()}/run", recursive=True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_a_new_folder_is_for_its_owner_alone(mapper: Mapper, tmp_path: Path) -> None:
    stage(mapper, tmp_path / "run")
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700


def test_an_empty_folder_may_be_filled(mapper: Mapper, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    stage(mapper, tmp_path / "run")
    assert open_staged(tmp_path / "run").counts.staged == 1


def test_a_source_without_rows_gives_a_run_without_records(mapper: Mapper, tmp_path: Path) -> None:
    with StagedWriter(tmp_path / "run", mapper, parts=2) as writer:
        writer.finish()
    staged = open_staged(tmp_path / "run")
    assert everything(staged) == []
    assert len(staged.parts) == 2


@pytest.mark.parametrize("scheme", ["", "memory://"])
def test_an_error_leaves_nothing(mapper: Mapper, tmp_path: Path, scheme: str) -> None:
    address = f"{scheme}{tmp_path.as_posix()}/run"
    with suppress(KeyboardInterrupt), StagedWriter(address, mapper) as writer:
        writer.write(chunk(["a", "b"]))
        raise KeyboardInterrupt
    assert not (tmp_path / "run").exists()
    assert not [name for name in fsspec.filesystem("memory").find("/") if tmp_path.as_posix() in name]


def test_what_comes_after_the_end_leaves_the_run(mapper: Mapper, tmp_path: Path) -> None:
    with suppress(KeyboardInterrupt), StagedWriter(tmp_path / "run", mapper) as writer:
        writer.finish()
        raise KeyboardInterrupt
    assert open_staged(tmp_path / "run").counts.read == 0


def test_an_unfinished_run_is_neither_read_nor_written_over(mapper: Mapper, tmp_path: Path) -> None:
    StagedWriter(tmp_path / "run", mapper).write(chunk(["a"]))
    for use in (lambda: open_staged(tmp_path / "run"), lambda: stage(mapper, tmp_path / "run")):
        with pytest.raises(SourceError) as caught:
            use()
        assert caught.value.code == "staged-unfinished"


@pytest.mark.parametrize("second_ends_first", [False, True])
@pytest.mark.usefixtures("at_once")
def test_two_jobs_at_one_address_never_make_one_run(
    mapper: Mapper, tmp_path: Path, *, second_ends_first: bool
) -> None:
    address = f"memory://{tmp_path.as_posix()}/run"
    first, second = StagedWriter(address, mapper, parts=1), StagedWriter(address, mapper, parts=1)
    first.write(chunk(["a"], "of the first"))
    second.write(chunk(["a"], "of the second"))
    last, early = (first, second) if second_ends_first else (second, first)
    for file in last._all():
        file.close()
    with pytest.raises(SourceError, match="another job") as caught, early:
        early.finish()
    assert caught.value.code == "staged-counts"
    last.finish()
    [record] = everything(open_staged(address))
    assert ("of the second" in str(record)) is not second_ends_first
    fsspec.filesystem("memory").rm(f"{tmp_path.as_posix()}/run", recursive=True)


@pytest.mark.usefixtures("at_once")
def test_a_job_that_ends_after_another_one_s_manifest_leaves_that_run_whole(
    mapper: Mapper, tmp_path: Path
) -> None:
    """As in an object store, where a file is not there before it is closed."""
    address = f"memory://{tmp_path.as_posix()}/run"
    first = StagedWriter(address, mapper, parts=1)
    first.write(chunk(["a"], "of the first"))
    first.finish()
    second = StagedWriter(address, mapper, parts=1)
    second.write(chunk(["a"], "of the second"))
    with pytest.raises(SourceError) as caught, second:
        second.finish()
    assert caught.value.code == "staged-exists"
    [record] = everything(open_staged(address))
    assert "of the first" in str(record)
    fsspec.filesystem("memory").rm(f"{tmp_path.as_posix()}/run", recursive=True)


def test_other_files_are_not_mixed_with_a_run(mapper: Mapper, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    with pytest.raises(SourceError) as caught:
        stage(mapper, tmp_path)
    assert caught.value.code == "staged-exists"
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_folder_that_can_not_be_made_is_an_error_in_words(mapper: Mapper, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="the folder that should contain it does not exist"):
        stage(mapper, tmp_path / "nowhere" / "run")
    (tmp_path / "file").touch()
    with pytest.raises((SettingsError, SourceError)):
        stage(mapper, tmp_path / "file")


def test_an_address_of_an_unknown_kind_shows_no_secret(mapper: Mapper) -> None:
    with pytest.raises(SourceError) as caught:
        stage(mapper, "nothing://key:planted-secret@bucket/run?token=planted-secret")
    assert "planted-secret" not in str(caught.value)
    assert "nothing://bucket/run" in str(caught.value)


def test_records_wait_in_memory_up_to_a_limit(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    file = _PartWriter(storage, "part.parquet", ("row", "key", "hash", "body"), most=50_000)
    for number in range(14):
        file.write((number, "a", b"", "x" * 10_000), 10_000)
        assert file._waiting < 50_000
    file.close()
    metadata = pq.read_metadata(tmp_path / "part.parquet")
    assert [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)] == [5, 5, 4]
