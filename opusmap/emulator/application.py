"""The emulator: an embedded Opus that speaks the connector's contract strictly, as an ASGI application.

Owns the routes, the order in which a request is judged, and the log of what arrived. It runs inside a
process through `opusmap.run.rehearsal`, or on a port through `opusmap.emulator.server`. It shares no code
with the mapper's checks nor with the client: it judges on its own.

Left open by the contract, and chosen here: a rowKey twice in one request is processed in order, so the
later one stays with Overwrite and the earlier one with Skip; a record is due when the retention of its term
or `set_due` said so, and only then can be marked as destroyed; one that was marked stays held and is due no
more; only the record operations of the contract exist, under each of `record_paths`. Beside them, for
rehearsals alone: `FAULTS_PATH` shows and changes the faults, `HELD_PATH` gives what is held, `APPROVALS_PATH`
approves what is due.
"""

from __future__ import annotations

import heapq
import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, TypeAlias

from opusmap.connection import Connection
from opusmap.emulator.description import describe_api
from opusmap.emulator.disposal import APPROVALS_PATH, Disposal
from opusmap.emulator.fault_injector import SeededFaults
from opusmap.emulator.fault_profile import FAULTS_PATH, FaultPlan, make_plan
from opusmap.emulator.faults import Fault, FaultHook, HandledRequest, RequestInfo
from opusmap.emulator.http import (
    NO_CONTENT,
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
from opusmap.emulator.store import HELD_PATH, RecordStore
from opusmap.emulator.tokens import TOKEN_PATH, Client, Time, TokenEndpoint
from opusmap.emulator.validation import (
    BUILT_IN,
    ROW_KEY,
    Readings,
    RecordValidator,
    read_approvals,
    read_destruction,
    read_due_query,
    read_submission,
    write_page_token,
)
from opusmap.emulator.values import TargetFormat
from opusmap.errors import SettingsError
from opusmap.records import JsonValue

LOG_LIMIT = 100_000
"""Requests that the log keeps; the oldest go first."""

OK, CREATED = 200, 201
_CONTROLS = (FAULTS_PATH, APPROVALS_PATH)
NOTHING = Answer(NO_CONTENT, b"")
RIGHT = Fault()

Handler: TypeAlias = Callable[[Request, JsonValue, Fault], Answer]


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
        disposal: when records are due, by which rules, and what was marked as destroyed.
        record_paths: the paths under which records are submitted, found and destroyed.
        faults: asked before each request is handled: what is to become of it. May be set at any time.
    """

    def __init__(
        self,
        connection: Connection,
        client: Client,
        *,
        options: Mapping[str, int] | None = None,
        terms: Collection[str] | None = None,
        target: TargetFormat | None = None,
        readings: Readings | None = None,
        faults: FaultHook | None = None,
        time: Time | None = None,
    ) -> None:
        """Make an empty Opus.

        Args:
            connection: the columns that records are judged by.
            client: the one client that may sign in.
            options: choice column (internal or display name) -> number of its options.
            terms: the full paths of all terms; None takes any well-formed path.
            target: how values are to be written; the contract's defaults if None.
            readings: which of two readings of the documentation is played; the defaults if None.
            faults: see the class.
            time: the clocks; the machine's if None.

        Raises:
            SettingsError: `options` names a column without options, or the certificate
                can't be used.
        """
        self.faults = faults
        self._connection = connection
        self._target = target or TargetFormat()
        self._readings = readings or Readings()
        self.record_paths = self._readings.record_paths
        self._validator = RecordValidator(connection, self._target, options, terms)
        self._time = time or Time()
        self._tokens = TokenEndpoint(client, self._time)
        self._store = RecordStore()
        self.disposal = Disposal(self._store, self._readings, self._target, self._time)
        self._log: deque[HandledRequest] = deque(maxlen=LOG_LIMIT)
        self._counter: Counter[str] = Counter()
        self._pending: list[tuple[float, int, Callable[[], Answer]]] = []  # a heap: what is processed late
        self._lock = threading.RLock()  # a test may look while a server's thread works
        self._routes: dict[str, dict[str, Handler]] = {
            TOKEN_PATH: {"POST": self._sign_in},
            "/": {"GET": self._summarize},
            "/openapi.json": {"GET": lambda *_: answer_json(200, self.describe())},
            FAULTS_PATH: {"GET": self._show_faults, "POST": self._change_faults},
            HELD_PATH: {"GET": self._show_held},
            APPROVALS_PATH: {"POST": self._approve},
        }
        records: dict[str, Handler] = {"POST": self._submit, "GET": self._find_due, "DELETE": self._destroy}
        self._routes.update((path, records) for path in self.record_paths)

    @property
    def records(self) -> dict[str, dict[str, JsonValue]]:
        """What Opus now holds: a copy, rowKey -> values by internal name."""
        with self._lock:
            self._catch_up()
            return self._store.copy()

    @property
    def destroyed(self) -> frozenset[str]:
        """The rowKeys of the records that were marked as destroyed; they are held as before."""
        with self._lock:
            self._catch_up()
            return frozenset(self.disposal.destroyed)

    @property
    def requests(self) -> tuple[HandledRequest, ...]:
        """The last 100,000 requests in the order of their arrival, sign-ins included; no secrets."""
        with self._lock:
            return tuple(self._log)

    @property
    def counts(self) -> Counts:
        """What happened so far."""
        with self._lock:
            self._catch_up()
            return Counts(**self._counter)

    @property
    def pending(self) -> int:
        """How many requests are still to be processed late."""
        with self._lock:
            self._catch_up()
            return len(self._pending)

    def follow(self, plan: FaultPlan) -> SeededFaults:
        """Let faults come after a plan from now on; return the hook, which counts them."""
        self.faults = hook = SeededFaults(plan, self._time.clock)
        return hook

    def set_due(self, key: str, due: date) -> None:
        """Make the record with this rowKey due for disposal; a date without a time is due from midnight on.

        The record need not have arrived yet. Times carry no zone, as in the contract.
        """
        self.disposal.set_due(key, due)

    def describe(self) -> dict[str, Any]:
        """Return the OpenAPI description of this emulator, for its connection."""
        return describe_api(self._connection, self._target, self._readings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await answer_lifespan(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        elif request := await read_request(scope, receive):
            await send_answer(self.answer(request), send, self._time.sleep)

    def answer(self, request: Request) -> Answer:
        """Answer one request: the faults are asked, then the right to ask, then what is asked is done."""
        judged = request.path in (*self.record_paths, *_CONTROLS)
        body = read_json(request.body) if judged and request.method in ("POST", "DELETE") else None
        with self._lock:
            self._catch_up()
            self._counter["requests"] += 1
            listed = _list_keys(body) if request.path in self.record_paths else (0, ())
            info = RequestInfo(self._counter["requests"], request.method, request.path, *listed)
            fault = (self.faults(info) if self.faults else None) or RIGHT
            answer = self._answer(request, body, fault, info.number)
            self._log.append(HandledRequest(info, answer.status))
        return replace(answer, delivery=fault.delivery)

    def _answer(self, request: Request, body: JsonValue | Refusal, fault: Fault, number: int) -> Answer:
        if fault.forget_tokens:
            self._tokens.forget()
        if not fault.processed:
            return fault.as_answer()
        handler = self._route(request, body)
        if not isinstance(handler, Answer):
            assert not isinstance(body, Refusal)
            asked = body if fault.first is None else _keep_first(body, fault.first)
            if fault.late:
                due = self._time.clock() + fault.late
                heapq.heappush(self._pending, (due, number, lambda: handler(request, asked, fault)))
                return fault.as_answer()
            answer = handler(request, asked, fault)
        else:
            answer = handler
        return fault.as_answer() if fault.status else answer

    def _catch_up(self) -> None:
        """Process what was to come late and is due."""
        while self._pending and self._pending[0][0] <= self._time.clock():
            heapq.heappop(self._pending)[2]()

    def _route(self, request: Request, body: JsonValue | Refusal) -> Handler | Answer:
        """Return who handles a request, or the answer that refuses it."""
        handlers = self._routes.get(request.path)
        if handlers is None:
            return self._refuse(404, "unknown path")
        handler = handlers.get(request.method)
        if handler is None:
            return self._refuse(405, "this path does not accept this method", ("allow", ", ".join(handlers)))
        if request.path in (*self.record_paths, HELD_PATH, APPROVALS_PATH) and not self._tokens.accepts(
            request.headers.get("authorization", "")
        ):
            return self._refuse(401, "there is no token, or it has expired", ("www-authenticate", "Bearer"))
        reads = request.path in (*self.record_paths, *_CONTROLS)
        if reads and request.method != "GET" and request.media_type != "application/json":
            return self._refuse(415, "send the body as application/json")
        return self._refuse(body.status, body.message) if isinstance(body, Refusal) else handler

    def _refuse(self, status: int, message: str, *headers: tuple[str, str]) -> Answer:
        self._counter["refused"] += 1
        return answer_json(status, {"statusCode": status, "message": message}, *headers)

    def _sign_in(self, request: Request, _body: JsonValue, _fault: Fault) -> Answer:
        answer = self._tokens.sign_in(request)
        self._counter["sign_ins" if answer.status == OK else "refused"] += 1
        return answer

    def _submit(self, _request: Request, body: JsonValue, fault: Fault) -> Answer:
        submission = read_submission(body, self._connection.id, self._target)
        if isinstance(submission, Refusal):
            return self._refuse(submission.status, submission.message)
        failed = [
            (_key_of(record), "; ".join(problems))
            for record in submission.records
            if (problems := self._take(record, submission.overwrite, fault.refuses))
        ]
        return self._report(failed, len(submission.records), CREATED, fault)

    def _take(self, record: dict[str, JsonValue], overwrite: bool, refused: Collection[str]) -> list[str]:  # noqa: FBT001
        """Hold a record if it is right; return what is wrong with it."""
        problems = self._validator.find_problems(record)
        key = record.get(ROW_KEY)
        if isinstance(key, str) and key in refused:
            problems.append("refused by the emulator's faults")
        if not problems and isinstance(key, str):
            self._counter[self._store.keep(key, record, overwrite=overwrite)] += 1
            self.disposal.note_kept(key)
        return problems

    def _destroy(self, _request: Request, body: JsonValue, fault: Fault) -> Answer:
        keys = read_destruction(body)
        if isinstance(keys, Refusal):
            return self._refuse(keys.status, keys.message)
        failed: list[tuple[str | None, str]] = []
        for key in keys:
            if key in fault.refuses:
                failed.append((key, "refused by the emulator's faults"))
            elif problem := self.disposal.mark(key):
                failed.append((key, problem))
        self._counter["destroyed"] += len(keys) - len(failed)
        if self._readings.no_content and not failed:
            return NOTHING
        return self._report(failed, len(keys), OK, fault)

    def _report(self, failed: list[tuple[str | None, str]], total: int, success: int, fault: Fault) -> Answer:
        self._counter["failed"] += len(failed)
        if not failed:
            return answer_json(success, {"statusCode": success, "message": None})
        return fault.shape.write(failed, f"{len(failed)} of {total} records failed")

    def _find_due(self, request: Request, _body: JsonValue, _fault: Fault) -> Answer:
        query = read_due_query(request.query, self._connection.id, self._readings)
        if isinstance(query, Refusal):
            return self._refuse(query.status, query.message)
        start, token = query.start, None
        if isinstance(start, int):
            due = self.disposal.find_due(query.before)[start * query.limit :]
        else:
            due = self.disposal.find_due(query.before, start)
        page = due[: query.limit]
        if len(due) > len(page):
            token = start + 1 if isinstance(start, int) else write_page_token(str(page[-1][ROW_KEY]))
        if self._readings.no_content and not page:
            return NOTHING
        items = [{name: _write_built_in(name, record) for name in BUILT_IN} for record in page]
        return answer_json(OK, {"startIndex": token, "statusCode": OK, "queriedItems": items})

    def _summarize(self, _request: Request, _body: JsonValue, _fault: Fault) -> Answer:
        summary = {
            "service": "an embedded Opus for rehearsals; nothing is sent to AvePoint",
            "connection": self._connection.id,
            "paths": {
                "records": self.record_paths,
                "token": TOKEN_PATH,
                "description": "/openapi.json",
                "faults": FAULTS_PATH,
                "held": HELD_PATH,
                "approvals": APPROVALS_PATH,
            },
            "records": len(self._store),
            "counts": asdict(self.counts),
        }
        return answer_json(OK, summary)

    def _show_faults(self, _request: Request, _body: JsonValue, _fault: Fault) -> Answer:
        hook = self.faults
        if isinstance(hook, SeededFaults):
            return answer_json(OK, {"plan": hook.plan.as_json(), "met": hook.met})
        return answer_json(OK, {"plan": None if hook else FaultPlan().as_json(), "met": {}})

    def _change_faults(self, request: Request, body: JsonValue, fault: Fault) -> Answer:
        if not isinstance(body, dict):
            return self._refuse(400, 'send an object such as {"level": "harsh", "seed": 7}')
        try:
            self.follow(make_plan(body))
        except SettingsError as error:
            return self._refuse(400, ". ".join(filter(None, (error.problem, error.help))))
        return self._show_faults(request, body, fault)

    def _approve(self, _request: Request, body: JsonValue, _fault: Fault) -> Answer:
        keys = read_approvals(body)
        if isinstance(keys, Refusal):
            return self._refuse(keys.status, keys.message)
        approved = self.disposal.approve(keys)
        return answer_json(OK, {"approved": list[JsonValue](approved)})

    def _show_held(self, _request: Request, _body: JsonValue, _fault: Fault) -> Answer:
        lines = "".join(json.dumps(record) + "\n" for record in self._store.copy().values())
        return Answer(OK, lines.encode("ascii"), (("content-type", "application/jsonl"),))


def _write_built_in(name: str, record: Mapping[str, JsonValue]) -> JsonValue:
    """Return a built-in column as due records give it: times end in a blank, as in the published sample."""
    value = record.get(name)
    return f"{value} " if name.startswith("time") and isinstance(value, str) else value


def _key_of(record: dict[str, JsonValue]) -> str | None:
    key = record.get(ROW_KEY)
    return key if isinstance(key, str) else None


def _list_items(body: JsonValue | Refusal) -> list[JsonValue]:
    items = body.get("data", body.get("disposalIds")) if isinstance(body, dict) else None
    return items if isinstance(items, list) else []


def _list_keys(body: JsonValue | Refusal) -> tuple[int, tuple[str, ...]]:
    """Return how many items a body lists, and those rowKeys that can be read."""
    items = _list_items(body)
    keys = (item.get(ROW_KEY) if isinstance(item, dict) else item for item in items)
    return len(items), tuple(key for key in keys if isinstance(key, str))


def _keep_first(body: JsonValue, count: int) -> JsonValue:
    """Return a body that lists only the first items."""
    items = _list_items(body)
    if not items or not isinstance(body, dict):
        return body
    return {**body, ("data" if "data" in body else "disposalIds"): items[:count]}
