"""The profile of a source: its columns, what kinds of values they hold, and how those are written.

Owns looking at rows in bounded memory. It knows no reader and no connection: any source has one, and what
to make of it is for `drafting`, `check` and reports.
"""

from opusmap.profile.columns import ColumnProfile, ColumnProfiler, Count, ListShape
from opusmap.profile.dates import DateFormat
from opusmap.profile.far_dates import FarDates, FarKind
from opusmap.profile.kinds import Kind
from opusmap.profile.sources import Profiler, SourceProfile, profile_source

__all__ = [
    "ColumnProfile",
    "ColumnProfiler",
    "Count",
    "DateFormat",
    "FarDates",
    "FarKind",
    "Kind",
    "ListShape",
    "Profiler",
    "SourceProfile",
    "profile_source",
]
