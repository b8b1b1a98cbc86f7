"""A look at the source is old once the mapping, the source or what was sent has changed."""

import shutil
from dataclasses import replace

import pytest
from documentation import ROOT

from opusmap.journal import Run
from opusmap.journal.last_run import LastRun
from opusmap.run.open import open_work
from opusmap.studio.basis import Basis
from opusmap.studio.workbench import Workbench

RUN = Run(1, "https://opus.example.com", "c-1", "finished.mapping.yaml", 1000.0)


@pytest.fixture
def bench(tmp_path):
    shutil.copytree(ROOT / "docs" / "samples" / "permits", tmp_path / "permits")
    return Workbench(tmp_path / "permits" / "finished.mapping.yaml", "finished.mapping.yaml")


def type_comment(bench):
    bench.type(bench.text + "# a note\n")


def add_row(bench):
    with bench.path.with_name("permits.csv").open("a", encoding="utf-8") as file:
        file.write("BP-9;;;;;;;draft\n")


def begin_run(bench):
    LastRun(bench.path).note_start("j-1", RUN)


def end_run(bench):
    LastRun(bench.path).note_end("j-1", replace(RUN, finished=2000.0, ending="done"))


def basis_of(bench):
    work = open_work(bench.path)
    with work.source:
        return Basis.of(bench.version, work)


@pytest.mark.parametrize("change", [type_comment, add_row, begin_run])
def test_each_change_makes_it_old(bench, change):
    basis = basis_of(bench)
    assert not basis.is_old(bench)
    change(bench)
    assert basis.is_old(bench)


def test_a_run_that_ends_makes_it_old(bench):
    begin_run(bench)
    basis = basis_of(bench)
    assert not basis.is_old(bench)
    end_run(bench)
    assert basis.is_old(bench)


def test_the_rejects_of_a_rehearsal_do_not_make_it_old(bench):
    basis = basis_of(bench)
    rejects = bench.path.with_name("finished.mapping.rehearsal.rejects.csv")
    rejects.write_text("PermitNo\n", "utf-8")
    assert LastRun(bench.path).note_rejects(rejects, "00") == ""
    assert not basis.is_old(bench)
