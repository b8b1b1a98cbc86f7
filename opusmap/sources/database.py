"""Databases through SQLAlchemy: the rows of one query, fetched as needed in a read-only transaction.

The address comes only from the environment and is shown in no message. The query may read whatever the
account in that address may read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from opusmap.errors import SourceError
from opusmap.records import Reject, Row
from opusmap.sources.changes import FileWatch
from opusmap.sources.json_lines import decode_json
from opusmap.sources.normalize import plain_values
from opusmap.sources.source import ROW_LIMIT, Source, check_columns, load_extra, row_too_long
from opusmap.sources.sqlite import SqliteSource, list_sqlite_tables, require_query
from opusmap.wording import quote_value

BATCH_ROWS = 1_000
"""Rows fetched at a time, at most; fewer if they are large."""

_BATCH_SIZE = 4 << 20
"""Bytes and characters of the rows fetched at a time, about."""

_VARIABLE = re.compile(r"OPUSMAP_DATABASE(?:_[A-Z0-9_]+)?")
_SQLITE = re.compile(r"sqlite(?:\+pysqlite)?:///(.+)", re.DOTALL)


def open_database(variable: str, sql: str | None, name: str) -> Source:
    """Open the database whose address is in an environment variable.

    Only variables that begin with OPUSMAP_DATABASE are read, so that a mapping can't reach others. An
    SQLite file is read as one that a mapping names, whatever SQLAlchemy's driver for it would allow.

    Args:
        variable: the variable's name.
        sql: the query that gives the rows.
        name: what messages call the mapping.

    Raises:
        SourceError: `no-database`, `no-query`, `bad-query`, `missing-extra`, `source-unreadable`.
    """
    url = _address(variable, name)
    query = require_query(sql, name)
    file = _SQLITE.fullmatch(url)
    if file is None:
        return DatabaseSource(url, query, variable)
    watch = FileWatch([Path(file[1])])
    source = SqliteSource(Path(file[1]), query, variable)
    source.watch = watch
    return source


def list_tables(variable: str, name: str) -> tuple[str, ...]:
    """Return the names of the tables and views of a database, for a person who writes a query.

    Args:
        variable: the variable with the database's address; see `open_database`.
        name: what messages call the mapping.

    Raises:
        SourceError: as `open_database`.
    """
    url = _address(variable, name)
    file = _SQLITE.fullmatch(url)
    if file is not None:
        return list_sqlite_tables(Path(file[1]), variable)
    with DatabaseSource(url, "SELECT 1 AS one", variable) as source:
        return source.tables()


def _address(variable: str, name: str) -> str:
    if not _VARIABLE.fullmatch(variable):
        problem = f"`database` can't be {quote_value(variable)}"
        hint = "name an environment variable: OPUSMAP_DATABASE, or one that begins with OPUSMAP_DATABASE_"
        raise SourceError(name, "no-database", problem, help=hint)
    url = os.environ.get(variable, "").strip()
    if not url:
        hint = f"set it to the database's address: {variable}=postgresql+psycopg://user:password@host/name"
        raise SourceError(name, "no-database", f"the variable {variable} is not set", help=hint)
    return url


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
            for number, values in enumerate(_fetch_rows(result or self._run()), 1):
                large = _size(values) > ROW_LIMIT
                yield row_too_long(number) if large else Row(number, plain_values(dict(values)))
        except self._library.exc.SQLAlchemyError as error:
            raise self._failure(error, number + 1) from None
        except (ValueError, ArithmeticError, TypeError) as error:  # the driver can't convert a value
            reason = self._address.remove_from(str(error).strip().partition("\n")[0])
            rows = _next_rows(number + 1)
            problem = f"{rows} has a value that the database's driver can't convert: {reason}"
            hint = "let the query return that column as text: CAST(signed AS VARCHAR(40)) AS signed"
            raise SourceError(self.name, "bad-query", problem, number + 1, hint) from None

    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables and views that the account finds without naming a schema."""
        try:
            found = self._library.inspect(self._connection)
            return tuple(sorted({*found.get_table_names(), *found.get_view_names()}))
        except Exception as error:  # noqa: BLE001 - each driver has its own errors, which quote the address
            raise self._failure(error, None) from None

    def close(self) -> None:
        """End the transaction and the connection."""
        self._open.close()
        self._engine.dispose()

    def _make_engine(self, url: str) -> Any:
        problem, hint = "the variable does not contain a database address that SQLAlchemy can read", ""
        try:
            engine = self._library.create_engine(url, poolclass=self._library.pool.NullPool)
        except ModuleNotFoundError as error:
            problem = f"the driver {quote_value(error.name)} for this database is not installed"
            hint = f"install it: pip install {error.name}"
        except Exception:  # noqa: BLE001 - each driver has its own errors, which quote the address
            hint = "an address looks like postgresql+psycopg://user:password@host/name"
        else:
            if engine.dialect.driver == "psycopg":
                self._library.event.listen(engine, "connect", lambda made, _: _keep_unconvertible(made))
            return engine
        raise SourceError(self.name, "no-database", problem, help=hint) from None

    def _run(self) -> Any:
        self._open.close()
        self._connection: Any = None
        try:
            self._connection = self._open.enter_context(self._engine.connect())  # rolls back at its end
            options: dict[str, Any] = {"stream_results": True, "max_row_buffer": 1, "no_parameters": True}
            if self._engine.dialect.name == "postgresql":
                options["postgresql_readonly"] = True
            result = self._connection.execution_options(**options).exec_driver_sql(self._query)
        except Exception as error:  # noqa: BLE001 - each driver has its own errors, which quote the address
            raise self._failure(error, None) from None
        self._open.callback(result.close)
        if not result.returns_rows:
            problem = "the query fails: it returns no rows"
            raise SourceError(self.name, "bad-query", problem, help="write one SELECT")
        return result

    def _failure(self, error: Exception, row: int | None) -> SourceError:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        if self._connection is None:
            reason = self._address.remove_from(reason, quoted=True)
            problem = f"the database can't be reached: {reason}"
            return SourceError(self.name, "source-unreadable", problem, row, "is the address right?")
        what = "the query fails"
        if row is not None:
            what = f"the query fails, because {_next_rows(row)} can't be computed or fetched"
        problem = f"{what}: {self._address.remove_from(reason)}"
        return SourceError(
            self.name, "bad-query", problem, row, "try the query in a program for this database"
        )


def _fetch_rows(result: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a result, fetching more at a time if they are small, fewer if they are large."""
    rows, count = result.mappings(), 1
    while batch := rows.fetchmany(count):
        yield from batch
        small = sum(map(_size, batch)) < _BATCH_SIZE // 2
        count = min(BATCH_ROWS, 2 * count) if small else max(1, count // 2)


def _size(values: Mapping[str, Any]) -> int:
    return sum(len(value) for value in values.values() if value.__class__ is str or value.__class__ is bytes)


def _next_rows(row: int) -> str:
    """Return the rows of which one fails: so many are fetched at a time, and all or none of them come."""
    return f"one of the rows {row:,} to {row + BATCH_ROWS - 1:,}"


class _Address:
    """The address of a database, with every word of it, to remove from what drivers say."""

    def __init__(self, url: str, drivername: str, query: str) -> None:
        """Note each word of the address as it is written and percent-decoded, except words of the query."""
        decoded = unquote_plus(url)
        words = {word for text in (url, decoded, unquote_plus(decoded)) for word in _WORD.findall(text)}
        words |= {part for word in words for part in word.split(".")}
        known = {*_WORD.findall(drivername), *(word.lower() for word in _WORD.findall(query))}
        secret = sorted((word for word in words if word and word.lower() not in known), key=len, reverse=True)
        self._secret = re.compile(
            rf"(?<![\w.-])(?:{'|'.join(map(re.escape, secret)) or '(?!)'})(?![\w-])", re.IGNORECASE
        )
        self._whole = url, decoded

    def remove_from(self, reason: str, *, quoted: bool = False) -> str:
        """Return a driver's message without the address; if `quoted`, also without what it quotes."""
        for text in self._whole:
            reason = reason.replace(text, "***")
        if quoted:
            reason = _QUOTED.sub(lambda found: found[1] + "***" + found[1], reason)
            reason = _NUMERIC.sub("***", reason)
        return self._secret.sub("***", reason)


_WORD = re.compile(r"[\w.~!$%-]+")
_QUOTED = re.compile(r"""(["'`]).*?\1""")
_NUMERIC = re.compile(
    r"(?<![\w.])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+:[0-9a-fA-F.]*)|(?<=port )\d+"
)
"""IP addresses, which show the host, and ports."""

_POSTGRESQL_TYPES = ("date", "time", "timetz", "timestamp", "timestamptz", "interval", "numeric")


def _keep_unconvertible(connection: Any) -> None:
    """Let a psycopg connection give the database's text for a value that Python has no type for.

    Otherwise one date such as `infinity` or 44 BC would end the query. NaN and infinities are texts, as in
    every source.
    """
    from psycopg import Error  # noqa: PLC0415 - installed only where PostgreSQL is read
    from psycopg.adapt import Loader  # noqa: PLC0415
    from psycopg.pq import Format  # noqa: PLC0415

    class KeepingLoader(Loader):
        """Loads as another loader does; the row reader in C does not allow a subclass of that one."""

        usual: Any

        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._usual = self.usual(oid, context)

        def load(self, data: Any) -> Any:
            try:
                found = self._usual.load(data)
            except (Error, ValueError, ArithmeticError):  # not all of them are psycopg's own
                return bytes(data).decode()
            return str(found) if isinstance(found, Decimal) and not found.is_finite() else found

    class JsonLoader(Loader):
        """Reads JSON as JSON sources are read: numbers are exact. What they refuse is the database's text."""

        def load(self, data: Any) -> Any:
            text = bytes(data)
            try:
                return decode_json(text)
            except ValueError:
                return text.decode()

    for name in ("json", "jsonb"):
        connection.adapters.register_loader(name, JsonLoader)

    for name in _POSTGRESQL_TYPES:
        oid = connection.adapters.types[name].oid
        usual = connection.adapters.get_loader(oid, Format.TEXT)
        loader = type(f"Keeping{usual.__name__}", (KeepingLoader,), {"usual": usual})
        connection.adapters.register_loader(oid, loader)
