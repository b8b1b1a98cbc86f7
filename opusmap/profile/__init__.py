"""The profile of a source: its columns, what kinds of values they hold, and how those are written.

Owns looking at rows in bounded memory. It knows no reader and no connection: any source has one, and what
to make of it is for `drafting`, `check` and reports.
"""

from opusmap.profile.column_profile import ColumnProfile, ColumnProfiler, Count, ListShape
from opusmap.profile.date_formats import DateFormat
from opusmap.profile.far_dates import FarDates, FarKind
from opusmap.profile.source_profile import Profiler, SourceProfile, profile_source
from opusmap.profile.value_kinds import Kind

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
