"""Evaluates one expression as a mapping does: through the compiler, the generated code and the mapper.

The expression is a `let` step; a second one puts its value into a list, which no rule for empty
values touches; a column reads that, and its finisher hands it out as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from opusmap.compiler.column_types import Encoder
from opusmap.compiler.known_columns import KnownColumns
from opusmap.compiler.lower import lower_bindings
from opusmap.compiler.mapper import Mapper, make_plan
from opusmap.compiler.plan import Plan
from opusmap.compiler.planner import resolve_names
from opusmap.connection import Connection, parse_connection
from opusmap.converters import builtin_converters
from opusmap.errors import InvalidMapping, ValueProblem
from opusmap.expressions import is_template
from opusmap.issues import Severity, Span
from opusmap.mapping import Text, Variable
from opusmap.mapping.load import parse_spec
from opusmap.records import Record

EXPRESSION_FILE = "expression"

_CONNECTION = parse_connection(
    """{"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [{
      "rowKey": "SingleText", "leafName": "SingleText", "timeCreated": "DateTime", "timeModified": "DateTime",
      "createdBy": "SingleText", "modifiedBy": "SingleText",
      "_Doc_%20_Type": "SingleChoice", "_Value": "SingleChoice"}]}"""
)

_MAPPING = """
opusmap: 1
connection: contracts.connection.json
timezone: {timezone}
choices: {{Doc Type: [Contract, Deed, Lease, NDA], Value: [of any kind]}}
tables: {{departments: {{FIN: Finance, HR: People}}}}
columns:
  Name: {{required: false}}
  Created time: {{required: false}}
  Modified time: {{required: false}}
  Created by: {{required: false}}
  Modified by: {{required: false}}
fields:
  rowKey: {{const: key}}
  Value: opusmap_boxed
"""


def text_at_start(value: str) -> Text:
    """Return a text that is a whole file, so that every offset is a column of its first lines."""
    return Text(value, Span(EXPRESSION_FILE, 1, 1, 1, len(value) + 1), None, value, 0)


def compiled(
    expression: str,
    columns: Iterable[str] | None = None,
    *,
    timezone: str = "Australia/Sydney",
    empty: tuple[str, ...] = ("",),
) -> Mapper:
    """Compile a bare expression, or a template, as a `let` step.

    Raises:
        InvalidMapping: with what is wrong in it.
    """
    spec = parse_spec(_MAPPING.format(timezone=timezone))
    steps = (
        Variable(text_at_start("opusmap_value"), text_at_start(expression)),
        Variable(text_at_start("opusmap_boxed"), text_at_start("['boxed', opusmap_value]")),
    )
    source = replace(spec.source, empty=empty)
    known = None if columns is None else frozenset(columns)
    noted = KnownColumns()
    spec = replace(spec, let=steps, source=source)
    plan, problems = make_plan(spec, _CONNECTION, builtin_converters(), known, noted)
    if plan is None:
        raise InvalidMapping(problems)
    return Mapper(_handing_out(plan), builtin_converters(), _CONNECTION, noted.notes)


def compile_unchecked(text: str, connection: Connection, columns: frozenset[str] | None = None) -> Mapper:
    """Compile a mapping whatever its kinds are, so that rows meet what is refused otherwise."""
    noted = KnownColumns()
    registry = builtin_converters()
    plan, problems = resolve_names(parse_spec(text), connection, registry, columns, noted)
    assert not any(problem.severity is Severity.ERROR for problem in problems), problems
    return Mapper(lower_bindings(plan), registry, connection, noted.notes)


def _handing_out(plan: Plan) -> Plan:
    """Replace the last column's finisher by one that keeps the value's type."""
    *others, last = plan.columns
    return replace(plan, columns=(*others, replace(last, encoder=Encoder("as_it_is", lambda value: value))))


def evaluated(mapper: Mapper, row: Mapping[str, Any]) -> Any:
    """Return the value of a compiled expression over a row.

    Raises:
        ValueProblem: the row is rejected.
        AssertionError: a converter or an operation broke, which none may.
    """
    mapped = mapper.map_row(row)
    if isinstance(mapped, Record):
        boxed = mapped.values["_Value"]
        assert isinstance(boxed, list)
        return boxed[1]
    problem = mapped.problems[0]
    assert problem.code != "converter-failed", problem.message
    raise ValueProblem(problem.code, problem.message, problem.help)


def evaluate(expression: str, row: Mapping[str, Any] | None = None, **options: Any) -> Any:
    """Return the value of an expression, or of a template, over a row whose keys are all the columns.

    Options are those of `compiled`.

    Raises:
        InvalidMapping: the expression is refused.
        ValueProblem: the row is rejected.
    """
    row = row or {}
    options.setdefault("columns", row)
    assert is_template(expression) or "{{" not in expression
    return evaluated(compiled(expression, **options), row)
