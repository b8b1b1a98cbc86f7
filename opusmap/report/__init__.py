"""Reports: what became of every row, and the files that a run leaves."""

from opusmap.report.evidence import Evidence, File, find_file, gather_evidence, hash_file
from opusmap.report.forecast import Forecast, Forecaster, Pace, ProfilingSource, find_pace
from opusmap.report.last_run import LastRun
from opusmap.report.mended import RejectsSource
from opusmap.report.outputs import create_output, write_whole
from opusmap.report.pruning import remove_other_rejects, remove_rejects
from opusmap.report.rejects import RejectWriter
from opusmap.report.tally import Reason, Report, Tally
from opusmap.report.timeline import Timeline

__all__ = [
    "Evidence",
    "File",
    "Forecast",
    "Forecaster",
    "LastRun",
    "Pace",
    "ProfilingSource",
    "Reason",
    "RejectWriter",
    "RejectsSource",
    "Report",
    "Tally",
    "Timeline",
    "create_output",
    "find_file",
    "find_pace",
    "gather_evidence",
    "hash_file",
    "remove_other_rejects",
    "remove_rejects",
    "write_whole",
]
