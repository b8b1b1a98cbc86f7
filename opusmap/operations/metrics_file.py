"""A run's totals in Prometheus' text format, in a file that appears when it is whole.

https://prometheus.io/docs/instrumenting/exposition_formats/ has the format; the textfile collector of
https://github.com/prometheus/node_exporter reads such files (`*.prom`), for a job that has ended by then.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from opusmap import __version__
from opusmap.operations.run_status import FATES, RunStatus
from opusmap.output_files import write_whole
from opusmap.safe_files import UnreadableFile, read_text

_LAST_SUCCESS = "opusmap_last_success_timestamp_seconds"
_LIMIT = 1 << 20
_FOR_ALL_TO_READ = 0o644  # the collector is another account; there is no cell in it


@dataclass(frozen=True, slots=True)
class Metric:
    """One gauge: its name, what it says, and its samples: labels beside those of the run, and the value."""

    name: str
    help: str
    samples: tuple[tuple[dict[str, str], float], ...]


def list_metrics(status: RunStatus, last_success: float | None = None) -> Iterator[Metric]:
    """Yield the gauges of a run.

    Args:
        status: the run, which may still go on.
        last_success: when the latest run before it ended with exit code 0, in seconds since 1970, if known.
    """

    def one(name: str, help: str, value: float) -> Metric:
        return Metric(f"opusmap_{name}", help, (({}, value),))

    report, counts = status.report, status.report.counts()
    if status.exit_code == 0:
        last_success = status.ended
    yield one("run_active", "1 while the run goes on, 0 when it has ended.", int(status.exit_code is None))
    yield one("run_start_timestamp_seconds", "When the latest run began.", status.started)
    if status.ended is not None:
        yield one("run_end_timestamp_seconds", "When the latest run ended.", status.ended)
    if status.exit_code is not None:
        yield one("run_exit_code", "The exit code of the latest run; 0: all done.", status.exit_code)
    if last_success is not None:
        yield Metric(_LAST_SUCCESS, "When a run last ended with exit code 0.", (({}, last_success),))
    if report.run is not None:
        yield one("run_number", "The latest run's number in the journal.", report.run)
    yield one("run_read_rows", "Rows that the latest run read.", report.read)
    yield Metric(
        "opusmap_run_rows",
        "Rows of the latest run by where they ended; the sum is the rows read.",
        tuple(({"fate": fate}, counts[fate]) for fate in FATES),
    )
    yield Metric(
        "opusmap_run_reject_reasons",
        "Rejected rows of the latest run by column and diagnostic code; a row may have several.",
        tuple(({"column": each.column, "code": each.code}, each.count) for each in report.reasons),
    )
    yield one("run_requests", "Requests with records of the latest run.", report.requests)
    yield one("run_retries", "Requests of the latest run that were sent again.", report.retries)


def format_metrics(status: RunStatus, last_success: float | None = None) -> str:
    """Return a run's gauges in the text format; see `list_metrics`."""
    versions = {"version": __version__, "python": platform.python_version()}
    lines = _format_metric(Metric("opusmap_build_info", "Versions, always 1.", ((versions, 1),)), {})
    own = {"mapping": status.mapping, "connection": status.connection}
    for metric in list_metrics(status, last_success):
        lines += _format_metric(metric, own)
    return "\n".join(lines) + "\n"


def write_metrics(path: Path, status: RunStatus) -> None:
    """Write a run's gauges into a file that all accounts may read.

    The time of the last success is taken over from the file that is there.

    Raises:
        SettingsError: it can't be written.
    """
    text = format_metrics(status, _read_last_success(path))
    with write_whole(path, mode=_FOR_ALL_TO_READ) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


def _read_last_success(path: Path) -> float | None:
    try:
        text = read_text(path, _LIMIT)
    except UnreadableFile:  # the first run, or a file that is none of ours
        return None
    found = re.search(rf"^{_LAST_SUCCESS}\{{.*\}} ([0-9.]+)$", text, re.MULTILINE)
    return float(found[1]) if found else None


def _format_metric(metric: Metric, own: dict[str, str]) -> list[str]:
    lines = [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} gauge"]
    for labels, value in metric.samples:
        named = ",".join(f'{name}="{_escape(text)}"' for name, text in {**own, **labels}.items())
        number = f"{float(value):.3f}".rstrip("0").rstrip(".")
        lines.append(f"{metric.name}{{{named}}} {number}")
    return lines


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n").replace("\r", " ")
