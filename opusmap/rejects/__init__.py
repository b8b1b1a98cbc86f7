"""Rejects: the files that people correct, written as a run goes, and read again."""

from opusmap.rejects.corrected import RejectsSource
from opusmap.rejects.writer import RejectList, RejectWriter

__all__ = ["RejectList", "RejectWriter", "RejectsSource"]
