"""The files of rejects beside a mapping are those that its runs and rehearsals wrote."""

import os

from opusmap.run.history import list_rejects


def test_only_the_mapping_s_own_files_are_listed_the_latest_first(tmp_path):
    own = ["m.run-1.rejects.csv", "m.run-12.rejects.2.xlsx", "m.rehearsal.rejects.jsonl"]
    for when, name in enumerate(own):
        (tmp_path / name).write_text("x", "utf-8")
        os.utime(tmp_path / name, (when, when))
    for name in ("m.rejects.csv", "n.run-1.rejects.csv", "m.run-1.rejects.txt", "m.run-x.rejects.csv"):
        (tmp_path / name).write_text("x", "utf-8")
    (tmp_path / "m.run-3.rejects.csv").mkdir()
    assert [path.name for path in list_rejects(tmp_path / "m.yaml")] == own[::-1]
    assert list_rejects(tmp_path / "[m].yaml") == ()
