"""A source that changes while it is read is told by every command that reads all of it."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opusmap.cli import main
from opusmap.converters.plugins import all_converters
from opusmap.errors import SourceError
from opusmap.report import Report
from opusmap.run.check import SourceCheck
from opusmap.run.map import MapStream
from opusmap.run.open import Work, open_corrected_rejects, open_work
from opusmap.run.parallel import Workers
from opusmap.run.rehearsal import EmbeddedTransport, embedded_opus
from opusmap.run.submit import SubmitOptions, submit_source

CONNECTION = {
    "id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11",
    "data": [{"rowKey": "SingleText", "_Sum": "Number"}],
}
COUNT = 3_000
Change = Callable[[], object]


def rows(first: int = 0, count: int = COUNT) -> str:
    return "".join(f"k{n:06},{n % 10}\n" for n in range(first, first + count))


def write_mapping(source: str = "path: rows.csv", more: str = "") -> None:
    Path("m.yaml").write_text(
        f"opusmap: 1\nconnection: c.json\nsource: {{{source}}}\n{more}fields: {{rowKey: key, Sum: sum}}\n"
    )


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("c.json").write_text(json.dumps(CONNECTION))
    Path("rows.csv").write_text("key,sum\n" + rows())
    write_mapping()
    return tmp_path


def changing(work: Work, change: Change) -> Work:
    """The same work, whose source is changed when its first rows have been read."""
    source, done = work.source, False
    plain = source.rows

    def read() -> Any:
        nonlocal done
        for place, row in enumerate(plain()):
            if place == 100 and not done:
                done = True
                change()
            yield row

    source.rows = read  # type: ignore[method-assign]
    source.parts = lambda: type(source).__mro__[-3].parts(source)  # type: ignore[method-assign]
    return work


def check(work: Work) -> Report:
    check = SourceCheck(work)
    *_, report = [*check, check.report()]
    return report


def map_(work: Work, workers: Workers | None = None) -> Report:
    stream = MapStream(work, workers)
    for _ in stream:
        pass
    return stream.report()


def submit(work: Work) -> Report:
    emulator, settings = embedded_opus(work.mapper)
    return submit_source(work, settings, SubmitOptions(EmbeddedTransport(emulator)))


WAYS = [check, map_, submit]


def run(way: Callable[[Work], Report], change: Change) -> Report:
    with (work := open_work("m.yaml")).source:
        return way(changing(work, change))


def rewrite_same_size() -> None:
    text = Path("rows.csv").read_text().replace("k00", "q00")
    with Path("rows.csv").open("r+") as file:
        file.write(text)


def append() -> None:
    with Path("rows.csv").open("a") as file:
        file.write(rows(COUNT, 5))


def truncate() -> None:
    os.truncate("rows.csv", 100)


def replace_by_another() -> None:
    Path("new.csv").write_text("key,sum\n" + rows(1))
    Path("new.csv").replace("rows.csv")


def rewrite_with_old_times() -> None:
    found = Path("rows.csv").stat()
    rewrite_same_size()
    os.utime("rows.csv", ns=(found.st_atime_ns, found.st_mtime_ns))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "change", [rewrite_same_size, append, truncate, replace_by_another, rewrite_with_old_times]
)
def test_a_file_that_is_another_at_the_end_is_told_with_both_hashes(
    way: Callable[[Work], Report], change: Change
) -> None:
    old = Path("rows.csv").read_bytes()
    report = run(way, change)
    new = Path("rows.csv").read_bytes()
    (found,) = report.source_changed
    assert found.path == "rows.csv"
    assert found.before is not None
    assert found.after is not None
    assert (found.before.size, found.after.size) == (len(old), len(new))
    assert found.before.sha256 == hashlib.sha256(old).hexdigest()
    assert found.after.sha256 == hashlib.sha256(new).hexdigest()
    assert not report.clean
    assert report.adds_up


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_is_gone_at_the_end_is_told(way: Callable[[Work], Report]) -> None:
    (found,) = run(way, Path("rows.csv").unlink).source_changed
    assert found.before is not None
    assert found.after is None


def touch() -> None:
    os.utime("rows.csv", (1, 1))


def replace_by_equal() -> None:
    Path("new.csv").write_bytes(Path("rows.csv").read_bytes())
    Path("new.csv").replace("rows.csv")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "change", [touch, replace_by_equal, lambda: Path("rows.csv").chmod(0o600), lambda: None]
)
def test_a_file_that_holds_the_same_is_not_told(way: Callable[[Work], Report], change: Change) -> None:
    report = run(way, change)
    assert report.source_changed == ()
    assert report.clean


def test_what_is_changed_before_the_first_row_and_after_the_header_was_read_is_told() -> None:
    with (work := open_work("m.yaml")).source:
        append()
        (found,) = map_(work).source_changed
    assert found.before is not None
    assert found.before.sha256 is None  # nobody can say any more what it held


@pytest.mark.parametrize("way", WAYS)
def test_what_is_changed_after_the_last_row_was_read_is_no_change(way: Callable[[Work], Report]) -> None:
    with (work := open_work("m.yaml")).source:
        assert way(work).source_changed == ()
        append()


def test_files_of_a_pattern_that_are_changed_added_and_removed_are_each_told() -> None:
    Path("rows.csv").rename("a.csv")
    for name, first in (("b.csv", 10_000), ("c.csv", 20_000)):
        Path(name).write_text("key,sum\n" + rows(first, 3))
    write_mapping("path: '*.csv'")

    def change() -> None:
        Path("b.csv").write_text("key,sum\n" + rows(50_000, 3))
        Path("d.csv").write_text("key,sum\n")
        Path("a.csv").unlink()

    found = {Path(one.path).name: one for one in run(map_, change).source_changed}
    assert sorted(found) == ["a.csv", "b.csv", "d.csv"]
    assert found["a.csv"].after is None
    assert found["d.csv"].before is None


def test_a_folder_of_files_is_told_when_its_list_changes() -> None:
    Path("share").mkdir()
    for number in range(200):
        Path(f"share/{number:03}").write_text("x")
    write_mapping("path: share")
    Path("m.yaml").write_text(Path("m.yaml").read_text().replace("key, Sum: sum", "path, Sum: size"))
    assert run(map_, lambda: None).source_changed == ()
    (found,) = run(map_, lambda: Path("share/new").write_text("x")).source_changed
    assert found.path == "share"
    assert found.before != found.after


@pytest.mark.parametrize("suffix", [".csv.gz", ".jsonl", ".json", ".xlsx", ".parquet"])
def test_each_format_is_watched(suffix: str) -> None:
    path = Path(f"x{suffix}")
    values = [{"key": f"k{n}", "sum": n} for n in range(500)]
    if suffix == ".csv.gz":
        path.write_bytes(gzip.compress(b"key,sum\n" + rows().encode()))
    elif suffix == ".jsonl":
        path.write_text("".join(json.dumps(one) + "\n" for one in values))
    elif suffix == ".json":
        path.write_text(json.dumps(values))
    elif suffix == ".xlsx":
        pytest.importorskip("python_calamine", reason="the extra excel is not installed")
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.Workbook()
        for row in (("key", "sum"), *(one.values() for one in values)):
            book.active.append(list(row))
        book.save(path)
    else:
        arrow = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
        parquet = pytest.importorskip("pyarrow.parquet", reason="the extra parquet is not installed")
        parquet.write_table(arrow.Table.from_pylist(values), path)
    write_mapping(f"path: x{suffix}")
    assert run(map_, lambda: None).source_changed == ()

    def append_byte() -> None:
        with path.open("ab") as file:
            file.write(gzip.compress(b"\n") if suffix == ".csv.gz" else b"\n")

    report = run(map_, append_byte)
    assert [one.path for one in report.source_changed] == [str(path)]
    assert report.mapped


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_database_that_others_write_by_its_rules_is_read_as_it_was_and_is_no_change(mode: str) -> None:
    with closing(sqlite3.connect("x.db")) as database:
        database.execute(f"PRAGMA journal_mode={mode}")
        database.execute("CREATE TABLE t (key, sum)")
        database.executemany("INSERT INTO t VALUES (?, ?)", [(f"k{n}", n) for n in range(500)])
        database.commit()
    write_mapping("path: x.db, sql: SELECT * FROM t")

    def write() -> None:
        with closing(sqlite3.connect("x.db", timeout=0)) as database:
            database.execute("INSERT INTO t VALUES ('new', 1)")
            if mode == "wal":  # otherwise a reader keeps writers out
                database.commit()
                database.execute("PRAGMA wal_checkpoint(PASSIVE)")

    report = run(map_, write)
    assert report.source_changed == ()
    assert report.mapped == 500


def test_a_database_that_another_file_took_the_place_of_is_told() -> None:
    for name in ("x.db", "y.db"):
        with closing(sqlite3.connect(name)) as database:
            database.execute("PRAGMA journal_mode=wal")
            database.execute("CREATE TABLE t (key, sum)")
            database.executemany(f"INSERT INTO t VALUES ('{name}' || ?, ?)", [(n, n) for n in range(500)])
            database.commit()
    write_mapping("path: x.db, sql: SELECT * FROM t")
    assert len(run(map_, lambda: Path("y.db").replace("x.db")).source_changed) == 1


def test_a_source_that_is_read_twice_is_watched_from_the_first_time_on() -> None:
    write_mapping(more="duplicates: last\n")
    (found,) = run(map_, append).source_changed
    assert found.path == "rows.csv"


def test_workers_make_no_difference() -> None:
    with Workers(2) as workers, (work := open_work("m.yaml")).source:
        parts = iter(list(work.source.parts()))
        append()
        work.source.parts = lambda: parts  # type: ignore[method-assign]
        assert len(map_(work, workers).source_changed) == 1


def test_an_error_on_the_way_says_that_the_source_was_changed() -> None:
    def damage() -> None:
        with Path("rows.csv").open("ab") as file:
            file.write(b"\xff\n")

    Path("rows.csv").write_text("key,sum\n" + rows(count=100_000))
    for way in (check, map_):
        with pytest.raises(SourceError) as caught:
            run(way, damage)
        assert caught.value.code == "encoding"
        assert "the source was changed while it was being read" in caught.value.problem
    report = run(submit, damage)
    assert "the source was changed while it was being read" in str(report.stopped)
    assert report.source_changed
    assert report.stopped is not None
    assert report.stopped.exit_code == 2


def test_a_corrected_file_of_rejects_is_watched_as_well() -> None:
    Path("m.rejects.csv").write_text("key,sum,_row,_key,_error_column,_error_code,_error\n")
    with Path("m.rejects.csv").open("a") as file:
        file.writelines(f"k{n},1,{n},k{n},,,\n" for n in range(200))

    def change() -> None:
        with Path("m.rejects.csv").open("a") as file:
            file.write("new,1,900,new,,,\n")

    with (work := open_corrected_rejects("m.yaml", "m.rejects.csv")).source:
        assert len(submit(changing(work, change)).source_changed) == 1


CONVERTER = """
import opusmap

@opusmap.converter
def meddle(value: str) -> str:
    if value == "k000100":
        with open("rows.csv", "a") as file:
            file.write("late,1\\n")
    return value
"""


@pytest.fixture
def meddling() -> None:
    Path("meddle.py").write_text(CONVERTER)
    text = Path("m.yaml").read_text().replace("rowKey: key", "rowKey: {from: key, convert: meddle}")
    Path("m.yaml").write_text(text)


@pytest.mark.usefixtures("meddling")
@pytest.mark.parametrize(
    ("command", "more"), [("check", []), ("map", ["-o", "out.jsonl"]), ("submit", ["--to", "emulator"])]
)
def test_commands_end_with_1_and_say_what_was_and_what_is(
    command: str, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [command, "m.yaml", *more, "--converters", "meddle.py"]
    assert main([*arguments, "-q"]) == 1
    said = capsys.readouterr().err
    assert "rows.csv: changed while being read" in said
    assert "before: 30,008 bytes" in said
    assert f"after:  {Path('rows.csv').stat().st_size:,} bytes" in said
    assert hashlib.sha256(Path("rows.csv").read_bytes()).hexdigest() in said
    assert main([*arguments, "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["source_changed"]
    assert found["path"] == "rows.csv"
    assert found["before"]["size"] < found["after"]["size"] == Path("rows.csv").stat().st_size


@pytest.mark.usefixtures("meddling")
def test_the_evidence_of_a_run_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    old = hashlib.sha256(Path("rows.csv").read_bytes()).hexdigest()
    with (work := open_work("m.yaml", converters=all_converters(("meddle.py",)))).source:
        emulator, settings = embedded_opus(work.mapper)
        settings = replace(settings, journal=Path("journal.db"))
        submit_source(work, settings, SubmitOptions(EmbeddedTransport(emulator)))
    new = hashlib.sha256(Path("rows.csv").read_bytes()).hexdigest()
    assert main(["report", "1", "--journal", "journal.db", "--json", "--html", "page.html"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["source_changed"]
    assert (found["before"]["sha256"], found["after"]["sha256"]) == (old, new)
    page = Path("page.html").read_text("utf-8")
    assert "The source was changed while it was being read" in page
    assert old in page
    assert new in page
    assert main(["report", "1", "--journal", "journal.db"]) == 0
    assert "changed while being read" in capsys.readouterr().err
