"""Drafts of mappings: which source column means which column of the connection, and what is left to a person.

Owns matching both sides and writing the draft. It decides only what can be seen: what a person must decide
is marked TODO in the draft, and `check` reports it.
"""

from opusmap.drafting.answers import EXAMPLE_DATE, read_datetime_format, read_timezone
from opusmap.drafting.bindings import draft_binding
from opusmap.drafting.draft import Draft, count_questions, make_draft, write_draft
from opusmap.drafting.earlier import Carried
from opusmap.drafting.files import (
    ROWS_LOOKED_AT,
    Drafted,
    default_output,
    draft_files,
    refuse_existing,
    write_files,
)
from opusmap.drafting.matching import THRESHOLD, WORTH_TELLING, Candidate, Match, match_columns
from opusmap.drafting.presets import find_preset
from opusmap.drafting.sample_tests import with_tests

__all__ = [
    "EXAMPLE_DATE",
    "ROWS_LOOKED_AT",
    "THRESHOLD",
    "WORTH_TELLING",
    "Candidate",
    "Carried",
    "Draft",
    "Drafted",
    "Match",
    "count_questions",
    "default_output",
    "draft_binding",
    "draft_files",
    "find_preset",
    "make_draft",
    "match_columns",
    "read_datetime_format",
    "read_timezone",
    "refuse_existing",
    "with_tests",
    "write_draft",
    "write_files",
]
