"""Databases through SQLAlchemy: the rows of one query, fetched as they are needed, in a transaction to read.

Owns the connection, whose address comes from the environment alone and shows in no message. What the query
may read is what the account in that address may read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from opusmap.errors import SourceError
from opusmap.issues import quote_value
from opusmap.records import Reject, Row
from opusmap.sources.normalize import plain_values
from opusmap.sources.postgresql import keep_odd_values
from opusmap.sources.source import Source
from opusmap.sources.tabular import ROW_LIMIT, check_columns, load_extra, row_too_long

__all__ = ["BATCH_ROWS", "DatabaseSource", "database_url", "sqlite_path"]

BATCH_ROWS = 1_000
"""Rows fetched at a time, at most; fewer if they are large."""

_BATCH_SIZE = 4 << 20
"""Bytes and characters of the rows fetched at a time, about."""

_VARIABLE = re.compile(r"OPUSMAP_DATABASE(?:_[A-Z0-9_]+)?")


def database_url(variable: str, name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the address that an environment variable holds.

    Only variables that begin with OPUSMAP_DATABASE are looked at: a mapping can't reach for others.

    Raises:
        SourceError: `no-database`.
    """
    if not _VARIABLE.fullmatch(variable):
        problem = f"`database` can't be {quote_value(variable)}"
        hint = "it names an environment variable: OPUSMAP_DATABASE, or OPUSMAP_DATABASE_ with a word behind"
        raise SourceError(name, "no-database", problem, help=hint)
    url = environ.get(variable, "").strip()
    if not url:
        hint = f"set it to the database's address: {variable}=postgresql+psycopg://user:password@host/name"
        raise SourceError(name, "no-database", f"the variable {variable} is not set", help=hint)
    return url


def sqlite_path(url: str) -> Path | None:
    """Return the file of an address such as `sqlite:///contracts.sqlite`, None if it is another.

    Such a file is read as one that a mapping names, whatever SQLAlchemy's driver for it would allow.
    """
    found = _SQLITE.fullmatch(url)
    return Path(found[1]) if found else None


_SQLITE = re.compile(r"sqlite(?:\+pysqlite)?:///(.+)", re.DOTALL)


class DatabaseSource(Source):
    """The rows of a query, numbered from 1; a second reading runs it again."""

    rereadable = True

    def __init__(self, url: str, query: str, name: str) -> None:
        self.name = name
        self._library = load_extra("sqlalchemy", "sql", "reading a database", name)
        self._query = query
        self._engine = self._make_engine(url)
        self._address = _Address(url, self._engine.url.drivername, query)
        self._open = ExitStack()
        self._connection: Any = None
        try:
            self._first: Any = self._run()
            self.columns = tuple(map(str, self._first.keys()))
            check_columns(name, self.columns)
        except BaseException:
            self.close()
            raise

    def rows(self) -> Iterator[Row | Reject]:
        """Yield the rows; see `Source.rows`."""
        result, self._first = self._first, None
        number = 0
        try:
            for number, values in enumerate(_fetched(result or self._run()), 1):
                large = _size(values) > ROW_LIMIT
                yield row_too_long(number) if large else Row(number, plain_values(dict(values)))
        except self._library.exc.SQLAlchemyError as error:
            raise self._refusal(error, number + 1) from None
        except (ValueError, ArithmeticError, TypeError) as error:  # of a driver that can't convert a value
            raise self._refuse_value(error, number + 1) from None

    def close(self) -> None:
        """End the transaction, and the connection with it."""
        self._open.close()
        self._engine.dispose()

    def _make_engine(self, url: str) -> Any:
        problem, hint = "the variable does not hold a database's address that SQLAlchemy can read", ""
        try:
            engine = self._library.create_engine(url, poolclass=self._library.pool.NullPool)
        except ModuleNotFoundError as error:
            problem = f"the driver {quote_value(error.name)} for this database is not installed"
            hint = f"install it: pip install {error.name}"
        except Exception:  # noqa: BLE001 - each driver has errors of its own, which quote the address
            hint = "it looks like postgresql+psycopg://user:password@host/name"
        else:
            if engine.dialect.driver == "psycopg":
                self._library.event.listen(engine, "connect", lambda made, _record: keep_odd_values(made))
            return engine
        raise SourceError(self.name, "no-database", problem, help=hint) from None

    def _run(self) -> Any:
        self._open.close()
        try:
            self._connection = self._open.enter_context(self._engine.connect())  # rolls back at its end
            options: dict[str, Any] = {"stream_results": True, "max_row_buffer": 1, "no_parameters": True}
            if self._engine.dialect.name == "postgresql":
                options["postgresql_readonly"] = True
            result = self._connection.execution_options(**options).exec_driver_sql(self._query)
        except Exception as error:  # noqa: BLE001 - each driver has errors of its own, which quote the address
            raise self._refusal(error, None) from None
        self._open.callback(result.close)
        if not result.returns_rows:
            problem = "the query fails: it gives no rows"
            raise SourceError(self.name, "bad-query", problem, help="write one SELECT")
        return result

    def _refuse_value(self, error: Exception, row: int) -> SourceError:
        reason = self._address.hidden_in(str(error).strip().partition("\n")[0], everything=False)
        problem = f"{_from_here(row)} has a value that the database's driver can't convert: {reason}"
        hint = "let the query give that column as text: CAST(signed AS VARCHAR(40)) AS signed"
        return SourceError(self.name, "bad-query", problem, row, hint)

    def _refusal(self, error: Exception, row: int | None) -> SourceError:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        connected = self._connection is not None
        reason = self._address.hidden_in(reason, everything=not connected)
        code = "bad-query" if connected else "source-unreadable"
        what = "the query fails" if connected else "the database can't be reached"
        if row is not None:
            what = f"the query fails, because {_from_here(row)} can't be computed or fetched"
        hint = "try the query in the database's own program" if connected else "is the address right?"
        return SourceError(self.name, code, f"{what}: {reason}", row, hint)


def _fetched(result: Any) -> Iterator[Mapping[str, Any]]:
    """Yield a result's rows. How many are fetched at a time follows from how large they are."""
    rows, count = result.mappings(), 1
    while batch := rows.fetchmany(count):
        yield from batch
        small = sum(map(_size, batch)) < _BATCH_SIZE // 2
        count = min(BATCH_ROWS, 2 * count) if small else max(1, count // 2)


def _size(values: Mapping[str, Any]) -> int:
    return sum(len(value) for value in values.values() if value.__class__ is str or value.__class__ is bytes)


def _from_here(row: int) -> str:
    """Return which rows it may be: so many are fetched at a time, and none of them comes if one can't."""
    return f"one of the rows {row:,} to {row + BATCH_ROWS - 1:,}"


class _Address:
    """What must not show of a database's address: each word of it, as it is written or percent-decoded."""

    def __init__(self, url: str, drivername: str, query: str) -> None:
        """Take the address; what the query says itself, such as the name of a table, is no secret."""
        decoded = unquote_plus(url)
        words = {word for text in (url, decoded, unquote_plus(decoded)) for word in _WORD.findall(text)}
        words |= {part for word in words for part in word.split(".")}
        known = {*_WORD.findall(drivername), *(word.lower() for word in _WORD.findall(query))}
        hidden = sorted((word for word in words if word and word.lower() not in known), key=len, reverse=True)
        self._hidden = re.compile(
            rf"(?<![\w.-])(?:{'|'.join(map(re.escape, hidden)) or '(?!)'})(?![\w-])", re.IGNORECASE
        )
        self._whole = url, decoded

    def hidden_in(self, reason: str, *, everything: bool) -> str:
        """Return a driver's words without the address; with `everything`, also without what they quote."""
        for text in self._whole:
            reason = reason.replace(text, "***")
        if everything:
            reason = _QUOTED.sub(lambda found: found[1] + "***" + found[1], reason)
            reason = _NUMERIC.sub("***", reason)
        return self._hidden.sub("***", reason)


_WORD = re.compile(r"[\w.~!$%-]+")
_QUOTED = re.compile(r"""(["'`]).*?\1""")
_NUMERIC = re.compile(
    r"(?<![\w.])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+:[0-9a-fA-F.]*)|(?<=port )\d+"
)
"""Addresses of the Internet, of which a host's name is looked up, and ports."""
