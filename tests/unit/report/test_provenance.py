"""A run's evidence: the files' hashes as they were, no cell of any row, and readable by later versions."""

import hashlib
import json
import os

from opusmap.compiler import load_mapping
from opusmap.compiler.lock import lock_path, make_lock, write_lock
from opusmap.journal import open_journal
from opusmap.output_files import File, hash_file
from opusmap.report import Evidence, Gone, Reason, Report, Timeline, gather_evidence
from opusmap.report.provenance import REASONS
from opusmap.report.summary import Example
from opusmap.run.open import open_work

CONNECTION = '{"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [{"rowKey": "SingleText"}]}'
MAPPING = """\
opusmap: 1
connection: c.json
source: {path: rows.csv}
include: [shared.yaml]
tables: {t: {path: t.json}}
fields: {rowKey: {from: Key, lookup: t}}
"""
FILES = {
    "m.yaml": MAPPING,
    "c.json": CONNECTION,
    "shared.yaml": "let: {x: '{{ Key }}'}\n",
    "t.json": '{"a": "b"}',
    "rows.csv": "Key\na\n",
}


def evidence(folder):
    for name, text in FILES.items():
        (folder / name).write_text(text, "utf-8")
    with (work := open_work(folder / "m.yaml")).source:
        return gather_evidence(work.mapper, work.source)


def test_each_file_that_a_run_reads_is_hashed(tmp_path):
    found = evidence(tmp_path)
    roles = ["mapping", "connection", "table or shared part", "table or shared part", "source"]
    names = ["m.yaml", "c.json", "shared.yaml", "t.json", "rows.csv"]
    assert [file.role for file in found.files] == roles
    for name, file in zip(names, found.files, strict=True):
        data = (tmp_path / name).read_bytes()
        assert file.path == str(tmp_path / name)
        assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_each_file_is_named_as_the_mapping_is(tmp_path, monkeypatch):
    evidence(tmp_path)
    monkeypatch.chdir(tmp_path)
    with (work := open_work("m.yaml")).source:
        found = gather_evidence(work.mapper, work.source)
    assert [file.path for file in found.files] == ["m.yaml", "c.json", "shared.yaml", "t.json", "rows.csv"]


def test_the_lock_of_a_mapping_that_has_one_is_hashed(tmp_path):
    evidence(tmp_path)
    mapper = load_mapping(tmp_path / "m.yaml")
    write_lock(make_lock(mapper.plan), lock_path(tmp_path / "m.yaml"))
    lock = evidence(tmp_path).find("lock")
    assert lock == hash_file("lock", tmp_path / "m.lock.json")


def test_what_is_no_file_has_no_hash(tmp_path):
    assert hash_file("source", "-") is None
    assert hash_file("source", tmp_path) is None
    assert hash_file("source", "a\0b") is None
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        assert hash_file("source", tmp_path / "pipe") is None


def test_it_comes_out_of_the_journal_as_it_went_in(tmp_path):
    timeline = Timeline(lambda: 0.0)
    timeline.note_request(0.25, again=True)
    report = Report(seconds=1.5, reasons=(Reason("A", "x", 3, (2, 3), 'the cell "secret" …', "help"),))
    whole = evidence(tmp_path).completed(report, timeline, [File("rejects", "r.csv", 1, "00")])
    with open_journal(tmp_path / "j.db") as journal:
        run = journal.start_run(origin="https://o", connection="c", mapping="m")
        assert Evidence.read(journal.evidence(run)) == Evidence()
        journal.keep_evidence(run, evidence(tmp_path).as_json())
        journal.keep_evidence(run, whole.as_json())
        assert Evidence.read(journal.evidence(run)) == whole
    assert whole.find("rejects") == File("rejects", "r.csv", 1, "00")
    assert whole.find("nothing") is None


def test_no_cell_is_kept_and_few_reasons():
    others = (Example(3, '"secret"', '"secret"'),)
    reasons = tuple(
        Reason("A", f"c{number}", 1, (2,), '"secret"', '"secret"', others) for number in range(REASONS + 7)
    )
    gone = Gone(1, ("secret",), 0, 1, 1, ("secret",), ("secret",))
    report = Report(reasons=reasons, replaced=reasons, gone=gone, total_row="secret")
    kept = Evidence().completed(report, Timeline(), ())
    assert "secret" not in json.dumps(kept.as_json())
    assert (len(kept.reasons), kept.more_reasons) == (REASONS, 7)


def test_what_a_later_version_adds_is_passed_over():
    plain = {
        "version": "9",
        "new": 1,
        "files": [{"role": "r", "path": "p", "size": 1, "sha256": "0", "x": 2}],
    }
    assert Evidence.read(plain) == Evidence(version="9", files=(File("r", "p", 1, "0"),))


def test_each_file_of_a_pattern_is_hashed_up_to_a_number(tmp_path, monkeypatch):
    evidence(tmp_path)
    mapping = FILES["m.yaml"].replace("rows.csv", "'part-*.csv'")
    (tmp_path / "m.yaml").write_text(mapping, "utf-8")
    for number in range(3):
        (tmp_path / f"part-{number}.csv").write_text(f"Key\n{number}\n", "utf-8")
    monkeypatch.setattr("opusmap.report.provenance.SOURCES", 2)
    with (work := open_work(tmp_path / "m.yaml")).source:
        found = gather_evidence(work.mapper, work.source)
    sources = [file for file in found.files if file.role == "source"]
    assert [file.path for file in sources] == [str(tmp_path / f"part-{number}.csv") for number in (0, 1)]
    assert found.more_sources == 1
