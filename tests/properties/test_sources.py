"""Laws of the sources: what was written is read; any bytes give rows, rejects or a SourceError."""

from __future__ import annotations

import csv
import io
import json
import pickle
import tracemalloc
from contextlib import suppress
from itertools import chain, pairwise, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.errors import SourceError
from opusmap.records import Reject, Row
from opusmap.sources import batches, json_lines, open_source, text_io
from opusmap.sources.text_io import whole_lines

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
SHAPED = st.text(st.sampled_from('ab1,;\t|"\r\n é\0'), max_size=60)


@given(st.data(), st.integers(2, 5), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_csv_rows_come_back_as_they_were_written(data: st.DataObject, width: int, encoding: str) -> None:
    table = data.draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=6))
    table = [cells for cells in table if any(cells)]
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow([f"c{place}" for place in range(width)])
    writer.writerows(table)
    with open_source(io.BytesIO(text.getvalue().encode(encoding)), format="csv", delimiter=",") as source:
        rows = list(source.rows())
    assert [(row.number, list(row.values.values())) for row in rows if isinstance(row, Row)] == list(
        enumerate(table, 2)
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | CELLS,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(CELLS, part, max_size=3),
    max_leaves=5,
)


@given(objects=st.lists(st.dictionaries(CELLS, VALUES), max_size=6), ascii=st.booleans())
def test_json_objects_come_back_as_they_were_written(
    *, objects: list[dict[str, object]], ascii: bool
) -> None:
    content = "\n".join(json.dumps(item, ensure_ascii=ascii) for item in objects)
    with open_source(io.BytesIO(content.encode()), format="jsonl") as source:
        assert list(source.rows()) == [Row(number, item) for number, item in enumerate(objects, 1)]


@st.composite
def json_texts(draw: st.DrawFn) -> str:
    """Draw a text of JSON: any character by its number or as it is, names that occur twice, blanks."""
    text = st.lists(
        st.sampled_from(["a", ":", r"\"", r"\\", r"\u003a", r"\u003A", r"\u0022", " ", "é"]), max_size=4
    )
    texts = text.map(lambda parts: f'"{"".join(parts)}"')
    member = st.tuples(texts, st.sampled_from([":", " :", ": "]))

    def nest(value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        members = st.lists(
            st.tuples(member, value).map(lambda pair: "".join((*pair[0], pair[1]))), max_size=4
        )
        return members.map(lambda found: f"{{{','.join(found)}}}") | st.lists(value, max_size=3).map(
            lambda found: f"[{', '.join(found)}]"
        )

    value = draw(st.just(texts) | st.just(st.recursive(st.just("1.50") | texts, nest, max_leaves=6)))
    members = draw(st.lists(st.tuples(member, value), min_size=1, max_size=4))
    return f"{{{','.join(''.join((*named, value)) for named, value in members)}}}"


@given(st.lists(json_texts(), min_size=1, max_size=6))
def test_an_object_that_has_a_name_twice_is_found_wherever_it_is(lines: list[str]) -> None:
    def has_twice(line: str) -> bool:
        twice = list[bool]()
        json.loads(line, object_pairs_hook=lambda pairs: twice.append(len(dict(pairs)) < len(pairs)))
        return any(twice)

    with open_source(io.BytesIO("\n".join(["{}", *lines]).encode()), format="jsonl") as source:
        _, *rows = source.rows()
    assert [isinstance(row, Reject) for row in rows] == [has_twice(line) for line in lines]


LINES = st.lists(st.sampled_from([b'{"a": "b"}', b'{"a": 1}', b"{", b"", b" ", b"\r"]), max_size=9).map(
    b"\n".join
)
CSV_LINES = st.lists(st.sampled_from([b"1,2", b"1"]), max_size=9).map(
    lambda lines: b"\n".join([b"a,b", *lines])
)
JSON_SHAPED = st.text(st.sampled_from('[]{}",:\\ a1\n'), max_size=60)


@pytest.mark.parametrize("format", ["csv", "jsonl", "json"])
@given(
    content=st.binary(max_size=80) | SHAPED.map(str.encode) | JSON_SHAPED.map(str.encode),
    encoding=st.sampled_from([None, "cp1252", "utf-16"]),
)
def test_any_bytes_are_rows_and_rejects_in_order_or_a_source_error(
    format: str, content: bytes, encoding: str | None
) -> None:
    try:
        with open_source(io.BytesIO(content), format=format, encoding=encoding) as source:
            numbers = []
            for item in source.rows():
                numbers.append(item.number if isinstance(item, Row) else item.row)
                assert isinstance(item, Row) or item.problems
    except SourceError as error:
        assert error.code and error.help  # noqa: PT017, PT018 - rows are as good an outcome
    else:
        assert all(one < two for one, two in pairwise(numbers))


@pytest.mark.parametrize("format", ["csv", "jsonl", "json"])
@given(
    content=st.binary(max_size=60) | (SHAPED | JSON_SHAPED).map(str.encode) | LINES | CSV_LINES,
    most=st.integers(1, 6),
    block=st.integers(1, 80),
)
def test_parts_that_travel_hold_the_rows(format: str, content: bytes, most: int, block: int) -> None:
    def read(how: str) -> tuple[list[Row | Reject], str]:
        found = list[Row | Reject]()
        try:
            with open_source(io.BytesIO(content), format=format) as source:
                if how == "rows":
                    found.extend(source.rows())
                for part in source.parts() if how == "parts" else ():
                    found.extend(pickle.loads(pickle.dumps(part)).rows())
        except SourceError as error:
            return found, repr(error)
        return found, ""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_io, "BLOCK_SIZE", block)
        for module, name in ((batches, "PART_ROWS"), (json_lines, "PART_ROWS"), (json_lines, "_PART_LINES")):
            patch.setattr(module, name, most)
        assert read("parts") == read("rows")


@given(SHAPED)
def test_no_csv_cell_is_lost_in_silence(content: str) -> None:
    """Where all is well, our rows are those of the standard reader."""
    stream = io.StringIO("a,b\n" + content, newline="")
    try:
        with open_source(stream, format="csv", delimiter=",") as source:
            rows = list(source.rows())
    except SourceError:
        return
    if any(isinstance(row, Reject) for row in rows):
        return
    expected = [
        cells
        for cells in csv.reader(io.StringIO(content, newline=""))
        if "".join(cells).strip() or len(cells) == 2
    ]
    assert [list(row.values.values()) for row in rows if isinstance(row, Row)] == expected


@given(st.lists(st.text(st.sampled_from("ab\r\n"), max_size=8)))
def test_blocks_cut_at_line_ends_are_the_same_text(blocks: list[str]) -> None:
    cut = list(whole_lines(iter(blocks), ("\n", "\r"), "x"))
    assert "".join(cut) == "".join(blocks)
    assert all(block.endswith(("\r", "\n")) for block in cut[:-1])
    assert not any(one.endswith("\r") and two.startswith("\n") for one, two in pairwise(cut))


class Repeating(io.RawIOBase):
    """A stream that gives a head and then the same block many times."""

    def __init__(self, head: bytes, block: bytes, times: int) -> None:
        self._parts = chain([head], repeat(block, times))

    def read(self, size: int = -1) -> bytes:  # noqa: ARG002 - blocks come as they are
        return next(self._parts, b"")


@pytest.mark.parametrize(
    ("format", "head", "line"),
    [
        ("csv", b"a,b\n", b"1,%s\n" % (b"x" * 100)),
        ("jsonl", b'{"a":1}\n', b'{"a":"%s"}\n' % (b"x" * 100)),
        ("json", b'[{"a":1}\n', b',{"a":"%s"}\n' % (b"x" * 100)),
    ],
)
def test_memory_stays_flat_whatever_the_number_of_rows(format: str, head: bytes, line: bytes) -> None:
    stream: Any = Repeating(head, line * 2_000, times=80)  # 17 MB
    tracemalloc.start()
    try:
        count = 0
        with open_source(stream, format=format) as source, suppress(SourceError):  # a list without its end
            for count, _ in enumerate(source.rows(), 1):  # noqa: B007 - it is looked at below
                pass
        assert count >= 160_000
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()
