"""Requests and records judged against the contract: what is refused as a whole, what record by record.

Owns the reading of the three record operations' parameters and the judgement of a record's columns.
Single values are judged in `opusmap.emulator.values`; nothing here changes what the emulator holds.

Where the contract is silent, the strictest reading that a correct client can meet is taken: unknown
keys of a request are refused, an empty `data` too, and so is a request with a record that is not an object.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import parse_qsl

from opusmap.connection import Column, ColumnType, Connection
from opusmap.emulator.http import Refusal
from opusmap.emulator.values import Rules, TargetFormat, find_problem, show
from opusmap.errors import SettingsError
from opusmap.records import JsonValue
from opusmap.wording import quote_value, suggest

RECORDS_LIMIT = 15
"""Records that one request may submit or destroy."""

RECORD_PATHS = ("/connector/records", "/records/connector/records")
"""Where the records are: the seed's path and the newer one."""

PAGE_LIMIT = 100
"""Records on one page of due ones."""

PAGE_SIZES = ("itemsPerPage", "itemsPerpage")
"""The two spellings of AvePoint's documentation; of both the first counts."""

ROW_KEY = "rowKey"
"""The internal name of the unique key."""

BUILT_IN = (
    ROW_KEY,
    "leafName",
    "termFullPath",
    "timeCreated",
    "timeModified",
    "createdBy",
    "modifiedBy",
)
"""The columns of every connection; a due record gives these and no others."""

_Item = TypeVar("_Item")
CHOICES = frozenset({ColumnType.SINGLE_CHOICE, ColumnType.MULTIPLE_CHOICE})


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission that is well-formed as a request; its records are not judged yet."""

    overwrite: bool
    records: tuple[dict[str, JsonValue], ...]


@dataclass(frozen=True, slots=True)
class Readings:
    """How the emulator answers where AvePoint's documentation can be read in two ways.

    Where a client that copes with one reading copes with the other, there is no choice: the harder is played.

    Attributes:
        no_content: answer 204 without a body where no record is due, and where all were marked as
            destroyed; else 200 with a body.
        page_index: `startIndex` is the number of a page, so that records that are destroyed between two
            pages shift those that follow; else a token that says where the page before ended.
        approval: a record can be marked as destroyed only once it was approved (manual approval in Opus).
        marked_once: a record that was marked before fails when it is marked again.
        record_paths: paths to serve; others answer 404, so that a client's fallback can be rehearsed.
    """

    no_content: bool = False
    page_index: bool = False
    approval: bool = False
    marked_once: bool = False
    record_paths: tuple[str, ...] = RECORD_PATHS


@dataclass(frozen=True, slots=True)
class DueQuery:
    """A question for due records: due before when, which page of how many at most.

    `start` is the rowKey that the page follows, "" for the first page; or the page's number, from 0.
    """

    before: datetime
    start: str | int
    limit: int


def read_submission(body: JsonValue, connection_id: str, target: TargetFormat) -> Submission | Refusal:
    """Read the body of a submission, or say why all of it is refused with 400."""
    spellings = {"both": ("conflictOption", "confilictOption")}.get(
        target.conflict_key, (target.conflict_key,)
    )
    if not isinstance(body, dict):
        return Refusal(400, f"the body is {show(body)}, not an object with `id`, `{spellings[0]}` and `data`")
    if unknown := [key for key in body if key not in {"id", "data", *spellings}]:
        return Refusal(400, f"the request has no parameter {quote_value(unknown[0])}")
    if refusal := _check_id(body.get("id"), connection_id):
        return refusal
    given = [body[key] for key in spellings if key in body]
    if not given:
        return Refusal(400, f"`{spellings[0]}` is missing")
    if any(option not in ("Overwrite", "Skip") for option in given):
        return Refusal(400, f"`{spellings[0]}` must be Overwrite or Skip")
    if given[0] != given[-1]:
        return Refusal(400, "`conflictOption` and `confilictOption` differ")
    records = _read_items(body.get("data"), "data", dict)
    return records if isinstance(records, Refusal) else Submission(given[0] == "Overwrite", records)


def read_destruction(body: JsonValue) -> tuple[str, ...] | Refusal:
    """Read the body of a request to destroy records: the rowKeys, or why all of it is refused."""
    if not isinstance(body, dict):
        return Refusal(400, f"the body is {show(body)}, not an object with `disposalIds`")
    if unknown := [key for key in body if key != "disposalIds"]:
        return Refusal(400, f"the request has no parameter {quote_value(unknown[0])}")
    return _read_items(body.get("disposalIds"), "disposalIds", str)


def read_approvals(body: JsonValue) -> tuple[str, ...] | Refusal | None:
    """Read which records are to be approved, for rehearsals: their rowKeys, or None for all that are due."""
    keys = body.get("rowKeys") if isinstance(body, dict) and body.keys() <= {"rowKeys"} else ""
    if keys is None:
        return None
    found = tuple(key for key in keys if isinstance(key, str)) if isinstance(keys, list) else None
    if found is None or not isinstance(keys, list) or len(found) < len(keys):
        return Refusal(400, 'send {} to approve all that is due, or {"rowKeys": ["…"]}')
    return found


def read_due_query(query: bytes, connection_id: str, readings: Readings) -> DueQuery | Refusal:
    """Read the query of a request for due records.

    `itemsPerPage` absent, empty or 0 means the limit of 100: the contract gives 0 no other meaning.
    """
    try:
        # Latin-1 takes any byte; characters that a query can't contain are refused in the value.
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return Refusal(400, "the query has too many parameters")
    given = dict(pairs)
    if len(given) < len(pairs):
        return Refusal(400, "the query names a parameter twice")
    if unknown := given.keys() - {"id", "disposalDueDate", "startIndex", *PAGE_SIZES}:
        return Refusal(400, f"the request has no parameter {quote_value(min(unknown))}")
    if refusal := _check_id(given.get("id"), connection_id):
        return refusal
    before = _read_naive_time(given.get("disposalDueDate", ""))
    if before is None:
        return Refusal(400, "`disposalDueDate` must be an ISO time without a zone")
    start = (_read_page_number if readings.page_index else _read_token)(given.get("startIndex", ""))
    if start is None:
        return Refusal(400, "`startIndex` must be empty or the value from the page before")
    sizes = [given[name] or "0" for name in PAGE_SIZES if name in given] or ["0"]
    if not all(re.fullmatch("[0-9]{1,3}", size) and int(size) <= PAGE_LIMIT for size in sizes):
        return Refusal(400, f"`itemsPerPage` must be 0 to {PAGE_LIMIT}")
    return DueQuery(before, start, int(sizes[0]) or PAGE_LIMIT)


class RecordValidator:
    """Judges records of one connection."""

    def __init__(
        self,
        connection: Connection,
        target: TargetFormat,
        options: Mapping[str, int] | None = None,
        terms: Collection[str] | None = None,
    ) -> None:
        """Prepare the rules of each column.

        Args:
            connection: the columns.
            target: how values are written.
            options: choice column (internal or display name) -> number of its options; of a column
                that is not named here any order from `choice_base` on is taken.
            terms: the full paths of all terms; any well-formed path is taken when it is None.

        Raises:
            SettingsError: `options` names a column without options, or a number of options below 1.
        """
        counts = {_find_choice(connection, name): count for name, count in (options or {}).items()}
        if any(count < 1 for count in counts.values()):
            raise SettingsError("options", "a choice column has at least one option")
        known = None if terms is None else frozenset(terms)
        self._columns = {column.internal_name: column for column in connection.columns}
        # Without its key a record can't be held, whatever a connection file says.
        self._columns[ROW_KEY] = Column(ROW_KEY, "Row key", ColumnType.SINGLE_TEXT, required=True)
        self._rules = {name: Rules(target, counts.get(name), known) for name in self._columns}
        self._required = [column for column in self._columns.values() if column.required]
        self._empty = target.empty

    def find_problems(self, record: Mapping[str, JsonValue]) -> list[str]:
        """Return everything that is wrong with a record, each as one sentence; none when it is taken."""
        missing = [
            f"{_name(column)} is required but {'empty' if column.internal_name in record else 'missing'}"
            for column in self._required
            if _is_blank(record.get(column.internal_name))
        ]
        wrong = [self._find_problem(name, value) for name, value in record.items()]
        return missing + [problem for problem in wrong if problem]

    def _find_problem(self, name: str, value: JsonValue) -> str | None:
        column = self._columns.get(name)
        if column is None:
            return f"the connection has no column {quote_value(name)}"
        if column.required and _is_blank(value):
            return None  # said already
        if value is None or value == "":
            allowed = self._empty == ("null" if value is None else "blank")
            return (
                None
                if allowed
                else f"{_name(column)}: {show(value)} is given for a value that must be left out"
            )
        problem = find_problem(column.type, value, self._rules[name])
        return f"{_name(column)}: {problem}" if problem else None


def _find_choice(connection: Connection, name: str) -> str:
    column = connection.find(name)
    if column is None or column.type not in CHOICES:
        raise SettingsError(
            "options", f"{quote_value(name)} is not a choice column", suggest(name, connection.names())
        )
    return column.internal_name


def _name(column: Column) -> str:
    # A name comes from a file; what it holds must not break the line of a message.
    return quote_value(column.display_name)[1:-1]


def _is_blank(value: JsonValue) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _check_id(given: JsonValue, connection_id: str) -> Refusal | None:
    if isinstance(given, str) and given.lower() == connection_id.lower():
        return None
    return Refusal(400, "`id` is missing" if given is None else "`id` is not the GUID of this connection")


def _read_items(items: JsonValue, name: str, kind: type[_Item]) -> tuple[_Item, ...] | Refusal:
    if not isinstance(items, list) or not items:
        return Refusal(400, f"`{name}` must be an array of 1 to {RECORDS_LIMIT}")
    if len(items) > RECORDS_LIMIT:
        return Refusal(400, f"`{name}` contains {len(items)}, the limit is {RECORDS_LIMIT}")
    found = tuple(item for item in items if isinstance(item, kind))
    if len(found) < len(items):
        wanted = "an object" if kind is dict else "a rowKey"
        return Refusal(400, f"each item of `{name}` must be {wanted}")
    return found


def _read_naive_time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is None else None


def write_page_token(key: str) -> str:
    """Return the `startIndex` of the page after this rowKey: four hexadecimal digits a UTF-16 unit."""
    return key.encode("utf-16-be").hex()


def _read_page_number(text: str) -> int | None:
    return int(text or "0") if re.fullmatch("[0-9]{0,9}", text) else None


def _read_token(text: str) -> str | None:
    try:
        # Any four digits are a unit, so that the description can say exactly what is taken.
        return bytes.fromhex(text).decode("utf-16-be", "surrogatepass")
    except ValueError:
        return None
