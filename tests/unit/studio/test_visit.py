"""A visit sees work as it is at one moment, whatever ends while its page is made."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from documentation import ROOT

pytest.importorskip("starlette", reason="the extra `studio` is not installed")

from opusmap.studio.opened_folder import Folder
from opusmap.studio.visit import Studio, Visit


@pytest.fixture
def visit(tmp_path: Path) -> Visit:
    shutil.copytree(ROOT / "mappings" / "contracts", tmp_path / "contracts")
    return Visit(Studio(Folder(tmp_path / "contracts")), "send", {"mapping": "mapping.yaml"})


def test_work_that_ends_while_a_page_is_made_still_goes_on_for_that_page(visit: Visit) -> None:
    go = threading.Event()
    job = visit.studio.jobs.start("compare", visit.bench.name, lambda _job: go.wait(60))
    seen = visit.job("compare")
    go.set()
    job.wait(60)
    assert seen is not None
    assert (seen.running, seen.result) == (True, None)
    later = visit.job("compare")
    assert later is not None
    assert (later.running, later.result) == (False, True)


def test_a_visit_stops_the_work_itself(visit: Visit) -> None:
    job = visit.studio.jobs.start("compare", visit.bench.name, lambda job: job.stopping.wait(60))
    assert visit.job("check") is None
    assert visit.stop("check") is None
    assert visit.stop("compare") is job
    job.wait(60)
    assert job.result is True
    assert visit.stop("compare") is None
