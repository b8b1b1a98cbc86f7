"""The emulator: an embedded Opus that speaks the connector's contract strictly, as an ASGI application.

Owns the routes, the order in which a request is judged, and the log of what arrived. It runs inside a
process through `httpx.ASGITransport`, or on a port through `opusmap.emulator.server`. It shares no code
with the mapper's checks nor with the client: it judges on its own.

Left open by the contract, and chosen here: a rowKey twice in one request is processed in order, so the
later one stays with Overwrite and the earlier one with Skip; a record is due when `set_due` said so; only
the record operations of the contract exist, under each of `record_paths`.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from datetime import time as clock_time
from typing import Any, TypeAlias

from opusmap.connection import Connection
from opusmap.emulator.assertions import AssertionJudge
from opusmap.emulator.description import describe_api
from opusmap.emulator.faults import FaultHook, HandledRequest, RequestInfo
from opusmap.emulator.store import RecordStore
from opusmap.emulator.tokens import TokenDesk
from opusmap.emulator.validation import (
    ROW_KEY,
    RecordJudge,
    read_destruction,
    read_due_query,
    read_submission,
    write_page_token,
)
from opusmap.emulator.values import TargetFormat
from opusmap.emulator.wire import (
    Answer,
    Receive,
    Refusal,
    Request,
    Scope,
    Send,
    answer_json,
    answer_lifespan,
    read_json,
    read_request,
    send_answer,
)
from opusmap.records import JsonValue

__all__ = ["RECORD_PATHS", "TOKEN_PATH", "Counts", "Emulator"]

RECORD_PATHS = ("/connector/records", "/records/connector/records")
"""Where the records are: the seed's path and the newer one."""

TOKEN_PATH = "/connect/token"  # noqa: S105 - a path, no password

LOG_LIMIT = 100_000
"""Requests that the log keeps; the oldest go first."""

OK, CREATED, PARTLY = 200, 201, 418
"""The statuses of requests that were processed: 418 when records failed (the contract's own use of it)."""

Handler: TypeAlias = Callable[[Request, JsonValue], Answer]


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened so far: requests by how they were answered, records by what became of them."""

    requests: int = 0
    sign_ins: int = 0
    refused: int = 0
    created: int = 0
    replaced: int = 0
    skipped: int = 0
    failed: int = 0
    destroyed: int = 0


class Emulator:
    """An Opus with one connection, held in memory.

    Attributes:
        record_paths: the paths under which records are submitted, found and destroyed.
        faults: asked before each request is handled; a `Fault` takes the place of the right answer.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        client_id: str,
        client_secret: str,
        certificate: bytes | None = None,
        options: Mapping[str, int] | None = None,
        terms: Collection[str] | None = None,
        target: TargetFormat | None = None,
        token_seconds: int = 3600,
        record_paths: Collection[str] = RECORD_PATHS,
        faults: FaultHook | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Make an empty Opus.

        Args:
            connection: the columns that records are judged by.
            client_id: the one client that may sign in.
            client_secret: its secret.
            certificate: its certificate (PEM or DER, no private key), if it may sign in by an assertion.
            options: choice column (internal or display name) -> number of its options.
            terms: the full paths of all terms; None takes any well-formed path.
            target: how values are to be written; the contract's defaults if None.
            token_seconds: life of a token.
            record_paths: paths to serve; others answer 404, so that a client's fallback can be rehearsed.
            faults: see the class.
            clock: seconds, from any start; tokens expire by it.
            wall_clock: seconds since 1970; assertions are judged by it.

        Raises:
            SettingsError: `options` names what is no choice column of the connection, or the certificate
                can't be used.
        """
        self.record_paths = tuple(record_paths)
        self.faults = faults
        self._connection = connection
        self._target = target or TargetFormat()
        self._judge = RecordJudge(connection, self._target, options, terms)
        judge = None if certificate is None else AssertionJudge(client_id, certificate, wall_clock)
        self._desk = TokenDesk(client_id, client_secret, token_seconds, clock, judge)
        self._store = RecordStore()
        self._log: deque[HandledRequest] = deque(maxlen=LOG_LIMIT)
        self._counter: Counter[str] = Counter()
        self._routes: dict[str, dict[str, Handler]] = {
            TOKEN_PATH: {"POST": self._sign_in},
            "/": {"GET": self._summarize},
            "/openapi.json": {"GET": lambda _request, _body: answer_json(200, self.describe())},
        }
        records: dict[str, Handler] = {"POST": self._submit, "GET": self._find_due, "DELETE": self._destroy}
        self._routes.update((path, records) for path in self.record_paths)

    @property
    def records(self) -> dict[str, dict[str, JsonValue]]:
        """What Opus now holds: a copy, rowKey -> values by internal name."""
        return self._store.copy()

    @property
    def requests(self) -> tuple[HandledRequest, ...]:
        """The last 100,000 requests in the order of their arrival, sign-ins included; no secrets."""
        return tuple(self._log)

    @property
    def counts(self) -> Counts:
        """What happened so far."""
        return Counts(**self._counter)

    def set_due(self, key: str, due: date) -> None:
        """Make the record with this rowKey due for disposal; a date without a time is due from midnight on.

        The record need not have arrived yet. Times carry no zone, as in the contract.
        """
        moment = due if isinstance(due, datetime) else datetime.combine(due, clock_time())
        self._store.set_due(key, moment.replace(tzinfo=None))

    def describe(self) -> dict[str, Any]:
        """Return the OpenAPI description of this emulator, for its connection."""
        return describe_api(self._connection, self._target, self.record_paths, TOKEN_PATH)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await answer_lifespan(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        elif request := await read_request(scope, receive):
            await send_answer(self.answer(request), send)

    def answer(self, request: Request) -> Answer:
        """Answer one request: routes, then faults, then the right to ask, then what is asked."""
        on_records = request.path in self.record_paths and request.method in ("POST", "DELETE")
        body = read_json(request.body) if on_records else None
        self._counter["requests"] += 1
        info = RequestInfo(self._counter["requests"], request.method, request.path, *_list_keys(body))
        fault = self.faults(info) if self.faults else None
        if fault is None:
            answer = self._handle(request, body)
        else:
            if fault.after:
                self._handle(request, body)
            answer = fault.as_answer()
        self._log.append(HandledRequest(info, answer.status))
        return answer

    def _handle(self, request: Request, body: JsonValue | Refusal) -> Answer:
        handlers = self._routes.get(request.path)
        if handlers is None:
            return self._refuse(404, "there is nothing here")
        handler = handlers.get(request.method)
        if handler is None:
            return self._refuse(405, "this method has no meaning here", ("allow", ", ".join(handlers)))
        if request.path in self.record_paths:
            if not self._desk.accepts(request.headers.get("authorization", "")):
                return self._refuse(401, "no token, or one that has expired", ("www-authenticate", "Bearer"))
            if request.method != "GET" and request.media_type != "application/json":
                return self._refuse(415, "send the body as application/json")
        if isinstance(body, Refusal):
            return self._refuse(body.status, body.message)
        return handler(request, body)

    def _refuse(self, status: int, message: str, *headers: tuple[str, str]) -> Answer:
        self._counter["refused"] += 1
        return answer_json(status, {"statusCode": status, "message": message}, *headers)

    def _sign_in(self, request: Request, _body: JsonValue) -> Answer:
        answer = self._desk.sign_in(request)
        self._counter["sign_ins" if answer.status == OK else "refused"] += 1
        return answer

    def _submit(self, _request: Request, body: JsonValue) -> Answer:
        submission = read_submission(body, self._connection.id, self._target)
        if isinstance(submission, Refusal):
            return self._refuse(submission.status, submission.message)
        failed = [
            {"rowKey": _key_of(record), "message": "; ".join(problems)}
            for record in submission.records
            if (problems := self._take(record, overwrite=submission.overwrite))
        ]
        return self._report(failed, len(submission.records), CREATED)

    def _take(self, record: dict[str, JsonValue], *, overwrite: bool) -> list[str]:
        """Hold a record if it is right; return what is wrong with it."""
        problems = self._judge.find_problems(record)
        key = record.get(ROW_KEY)
        if not problems and isinstance(key, str):
            self._counter[self._store.keep(key, record, overwrite=overwrite)] += 1
        return problems

    def _destroy(self, _request: Request, body: JsonValue) -> Answer:
        keys = read_destruction(body)
        if isinstance(keys, Refusal):
            return self._refuse(keys.status, keys.message)
        unknown = [key for key in keys if not self._store.destroy(key)]
        self._counter["destroyed"] += len(keys) - len(unknown)
        failed = [{"rowKey": key, "message": "there is no such record"} for key in unknown]
        return self._report(failed, len(keys), OK)

    def _report(self, failed: Sequence[Mapping[str, str | None]], total: int, success: int) -> Answer:
        self._counter["failed"] += len(failed)
        if not failed:
            return answer_json(success, {"statusCode": success, "message": None})
        message = f"{len(failed)} of {total} records failed"
        body = {"statusCode": PARTLY, "message": message, "failedItems": failed}
        return answer_json(PARTLY, body)

    def _find_due(self, request: Request, _body: object) -> Answer:
        query = read_due_query(request.query, self._connection.id)
        if isinstance(query, Refusal):
            return self._refuse(query.status, query.message)
        data, last = self._store.find_due(query.until, query.after, query.limit)
        token = None if last is None else write_page_token(last)
        return answer_json(OK, {"data": data, "startIndex": token})

    def _summarize(self, _request: Request, _body: object) -> Answer:
        summary = {
            "service": "an embedded Opus for rehearsals; nothing here reaches AvePoint",
            "connection": self._connection.id,
            "paths": {"records": self.record_paths, "token": TOKEN_PATH, "description": "/openapi.json"},
            "records": len(self._store),
            "counts": asdict(self.counts),
        }
        return answer_json(OK, summary)


def _key_of(record: dict[str, JsonValue]) -> str | None:
    key = record.get(ROW_KEY)
    return key if isinstance(key, str) else None


def _list_keys(body: JsonValue | Refusal) -> tuple[int, tuple[str, ...]]:
    """Return how many items a body lists, and those rowKeys that can be read."""
    items = body.get("data", body.get("disposalIds")) if isinstance(body, dict) else None
    if not isinstance(items, list):
        return 0, ()
    keys = (item.get(ROW_KEY) if isinstance(item, dict) else item for item in items)
    return len(items), tuple(key for key in keys if isinstance(key, str))
