"""The emulator's OpenAPI description, made from the connection it serves.

Owns the description only. It is written beside the judgement, not derived from it, so that checking the
one against the other finds mistakes in either.
"""

from __future__ import annotations

from typing import Any

from opusmap.connection import Column, ColumnType, Connection
from opusmap.emulator.client_assertion import ASSERTION_TYPE
from opusmap.emulator.disposal import APPROVALS_PATH
from opusmap.emulator.fault_profile import FAULTS_PATH, KINDS, LEVELS, NUMBERS
from opusmap.emulator.store import HELD_PATH
from opusmap.emulator.tokens import SCOPE, TOKEN_PATH
from opusmap.emulator.validation import BUILT_IN, PAGE_LIMIT, PAGE_SIZES, RECORDS_LIMIT, ROW_KEY, Readings
from opusmap.emulator.values import TargetFormat

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def describe_api(connection: Connection, target: TargetFormat, readings: Readings) -> dict[str, Any]:
    """Return an OpenAPI 3.1 description of the emulator as plain data."""
    records = _describe_records(connection, target, readings)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "opusmap emulator",
            "version": "1",
            "description": "The AvePoint Opus connector API as opusmap understands it, for rehearsals.",
        },
        "paths": {
            TOKEN_PATH: {"post": _describe_sign_in()},
            **dict.fromkeys(readings.record_paths, records),
            "/": {
                "get": {
                    "summary": "Counts of requests and records so far",
                    "responses": {"200": _json({"type": "object"})},
                }
            },
            "/openapi.json": {
                "get": {"summary": "This description", "responses": {"200": _json({"type": "object"})}}
            },
            **_describe_controls(),
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Status": _STATUS, "Record": _describe_record(connection, target)},
        },
    }


def _describe_sign_in() -> dict[str, Any]:
    always, by_secret = ["grant_type", "scope"], ["client_id", "client_secret"]
    by_certificate = ["client_assertion_type", "client_assertion"]
    properties: dict[str, Any] = {name: {"type": "string"} for name in (*always, *by_secret, *by_certificate)}
    properties["grant_type"]["const"] = "client_credentials"
    properties["scope"]["const"] = SCOPE
    properties["client_assertion_type"]["const"] = ASSERTION_TYPE
    proofs = [{"required": by_secret}, {"required": by_certificate}]
    form = {"type": "object", "properties": properties, "required": always, "oneOf": proofs}
    token = _object(
        token_type={"const": "Bearer"}, expires_in={"type": "integer"}, access_token={"type": "string"}
    )
    error = _object(error={"type": "string"}, error_description={"type": "string"})
    return {
        "summary": "Get a token (OAuth 2.0 client credentials)",
        "requestBody": {"required": True, "content": {FORM: {"schema": form}}},
        "responses": {"200": _json(token), "400": _json(error)},
    }


def _describe_records(connection: Connection, target: TargetFormat, readings: Readings) -> dict[str, Any]:
    guid = {"type": "string", "format": "uuid", "const": connection.id}
    ids = _some({"type": "string"})
    kind, pattern = ("integer", "^[0-9]{0,9}$") if readings.page_index else ("string", "^([0-9a-f]{4})*$")
    item = _object(**{name: {"type": ["string", "null"]} for name in BUILT_IN})
    due = _object(
        startIndex={"type": [kind, "null"]},
        statusCode={"type": "integer", "const": 200},
        queriedItems={"type": "array", "items": item},
    )
    nothing = {"204": {"description": "The same, without a body"}} if readings.no_content else {}
    # OpenAPI has no format for a time without a zone, which is taken too.
    due_date = {"type": "string", "format": "date"}
    page = {"type": "integer", "minimum": 0, "maximum": PAGE_LIMIT}
    operations: dict[str, dict[str, Any]] = {
        "post": {
            "summary": f"Submit up to {RECORDS_LIMIT} records; get a token from {TOKEN_PATH} first",
            "requestBody": _body(_describe_submission(guid, target)),
            "responses": _answers("201", "400", "401", "413", "415", "418"),
        },
        "get": {
            "summary": "Find the records that are due for disposal",
            "parameters": [
                _parameter("id", guid, required=True),
                _parameter("disposalDueDate", due_date, required=True),
                _parameter("startIndex", {"type": "string", "pattern": pattern}, required=False),
                *(_parameter(name, page, required=False) for name in PAGE_SIZES),
            ],
            "responses": {"200": _json(due), **nothing, **_answers("400", "401")},
        },
        "delete": {
            "summary": f"Mark up to {RECORDS_LIMIT} records as destroyed",
            "requestBody": _body(_object(disposalIds=ids)),
            "responses": {**_answers("200", "400", "401", "413", "415", "418"), **nothing},
        },
    }
    return {method: {**operation, "security": [{"token": []}]} for method, operation in operations.items()}


def _describe_controls() -> dict[str, Any]:
    shares = {
        name: {
            "anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string"}],
            "description": text,
        }
        for name, text in KINDS.items()
    }
    numbers = {
        name: {
            "type": "integer" if kind is int else "number",
            "minimum": 0,
            "maximum": most,
            "description": meaning,
        }
        for name, (kind, most, meaning) in NUMBERS.items()
    }
    plan = {
        "type": "object",
        "properties": {"level": {"enum": list(LEVELS)}, **numbers, **shares},
        "additionalProperties": False,
        "description": "Faults that are not given are as in the level; without a level, as in `none`. "
        "Of the shares, those other than `sign-in` come to at most 1.",
    }
    faults = _object(plan={"type": ["object", "null"]}, met={"type": "object"})
    keys = {"type": ["array", "null"], "items": {"type": "string"}}
    approvals = {**_object(rowKeys=keys), "required": []}
    held = {"description": "Done", "content": {"application/jsonl": {"schema": {"type": "string"}}}}
    return {
        FAULTS_PATH: {
            "get": {
                "summary": "The faults to inject, and how often each was injected",
                "responses": {"200": _json(faults)},
            },
            "post": {
                "summary": "Inject other faults from now on",
                "requestBody": _body(plan),
                "responses": {"200": _json(faults), **_answers("400", "413", "415")},
            },
        },
        APPROVALS_PATH: {
            "post": {
                "summary": "Approve records that are due: those of `rowKeys`, or all",
                "requestBody": _body(approvals),
                "responses": {
                    "200": _json(_object(approved={"type": "array", "items": {"type": "string"}})),
                    **_answers("400", "401", "413", "415"),
                },
                "security": [{"token": []}],
            }
        },
        HELD_PATH: {
            "get": {
                "summary": "All records that are held, as JSON Lines",
                "responses": {"200": held, **_answers("401")},
                "security": [{"token": []}],
            }
        },
    }


def _describe_submission(guid: dict[str, Any], target: TargetFormat) -> dict[str, Any]:
    data = _some({"$ref": "#/components/schemas/Record"})
    option = {"enum": ["Overwrite", "Skip"]}
    if target.conflict_key != "both":
        return _object(id=guid, **{target.conflict_key: option}, data=data)
    spellings = ("conflictOption", "confilictOption")
    return {
        **_object(id=guid, **dict.fromkeys(spellings, option), data=data),
        "required": ["id", "data"],
        "allOf": [
            {"anyOf": [{"required": [name]} for name in spellings]},
            {
                "anyOf": [
                    {"properties": {name: {"const": each} for name in spellings}} for each in option["enum"]
                ]
            },
        ],
    }


def _describe_record(connection: Connection, target: TargetFormat) -> dict[str, Any]:
    columns = {column.internal_name: _describe_column(column, target) for column in connection.columns}
    # Whatever a connection file says of its key: without one, a record can't be held.
    row_key = Column(ROW_KEY, "Row key", ColumnType.SINGLE_TEXT, required=True)
    columns[ROW_KEY] = _describe_column(row_key, target)
    required = sorted({ROW_KEY, *(column.internal_name for column in connection.columns if column.required)})
    return {"type": "object", "properties": columns, "required": required, "additionalProperties": False}


def _describe_column(column: Column, target: TargetFormat) -> dict[str, Any]:
    schema = {"title": column.display_name, **_describe_type(column.type, target)}
    if target.empty != "omit" and not column.required:
        empty = {"type": "null"} if target.empty == "null" else {"const": ""}
        return {"title": column.display_name, "anyOf": [schema, empty]}
    return schema


def _describe_type(kind: ColumnType, target: TargetFormat) -> dict[str, Any]:
    order: dict[str, Any] = {"type": "string", "pattern": f"^{_ORDER}$"}
    number = {"type": "integer", "minimum": target.choice_base}
    address = {"type": "string", "pattern": f"^{_ADDRESS}$"}
    match kind:
        case ColumnType.NUMBER:
            return {"type": "number"}
        case ColumnType.SINGLE_CHOICE:
            return order if target.choice_as == "text" else number
        case ColumnType.MULTIPLE_CHOICE:
            return {**_describe_list({"anyOf": [number, order]}, _ORDER, target), "uniqueItems": True}
        case ColumnType.PEOPLE:
            return _describe_list(address, _ADDRESS, target)
        case ColumnType.DATE_TIME:
            return {"type": "string", "minLength": 1, "description": f"written as {target.datetime_format}"}
        case ColumnType.TAXONOMY:
            return {"type": "string", "pattern": "^[^/]+(/[^/]+)*$", "description": "full path of a term"}
        case ColumnType.SINGLE_TEXT:
            return {"type": "string", "pattern": "^[^\\r\\n]+$"}
        case _:
            return {"type": "string", "minLength": 1}


_ORDER = "(0|[1-9][0-9]{0,8})"
_ADDRESS = "[^\\s@,\\[\\]]+@[^\\s@,\\[\\]]+\\.[^\\s@,\\[\\]]+"


def _describe_list(element: dict[str, Any], pattern: str, target: TargetFormat) -> dict[str, Any]:
    if target.list_as == "array":
        return {"type": "array", "items": element, "minItems": 1}
    return {"type": "string", "pattern": f"^\\[{pattern}(,{pattern})*\\]$"}


_STATUS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "statusCode": {"type": "integer"},
        "message": {"type": ["string", "null"]},
        "failedItems": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"rowKey": {"type": ["string", "null"]}, "message": {"type": "string"}},
                "required": ["rowKey", "message"],
            },
        },
    },
    "required": ["statusCode", "message"],
}

_MEANINGS = {
    "200": "Done",
    "201": "All records accepted",
    "400": "The request is invalid; no record was accepted",
    "401": "No token, or one that has expired",
    "413": "The body is too large",
    "415": "The body is not sent as JSON",
    "418": "Processed with exceptions: the records in `failedItems` failed, the others are accepted",
}


def _answers(*statuses: str) -> dict[str, Any]:
    return {status: _json({"$ref": "#/components/schemas/Status"}, _MEANINGS[status]) for status in statuses}


def _json(schema: dict[str, Any], description: str = "Done") -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": schema}}}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {JSON: {"schema": schema}}}


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _some(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": RECORDS_LIMIT}


def _parameter(name: str, schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": schema}
