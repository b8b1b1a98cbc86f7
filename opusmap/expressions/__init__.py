"""Expressions: Jinja's syntax, read by Jinja's parser, closed by a whitelist, compiled to Python."""

from opusmap.expressions.jinja_reader import is_template
from opusmap.expressions.nodes import Expression, NotConstant, constant_value, has_constant_arguments, walk
from opusmap.expressions.parse import parse_template
from opusmap.expressions.runtime import OPERATIONS
from opusmap.expressions.scope import ROW_FILE, Scope, absent_column

__all__ = [
    "OPERATIONS",
    "ROW_FILE",
    "Expression",
    "NotConstant",
    "Scope",
    "absent_column",
    "constant_value",
    "has_constant_arguments",
    "is_template",
    "parse_template",
    "walk",
]
