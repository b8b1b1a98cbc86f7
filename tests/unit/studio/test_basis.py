"""A look at the source is old once the mapping, the source or what was sent has changed."""

import shutil

import pytest
from documentation import ROOT

from opusmap.journal.last_run import LastRun
from opusmap.run.open import open_work
from opusmap.studio.basis import Basis
from opusmap.studio.workbench import Workbench


@pytest.fixture
def bench(tmp_path):
    shutil.copytree(ROOT / "docs" / "samples" / "permits", tmp_path / "permits")
    return Workbench(tmp_path / "permits" / "finished.mapping.yaml", "finished.mapping.yaml")


def type_comment(bench):
    bench.type(bench.text + "# a note\n")


def add_row(bench):
    with bench.path.with_name("permits.csv").open("a", encoding="utf-8") as file:
        file.write("BP-9;;;;;;;draft\n")


def note_run(bench):
    LastRun(bench.path).path.write_text("{}", "utf-8")


@pytest.mark.parametrize("change", [type_comment, add_row, note_run])
def test_each_change_makes_it_old(bench, change):
    work = open_work(bench.path)
    with work.source:
        basis = Basis.of(bench.version, work)
    assert not basis.is_old(bench)
    change(bench)
    assert basis.is_old(bench)
