"""The typed tree of a mapping's expressions: the only things that a mapping can say.

`parse` makes it from Jinja's syntax tree; the interpreter evaluates it, code generation writes Python of it;
linting reads it.
"""

from opusmap.expressions.nodes.base import (
    Environment,
    Evaluate,
    Failure,
    Frame,
    Gap,
    Gaps,
    Kind,
    Node,
    NotConstant,
    Type,
    Types,
    Want,
    Writer,
    walk,
)
from opusmap.expressions.nodes.expression import Expression
from opusmap.expressions.nodes.filters import (
    Filter,
    Where,
    constant_value,
    has_constant_arguments,
    is_constant,
)
from opusmap.expressions.nodes.operands import (
    Cell,
    Constant,
    Field,
    ListLiteral,
    Slice,
    Subscript,
    TableValue,
    VariableRef,
)
from opusmap.expressions.nodes.operators import (
    Binary,
    Call,
    Compare,
    Concat,
    Conditional,
    Default,
    Logic,
    Not,
    Test,
    Unary,
)

__all__ = [
    "Binary",
    "Call",
    "Cell",
    "Compare",
    "Concat",
    "Conditional",
    "Constant",
    "Default",
    "Environment",
    "Evaluate",
    "Expression",
    "Failure",
    "Field",
    "Filter",
    "Frame",
    "Gap",
    "Gaps",
    "Kind",
    "ListLiteral",
    "Logic",
    "Node",
    "Not",
    "NotConstant",
    "Slice",
    "Subscript",
    "TableValue",
    "Test",
    "Type",
    "Types",
    "Unary",
    "VariableRef",
    "Want",
    "Where",
    "Writer",
    "constant_value",
    "has_constant_arguments",
    "is_constant",
    "walk",
]
