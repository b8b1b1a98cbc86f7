"""Reports: what became of every row, and the files that a run leaves."""

from opusmap.report.outputs import RecordWriter, RejectWriter, create_output
from opusmap.report.tally import Reason, Report, Tally

__all__ = ["Reason", "RecordWriter", "RejectWriter", "Report", "Tally", "create_output"]
