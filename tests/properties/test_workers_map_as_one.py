"""Any rows, in parts of any size, by any number of workers, whatever happens to them: as one process maps.

The workers are threads here, so that an example takes a millisecond. What becomes of each part in a worker
is drawn: it is mapped, refused, or the worker is gone.
"""

from __future__ import annotations

import asyncio
import io
import json
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.compiler import Mapper, load_mapping
from opusmap.errors import OpusmapError, SourceError, StoppedEarly
from opusmap.records import Chunk, Reject, Row
from opusmap.report import Forecast, Report
from opusmap.run import map as map_stream
from opusmap.run import parallel as workers
from opusmap.run.check import SourceCheck
from opusmap.run.duplicates import DuplicateFilter, RowAt
from opusmap.run.map import MapStream, PayloadWriter
from opusmap.run.open import Work
from opusmap.run.parallel import MappedParts, Workers
from opusmap.sources import Part, row_parts
from opusmap.sources.installed import IterableSource

COUNTED = (*Report().counts(), "reasons", "notes", "replaced")
MAPPED, REFUSED, GONE = "mapped", "refused", "gone"

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "Id": st.sampled_from(["a", "b", "c\nd", "", *map(str, range(40))]),
            "Sum": st.sampled_from(["1", "2.50", "none", ""]),
            "Rate": st.sampled_from(["1", "1", "none", ""]),
            "Code": st.sampled_from(["a", "a", "b"]),
            "State": st.sampled_from(["Open", "Open", "Draft"]),
            # The first is a time that comes twice; the last two are far dates.
            "When": st.sampled_from(
                ["2024-10-27T02:30", "2024-10-27T12:30", "2068-04-26T10:00", "1501-04-26T10:00"]
            ),
            "Text": st.text(max_size=3),
        }
    ),
    max_size=40,
)


@pytest.fixture(scope="module", autouse=True)
def short_chunks() -> Iterator[None]:
    """Let parts be several chunks long."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (map_stream, workers):
            patch.setattr(module, "CHUNK_ROWS", 4)
        yield


@pytest.fixture(scope="module", params=["first", "last"])
def mapper(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapper:
    """A mapping under which rows become records, records with notes, filtered rows and rejects."""
    folder = tmp_path_factory.mktemp("mapping")
    columns = {"rowKey": "SingleText", "_Sum": "Number", "_When": "DateTime", "_Text": "SingleText"}
    columns |= {"_Rate": "Number", "_Code": "SingleText"}
    connection = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [columns]}
    (folder / "c.json").write_text(json.dumps(connection), "utf-8")
    (folder / "mapping.yaml").write_text(
        f"opusmap: 1\nconnection: c.json\nduplicates: {request.param}\ntables: {{t: {{a: A}}}}\n"
        "timezone: Europe/Berlin\nwhere: \"{{ State != 'Draft' }}\"\nfields:\n  rowKey: Id\n"
        '  Sum: Sum\n  When: {from: When, format: "%Y-%m-%dT%H:%M"}\n'
        '  Text: {from: Text, convert: {regex_replace: ["[a-z]", "x"]}}\n'
        "  Rate: {from: Rate, on_error: omit}\n  Code: {from: Code, lookup: t, default: other}\n",
        "utf-8",
    )
    return load_mapping(folder / "mapping.yaml")


class Rows(IterableSource):
    """Rows in parts of one size; after `end` of them the source can't be read any further."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], size: int, end: int | None) -> None:
        super().__init__(rows)
        self._size, self._end = size, end

    def rows(self) -> Iterator[Row | Reject]:
        for place, row in enumerate(super().rows()):
            if place == self._end:
                raise SourceError("rows", "source-damaged", "here it ends")
            yield row

    def parts(self) -> Iterator[Part]:
        return row_parts(self.rows(), self._size)


class Fated(ThreadPoolExecutor):
    """A worker in a thread, to which happens what is drawn for each part; what travels is pickled."""

    def __init__(self, fates: Iterator[str], begin: Callable[..., None], args: tuple[Any, ...]) -> None:
        super().__init__(1, initializer=begin, initargs=args)
        self._fates, self._gone = fates, False

    def submit(self, function: Any, /, *args: Any, **_named: Any) -> Future[Any]:
        if self._gone:
            raise BrokenExecutor
        return super().submit(self._map, function, pickle.dumps(args))

    def _map(self, function: Any, args: bytes) -> Any:
        fate = GONE if self._gone else next(self._fates, MAPPED)
        if fate == GONE:
            self._gone = True
            raise BrokenExecutor
        if fate == REFUSED:
            raise ValueError("it can't travel")
        return pickle.loads(pickle.dumps(function(*pickle.loads(args))))


def threads(count: int, fates: Iterable[str]) -> Workers:
    """Return workers in threads, with what is to become of the parts that they are given."""
    left = iter(fates)
    return Workers(count, (), lambda _count, begin, args: Fated(left, begin, args))


def run(
    mapper: Mapper, source: Rows, workers: Workers | None, *, payloads: bool
) -> tuple[bytes, list[Reject], dict[str, Any] | str]:
    """Return what is written, the rejects, and the totals or what ended the run."""
    mapper.forget_matches()
    file, rejects = io.BytesIO(), list[Reject]()
    work = Work(mapper, source)
    stream = MapStream(work, workers)
    try:
        with PayloadWriter(work, file) as bodies:
            for chunk in stream:
                if payloads:
                    bodies.write(chunk)
                else:
                    file.write(chunk.lines)
                rejects += chunk.rejects()
    except OpusmapError as error:
        return file.getvalue(), rejects, repr(error)
    return (
        file.getvalue(),
        rejects,
        {
            **{name: getattr(stream.report(), name) for name in COUNTED},
            "requests": bodies.requests,
            "patterns": mapper.matched_patterns(),
        },
    )


@given(
    rows=ROWS,
    size=st.integers(1, 15),
    end=st.none() | st.integers(0, 40),
    count=st.integers(2, 4),
    fates=st.lists(st.sampled_from([MAPPED, REFUSED]), max_size=20),
    payloads=st.booleans(),
)
def test_any_rows_in_any_parts_become_what_one_process_makes_of_them(
    mapper: Mapper,
    rows: list[dict[str, str]],
    size: int,
    end: int | None,
    count: int,
    fates: list[str],
    *,
    payloads: bool,
) -> None:
    expected = run(mapper, Rows(rows, size, end), None, payloads=payloads)
    with threads(count, fates) as workers:
        assert run(mapper, Rows(rows, size, end), workers, payloads=payloads) == expected


@given(rows=ROWS, size=st.integers(1, 15), end=st.none() | st.integers(0, 40), gone=st.integers(0, 9))
def test_a_worker_that_goes_leaves_nothing_undone(
    mapper: Mapper, rows: list[dict[str, str]], size: int, end: int | None, gone: int
) -> None:
    expected = run(mapper, Rows(rows, size, end), None, payloads=False)
    with threads(3, [MAPPED] * gone + [GONE]) as workers:
        assert run(mapper, Rows(rows, size, end), workers, payloads=False) == expected


class TakesTwice(MappedParts):
    """A bug: when a worker has died, the part before is taken once more."""

    def take(self) -> Iterator[tuple[Chunk, RowAt]]:
        before = self._ahead[0]
        for found in super().take():
            self.taken = before
            yield found

    def _restart(self) -> None:
        super()._restart()
        if hasattr(self, "taken"):
            self._ahead.appendleft(self.taken)


class Buggy(Workers):
    def map_parts(self, work: Work, parts: Iterator[Part] | None = None) -> MappedParts:
        return TakesTwice(work, self, iter(work.source.parts()) if parts is None else parts)


def test_a_chunk_that_is_taken_twice_after_a_worker_died_is_seen(mapper: Mapper) -> None:
    row = {"Sum": "1", "Rate": "", "Code": "a", "State": "Open", "When": "", "Text": ""}
    rows = [{"Id": str(number), **row} for number in range(60)]
    expected = run(mapper, Rows(rows, 10, None), None, payloads=False)
    left = iter([MAPPED, MAPPED, GONE])
    with Buggy(2, (), lambda _count, begin, args: Fated(left, begin, args)) as workers:
        assert run(mapper, Rows(rows, 10, None), workers, payloads=False) != expected


@given(rows=ROWS, size=st.integers(1, 15), end=st.none() | st.integers(0, 40), gone=st.integers(0, 9))
def test_where_nobody_asked_for_workers_that_all_go_this_process_maps_the_rest(
    mapper: Mapper, rows: list[dict[str, str]], size: int, end: int | None, gone: int
) -> None:
    def read(workers: Workers | None) -> tuple[bytes, list[tuple[str, Any]], str]:
        """Read chunks as a run that sends does, each record with the cell of its row; and what ended it."""
        mapper.forget_matches()
        work, lines, cells = Work(mapper, Rows(rows, size, end)), b"", list[tuple[str, Any]]()

        def take(chunk: Chunk, row_at: RowAt) -> None:
            nonlocal lines
            lines += chunk.lines
            for key, place in zip(chunk.keys, chunk.places(), strict=True):
                cells.append((key, row_at(place).values["Id"]))

        async def stream() -> None:
            async for chunk, row_at in MapStream(work).with_rows():
                take(chunk, row_at)

        try:
            if workers is None:
                asyncio.run(stream())
            else:
                parts = workers.map_parts(work)
                with DuplicateFilter(work) as keys:
                    while parts.head() is not None:
                        for chunk, row_at in parts.take():
                            take(keys.filter(chunk, row_at), row_at)
        except OpusmapError as error:
            return lines, cells, repr(error)
        return lines, cells, ""

    expected = run(mapper, Rows(rows, size, end), None, payloads=False)
    alone = read(None)
    assert alone[0] == expected[0]
    left = iter([MAPPED] * gone + [GONE] * 100)
    with Workers(None, (), lambda _count, begin, args: Fated(left, begin, args)) as workers:
        workers.as_needed = True
        assert read(workers) == alone


def test_workers_that_all_go_end_the_run_where_the_first_did(mapper: Mapper) -> None:
    row = {"Sum": "1", "Rate": "", "Code": "a", "State": "Open", "When": "", "Text": ""}
    rows = [{"Id": str(number), **row} for number in range(300)]
    one = run(mapper, Rows(rows, 10, None), None, payloads=False)
    with threads(2, [MAPPED, GONE, GONE]) as workers:
        written, _, ending = run(mapper, Rows(rows, 10, None), workers, payloads=False)
    assert isinstance(ending, str)
    assert StoppedEarly.__name__ in ending
    assert one[0].startswith(written)
    records = written.count(b"\n")
    assert 10 <= records < 300
    assert f"from row {records + 1} on" in ending


@given(rows=ROWS, size=st.integers(1, 15), fates=st.lists(st.sampled_from([MAPPED, REFUSED]), max_size=20))
def test_what_is_foreseen_is_what_one_process_foresees(
    mapper: Mapper, rows: list[dict[str, str]], size: int, fates: list[str]
) -> None:
    def clock() -> datetime:
        return datetime(2024, 11, 1, tzinfo=UTC)

    def foresee(workers: Workers | None) -> Forecast:
        check = SourceCheck(Work(mapper, Rows(rows, size, None)), workers, clock)
        for _ in check:
            pass
        return check.forecast()

    alone = foresee(None)
    with threads(2, fates) as workers:
        assert foresee(workers) == alone
