"""The compiler: spec and connection -> plan -> generated Python -> mapper."""

from opusmap.compiler.mapper import Mapper, compile_mapping, load_mapping, make_plan, read_mapping
from opusmap.compiler.plan import ColumnPlan, Plan

__all__ = ["ColumnPlan", "Mapper", "Plan", "compile_mapping", "load_mapping", "make_plan", "read_mapping"]
