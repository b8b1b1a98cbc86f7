"""Staged runs are opened whole or not at all, whatever wrote their files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from staged_runs import everything, stage_source, write_register

from opusmap.compiler import load_mapping
from opusmap.errors import SourceError
from opusmap.journal import hash_content
from opusmap.staging import StagedRules, look_at, open_staged, read_rules, write_manifest

BODIES = [b'{"rowKey":"a","leafName":"\xc3\xa4"}', b'{"rowKey":"b"}', b'{"rowKey":"c"}']
UUID = "d2b2f6a1-5f0c-4b7e-8f6e-0a1b2c3d4e5f"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("register")
    stage_source(write_register(folder), folder / "run", parts=2)
    return folder


@pytest.fixture
def run(folder: Path, tmp_path: Path) -> Path:
    """Return a staged run that a test may change."""
    shutil.copytree(folder / "run", tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def rules(folder: Path) -> StagedRules:
    return read_rules(load_mapping(folder / "register.yaml"))


def table(bodies: list[bytes] = BODIES, **changes: Any) -> pa.Table:
    """Return records as Spark writes them: without rows."""
    columns: dict[str, Any] = {
        "row": pa.array([None] * len(bodies), pa.int64()),
        "key": pa.array([json.loads(body)["rowKey"] for body in bodies], pa.string()),
        "hash": pa.array([hash_content(body, "overwrite") for body in bodies], pa.binary()),
        "body": pa.array([body.decode() for body in bodies], pa.string()),
    }
    columns |= changes
    return pa.table({name: values for name, values in columns.items() if values is not None})


@pytest.fixture
def spark(tmp_path: Path) -> Path:
    """Return a place with the files that Spark's committer leaves, and no manifest."""
    records = tmp_path / "spark" / "records"
    records.mkdir(parents=True)
    for number, bodies in enumerate((BODIES[:2], BODIES[2:], [])):
        name = f"part-{number:05}-{UUID}-c000.snappy.parquet"
        pq.write_table(table(bodies), records / name, compression="snappy", row_group_size=1)
        (records / f".{name}.crc").write_bytes(b"crc\0")
    (records / "_SUCCESS").touch()
    return tmp_path / "spark"


def refused(address: Path) -> str:
    with pytest.raises(SourceError) as caught:
        everything(open_staged(address))
    return caught.value.code


def test_files_that_spark_wrote_get_a_manifest_and_are_read(spark: Path, rules: StagedRules) -> None:
    written = write_manifest(spark, rules, filtered=4, read=7)
    staged = open_staged(spark)
    assert staged.manifest == written.manifest
    assert [part.records for part in staged.parts] == [2, 1, 0]
    assert everything(staged) == [
        (None, key, body) for key, body in zip(("a", "b", "c"), BODIES, strict=True)
    ]
    assert (staged.counts.read, staged.counts.staged, staged.counts.rejected) == (7, 3, 0)


def test_a_part_is_lent_with_its_records_and_is_verified_on_entry(run: Path) -> None:
    staged = open_staged(run)
    first, second = staged.parts
    with staged.open_part(first) as records:
        assert sum(1 for _ in records) == first.records
    path = run / second.name
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(SourceError, match="was changed after it was staged"), staged.open_part(second):
        pytest.fail("it was lent")


def test_an_error_of_the_one_who_reads_stays_what_it_is(run: Path) -> None:
    staged = open_staged(run)
    with pytest.raises(OSError, match="the network"), staged.open_part(staged.parts[0]):
        raise OSError("the network")


def test_a_staged_run_knows_how_its_records_are_sent_without_the_files_around_it(
    run: Path, folder: Path
) -> None:
    staged = open_staged(run)
    assert staged.spec.conflict == "overwrite"
    assert staged.spec.path == "register.yaml"
    assert staged.connection.id == "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11"
    assert staged.lock.choices == {"_Kind": ["Lease", "Deed"]}
    assert staged.evidence.source == "register.csv"
    assert {file.role for file in staged.evidence.files} == {"mapping", "connection", "source"}
    assert [line.target for line in staged.evidence.crosswalk.lines][:2] == ["Row key", "Name"]
    assert str(folder) not in (run / "manifest.json").read_text("utf-8")
    assert staged.evidence.person == ""


def test_replaced_values_are_counted_with_their_first_rows(run: Path) -> None:
    replaced = open_staged(run).manifest.replaced
    assert [(one.column, one.code, one.rows, one.example) for one in replaced] == [
        ("Modified time", "bad-date", (2, 8, 11, 17, 20, 23, 29), "")
    ]


def test_a_folder_without_a_manifest_is_refused(run: Path) -> None:
    (run / "manifest.json").unlink()
    assert refused(run) == "staged-unfinished"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "nothing") == "staged-unfinished"


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"opusmap_staged": 1}', b"[" * 100_000])
def test_a_manifest_that_is_none_is_refused(run: Path, content: bytes) -> None:
    (run / "manifest.json").write_bytes(content)
    assert refused(run) == "staged-changed"


@pytest.mark.parametrize("version", ["2", '"1"', "null"])
def test_a_manifest_of_another_version_is_refused_and_says_so(run: Path, version: str) -> None:
    path = run / "manifest.json"
    text = path.read_text("utf-8").replace('"opusmap_staged": 1', f'"opusmap_staged": {version}')
    path.write_text(text, "utf-8")
    assert refused(run) == "staged-version"


@pytest.mark.parametrize("folder_name", ["records", "rejects"])
def test_a_missing_part_and_one_too_many_are_refused(run: Path, folder_name: str) -> None:
    part = run / folder_name / "part-00000.parquet"
    shutil.copy(part, run / folder_name / "part-9.parquet")
    assert refused(run) == "staged-part-extra"
    (run / folder_name / "part-9.parquet").unlink()
    part.unlink()
    assert refused(run) == "staged-part-missing"


def test_a_folder_in_place_of_a_part_is_refused(run: Path) -> None:
    part = run / "records" / "part-00000.parquet"
    part.unlink()
    part.mkdir()
    assert refused(run) == "staged-changed"


def test_a_manifest_is_not_written_over_another(run: Path, rules: StagedRules) -> None:
    with pytest.raises(SourceError) as caught:
        write_manifest(run, rules, filtered=0)
    assert caught.value.code == "staged-exists"


@pytest.mark.parametrize("read", [2, 4])
def test_counts_that_do_not_add_up_give_no_manifest(spark: Path, rules: StagedRules, read: int) -> None:
    with pytest.raises(SourceError) as caught:
        write_manifest(spark, rules, filtered=0, read=read)
    assert caught.value.code == "staged-counts"
    assert not (spark / "manifest.json").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"body": None},
        {"hash": ["00" * 16] * 3},
        {"key": [1, 2, 3]},
        {"row": ["1", "2", "3"]},
        {"replaced": ["no JSON", None, None]},
        {"replaced": ['{"code": "bad-date"}', None, None]},
        {"replaced": ['[{"code": 1}]', None, None]},
    ],
    ids=str,
)
def test_files_with_other_columns_give_no_manifest(
    spark: Path, rules: StagedRules, changes: dict[str, Any]
) -> None:
    pq.write_table(table(**changes), spark / "records" / "part-1.parquet")
    with pytest.raises(SourceError) as caught:
        write_manifest(spark, rules, filtered=0)
    assert caught.value.code == "staged-columns"


def test_a_record_without_a_text_or_with_another_hash_is_not_sent(spark: Path, rules: StagedRules) -> None:
    name = spark / "records" / f"part-00000-{UUID}-c000.snappy.parquet"
    pq.write_table(table(body=[BODIES[0].decode(), None, BODIES[2].decode()]), name)
    write_manifest(spark, rules, filtered=0)
    assert refused(spark) == "staged-columns"
    (spark / "manifest.json").unlink()
    pq.write_table(table(hash=[hash_content(BODIES[0], "skip")] * 3), name)
    write_manifest(spark, rules, filtered=0)
    assert refused(spark) == "staged-changed"


def test_what_is_no_parquet_file_gives_no_manifest(spark: Path, rules: StagedRules) -> None:
    (spark / "records" / "part-1.parquet").write_bytes(b"PAR1 no PAR1")
    with pytest.raises(SourceError) as caught:
        write_manifest(spark, rules, filtered=0)
    assert caught.value.code == "staged-changed"


def test_a_run_is_looked_at_by_its_first_rows_and_how_full_its_columns_are(run: Path) -> None:
    overview = look_at(open_staged(run), limit=2)
    assert [(one.row, one.key) for one in overview.records] == [(2, "R-0"), (3, "R-1")]
    assert overview.records[0].values["Kind"] == "2"
    assert overview.options == {"Kind": {1: "Lease", 2: "Deed"}}
    assert {one.column: (one.empty, one.of) for one in overview.columns if one.empty} == {"Note": (4, 22)}
    (reason,) = overview.reasons
    assert (reason.column, reason.code, reason.count) == ("Kind", "unknown-choice", 4)
    assert reason.example == '"Memo" is not an option'
    assert [one.key for one in overview.rejects] == ["R-3", "R-10"]


def test_a_large_run_is_looked_at_in_part(run: Path) -> None:
    overview = look_at(open_staged(run), examined=3)
    assert overview.examined == 3
    assert all(one.of == 3 for one in overview.columns)
