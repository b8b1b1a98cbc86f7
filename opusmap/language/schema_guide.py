"""What the mapping language allows at a path of a mapping: keys with their descriptions, and fixed values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opusmap.language.cursor import Path
from opusmap.mapping.schema import load_schema

Schema = Mapping[str, Any]


def schemas_at(path: Path) -> list[Schema]:
    """Return the schemas that a value at a path may have, the forms that it may take one by one."""
    found: list[Schema] = list(_forms(load_schema()))
    for step in path:
        found = [form for schema in found for inner in _inner(schema, step) for form in _forms(inner)]
    return found


def keys_at(path: Path) -> dict[str, Schema]:
    """Return the keys that a set of keys at a path may have, each with what the schema says of it."""
    if len(path) == 2 and path[0] == "tables":  # noqa: PLR2004 - a table, which may be a file
        source = load_schema()["properties"]["source"]["properties"]
        return {**_TABLE_KEYS, **source}
    found: dict[str, Schema] = {}
    for schema in schemas_at(path):
        for key, value in schema.get("properties", {}).items():
            found.setdefault(key, {**_referred(value), **value})
    return found


def values_at(path: Path) -> list[str]:
    """Return the fixed values that a path may have, as they are written."""
    found: dict[str, None] = {}
    for schema in schemas_at(path):
        found |= dict.fromkeys(value for value in schema.get("enum", ()) if isinstance(value, str))
        if schema.get("type") == "boolean":
            found |= dict.fromkeys(("true", "false"))
    return list(found)


def describe_at(path: Path) -> Schema | None:
    """Return what the schema says of the key at the end of a path; None of an author's own name."""
    return keys_at(path[:-1]).get(str(path[-1])) if path and isinstance(path[-1], str) else None


_TABLE_KEYS: dict[str, Schema] = {
    "key": {"description": "The column with what is looked up.", "examples": ["login"]},
    "value": {"description": "The column with what is found.", "examples": ["email"]},
}


def _referred(schema: Schema) -> Schema:
    reference = schema.get("$ref")
    found: Schema = load_schema()["$defs"][reference.removeprefix("#/$defs/")] if reference else {}
    return found


def _forms(schema: Schema) -> Iterator[Schema]:
    """Yield a schema without its references and conditions: each form that a value may have."""
    if "$ref" in schema:
        yield from _forms(_referred(schema))
    elif "if" in schema:
        for branch in ("then", "else"):
            yield from _forms(schema[branch])
    else:
        yield schema


def _inner(schema: Schema, step: str | int) -> Iterator[Schema]:
    if isinstance(step, int):
        if isinstance(schema.get("items"), Mapping):
            yield schema["items"]
    elif step in schema.get("properties", {}):
        yield schema["properties"][step]
    elif isinstance(schema.get("additionalProperties"), Mapping):
        yield schema["additionalProperties"]
