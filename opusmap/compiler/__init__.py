"""The compiler: spec and connection -> plan -> generated Python -> mapper."""

from opusmap.compiler.known_columns import KnownColumns
from opusmap.compiler.mapper import (
    Mapper,
    compile_mapping,
    connection_of,
    load_mapping,
    read_mapping,
)
from opusmap.compiler.plan import ColumnPlan, Plan

__all__ = [
    "ColumnPlan",
    "KnownColumns",
    "Mapper",
    "Plan",
    "compile_mapping",
    "connection_of",
    "load_mapping",
    "read_mapping",
]
