"""What is at a position: a key, a column, a converter, a name; and of a binding, its value for a row."""

from __future__ import annotations

from dataclasses import dataclass

from opusmap.compiler.explain import Stage, explain_row
from opusmap.language.cursor import Token
from opusmap.language.descriptions import (
    as_code,
    as_text,
    describe_converter,
    describe_key,
    describe_source,
    describe_table,
    describe_target,
    describe_variable,
)
from opusmap.language.facts import Facts
from opusmap.language.positions import Position, Range
from opusmap.language.schema_guide import describe_at
from opusmap.language.templates import find_name, in_template
from opusmap.wording import quote_value

_VALUE = 100
"""Characters of a value that are shown, at most."""


@dataclass(frozen=True, slots=True)
class Hover:
    """What is at a position, in Markdown, and the range that it is about."""

    text: str
    range: Range


def hover(facts: Facts, position: Position, row: int = 0) -> Hover | None:
    """Return what is at a position, None if there is nothing to tell; `row` is one of the sample, from 0."""
    offset = facts.lines.offset(position)
    token = facts.token_at(offset)
    if token is None:
        return None
    parts = [_of_key(facts, token)] if token.is_key else [_of_value(facts, token, offset)]
    match (*token.path, token.text) if token.is_key else token.path:
        case ("fields", str(target), *inner) if not (token.is_key and inner):
            parts.append(explain_value(facts, target, row))
    text = "\n\n---\n\n".join(part for part in parts if part)
    place = Range(facts.lines.position(token.start), facts.lines.position(token.end))
    return Hover(text, place) if text else None


def _of_key(facts: Facts, token: Token) -> str:
    path = token.path
    schema = describe_at((*path, token.text))
    if schema is not None:
        return describe_key(token.text, schema)
    match path:
        case ("fields" | "columns" | "choices",) | ("tests", int(), "expect" | "expect_exact" | "reject"):
            return _target(facts, token.text)
        case ("tests", int(), "row"):
            return _source(facts, token.text)
        case ("let",):
            return _variable(facts, token.text)
        case ("tables",):
            return _table(facts, token.text)
        case ("fields", str(), "convert") | ("fields", str(), "convert", int()):
            return _converter(facts, token.text)
    return ""


def _of_value(facts: Facts, token: Token, offset: int) -> str:
    raw = facts.text[token.start : token.end]
    if in_template(raw, offset - token.start):
        name = find_name(raw[1:] if token.style else raw, offset - token.start - bool(token.style))
        return "" if name is None else describe_name(facts, name)
    if token.path[:1] == ("fields",):
        match token.path[2:]:
            case ("lookup",):
                return _table(facts, token.text)
            case ("convert",) | ("convert", int()):
                return _converter(facts, token.text)
            case () | (int(),) | ("from", *_) | (int(), "first_of", int()):
                return _source(facts, token.text) or _variable(facts, token.text)
    return ""


def describe_name(facts: Facts, name: str) -> str:
    """Return what a name of an expression is: a variable, a table, a source column or a converter."""
    names = (name, name.removeprefix("row."), name.partition(".")[0])
    for describe in (_variable, _table, _source, _converter):
        for one in names:
            if found := describe(facts, one):
                return found
    return ""


def _target(facts: Facts, name: str) -> str:
    column = facts.target(name)
    return "" if column is None else describe_target(column, facts.choices(name))


def _source(facts: Facts, name: str) -> str:
    columns = facts.source_columns
    return describe_source(name, columns[name]) if name in columns else ""


def _variable(facts: Facts, name: str) -> str:
    variables = facts.variables
    return describe_variable(name, variables[name]) if name in variables else ""


def _table(facts: Facts, name: str) -> str:
    tables = facts.tables
    return describe_table(name, tables[name]) if name in tables else ""


def _converter(facts: Facts, name: str) -> str:
    converter = facts.registry.find(name)
    return "" if converter is None else describe_converter(converter)


def explain_value(facts: Facts, target: str, row: int) -> str:
    """Return the stages of a target column's value in a row of the sample, as `opusmap explain` has them."""
    work, sample, column = facts.known.work, facts.known.sample, facts.target(target)
    chosen = None if sample is None else sample.row(row)
    if work is None or chosen is None or column is None:
        return ""
    plan = work.mapper.plan.find(column.internal_name)
    if plan is None:
        return ""
    stages = explain_row(work.mapper, plan, chosen.values, chosen.number, at_once=True).stages
    lines = [f"- {as_text(stage.what)}{_shown(stage)}" for stage in stages]
    return "\n".join([f"Row {chosen.number}:", "", *lines])


def _shown(stage: Stage) -> str:
    if stage.problem is not None or stage.value is None:
        return ""
    value = stage.value if isinstance(stage.value, str) else quote_value(stage.value, _VALUE)[1:-1]
    return f": {as_code(value, _VALUE)}"
