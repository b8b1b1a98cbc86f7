"""Reports: what became of every row, and what a run leaves as evidence."""

from opusmap.report.drain_time import Pace, find_pace
from opusmap.report.forecast import Forecast, Forecaster, ProfilingSource
from opusmap.report.provenance import Evidence, find_run_of_rejects, gather_evidence, staged_evidence
from opusmap.report.summary import GONE_KEYS, Gone, Reason, Report, Shared, Tally
from opusmap.report.timeline import Timeline

__all__ = [
    "GONE_KEYS",
    "Evidence",
    "Forecast",
    "Forecaster",
    "Gone",
    "Pace",
    "ProfilingSource",
    "Reason",
    "Report",
    "Shared",
    "Tally",
    "Timeline",
    "find_pace",
    "find_run_of_rejects",
    "gather_evidence",
    "staged_evidence",
]
