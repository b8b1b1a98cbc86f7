"""Rejects: the files that people correct, written as a run goes, and read again."""

from opusmap.rejects.corrected import RejectsSource
from opusmap.rejects.file_formats import encode_cells
from opusmap.rejects.writer import RejectList, RejectWriter, shape_of

__all__ = ["RejectList", "RejectWriter", "RejectsSource", "encode_cells", "shape_of"]
