"""Rejects: the files that people correct, written as a run goes, and read again."""

from opusmap.rejects.corrected import RejectsSource
from opusmap.rejects.writer import RejectList, RejectWriter, shape_of

__all__ = ["RejectList", "RejectWriter", "RejectsSource", "shape_of"]
