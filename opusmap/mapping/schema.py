"""Checks a mapping file's data against the JSON Schema shipped with the package.

Every difference is reported as an issue at its place, not only the first. What the schema can't say (names,
types, templates) is checked when the plan is made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from opusmap.issues import Issue, Span, fix_with
from opusmap.mapping.yaml_reader import Entries, Items, Node, Text, as_boolean, as_integer, is_null
from opusmap.mapping.yaml_slips import show_missing_blank
from opusmap.wording import find_nearest, quote_value, suggest

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError


@cache
def load_schema() -> dict[str, Any]:
    """Return the mapping language's JSON Schema, as shipped."""
    schema: dict[str, Any] = json.loads(files("opusmap.mapping").joinpath("schema.json").read_text("utf-8"))
    return schema


def _definition(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema that another one refers to."""
    found: dict[str, Any] = load_schema()["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return found


# A plain scalar is a text wherever a text is expected, and a number or boolean where one is.
_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda node: isinstance(node, dict),  # jsonschema asks of the schema, too
    "array": lambda node: isinstance(node, list),
    "string": lambda node: isinstance(node, Text) and not is_null(node),
    "integer": lambda node: as_integer(node) is not None,
    "number": lambda node: as_integer(node) is not None,
    "boolean": lambda node: as_boolean(node) is not None,
    "null": is_null,
}


@cache
def _validator() -> Draft202012Validator:
    from jsonschema import Draft202012Validator, validators  # noqa: PLC0415 - valid mappings do without

    checker = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {name: lambda _, node, is_type=is_type: is_type(node) for name, is_type in _TYPES.items()}
    )
    extended: Any = validators.extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, type_checker=checker
    )
    validator: Draft202012Validator = extended(load_schema())
    return validator


def validate(data: Node | None, file: str, *, whole: bool = True) -> tuple[Issue[Span], ...]:
    """Return every way in which a mapping file's data departs from the schema, in the file's order.

    Of a file that is not a `whole` mapping, but included by one, no key is required.
    """
    if not isinstance(data, Entries):
        span = data.span if data is not None else Span(file, 1, 1, 1, 2)
        message = "the file is empty" if data is None else "a mapping file consists of `key: value` lines"
        help_text = "begin with `opusmap: 1`, `connection:` and `fields:`"
        if isinstance(data, Text) and data.plain:
            help_text = show_missing_blank(data.first_line) or help_text
        return (Issue("not-a-mapping", message, span, help_text),)
    schema = load_schema() if whole else {**load_schema(), "required": []}
    if fits(data, schema):
        return ()
    errors = type(_validator())(schema).iter_errors(data)
    found = [issue for error in errors for issue in _translate(error, data)]
    return tuple(sorted(set(found), key=lambda diagnostic: (diagnostic.place, diagnostic.code)))


def lacks_key(data: Node) -> bool:
    """Return whether a required key is missing anywhere in a mapping, be it only misspelt."""
    schema = load_schema()
    if fits(data, schema):
        return False
    errors = type(_validator())(schema).iter_errors(data)
    return any(error.validator == "required" for error in errors)


def fits(node: Any, schema: Mapping[str, Any]) -> bool:
    """Return whether a node has what a schema asks for; a keyword that is not known here is not fulfilled.

    A valid mapping needs no more. What is wrong with another one is said by jsonschema, which takes longer to
    load than all else that reads a mapping.
    """
    if "if" in schema and not fits(node, schema["then" if fits(node, schema["if"]) else "else"]):
        return False
    return all(
        keyword in _ANNOTATIONS or (keyword in _CHECKS and _CHECKS[keyword](node, expected, schema))
        for keyword, expected in schema.items()
    )


_ANNOTATIONS = frozenset({"$schema", "$defs", "title", "description", "examples", "if", "then", "else"})
_CHECKS: dict[str, Callable[[Any, Any, Mapping[str, Any]], bool]] = {
    "$ref": lambda node, _, schema: fits(node, _definition(schema)),
    "type": lambda node, kinds, _: any(
        _TYPES[kind](node) for kind in ([kinds] if isinstance(kinds, str) else kinds)
    ),
    "enum": lambda node, values, _: node in values,
    "oneOf": lambda node, schemas, _: sum(fits(node, one) for one in schemas) == 1,
    "items": lambda node, schema, _: not isinstance(node, Items) or all(fits(item, schema) for item in node),
    "minItems": lambda node, least, _: not isinstance(node, Items) or len(node) >= least,
    "minProperties": lambda node, least, _: not isinstance(node, Entries) or len(node) >= least,
    "maxProperties": lambda node, most, _: not isinstance(node, Entries) or len(node) <= most,
    "required": lambda node, names, _: not isinstance(node, Entries) or node.keys() >= set(names),
    "properties": lambda node, schemas, _: (
        not isinstance(node, Entries)
        or all(fits(value, schemas[key]) for key, value in node.items() if key in schemas)
    ),
    "additionalProperties": lambda node, rest, schema: (
        not isinstance(node, Entries)
        or all(
            rest is not False and fits(value, rest)
            for key, value in node.items()
            if key not in schema.get("properties", {})
        )
    ),
}


def _translate(error: ValidationError, data: Entries) -> Iterator[Issue[Span]]:
    node: Any = data
    for step in error.absolute_path:
        node = node[step]
    steps = (f", entry {step + 1}" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    where = "".join(steps).lstrip(".") or "the mapping"  # as people write it: `fields.Doc Type.from, entry 2`
    match [*error.absolute_path]:
        case ["choices", column] | ["choices", column, "options"] if is_null(node):
            message = f"the options of the choice column {quote_value(str(column))} are not given"
            hint = "list all of them, in the order that Opus shows"
            yield Issue("missing-choices", message, node.span, hint)
            return
    if error.validator in ("additionalProperties", "required") and _is_part(error.schema):
        yield _describe_part(node, where, is_whole=error.absolute_path[-1] == "from")
        return
    if error.validator == "additionalProperties":
        yield from _unknown_keys(error, node, where)
        return
    if error.validator == "required" and not _list_missing(error.validator_value, node, error.schema):
        return
    code, message, hint = _describe(error, node, where)
    match [*error.absolute_path]:
        case ["choices", _, int()] | ["choices", _, "options", int()] if not isinstance(node, Text):
            hint = _show_option(node)
        case ["choices", _] | ["choices", _, "options"] if isinstance(node, Text):
            hint = _list_options(node)
    span = node.span
    if not isinstance(node, Text):  # its first character says enough
        span = Span(span.file, span.line, span.column, span.line, span.column + 1)
    fix = None
    expected: Any = error.validator_value
    if error.validator == "enum" and isinstance(node, Text):
        known = [value for value in expected if isinstance(value, str)]
        fix = fix_with(span, find_nearest(str(node), known))
    yield Issue(code, message, span, hint, fix=fix)


def _unknown_keys(error: ValidationError, node: Entries, where: str) -> Iterator[Issue[Span]]:
    assert isinstance(error.schema, Mapping)
    known = error.schema.get("properties", {})
    for key, value in node.pairs():
        if key not in known:
            slip = (show_missing_blank(key) or _quote_comma(node, key)) if is_null(value) else ""
            hint = slip or suggest(key, known) or "allowed: " + ", ".join(known)
            fix = None if slip else fix_with(key.span, find_nearest(key, known))
            yield Issue("unknown-key", f'"{key}" is not a key of {where}', key.span, hint, fix=fix)


def _is_part(schema: Any) -> bool:
    """Return whether a schema is that of a constant or a `first_of` among the parts of a binding."""
    return set(schema.get("properties", ())) in ({"const"}, {"first_of"})


def _describe_part(node: Entries, where: str, *, is_whole: bool) -> Issue[Span]:
    """Return what is wrong with a part of a binding that is a set of other keys, and the form that is meant.

    `is_whole`: it is all of `from`, and not one of several parts.
    """
    constant = "" if is_whole else ", `{const: a text}`"
    message = f"{where} must be a column's name{constant} or `{{first_of: [A, B]}}`"
    pairs = node.pairs()
    if not pairs:
        return Issue("missing-key", message, node.span, "")
    key, value = next((pair for pair in pairs if pair[0] not in ("const", "first_of")), pairs[0])
    if is_null(value) and (hint := _quote_comma(node, key)):
        pass
    elif key == "const":
        hint = "for the same value in each record, write `const` in the place of `from`"
    elif isinstance(value, Text) and "{{" in value:
        hint = "make it a variable under `let`, and write the variable's name here"
    elif isinstance(value, Text) and not is_null(value):
        hint = f"for the column, write its name alone: `{value}`"
    elif isinstance(value, Items):
        columns = ", ".join(str(one) for one in value if isinstance(one, Text))
        hint = f"for the first of these columns that has a value, write `{{first_of: [{columns}]}}`"
    else:
        hint = ""
    return Issue("unknown-key", message, key.span, hint)


def _quote_comma(node: Entries, key: Text) -> str:
    """Return how a text is written whose comma made a key of its second half; "" where that is not so."""
    pairs = node.pairs()
    at = [name for name, _ in pairs].index(key)
    name, before = pairs[at - 1]
    is_cut = at > 0 and isinstance(before, Text) and before.plain and before.span.line == key.span.line
    if not is_cut or is_null(before):
        return ""
    if name == "from":
        return f"several columns are a list: `from: [{before}, {key}]`"
    return f'a text with a comma needs quotes: `{name}: "{before}, {key}"`'


def _list_options(node: Text) -> str:
    """Return how to write options that are one text."""
    slip = show_missing_blank(node.first_line) if node.plain and node.startswith("-") else ""
    parts = [part.strip() for part in re.split("[;,|]", node)]
    return slip or f"write a list, in the order that Opus shows: `[{', '.join(parts)}]`"


def _show_option(node: Node) -> str:
    """Return how an option is written that is a set of keys or a list."""
    pairs = node.pairs() if isinstance(node, Entries) else []
    if len(pairs) != 1 or not isinstance(pairs[0][1], Text):
        return "an option is a name, as Opus shows it: write each on a separate line"
    (key, value), *_ = pairs
    if is_null(value):
        return f'write `{key}`, without the colon, or `"{key}:"` if Opus shows the colon'
    if key in _OF_OPTIONS:
        return f"write its name alone: `{value}`"
    return (
        f'if Opus shows the colon, write it in quotes: `"{key}: {value}"`; '
        f"if {key} is another spelling of an option, write it under `aliases`, beside `options`"
    )


_OF_OPTIONS = frozenset({"const", "name", "label", "option", "text", "title", "value"})
"""Keys that people write before an option's name."""


def _describe(error: ValidationError, node: Node, where: str) -> tuple[str, str, str]:
    """Return the code of a difference, what is wrong, and what to do."""
    expected: Any = error.validator_value
    match error.validator:
        case "required":
            assert isinstance(error.schema, Mapping)
            missing = _list_missing(expected, node, error.schema)
            message = f"{where} lacks " + ", ".join(f"`{name}`" for name in missing)
            hints = []
            for name in missing:
                schema = error.schema["properties"][name]
                described = schema.get("description") or _definition(schema)["description"]
                hints.append(f"`{name}`: {described.removesuffix('.')}")
            return "missing-key", message, "; ".join(hints)
        case "type":
            hint = _GIVE_VALUE if is_null(node) else _FORMS.get(str(expected), "")
            if isinstance(node, Text) and node.plain and "object" in expected:
                hint = show_missing_blank(node.first_line) or hint
            if isinstance(node, Text) and expected == "array" and not is_null(node):
                hint = f"write a list: `[{node}]`"
            return "wrong-type", f"{where} must be {_kind_names(expected)}, not {_kind(node)}", hint
        case "enum":
            known = [str(value) for value in expected if isinstance(value, str)]
            hint = suggest(str(node), known) or "allowed: " + ", ".join(known)
            return "unknown-value", f"{where} can't be {_kind(node)}", hint
        case "oneOf":
            given = [name for name in ("from", "value", "const") if name in node]
            found = f", not {' and '.join(f'`{name}`' for name in given)}" if given else ""
            message = f"{where} needs exactly one of `from`, `value` and `const`{found}"
            return "binding-form", message, 'for example {from: Title} or {value: "{{ Title | trim }}"}'
        case "minItems" | "minProperties":
            return "empty-value", f"{where} is empty", _GIVE_VALUE
        case "maxProperties":
            hint = "write a list, in the order in which they are applied: [trim, {truncate: 100}]"
            return "converter-form", f"{where} names {len(node)} converters at once", hint
        case _:
            return "wrong-value", f"{where}: {error.message}", _GIVE_VALUE if is_null(node) else ""


def _list_missing(required: Any, node: Any, schema: Any) -> list[str]:
    """Return the required keys that a node lacks, without those that an unknown key is meant to be.

    `field:` for `fields:` is one mistake, which the unknown key shows where it is.
    """
    known = schema.get("properties", {})
    unknown = [key for key in node if key not in known] if schema.get("additionalProperties") is False else []
    meant = {find_nearest(key, known) for key in unknown}
    return [name for name in required if name not in node and name not in meant]


_GIVE_VALUE = "give it a value, or remove the key"
_FORMS = {
    "boolean": "write `true` or `false`, without quotes",
    "integer": "write it in digits, without quotes",
}


_KINDS = {
    "object": "a set of `key: value`",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "boolean": "true or false",
}


def _kind_names(expected: Any) -> str:
    names = [expected] if isinstance(expected, str) else [name for name in expected if name in _KINDS]
    texts = [name for name in names if name not in ("number", "boolean")] if "string" in names else names
    return " or ".join(_KINDS[name] for name in texts)


def _kind(node: Node) -> str:
    if is_null(node):
        return "nothing"
    return {Entries: "a set of keys", Items: "a list", Text: f"the text {quote_value(node)}"}[type(node)]
