"""The stream of chunks: cut where it is to end, and the same bytes in whatever order columns are bound."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.compiler import Mapper, load_mapping
from opusmap.records import Reject
from opusmap.run.map import MapStream
from opusmap.run.open import Work
from opusmap.sources import from_rows

COLUMNS = {"rowKey": "SingleText", "leafName": "SingleText", "_A": "SingleText", "_N": "Number"}
BINDINGS = ("rowKey: Key", "leafName: Title", "A: Note", "N: Sum")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stream")
    connection = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [COLUMNS]}
    (folder / "c.json").write_text(json.dumps(connection))
    return folder


def make_mapper(folder: Path, bindings: list[str] | tuple[str, ...] = BINDINGS, more: str = "") -> Mapper:
    path = folder / "m.yaml"
    text = "".join(f"  {binding}\n" for binding in bindings)
    path.write_text(f"opusmap: 1\nconnection: c.json\n{more}fields:\n{text}")
    return load_mapping(path)


def make_rows(sums: list[str]) -> list[dict[str, str]]:
    return [{"Key": f"k{place}", "Title": "t", "Note": "", "Sum": text} for place, text in enumerate(sums)]


def read(stream: MapStream) -> tuple[bytes, list[Reject]]:
    lines, rejects = b"", list[Reject]()
    for chunk in stream:
        lines += chunk.lines
        rejects += chunk.rejects()
    return lines, rejects


@given(st.permutations(BINDINGS))
def test_the_order_of_the_bindings_makes_no_difference_to_a_record_s_bytes(
    folder: Path, bindings: list[str]
) -> None:
    rows = make_rows(["1", "2.50"])
    expected = read(MapStream(Work(make_mapper(folder), from_rows(rows))))
    assert read(MapStream(Work(make_mapper(folder, bindings), from_rows(rows)))) == expected


@given(st.lists(st.sampled_from(["1", "none", "drop"]), max_size=130), st.integers(1, 130))
def test_a_limit_ends_with_its_last_record_and_counts_no_row_after_it(
    folder: Path, sums: list[str], limit: int
) -> None:
    mapper = make_mapper(folder, more="where: \"{{ Sum != 'drop' }}\"\n")
    stream = MapStream(Work(mapper, from_rows(make_rows(sums))), limit=limit)
    lines, _ = read(stream)
    good = [place for place, text in enumerate(sums) if text == "1"]
    last = good[limit - 1] + 1 if len(good) >= limit else len(sums)
    report = stream.report()
    assert lines.count(b"\n") == report.mapped == min(limit, len(good))
    assert report.read == last
    assert (report.rejected, report.filtered) == (sums[:last].count("none"), sums[:last].count("drop"))


@given(st.sets(st.integers(0, 129)), st.integers(0, 130))
def test_of_rows_that_are_asked_for_alone_nothing_else_is_counted(
    folder: Path, wanted: set[int], count: int
) -> None:
    rows = make_rows([("1", "none")[place % 3 == 0] for place in range(count)])
    keys = frozenset(f"k{place}" for place in wanted)
    stream = MapStream(Work(make_mapper(folder), from_rows(rows)), only=keys)
    lines, rejects = read(stream)
    due = [place for place in sorted(wanted) if place < count and place % 3]
    assert [json.loads(line)["rowKey"] for line in lines.splitlines()] == [f"k{place}" for place in due]
    assert (stream.report().read, rejects) == (len(due), [])


def test_chunks_come_with_the_rows_that_they_were_made_of(folder: Path) -> None:
    rows = make_rows(["1", "none"] * 120)

    async def read() -> list[tuple[str, str]]:
        stream = MapStream(Work(make_mapper(folder), from_rows(rows)))
        return [
            (key, row_at(place).values["Key"])
            async for chunk, row_at in stream.with_rows()
            for key, place in zip(chunk.keys, chunk.places(), strict=True)
        ]

    found = asyncio.run(read())
    assert found == [(f"k{place}", f"k{place}") for place in range(0, 240, 2)]
