"""What a Python worker of Spark does: it maps the rows of Arrow's record batches, row by row in their order.

Owns what travels to the executors (a mapping is compiled again there, once in each Python worker) and the
columns that come back. It knows nothing of Spark.
"""

from __future__ import annotations

import hashlib
import pickle
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from opusmap import __version__
from opusmap.compiler import Mapper
from opusmap.compiler.mapper import CompileArgs
from opusmap.errors import SettingsError
from opusmap.journal import hash_content
from opusmap.records import Chunk, Filtered, Reject, Row
from opusmap.rejects import encode_cells
from opusmap.run.parallel import CHUNK_ROWS
from opusmap.sources.arrow import BatchReader
from opusmap.sources.explode import explode
from opusmap.sources.source import load_extra
from opusmap.staging import encode_issues

MAPPED, FILTERED, REJECTED = "mapped", "filtered", "rejected"
"""What may become of a row, as the totals of a report name it."""
TEXTS = ("outcome", "key", "body", "replaced", "notes", "problems", "cells")
ORDER, NUMBER = "order", "number"
"""The columns that `map_dataframe` also needs: a row's cell in `order_by`; its number in its partition."""
BATCH_ROWS, BATCH_BYTES = 1_000, 8 << 20
"""Rows of a batch that comes back, at most, and bytes of its records and cells, about."""


@dataclass(frozen=True)
class MapTask:
    """The function of `mapInArrow`: record batches in, record batches out, a row for each row.

    Attributes:
        content: what the mapper is made of, pickled: mapping, connection, tables, converters; no settings.
        digest: its hash, by which a Python worker knows a mapper that it has compiled already.
        each: the mapping's `each`.
        conflict: the mapping's `conflict`, which belongs to a record's hash.
        order_by: the column that goes along as `order`.
        version: of the opusmap that made it.
    """

    content: bytes
    digest: str
    each: str | None
    conflict: str
    order_by: str | None
    version: str = __version__

    @classmethod
    def of(cls, mapper: Mapper, converters: Iterable[str | Path], order_by: str | None) -> MapTask:
        """Return the task of a mapper; `converters` are the files of its custom converters: they are shipped.

        Raises:
            SettingsError: one of these files can't be read.
        """
        spec = mapper.spec
        content = pickle.dumps((mapper.compile_args(), tuple(map(_read_converters, converters))))
        digest = hashlib.sha256(content).hexdigest()
        return cls(content, digest, spec.source.each, spec.conflict, order_by)

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield what becomes of the rows of record batches, in record batches of the columns above.

        Raises:
            SettingsError: the executors have another opusmap, or lack an installed converter.
        """
        if self.version != __version__:
            problem = f"the driver has opusmap {self.version}, and this executor has {__version__}"
            raise SettingsError("opusmap.spark", problem, "install the same version everywhere")
        mapper = _mapper_of(self)
        number = 0
        for batch in batches:
            mapped = _MappedRows(self, batch, number)
            rows = self._rows(mapped.reader, mapped.batch)
            while some := list(islice(rows, CHUNK_ROWS)):
                mapped.add(mapper.map_chunk([row for _, row in some]), some)
                if mapped.is_full():
                    yield mapped.take()
            yield mapped.take()
            number = mapped.number

    def _rows(self, reader: BatchReader, batch: Any) -> Iterator[tuple[int, Row | Reject]]:
        """Yield the rows of a batch, each with the place that it has there, or that its whole row has."""
        rows = enumerate(reader.rows(batch))
        if self.each is None:
            yield from rows
            return
        for place, row in rows:
            for one in explode(row, self.each):
                yield place, one if isinstance(one, Reject) else Row(0, one)


def _read_converters(file: str | Path) -> tuple[str, bytes]:
    path = Path(file)
    try:
        return path.name, path.read_bytes()
    except OSError as error:
        problem = f"{path} can't be read: {error.strerror}"
        raise SettingsError("converters", problem, "name an existing .py file") from None


class _Compiled:
    """The mapper that this Python worker has compiled last: its tasks have the same one, as a rule."""

    digest = ""
    mapper: Mapper


def _mapper_of(task: MapTask) -> Mapper:
    if _Compiled.digest != task.digest:
        args: CompileArgs
        args, converters = pickle.loads(task.content)  # noqa: S301 - the driver made it, Spark brought it
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder, str(place), name) for place, (name, _) in enumerate(converters)]
            for file, (_, text) in zip(files, converters, strict=True):
                file.parent.mkdir()
                file.write_bytes(text)
            _Compiled.mapper = Mapper.from_compile_args(args, map(str, files))
        _Compiled.digest = task.digest
    return _Compiled.mapper


class _MappedRows:
    """What becomes of the rows of a record batch, on its way back.

    Attributes:
        batch: the batch as the Parquet source would read it: times with a zone are in UTC.
        reader: makes rows of it.
        number: of the next row in its partition.
    """

    def __init__(self, task: MapTask, batch: Any, number: int) -> None:
        self._arrow = load_extra("pyarrow", "spark", "a DataFrame", "the DataFrame")
        compute = load_extra("pyarrow.compute", "spark", "a DataFrame", "the DataFrame")
        self.batch = _in_utc(self._arrow, batch)
        self.reader = BatchReader(self._arrow, compute, self.batch.schema)
        self.number = number
        self._order = None if task.order_by is None else batch.column(task.order_by)
        self._conflict = task.conflict
        self._clear()

    def _clear(self) -> None:
        self._texts: list[tuple[str | None, ...]] = []
        self._hashes: list[bytes | None] = []
        self._places: list[int] = []
        self._size = 0

    def add(self, chunk: Chunk, rows: Sequence[tuple[int, Row | Reject]]) -> None:
        """Add the results of rows."""
        others, records, nth = dict(chunk.others), chunk.records(), 0
        for index, (place, row) in enumerate(rows):
            self._places.append(place)
            other = others.get(index)
            if other is None:
                key, record = chunk.keys[nth], records[nth]
                remarks = (encode_issues(found.get(nth, ())) for found in (chunk.replaced, chunk.notes))
                # Its key may be that of another row, which makes it a reject.
                cells = encode_cells(row.values).decode()
                self._texts.append((MAPPED, key, record.decode(), *remarks, None, cells))
                self._hashes.append(hash_content(record, self._conflict))
                self._size += len(record) + len(cells)
                nth += 1
            elif isinstance(other, Filtered):
                self._texts.append((FILTERED, None, None, None, None, None, None))
                self._hashes.append(None)
            else:
                cells = encode_cells(other.values).decode()
                problems = encode_issues(other.problems)
                self._texts.append((REJECTED, other.key, None, None, None, problems, cells))
                self._hashes.append(None)
                self._size += len(cells)

    def is_full(self) -> bool:
        """Return whether there is enough to bring back."""
        return len(self._texts) >= BATCH_ROWS or self._size >= BATCH_BYTES

    def take(self) -> Any:
        """Return a record batch of what was added, and forget it."""
        arrow, count = self._arrow, len(self._texts)
        texts = zip(*self._texts, strict=True) if count else ((),) * len(TEXTS)
        arrays = {
            name: arrow.array(column, arrow.string()) for name, column in zip(TEXTS, texts, strict=True)
        }
        arrays["hash"] = arrow.array(self._hashes, arrow.binary())
        arrays[NUMBER] = arrow.array(range(self.number, self.number + count), arrow.int64())
        if self._order is not None:
            arrays[ORDER] = self._order.take(arrow.array(self._places, arrow.int64()))
        self.number += count
        self._clear()
        return arrow.RecordBatch.from_pydict(arrays)


def _in_utc(arrow: Any, batch: Any) -> Any:
    """Return a batch with its times that have a zone in UTC, as in Parquet files, not in the session's."""
    schema = arrow.schema([field.with_type(_type_in_utc(arrow, field.type)) for field in batch.schema])
    return batch if schema.equals(batch.schema) else batch.cast(schema)


def _type_in_utc(arrow: Any, kind: Any) -> Any:
    types = arrow.types
    if types.is_timestamp(kind):
        return kind if kind.tz is None else arrow.timestamp(kind.unit, "UTC")
    if types.is_list(kind):
        return arrow.list_(kind.value_field.with_type(_type_in_utc(arrow, kind.value_type)))
    if types.is_map(kind):
        key, item = (_type_in_utc(arrow, one) for one in (kind.key_type, kind.item_type))
        return arrow.map_(kind.key_field.with_type(key), kind.item_field.with_type(item))
    if types.is_struct(kind):
        return arrow.struct([field.with_type(_type_in_utc(arrow, field.type)) for field in kind])
    return kind
