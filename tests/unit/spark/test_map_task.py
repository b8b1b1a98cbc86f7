"""The rows of record batches, mapped as a Python worker of Spark maps them; Spark itself is not needed."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spark_session import MAPPING, write_mapping

from opusmap.compiler import Mapper, load_mapping
from opusmap.converters.plugins import all_converters
from opusmap.errors import SettingsError
from opusmap.issues import Issue
from opusmap.journal import hash_content
from opusmap.records import Filtered, Record
from opusmap.run.open import open_work
from opusmap.spark import map_task
from opusmap.spark.map_task import FILTERED, MAPPED, REJECTED, MapTask

ROW = st.fixed_dictionaries(
    {
        "Id": st.sampled_from(["a", "b", "c\nd", "\u00e9", "", None]),
        "Sum": st.sampled_from(["1", "2.50", "none"]),
        "Rate": st.sampled_from(["1", "none"]),
        "Code": st.sampled_from(["x", "y"]),
        "State": st.sampled_from(["Open", "Open", "Draft"]),
    }
)


@pytest.fixture(scope="module")
def mapper(tmp_path_factory: pytest.TempPathFactory) -> Mapper:
    return load_mapping(write_mapping(tmp_path_factory.mktemp("mapping")))


def run(task: MapTask, batches: Iterable[Any]) -> list[dict[str, Any]]:
    return [row for batch in task(batches) for row in batch.to_pylist()]


def travelled(mapper: Mapper, converters: Sequence[Path] = (), order_by: str | None = None) -> MapTask:
    """Return a mapper's task as an executor gets it."""
    task: MapTask = pickle.loads(pickle.dumps(MapTask.of(mapper, converters, order_by)))
    return task


def batches_of(rows: Sequence[dict[str, Any]], sizes: Sequence[int], schema: Any = None) -> Iterator[Any]:
    table = pa.Table.from_pylist(list(rows), schema)
    start = 0
    for size in (*sizes, len(rows)):
        yield pa.RecordBatch.from_pylist(table.slice(start, size).to_pylist(), table.schema)
        start += size


@given(st.lists(ROW, min_size=1, max_size=130), st.lists(st.integers(0, 60), max_size=3))
def test_each_row_becomes_what_the_mapper_makes_of_it_in_whatever_batches_it_comes(
    mapper: Mapper, rows: list[dict[str, Any]], sizes: list[int]
) -> None:
    found = run(travelled(mapper), batches_of(rows, sizes))
    assert [row["number"] for row in found] == list(range(len(rows)))
    for row, values in zip(found, rows, strict=True):
        expected = mapper.map_row(values)
        if isinstance(expected, Record):
            assert (row["outcome"], row["key"], row["problems"]) == (MAPPED, expected.key, None)
            assert json.loads(row["body"]) == expected.values
            assert row["hash"] == hash_content(row["body"].encode(), "overwrite")
            assert read_issues(row["replaced"]) == [one.as_json() for one in expected.replaced]
        elif isinstance(expected, Filtered):
            assert row["outcome"] == FILTERED
            assert row["key"] is row["body"] is row["problems"] is row["cells"] is None
        else:
            assert (row["outcome"], row["key"], row["body"]) == (REJECTED, expected.key, None)
            assert read_issues(row["problems"]) == [one.as_json() for one in expected.problems]
            assert json.loads(row["cells"]) == values


def read_issues(text: str | None) -> list[Issue[str]]:
    return [] if text is None else json.loads(text)


def test_a_python_worker_compiles_a_mapping_once(mapper: Mapper) -> None:
    rows = [{"Id": "a", "Sum": "1", "Rate": "1", "Code": "x", "State": "Open"}]
    compiled = []
    for _ in range(2):
        assert [row["key"] for row in run(travelled(mapper), batches_of(rows, []))] == ["a"]
        compiled.append(map_task._Compiled.mapper)
    assert compiled[0] is compiled[1]


def test_another_mapping_is_not_taken_for_the_one_before(tmp_path: Path) -> None:
    rows = [{"Id": "a", "Other": "b"}]
    for column in ("Id", "Other"):
        path = write_mapping(tmp_path, f"opusmap: 1\nconnection: c.json\nfields: {{rowKey: {column}}}\n")
        (row,) = run(travelled(load_mapping(path)), batches_of(rows, []))
        assert row["key"] == rows[0][column]


def test_an_executor_needs_no_file_of_the_mapping_s_folder(tmp_path: Path) -> None:
    converters = tmp_path / "own.py"
    converters.write_text(
        "from opusmap import converter\n\n\n"
        "@converter\ndef shout(value: str) -> str:\n"
        '    """Return it in capitals.\n\n    >>> shout("a")\n    \'A\'\n    """\n    return value.upper()\n',
        "utf-8",
    )
    path = write_mapping(tmp_path, MAPPING.replace("lookup: t}", "lookup: t, convert: shout}"))
    task = travelled(load_mapping(path, converters=all_converters([converters])), [converters])
    for file in tmp_path.iterdir():
        shutil.rmtree(file) if file.is_dir() else file.unlink()  # Python keeps compiled code there
    rows = [{"Id": "a", "Sum": "1", "Rate": "1", "Code": "x", "State": "Open"}]
    (row,) = run(task, batches_of(rows, []))
    assert json.loads(row["body"])["_Text"] == "THE X"


def test_elements_of_a_list_are_rows_and_keep_the_cell_to_order_by(tmp_path: Path) -> None:
    path = write_mapping(
        tmp_path,
        "opusmap: 1\nconnection: c.json\nsource: {each: lines}\nfields: {rowKey: lines.id, Text: order_no}\n",
    )
    lines = pa.list_(pa.struct([("id", pa.string())]))
    schema = pa.schema([("order_no", pa.string()), ("lines", lines), ("at", pa.timestamp("us"))])
    at = [datetime(2024, 1, day) for day in (1, 2, 3)]  # noqa: DTZ001 - a cell without a zone
    rows = [
        {"order_no": "A", "lines": [{"id": "1"}, {"id": "2"}], "at": at[0]},
        {"order_no": "B", "lines": [], "at": at[1]},
        {"order_no": "C", "lines": [{"id": "3"}], "at": at[2]},
    ]
    found = run(travelled(load_mapping(path), order_by="at"), batches_of(rows, [], schema))
    assert [(row["key"], row["order"]) for row in found] == [("1", at[0]), ("2", at[0]), ("3", at[2])]


def test_times_with_a_zone_mean_what_they_mean_in_a_parquet_file(tmp_path: Path) -> None:
    fields = "{rowKey: Id, When: When, Text: '{{ List[0].t }}'}"
    path = write_mapping(tmp_path, f"opusmap: 1\nconnection: c.json\nfields: {fields}\n")
    bodies = []
    for zone in ("UTC", "Asia/Tokyo"):
        time = pa.timestamp("us", zone)
        nested = pa.list_(pa.struct([("t", time), ("m", pa.map_(pa.string(), time))]))
        schema = pa.schema([("Id", pa.string()), ("When", time), ("List", nested)])
        moment = 1_700_000_000_000_000
        rows = [{"Id": "a", "When": moment, "List": [{"t": moment, "m": [("x", moment)]}]}]
        batch = pa.RecordBatch.from_pylist(rows, schema)
        if zone == "UTC":
            import pyarrow.parquet as pq

            pq.write_table(pa.Table.from_batches([batch]), tmp_path / "rows.parquet")
            with open_work(path, tmp_path / "rows.parquet").source as source:
                mapper = load_mapping(path)
                (expected,) = mapper.map_rows(source.rows())
        (row,) = run(travelled(load_mapping(path)), [batch])
        bodies.append(json.loads(row["body"]))
    assert isinstance(expected, Record)
    assert bodies == [expected.values, expected.values]


def test_an_executor_with_another_opusmap_is_refused(mapper: Mapper, monkeypatch: pytest.MonkeyPatch) -> None:
    task = travelled(mapper)
    monkeypatch.setattr(map_task, "__version__", "0.0.1")
    with pytest.raises(SettingsError, match=r"this executor has 0\.0\.1"):
        list(task([]))


def test_no_secret_of_the_environment_travels(mapper: Mapper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPUS_CLIENT_SECRET", "planted-secret")
    assert b"planted-secret" not in pickle.dumps(MapTask.of(mapper, (), None))


def test_a_file_of_converters_that_is_not_there_is_named(mapper: Mapper, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.py can't be read"):
        MapTask.of(mapper, [tmp_path / "none.py"], None)
