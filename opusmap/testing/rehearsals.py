"""Rehearsals for tests: a mapping's whole road into an emulator, in this process, or an emulator on a port.

Owns the shapes that a test looks at. The emulator judges what it is sent on its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opusmap.compiler import Mapper, load_mapping
from opusmap.connection import Connection
from opusmap.converters import Registry
from opusmap.emulator import TOKEN_PATH, Client, Emulator
from opusmap.emulator.server import served
from opusmap.records import JsonValue, Reject
from opusmap.rejects import RejectList
from opusmap.report import Report
from opusmap.run.open import Work, open_work
from opusmap.run.rehearsal import EmbeddedTransport, embedded_opus, make_emulator
from opusmap.run.submit import SubmitOptions, submit_source
from opusmap.sources import from_rows

Records = Mapping[str, Mapping[str, JsonValue]]
"""What Opus holds: row key -> display name of a column -> value."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What became of the rows: the totals, the records that Opus holds now, and the rejects in order."""

    report: Report
    records: Records
    rejects: tuple[Reject, ...]

    def codes(self) -> dict[int, set[str]]:
        """Return the codes of what was wrong in each rejected row, by the row's number."""
        return {reject.row: {problem.code for problem in reject.problems} for reject in self.rejects}


def rehearse(
    mapping: str | Path,
    source: str | Path | Iterable[Mapping[str, Any]] | None = None,
    *,
    converters: Registry | None = None,
) -> Rehearsal:
    """Map every row and submit its record to an emulator of Opus in this process.

    Args:
        mapping: the mapping's file.
        source: a file, or rows (column name to value) numbered from 1; by default the mapping's own source.
        converters: those that the mapping may name; by default the built-in and the installed ones.

    Raises:
        OpusmapError: the mapping has errors, the source can't be read, or the run stopped early.
    """
    if source is None or isinstance(source, str | Path):
        work = open_work(mapping, source, converters)
    else:
        rows = list(source)
        columns = {name for row in rows for name in row}
        work = Work(load_mapping(mapping, columns=columns, converters=converters), from_rows(rows))
    emulator, settings = embedded_opus(work.mapper)
    rejects = RejectList()
    with work.source:
        options = SubmitOptions(transport=EmbeddedTransport(emulator))
        report = submit_source(work, settings, options, rejects)
    if report.stopped is not None:
        raise report.stopped
    return Rehearsal(report, _by_display_name(emulator, work.mapper.connection), tuple(rejects.found))


@dataclass(frozen=True, slots=True)
class ServedOpus:
    """An emulator of Opus on a port of this machine.

    `environ` holds the `OPUSMAP_*` variables with which a program finds it and signs in; `emulator` is
    the emulator itself, for faults and for what it was asked.
    """

    url: str
    environ: Mapping[str, str]
    emulator: Emulator
    mapper: Mapper

    @property
    def records(self) -> Records:
        """What Opus holds now."""
        return _by_display_name(self.emulator, self.mapper.connection)


@contextmanager
def serve_opus(mapping: str | Path, *, converters: Registry | None = None) -> Iterator[ServedOpus]:
    """Serve an emulator of a mapping's connection on a free port, as long as the block runs.

    Raises:
        InvalidMapping: the mapping has errors.
        SettingsError: the extra `emulator` is not installed.
    """
    mapper = load_mapping(mapping, converters=converters)
    client = Client("test", secrets.token_urlsafe(16))
    emulator = make_emulator(mapper, client)
    with served(emulator) as url:
        environ = {
            "OPUSMAP_BASE_URL": url,
            "OPUSMAP_TOKEN_URL": url + TOKEN_PATH,
            "OPUSMAP_CLIENT_ID": client.id,
            "OPUSMAP_CLIENT_SECRET": client.secret,
        }
        yield ServedOpus(url, environ, emulator, mapper)


def _by_display_name(emulator: Emulator, connection: Connection) -> Records:
    names = {column.internal_name: column.display_name for column in connection.columns}
    return {
        key: {names.get(name, name): value for name, value in values.items()}
        for key, values in emulator.records.items()
    }
