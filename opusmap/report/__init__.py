"""Reports: what became of every row, and the files that a run leaves."""

from opusmap.report.outputs import RecordWriter, create_output
from opusmap.report.rejects import MendedSource, RejectWriter
from opusmap.report.tally import Reason, Report, Tally

__all__ = ["MendedSource", "Reason", "RecordWriter", "RejectWriter", "Report", "Tally", "create_output"]
