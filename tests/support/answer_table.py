"""Every shape of an answer that could be thought of, and what each says of three records: one table.

Owns no test. The reading of answers is held to it, and so is a whole client over real sockets.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

KEYS = ("k0", "k1", "Äk2")


@dataclass(frozen=True, slots=True)
class Shape:
    """An answer and what it says: `failed` (the others are taken), nothing certain, or a refusal of it all.

    `refused` is the status that counts then.
    """

    name: str
    status: int
    body: bytes
    failed: frozenset[str] = field(default_factory=frozenset)
    unknown: bool = False
    refused: int = 0


def _encode(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def _taken(name: str, status: int, body: Any) -> Shape:
    return Shape(f"{name}, {status}", status, _encode(body))


def _failing(name: str, status: int, body: Any, *keys: str) -> Shape:
    return Shape(f"{name}, {status}", status, _encode(body), failed=frozenset(keys))


def _unknown(name: str, body: Any, *statuses: int) -> list[Shape]:
    return [
        Shape(f"{name}, {status}", status, _encode(body), unknown=True) for status in statuses or (200, 201)
    ]


def _refused(name: str, status: int, body: Any, refused: int) -> Shape:
    return Shape(f"{name}, {status}", status, _encode(body), refused=refused)


OK = {"statusCode": 201, "message": None}
PAGE = "<!doctype html><title>Sign in</title>"


def _with(**more: Any) -> dict[str, Any]:
    return {**OK, **more}


_TAKEN = [
    *(_taken("documented", status, {"statusCode": said}) for status in (200, 201) for said in (200, 201)),
    _taken("with a message", 201, OK),
    _taken("digits", 200, {"statusCode": "200"}),
    _taken("StatusCode", 201, {"StatusCode": 201}),
    _taken("STATUSCODE", 201, {"STATUSCODE": "201"}),
    _taken("an escaped name", 201, r'{"status\u0043ode": 201}'),
    _taken("a byte-order mark", 201, b"\xef\xbb\xbf" + _encode(OK)),
    _taken("blanks around", 201, b" \r\n\t" + _encode(OK) + b"\n"),
    _taken("failedItems null", 201, _with(failedItems=None)),
    _taken("failedItems []", 200, _with(FailedItems=[])),
    _taken("a nested statusCode", 201, _with(message={"statusCode": 500})),
    _taken("statusCode within a text", 201, _with(message='"statusCode": 500')),
    _taken("unknown names", 201, _with(traceId="abc", count=3)),
    _taken("a long s is no s", 201, '{"statusCode": 201, "\u017ftatusCode": 500}'),
    _taken("success true", 201, _with(success=True)),
    _taken("nothing wrong", 201, _with(error=None, errors=[], errorCode=0, Success="true", hasErrors=False)),
    _taken("status says success, too", 201, _with(status="OK")),
    _taken("half a surrogate pair in the message", 201, r'{"statusCode": 201, "message": "\ud800"}'),
]

_FAILING = [
    _failing("a plain key", 418, {"statusCode": 418, "failedItems": ["k1"]}, "k1"),
    _failing("objects", 418, {"statusCode": 418, "FailedItems": [{"RowKey": "k1", "error": "x"}]}, "k1"),
    _failing("mixed", 418, {"statusCode": "418", "failedItems": ["k0", {"id": "Äk2"}]}, "k0", "Äk2"),
    _failing("all", 418, {"statusCode": 418, "failedItems": list(KEYS)}, *KEYS),
    _failing("one twice", 418, {"statusCode": 418, "failedItems": ["k1", "k1"]}, "k1"),
    _failing("only the body says 418", 200, {"statusCode": 418, "failedItems": ["k1"]}, "k1"),
    _failing("only HTTP says 418", 418, {"statusCode": 201, "failedItems": ["k1"]}, "k1"),
    _failing("nobody says 418", 201, _with(failedItems=["k1"]), "k1"),
    _failing("nobody says 418", 200, _with(failedItems=[{"key": "k1", "reason": {"code": 7}}]), "k1"),
    _failing("418 with an error", 418, {"statusCode": 418, "error": "x", "failedItems": ["k1"]}, "k1"),
    _failing("418, success false", 418, {"statusCode": 418, "success": False, "failedItems": ["k1"]}, "k1"),
]

_NO_JSON = [
    *_unknown("no body", b"", 200, 201, 202, 204, 418),
    *_unknown("a gateway's page", PAGE, 200, 201, 202, 203, 206, 418),
    *_unknown("cut JSON", b'{"statusCode": 201, "mess'),
    *_unknown("more behind the JSON", _encode(OK) + b"}"),
    *_unknown("two documents", _encode(OK) * 2),
    *_unknown("a script around", b"cb(" + _encode(OK) + b")"),
    *_unknown("a guard before", b")]}',\n" + _encode(OK)),
    *_unknown("a remark", _encode(OK) + b" // done"),
    *_unknown("NaN", b'{"statusCode": 201, "message": NaN}'),
    *_unknown("Infinity", b'{"statusCode": 201, "message": -Infinity}'),
    *_unknown("single quotes", b"{'statusCode': 201}"),
    *_unknown("no quotes", b"{statusCode: 201}"),
    *_unknown("a comma too many", b'{"statusCode": 201,}'),
    *_unknown("a list", [OK]),
    *_unknown("a number", b"201"),
    *_unknown("a text", '"201"'),
    *_unknown("null", b"null"),
    *_unknown("true", b"true"),
    *_unknown("a word", b"OK"),
    *_unknown("a form", b"statusCode=201"),
    *_unknown("UTF-16", json.dumps(OK).encode("utf-16")),
    *_unknown("UTF-32", json.dumps(OK).encode("utf-32-be")),
    *_unknown("two byte-order marks", b"\xef\xbb\xbf\xef\xbb\xbf" + _encode(OK)),
    *_unknown("not UTF-8", b'{"statusCode": 201, "message": "\xff"}'),
    *_unknown("gzip", b"\x1f\x8b\x08\x00"),
    *_unknown("a NUL byte behind", _encode(OK) + b"\0"),
    *_unknown("a line break in a text", b'{"statusCode": 201, "message": "a\nb"}'),
    *_unknown("deep", b'{"a":' * 50_000),
    *_unknown("deep lists", b"[" * 50_000),
    *_unknown("a very long number", b'{"statusCode": 201, "message": ' + b"9" * 5000 + b"}"),
]

_NO_STATUS = [
    *_unknown("an empty object", {}),
    *_unknown("an empty object", {}, 418),
    *_unknown("an error", {"error": "boom"}),
    *_unknown("success false", {"success": False}),
    *_unknown("success true", {"success": True}),
    *_unknown("errors", {"errors": [{"code": 1}]}),
    *_unknown("a message", {"message": "Created"}),
    *_unknown("failedItems {}", {"failedItems": {}}),
    *_unknown("failedItems []", {"failedItems": []}),
    *_unknown("failedItems null", {"failedItems": None}),
    *_unknown("failedItems name one", {"failedItems": ["k1"]}, 200, 201, 418),
    *_unknown("status", {"status": 201}),
    *_unknown("status_code", {"status_code": 201}),
    *_unknown("a blank in the name", {"statusCode ": 201}),
    *_unknown("nested", {"result": OK}),
    *_unknown("nested in a message", {"message": OK}),
    *_unknown("nested in data", {"data": [OK]}),
    *_unknown("a long s", '{"\u017ftatusCode": 201}'),
    *_unknown("twice", b'{"statusCode": 201, "statusCode": 201}'),
    *_unknown("twice, 418", b'{"statusCode": 418, "statusCode": 418, "failedItems": ["k1"]}', 418),
    *_unknown("twice, 500 last", b'{"statusCode": 201, "statusCode": 500}'),
    *_unknown("twice, 500 first", b'{"statusCode": 500, "statusCode": 201}'),
    *_unknown("twice by case", {"StatusCode": 201, "statusCode": 201}),
    *_unknown("twice by an escape", rb'{"statusCode": 201, "\u0073tatusCode": 500}'),
    *_unknown("twice, once null", b'{"statusCode": null, "statusCode": 201}'),
    *(
        shape
        for value in (
            *("true", "false", "null", "[]", "[201]", "{}", '""', '"OK"', '"Created"', '"201 Created"'),
            *("2e2", "200.0", "201.5", "0", "-201", "2010", "20", "600", "999", "100", '"200 "', '" 200"'),
            *('"+200"', '"0201"', '"201.0"', '"0xC9"', '"\u0662\u0660\u0660"', '"20\uff11"', '"2e2"'),
        )
        for shape in _unknown(f"statusCode {value}", f'{{"statusCode": {value}, "message": null}}')
    ),
]

_OTHER_SUCCESS = [
    shape
    for said in (202, 203, 204, 206, 226, "299")
    for shape in [
        *_unknown(f"the body says {said}", {"statusCode": said}),
        *_unknown(f"HTTP says {said}", OK, int(said)),
    ]
] + [
    *_unknown("HTTP says 202, the body 418", {"statusCode": 418, "failedItems": ["k1"]}, 202),
    *_unknown("HTTP says 418, the body 202", {"statusCode": 202, "failedItems": ["k1"]}, 418),
]

_CONTRADICTIONS = [
    *_unknown("and an error", _with(error="boom")),
    *_unknown("and an error's object", _with(error={"code": 7})),
    *_unknown("and Error", _with(Error="boom")),
    *_unknown("and errors", _with(errors=["boom"])),
    *_unknown("and errors by name", _with(errors={"leafName": ["too long"]})),
    *_unknown("and errorCode", _with(errorCode=7)),
    *_unknown("and errorMessage", _with(ErrorMessage="boom")),
    *_unknown("and an exception", _with(exception="System.NullReference")),
    *_unknown("and success false", _with(success=False)),
    *_unknown("and Success no text", _with(Success="false")),
    *_unknown("and success 0", _with(success=0)),
    *_unknown("and isSuccess false", _with(isSuccess=False)),
    *_unknown("and hasErrors", _with(hasErrors=True)),
    *_unknown("and status 500", _with(status=500)),
    *_unknown("and status failed", _with(status="Failed")),
    *_unknown("and success both", b'{"statusCode": 201, "success": true, "success": false}'),
    *_unknown("and an error beside failedItems", _with(error="boom", failedItems=["k1"])),
]

_FAILED_ITEMS = [
    *(
        shape
        for items in (
            *({}, {"k1": "bad"}, {"rowKey": "k1"}, "", "k1", 0, 1, False, True, 0.5),
            *(
                ["another"],
                ["k1", "another"],
                [None],
                [True],
                [{}],
                [["k1"]],
                [1.5],
                ["K1"],
                [" k1"],
                ["k1 "],
            ),
            *([{"name": "k1"}], [{"rowKey": None, "id": "k1"}], [{"rowKey": ["k1"]}], [{"rowKey": "K1"}]),
            *(["A\u0308k2"], ["k1"] * 4, [f"entry {number}" for number in range(10_000)]),
        )
        for shape in [
            *_unknown(f"failedItems {json.dumps(items)[:40]}", _with(failedItems=items)),
            *_unknown(
                f"failedItems {json.dumps(items)[:40]}", {"statusCode": 418, "failedItems": items}, 418
            ),
        ]
    ),
    *_unknown("failedItems twice", b'{"statusCode": 418, "failedItems": ["k0"], "failedItems": ["k1"]}', 418),
    *_unknown("failedItems twice, once null", b'{"statusCode":201,"failedItems":["k0"],"failedItems":null}'),
    *_unknown("failedItems twice by case", {"statusCode": 201, "failedItems": [], "FailedItems": ["k1"]}),
    *_unknown(
        "an element with two keys",
        b'{"statusCode": 418, "failedItems": [{"rowKey":"k0","rowKey":"k1"}]}',
        418,
    ),
    *_unknown(
        "an element with two keys by case",
        {"statusCode": 418, "failedItems": [{"rowKey": "k0", "RowKey": "k1"}]},
        418,
    ),
    *_unknown("418 that names nobody", {"statusCode": 418}, 200, 201, 418),
    *_unknown("418 that names nobody: null", {"statusCode": 418, "failedItems": None}, 200, 201, 418),
    *_unknown("418 that names nobody: []", {"statusCode": 418, "failedItems": []}, 200, 201, 418),
    *_unknown("HTTP says 418, the body 200, null", {"statusCode": 200, "failedItems": None}, 418),
    *_unknown("HTTP says 418, the body 201", OK, 418),
    *_unknown("418, cut", b'{"statusCode": 418, "failedItems": ["k1"', 418),
]

_REFUSED = [
    _refused("the body says 400", 201, {"statusCode": 400, "failedItems": []}, 400),
    _refused("the body says 500", 201, {"statusCode": 500}, 500),
    _refused("the body says 503 in digits", 200, {"StatusCode": "503"}, 503),
    _refused("the body says 401", 200, {"statusCode": 401}, 401),
    _refused("the body says 500 beside failedItems", 418, {"statusCode": 500, "failedItems": ["k1"]}, 500),
    _refused("HTTP says 400", 400, OK, 400),
    _refused("HTTP says 400, no body", 400, b"", 400),
    _refused("HTTP says 400, twice", 400, b'{"statusCode": 201, "statusCode": 201}', 400),
    _refused("HTTP says 500", 500, OK, 500),
    _refused("HTTP says 502, a page", 502, PAGE, 502),
    _refused("HTTP says 503 and names one", 503, {"statusCode": 418, "failedItems": ["k1"]}, 503),
    _refused("HTTP says 302", 302, OK, 302),
    _refused("HTTP says 429", 429, b"", 429),
]

ANSWERS = [
    *_TAKEN,
    *_FAILING,
    *_NO_JSON,
    *_NO_STATUS,
    *_OTHER_SUCCESS,
    *_CONTRADICTIONS,
    *_FAILED_ITEMS,
    *_REFUSED,
]
