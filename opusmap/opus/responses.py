"""Reading Opus's answers: what a request came to, and which records were taken, which failed.

Pure. A record counts as taken only by evidence: a JSON object that says `statusCode` once, as 200 or 201, or
as 418 without naming the record. Any other success is unknown, never done. What to do about anything but an
acceptance is decided in `opusmap.delivery`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum, StrEnum, auto
from functools import lru_cache, partial
from typing import Any, NamedTuple, NoReturn, TypeAlias
from urllib.parse import urlsplit

import msgspec

from opusmap.opus.exchange import Answer, Exchange, NoAnswer, TransportError
from opusmap.service_address import is_on_this_machine
from opusmap.wording import cut_text, one_line

LONGEST_WAIT = 300.0
"""Seconds that a server may make us wait at most, whatever it asks."""

SCOPE = "records.readwrite.all"
"""The permission that the connector's endpoints ask for (AvePoint's documentation)."""

PERMISSION_HELP = f"give the app the permission {SCOPE}, and check its tenant"
TRUST_HELP = "add the certificate authority to the system's store; is there a proxy in between?"
ADDRESS_HELP = "check OPUSMAP_BASE_URL (or OPUSMAP_DATA_CENTER) and OPUSMAP_API_PATH"
PATH_HELP = f"{ADDRESS_HELP}; the older API for Connector is on other hosts, at /api/connector/SubmitRecords"
"""What to do about an answer that concerns the address, and about 404."""

_DOCUMENTED_STATUSES = frozenset({200, 201, 204, 400, 401, 403, 418, 500})
"""What Opus answers by AvePoint's documentation. Any other status may come from something before it."""

_TAKEN = frozenset({200, 201})
_EXCEPTIONS = 418
"""Processed with exceptions: `failedItems` names the records that failed (AvePoint's documentation)."""

_PROCESSED = _TAKEN | {_EXCEPTIONS}
_NO_CONTENT = 204

_STATUS = re.compile(r"[2-5][0-9][0-9]")
_UNREADABLE = 299
"""Replaces a body's status that can't be read: worse than the documented successes, but not a refusal."""

_KEY_NAMES = ("rowkey", "row_key", "key", "id")
_REASON_NAMES = ("message", "error", "errormessage", "reason", "description")
_REASON_LIMIT = 300
"""Characters of Opus's own words that are kept."""

_SHOWN_LIMIT = 80
"""Characters of an unreadable body that are shown."""

_DOCUMENTED = frozenset({"statuscode", "message", "faileditems"})
_ERROR_NAMES = ("error", "errors", "errormessage", "errormessages", "errorcode", "exception", "fault")
_SUCCESS_NAMES = ("success", "succeeded", "issuccess", "issuccessful")
_FAILURE_NAMES = ("haserror", "haserrors", "iserror")
_YES, _NO = ("true", "1", "yes"), ("", "false", "0", "no")
_FAILURE = re.compile(r"[45][0-9][0-9]|err.*|fail.*", re.DOTALL)
"""What contradicts a success beside it. None of these names is documented: they are what other services
use, and what a gateway between adds."""


def advise_absent(url: str, trouble: str) -> str:
    """Return what to do where nothing listens on this machine: an emulator was stopped; else ""."""
    if not is_on_this_machine(url) or "refused" not in trouble:
        return ""
    own = urlsplit(url).port
    port = "" if own is None else f" --port {own}"
    return (
        f"the emulator is not running: start it in another terminal (`opusmap emulator MAPPING{port}`), and "
        "use the settings that it prints"
    )


class Verdict(StrEnum):
    """What one request came to; what the journal then says of its records follows from that."""

    ACCEPTED = "accepted"  # it was processed, and the answer tells what became of each record
    REFUSED = "refused"  # nothing was processed, and the same request would be refused again
    UNKNOWN = "unknown"  # it may have been processed
    RETRY = "retry"  # nothing was processed, and the same request may succeed later


class LoadSignal(Enum):
    """What a request says of how much Opus can bear."""

    KEPT = auto()  # Opus dealt with it
    TOO_MUCH = auto()
    TROUBLE = auto()
    NOT_SENT = auto()  # it never left for Opus


class AttemptResult(msgspec.Struct, frozen=True):
    """What one request came to.

    Attributes:
        verdict: the same in one word.
        message: the same for a person.
        status: the worse of the HTTP status and the body's, or 0 without an answer.
        error: why there is no answer, if there is none.
        accepted: the rowKeys of the records that Opus took, if the verdict is that.
        failed: those that it refused -> the reason; each record is in one of the two.
        unreadable: an answer came that does not say what happened to the records.
        trusted: nothing but the HTTP status says that the records were taken.
        retry_after: the seconds that Opus asks to wait, if any.
        signal: what it says of how much Opus can bear.
        seconds: how long it took.
    """

    verdict: Verdict
    message: str = ""
    status: int = 0
    error: TransportError | None = None
    accepted: tuple[str, ...] = ()
    failed: Mapping[str, str] = msgspec.field(default_factory=dict)
    unreadable: bool = False
    trusted: bool = False
    retry_after: float | None = None
    signal: LoadSignal = LoadSignal.KEPT
    seconds: float = 0.0


def read_exchange(
    exchange: Exchange,
    keys: Sequence[str],
    seconds: float = 0.0,
    *,
    trust_status: bool = False,
    no_content: bool = False,
) -> AttemptResult:
    """Return what became of the records with these rowKeys.

    Args:
        exchange: the answer, whatever came, or the lack of one.
        keys: the request's rowKeys, at least one, each once.
        seconds: how long it took.
        trust_status: believe an HTTP status of 200 or 201 that surely comes without any body.
        no_content: 204 without a body says that all is done, as the documentation has it of destroying.
    """
    if isinstance(exchange, NoAnswer):
        return read_silence(exchange, seconds)
    make = partial(_make_result, exchange, seconds)
    if no_content and exchange.status == _NO_CONTENT and not exchange.body:
        return make(Verdict.ACCEPTED, _NO_CONTENT, accepted=tuple(keys))
    if trust_status and not exchange.body and not exchange.cut and exchange.status in _TAKEN:
        return make(Verdict.ACCEPTED, exchange.status, accepted=tuple(keys), trusted=True)
    read = _read_again if len(exchange.body) <= _SHORT else _read_answer
    status, problem, message, items = read(exchange.status, exchange.body)
    if not _is_success(status):
        return make(_judge_refusal(status), status, message)
    if problem:
        return make(Verdict.UNKNOWN, status, problem, unreadable=True)
    if status in _TAKEN and (not items or items[0] is None or items[0] == []):
        return make(Verdict.ACCEPTED, status, message, accepted=tuple(keys))
    failed = _read_exceptions(items[0] if items else None, keys, message)
    if isinstance(failed, str):
        return make(Verdict.UNKNOWN, _EXCEPTIONS, failed, unreadable=True)
    accepted = tuple(key for key in keys if key not in failed)
    return make(Verdict.ACCEPTED, _EXCEPTIONS, message, accepted=accepted, failed=failed)


class _Reading(NamedTuple):
    """What an answer says, whatever was sent: the worse status, why it is not clear, and Opus's words.

    `items` are the values of `failedItems`, one for each time that it is there.
    """

    status: int
    problem: str
    message: str
    items: Sequence[Any]


def _read_answer(status: int, body: bytes) -> _Reading:
    content = _read_json(body)
    said = _read_names(content)
    status, problem = _judge_status(status, content, said)
    items = said.get("faileditems", [])
    if not problem and len(items) > 1:
        problem = "the answer has `failedItems` more than once"
    if not problem and status in _TAKEN:
        problem = _find_contradiction(said)
    return _Reading(status, problem, plain_text(_first(said, "message")), items)


_SHORT = 200
_read_again = lru_cache(64)(_read_answer)  # nearly all answers of a run are the same few bytes


def read_silence(exchange: NoAnswer, seconds: float) -> AttemptResult:
    """Return what a request came to that got no answer."""
    verdict, signal = _NO_ANSWER[exchange.error]
    return AttemptResult(
        verdict,
        exchange.detail,
        error=exchange.error,
        retry_after=exchange.retry_after,
        signal=signal,
        seconds=seconds,
    )


def read_due_answer(answer: Answer) -> AttemptResult:
    """Return what the answer to a question for due records says: it names none that were sent.

    An answer without a body says by 204 that none is due. A `statusCode` may be missing beside the list.
    """
    make = partial(_make_result, answer, 0.0)
    if answer.status == _NO_CONTENT and not answer.body:
        return make(Verdict.ACCEPTED, answer.status)
    content = _read_json(answer.body)
    said = _read_names(content)
    if "statuscode" not in said and "querieditems" in said:
        said["statuscode"] = [answer.status]
    status, problem = _judge_status(answer.status, content, said)
    message = plain_text(_first(said, "message"))
    if not _is_success(status) or status == _EXCEPTIONS:
        return make(_judge_refusal(status), status, message)
    if problem := problem or _find_contradiction(said):
        return make(Verdict.UNKNOWN, status, problem, unreadable=True)
    return make(Verdict.ACCEPTED, status, message)


def _make_result(
    answer: Answer,
    seconds: float,
    verdict: Verdict,
    status: int,
    message: str = "",
    *,
    accepted: tuple[str, ...] = (),
    failed: Mapping[str, str] | None = None,
    unreadable: bool = False,
    trusted: bool = False,
) -> AttemptResult:
    """Return a result with the text for a person: `message` is what Opus says, or what is unreadable."""
    if unreadable:  # how it begins tells who answered
        kind = plain_text(answer.content_type.partition(";")[0], _KIND_LIMIT)
        came = "it broke off, or was too long" if answer.cut else _describe_body(answer.body)
        message = f"{name_answer(answer.status)}{f' ({kind})' if kind else ''}: {message}; {came}"
    else:
        where = f" on {answer.path}" if status in _PATH_STATUSES else ""
        message = name_answer(status) + where + (f": {message}" if message else "")
    return AttemptResult(
        verdict,
        message,
        status,
        None,
        accepted,
        failed or {},
        unreadable,
        trusted,
        answer.retry_after,
        _read_load_signal(answer.status),
        seconds,
    )


def _is_success(status: int) -> bool:
    return status in _PROCESSED or status // 100 == 2  # noqa: PLR2004 - HTTP


def _judge_refusal(status: int) -> Verdict:
    if status == 408 or status >= 500:  # noqa: PLR2004 - HTTP
        return Verdict.UNKNOWN
    return Verdict.RETRY if status == 429 else Verdict.REFUSED  # noqa: PLR2004 - HTTP


def _read_load_signal(status: int) -> LoadSignal:
    if status in (429, 503):
        return LoadSignal.TOO_MUCH
    return LoadSignal.TROUBLE if status == 408 or status >= 500 else LoadSignal.KEPT  # noqa: PLR2004 - HTTP


_NO_ANSWER = {
    TransportError.UNREACHED: (Verdict.RETRY, LoadSignal.TROUBLE),
    TransportError.LOST: (Verdict.UNKNOWN, LoadSignal.TROUBLE),
    TransportError.TIMEOUT: (Verdict.UNKNOWN, LoadSignal.TROUBLE),
    TransportError.SIGN_IN: (Verdict.RETRY, LoadSignal.NOT_SENT),
    TransportError.UNTRUSTED: (Verdict.REFUSED, LoadSignal.NOT_SENT),
}
_PATH_STATUSES = (404, 405)
_KIND_LIMIT = 40
"""Characters of an answer's type that are shown."""


def read_status(answer: Answer) -> int:
    """Return the worse of the two statuses of an answer, HTTP's and the body's."""
    if not _TOKEN_OR_PATH.search(answer.body):
        return answer.status  # nearly all answers: they are read once, not twice
    content = _read_json(answer.body)
    return _judge_status(answer.status, content, _read_names(content))[0]


_TOKEN_OR_PATH = re.compile(rb"40[145]")


def name_answer(status: int) -> str:
    """Return who answers so: a status that Opus does not document may be a proxy's or a gateway's."""
    return f"Opus{'' if status in _DOCUMENTED_STATUSES else ', or a gateway before it,'} answers {status}"


_NOT_JSON = "the answer is not the documented JSON"


def _judge_status(status: int, content: Any, said: _Said) -> tuple[int, str]:
    """Return the worse of the two statuses, and why it does not show what happened to the records."""
    statuses = said.get("statuscode", [])
    code = _read_status(statuses[0]) if len(statuses) == 1 else None
    second = code or (_UNREADABLE if statuses else status)
    worse = status if second == status else max(status, second, key=_badness)
    if not isinstance(content, _Object):
        return worse, _NOT_JSON
    if not statuses:
        return worse, "the answer has no `statusCode`"
    if len(statuses) > 1:
        return worse, "the answer has `statusCode` more than once"
    if code is None:
        return worse, "the answer's `statusCode` is not a status"
    for each in (status, code):
        if each not in _PROCESSED:
            return worse, f"{each} is not a documented status of success"
    return worse, ""


def _find_contradiction(said: _Said) -> str:
    """Return what in a body speaks against its status of success; an empty text if nothing does."""
    if said.keys() <= _DOCUMENTED:
        return ""
    for names, contradicts in _CONTRADICTIONS:
        for name in names:
            if any(contradicts(value) for value in said.get(name, ())):
                return f"the answer reports success, but `{name}` contradicts it"
    return ""


def _says_no(value: Any) -> bool:
    return value is not None and str(value).strip().lower() not in _YES


def _says_something(value: Any) -> bool:
    empty = value is None or value in ([], {})
    return not empty and str(value).strip().lower() not in _NO


def _says_failure(value: Any) -> bool:
    return _FAILURE.fullmatch(str(value).strip().lower()) is not None


_CONTRADICTIONS = (
    (_ERROR_NAMES, _says_something),
    (_SUCCESS_NAMES, _says_no),
    (_FAILURE_NAMES, _says_something),
    (("status",), _says_failure),
)


def _read_exceptions(items: Any, keys: Sequence[str], message: str) -> dict[str, str] | str:
    """Match `failedItems` with the records: rowKey -> reason; or say why that can't be."""
    if not isinstance(items, list) or not 0 < len(items) <= len(keys):
        return "`failedItems` does not name the records"
    known, failed = set(keys), dict[str, str]()
    for item in items:
        key, reason = _read_item(item)
        if key not in known:
            return "`failedItems` names records that were not sent"
        failed.setdefault(key, reason or message or "Opus gave no reason")
    return failed


def _read_item(item: Any) -> tuple[str | None, str]:
    """Return the rowKey and the reason of one element, whose shape is undocumented."""
    if not isinstance(item, _Object):
        return _as_key(item), ""
    said = _read_names(item)
    keys = next((said[name] for name in _KEY_NAMES if name in said), [])
    key = _as_key(keys[0]) if len(keys) == 1 else None
    return key, next((text for name in _REASON_NAMES if (text := plain_text(_first(said, name)))), "")


def _as_key(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _read_status(said: Any) -> int | None:
    """Return a body's status, a number or its digits; None for anything else."""
    text = str(said) if isinstance(said, int | str) and not isinstance(said, bool) else ""
    return int(text) if _STATUS.fullmatch(text) else None


def _badness(status: int) -> tuple[int, int]:
    """Order statuses: taken, another success, processed with exceptions, refused, server trouble."""
    ranks = {200: 0, 201: 0, _EXCEPTIONS: 2}
    return ranks.get(status, max(1, 2 * (status // 100) - 3)), status


class _Object(dict[str, Any]):
    """A JSON object that keeps all its pairs: a decoder forgets that a name came twice, and what it said."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        self.pairs = tuple(pairs)
        super().__init__(self.pairs)


_Said: TypeAlias = dict[str, list[Any]]
"""Name in lower case -> all its values."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER = json.JSONDecoder(object_pairs_hook=_Object, parse_constant=_refuse_constant)


def _read_json(body: bytes) -> Any:
    try:
        return _DECODER.decode(body.removeprefix(b"\xef\xbb\xbf").decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def _read_names(content: Any) -> _Said:
    said: _Said = {}
    if isinstance(content, _Object):
        for name, value in content.pairs:
            # Of letters beyond ASCII some have an ASCII letter as their lower case: `K` as a sign of units.
            said.setdefault(name.lower() if name.isascii() else name, []).append(value)
    return said


def _first(said: _Said, name: str) -> Any:
    return said[name][0] if name in said else None


def plain_text(value: Any, limit: int = _REASON_LIMIT) -> str:
    """Return Opus's words as one printable line of bounded length; whatever is not text, as JSON."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return cut_text(" ".join(one_line(text[: 4 * limit]).split()), limit)


def _describe_body(body: bytes) -> str:
    """Return how an answer's body begins, for a person who asks who answered in Opus's place."""
    begins = plain_text(body[: 8 * _SHOWN_LIMIT].decode("utf-8", "replace"), _SHOWN_LIMIT)
    return f"it begins: {begins}" if begins else "it has no body"


def parse_retry_after(text: str | None, now: float) -> float | None:
    """Return the seconds that a `Retry-After` header asks for, 0..300, or None where it can't be read.

    Args:
        text: seconds or an HTTP date (RFC 9110, 10.2.3). A date in the past says nothing.
        now: seconds since 1970, by the server's clock where it is known.
    """
    if text is None or len(text) > 64:  # noqa: PLR2004 - longer than any date
        return None
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text.strip()):
        return min(float(text), LONGEST_WAIT)
    seconds = parse_http_date(text)
    if seconds is None or seconds <= now:
        return None
    return min(seconds - now, LONGEST_WAIT)


def parse_http_date(text: str | None) -> float | None:
    """Return an HTTP date as seconds since 1970, or None where it can't be read."""
    try:
        date = parsedate_to_datetime(text or "")
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
