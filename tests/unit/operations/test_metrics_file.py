"""The file of metrics: Prometheus' format, whole at any time, with the time of the last success kept."""

from __future__ import annotations

import os
import re
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.errors import SettingsError
from opusmap.operations.metrics_file import format_metrics, write_metrics
from opusmap.operations.run_status import RunStatus
from opusmap.report import Reason, Report

RUNNING = RunStatus("submit", "mapping.yaml", 1000.0, "c-1", report=Report(read=3, not_sent=3))
DONE = replace(RUNNING, ended=1060.5, exit_code=0, report=Report(read=3, submitted=3, run=7))
SAMPLE = re.compile(r'([a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\} (-?[0-9.]+)')


def read(text: str) -> dict[tuple[str, str], float]:
    """Return the samples by name and labels; each line is a comment or a sample."""
    found = [SAMPLE.fullmatch(line) for line in text.splitlines() if not line.startswith("# ")]
    assert all(found), text
    return {(match[1], match[2]): float(match[3]) for match in found if match}


def by_name(text: str) -> dict[str, float]:
    return {name: value for (name, _), value in read(text).items()}


def test_the_rows_by_where_they_ended_add_up_to_the_rows_read() -> None:
    report = Report(
        read=28, filtered=1, rejected=2, unchanged=3, submitted=4, failed=5, uncertain=6, not_sent=7
    )
    samples = read(format_metrics(replace(RUNNING, report=report)))
    rows = [value for (name, _), value in samples.items() if name == "opusmap_run_rows"]
    assert len(rows) == 7
    assert (
        sum(rows) == 28 == by_name(format_metrics(replace(RUNNING, report=report)))["opusmap_run_read_rows"]
    )


def test_a_run_that_goes_on_has_no_end_and_no_exit_code() -> None:
    running, done = by_name(format_metrics(RUNNING)), by_name(format_metrics(DONE))
    assert (running["opusmap_run_active"], done["opusmap_run_active"]) == (1, 0)
    assert set(done) - set(running) == {
        "opusmap_run_end_timestamp_seconds",
        "opusmap_run_exit_code",
        "opusmap_last_success_timestamp_seconds",
        "opusmap_run_number",
    }
    assert done["opusmap_run_end_timestamp_seconds"] == 1060.5


def test_the_last_success_outlives_runs_that_fail(tmp_path: Path) -> None:
    path = tmp_path / "opusmap.prom"
    write_metrics(path, DONE)
    write_metrics(path, replace(RUNNING, started=2000.0))
    write_metrics(path, replace(RUNNING, started=2000.0, ended=2001.0, exit_code=3, error="SignInError"))
    found = by_name(path.read_text("utf-8"))
    assert found["opusmap_last_success_timestamp_seconds"] == 1060.5
    assert found["opusmap_run_exit_code"] == 3


@given(st.text(), st.text(min_size=1))
def test_any_text_is_a_label_that_is_read_back(mapping: str, column: str) -> None:
    reason = Reason(column, "empty-value", 2, (2, 3), "a cell")
    text = format_metrics(replace(RUNNING, mapping=mapping, report=Report(reasons=(reason,))))
    parser = pytest.importorskip("prometheus_client.parser")
    families = {each.name: each for each in parser.text_string_to_metric_families(text)}
    (sample,) = families["opusmap_run_reject_reasons"].samples
    shown = {name: label.replace("\r", " ") for name, label in (("mapping", mapping), ("column", column))}
    assert {name: sample.labels[name] for name in shown} == shown
    assert "a cell" not in text


def test_other_accounts_may_read_it_and_an_older_version_stays_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "opusmap.prom"
    write_metrics(path, RUNNING)
    write_metrics(path, DONE)
    assert [each.name for each in tmp_path.iterdir()] == ["opusmap.prom"]
    if sys.platform != "win32":
        umask = os.umask(0)
        os.umask(umask)
        assert stat.S_IMODE(path.stat().st_mode) == 0o644 & ~umask


def test_what_opusmap_keeps_is_not_replaced_by_metrics(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        write_metrics(tmp_path / "opusmap-journal.db", DONE)
