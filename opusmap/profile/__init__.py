"""The profile of a source: its columns, what kinds of values they hold, and how those are written.

Owns examining rows in bounded memory. It depends on no format and no connection; `drafting`, `check` and
reports decide what to do with a profile.
"""

from opusmap.profile.column_profile import ColumnProfile
from opusmap.profile.date_formats import DateFormat, DateFormats, FarDates, FarKind
from opusmap.profile.list_shapes import Count, ListShape
from opusmap.profile.source_profile import Profiler, SourceProfile, profile_source
from opusmap.profile.value_kinds import Kind

__all__ = [
    "ColumnProfile",
    "Count",
    "DateFormat",
    "DateFormats",
    "FarDates",
    "FarKind",
    "Kind",
    "ListShape",
    "Profiler",
    "SourceProfile",
    "profile_source",
]
