"""DataFrames, mapped by a real Spark as `opusmap map` maps the same rows, and staged."""

from __future__ import annotations

import json
import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from documentation import ROOT, blocks
from spark_session import MAPPING, SECRET, write_mapping

from opusmap.errors import InvalidMapping, OpusmapError, SettingsError, SourceError
from opusmap.journal import hash_content
from opusmap.records import Reject
from opusmap.run.map import MapStream
from opusmap.run.open import Work, open_work
from opusmap.spark import MappedDataFrame, map_dataframe, stage
from opusmap.staging import open_staged

pytestmark = pytest.mark.spark
DATA = Path(os.environ.get("OPUSMAP_TEST_DATA", ROOT / "none"))
MAPPINGS = {
    "contracts/mapping.yaml": ROOT / "mappings/contracts/contracts.csv",
    "kev/mapping.yaml": DATA / "kev.csv",
    "kev/from-json.yaml": DATA / "kev.json",
    "doaj/mapping.yaml": DATA / "doaj.csv",
    "phs_register/mapping.yaml": DATA / "phs_register.csv",
    "chinook/mapping.yaml": DATA / "chinook.sqlite",
}
ORDER = "source row"


def read_all(work: Work) -> tuple[dict[str, bytes], list[Reject], int]:
    """Return what `opusmap map` makes of a source: records by key, rejects, the number of filtered rows."""
    records, rejects = dict[str, bytes](), list[Reject]()
    stream = MapStream(work)
    for chunk in stream:
        records |= zip(chunk.keys, chunk.records(), strict=True)
        rejects += chunk.rejects()
    return records, rejects, stream.report().filtered


def collect(mapped: MappedDataFrame) -> dict[str, list[Any]]:
    """Return the rows of a mapped DataFrame by their outcome."""
    found = defaultdict(list)
    for row in mapped.dataframe.collect():
        found[row["outcome"]].append(row)
    return found


def codes_of(problems: Iterable[dict[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((one["column"], one["code"]) for one in problems)


@pytest.mark.parametrize("name", MAPPINGS)
def test_a_dataframe_becomes_what_map_makes_of_the_same_rows(spark: Any, name: str, tmp_path: Path) -> None:
    source = MAPPINGS[name]
    if not source.is_file():
        pytest.skip("OPUSMAP_TEST_DATA names no folder with the public data")
    mapping = ROOT / "mappings" / name
    with (work := open_work(mapping, source)).source:
        records, rejects, filtered = read_all(work)
    with open_work(mapping, source).source as opened:
        read = list(opened.rows())
    unreadable = {row.row for row in read if isinstance(row, Reject)}  # such as a CSV row without all cells
    rows = [dict(row.values) for row in read if not isinstance(row, Reject)]
    columns = dict.fromkeys(column for row in rows for column in row)
    rows = [{column: row.get(column) for column in columns} | {ORDER: at} for at, row in enumerate(rows)]
    df = spark.read.parquet(write_parquet(tmp_path / "rows.parquet", rows)).repartition(3)
    found = collect(map_dataframe(df, mapping, order_by=ORDER))
    assert {row["key"]: row["body"].encode() for row in found["mapped"]} == records
    assert all(
        bytes(row["hash"]) == hash_content(row["body"].encode(), "overwrite") for row in found["mapped"]
    )
    assert len(found["filtered"]) == filtered
    problems = Counter((row["key"], codes_of(json.loads(row["problems"]))) for row in found["rejected"])
    rejects = [one for one in rejects if one.row not in unreadable]
    assert problems == Counter(
        (one.key, codes_of(each.as_json() for each in one.problems)) for one in rejects
    )


def write_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=500)
    return path.as_uri()


TYPES = """
SELECT concat('k', id) AS Id, CAST(id / 7 AS float) AS f, CAST(id / 7 AS double) AS d,
  CAST(id AS tinyint) AS b, CAST(id * 1.005 AS decimal(20, 6)) AS q, id % 2 = 0 AS flag,
  timestamp_seconds(1700000000 + id * 86400) AS at, timestamp_ntz'2024-10-27 02:30:00' AS local,
  date_add(date'1970-01-01', CAST(id AS int) * 9000) AS day, X'C3A9FF' AS bytes,
  array(named_struct('t', timestamp_seconds(id), 'v', CAST(0.1 AS float))) AS items,
  map('x', CAST(0.1 AS float)) AS pairs, CAST(NULL AS string) AS nothing
FROM range(40)
"""
CELLS = "f d b flag at local day bytes items[0].t items[0].v pairs.x"
TYPED = """\
opusmap: 1
connection: c.json
timezone: Europe/Berlin
fields:
  rowKey: Id
  Sum: q
  When: at
  Text: "%s"
"""


def test_columns_of_all_types_are_read_as_from_spark_s_own_parquet_file(spark: Any, tmp_path: Path) -> None:
    cells = " ".join(f"{{{{ {name} }}}}" for name in CELLS.split())
    mapping = write_mapping(tmp_path, TYPED % cells)
    df = spark.sql(TYPES)
    df.coalesce(1).write.parquet((tmp_path / "rows").as_uri())
    (file,) = (tmp_path / "rows").glob("*.parquet")
    with (work := open_work(mapping, file)).source:
        records, rejects, _ = read_all(work)
    found = collect(map_dataframe(df, mapping))
    assert {row["key"]: row["body"].encode() for row in found["mapped"]} == records
    assert len(records) + len(rejects) == 40
    assert records


@pytest.mark.parametrize("keep", ["first", "last"])
@pytest.mark.parametrize("order_by", [None, "At"])
def test_of_rows_with_one_key_the_one_that_the_order_says_counts(
    spark: Any, tmp_path: Path, keep: str, order_by: str | None
) -> None:
    mapping = write_mapping(
        tmp_path,
        f"opusmap: 1\nconnection: c.json\nduplicates: {keep}\nfields: {{rowKey: Id, Text: At, Sum: Sum}}\n",
    )
    draw = random.Random(7)
    rows = [
        (f"k{draw.randint(0, 60)}", draw.choice([None, *range(6)]), draw.choice(["1", "1", "none"]))
        for _ in range(200)
    ]
    df = spark.createDataFrame(rows, "Id string, At int, Sum string").repartition(3)
    found = collect(map_dataframe(df, mapping, order_by=order_by))
    groups = defaultdict(list)
    for key, at, total in rows:
        groups[key].append((-1 if at is None else at, total == "1"))
    expected, codes = {}, Counter[tuple[str, ...]]()
    for key, places in groups.items():
        may_own = [at for at, is_right in places if is_right or keep == "first" or order_by is None]
        owner = (min if keep == "first" else max)(may_own, default=None)
        among = [at for at, _ in places if order_by is None or at == owner]
        for at, is_right in places:
            ahead = owner is not None and (at > owner if keep == "first" else at < owner)
            is_repeated = len(among) > 1 if at in among else ahead
            if is_right and not is_repeated:
                expected[key] = at
            else:
                codes[(() if is_right else ("bad-number",)) + is_repeated * ("duplicate-key",)] += 1
    texts = {row["key"]: json.loads(row["body"]).get("_Text", "-1") for row in found["mapped"]}
    assert texts == {key: str(at) for key, at in expected.items()}
    assert codes == Counter(
        tuple(one["code"] for one in json.loads(row["problems"])) for row in found["rejected"]
    )
    assert len(found["mapped"]) + len(found["rejected"]) == 200
    assert 0 < len(expected) < len(groups)
    assert len(codes) == 3


def test_rows_without_a_key_are_spread_and_repeat_nothing(spark: Any, tmp_path: Path) -> None:
    mapping = write_mapping(
        tmp_path, "opusmap: 1\nconnection: c.json\nwhere: \"{{ Text != 'no' }}\"\nfields: {rowKey: Id}\n"
    )
    rows = [(None, "yes"), (None, "yes"), ("a", "no"), ("a", "yes"), (None, "no"), ("a", "no")]
    found = collect(map_dataframe(spark.createDataFrame(rows, "Id string, Text string"), mapping))
    assert [row["key"] for row in found["mapped"]] == ["a"]
    assert len(found["filtered"]) == 3
    codes = [[one["code"] for one in json.loads(row["problems"])] for row in found["rejected"]]
    assert codes == [["empty-required"]] * 2


ROWS = [
    {"Id": f"k{at}", "Sum": "none" if at % 10 == 0 else "1", "Rate": "x" if at % 7 == 0 else "2", "Code": "x"}
    | {"State": "Draft" if at % 5 == 1 else "Open"}
    for at in range(300)
]
SCHEMA = "Id string, Sum string, Rate string, Code string, State string"


def test_a_staged_run_adds_up_and_each_key_is_in_one_part(spark: Any, tmp_path: Path) -> None:
    mapping = write_mapping(tmp_path)
    with (work := open_work(mapping, write_lines(tmp_path / "rows.jsonl"))).source:
        records, rejects, filtered = read_all(work)
    df = spark.createDataFrame(ROWS, SCHEMA).repartition(3)
    run = tmp_path / "run"
    counts = stage(map_dataframe(df, mapping), str(run), parts=4).counts
    assert (counts.filtered, counts.rejected, counts.staged) == (filtered, len(rejects), len(records))
    assert counts.read == 300 == filtered + len(rejects) + len(records)
    staged = open_staged(run)
    assert 1 < len(staged.parts) <= 4
    found = {one.key: one.body for part in staged.parts for one in staged.read(part)}
    assert found == records
    assert sum(part.records for part in staged.parts) == len(records)
    assert Counter(one.problems[0]["code"] for one in staged.rejects()) == {"bad-number": len(rejects)}
    assert sum(reason.count for reason in staged.manifest.replaced) > 0
    with pytest.raises(SourceError) as refused:
        stage(map_dataframe(df, mapping), str(run))
    assert refused.value.code == "staged-exists"


def write_lines(path: Path) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    return path


def test_a_task_that_dies_is_run_again_with_the_same_result(spark: Any, tmp_path: Path) -> None:
    died = tmp_path / "died"
    converters = tmp_path / "own.py"
    converters.write_text(
        "import os\nfrom pathlib import Path\n\nfrom opusmap import converter\n\n\n"
        "@converter\ndef die_once(value: str) -> str:\n"
        f'    """Return it.\n    """\n    path = Path({str(died)!r})\n'
        "    if value == 'k77' and not path.exists():\n        path.touch()\n        os._exit(9)\n"
        "    return value\n",
        "utf-8",
    )
    mapping = write_mapping(tmp_path, MAPPING.replace("rowKey: Id", "rowKey: {from: Id, convert: die_once}"))
    df = spark.createDataFrame(ROWS, SCHEMA).repartition(3)
    mapped = map_dataframe(df, mapping, converters=[converters])
    converters.unlink()  # it was shipped
    staged = stage(mapped, str(tmp_path / "run"), parts=2)
    assert died.exists()
    keys = [one.key for part in staged.parts for one in staged.read(part)]
    assert len(keys) == len(set(keys)) == staged.counts.staged
    assert staged.counts.read == 300


def test_no_secret_is_in_spark_s_options_nor_in_its_event_log(spark: Any, tmp_path: Path) -> None:
    mapped = map_dataframe(spark.createDataFrame(ROWS[:5], SCHEMA), write_mapping(tmp_path))
    stage(mapped, str(tmp_path / "run"), parts=1)
    assert os.environ["OPUS_CLIENT_SECRET"] == SECRET
    options = dict(spark.sparkContext.getConf().getAll())
    assert SECRET not in repr(options)
    files = [file for file in Path(options["spark.eventLog.dir"][7:]).rglob("*") if file.is_file()]
    log = b"".join(file.read_bytes() for file in files)
    assert b"SparkListenerTaskEnd" in log
    assert b"MapTask" in log
    assert SECRET.encode() not in log
    assert not any(SECRET.encode() in file.read_bytes() for file in (tmp_path / "run").rglob("*.*"))


@pytest.mark.parametrize("text", ["{{ row.number }}", "{{ row.file }}"])
def test_a_mapping_that_reads_a_row_s_place_is_refused(spark: Any, tmp_path: Path, text: str) -> None:
    mapping = write_mapping(
        tmp_path, f'opusmap: 1\nconnection: c.json\nfields:\n  rowKey: Id\n  Text: "{text}"\n'
    )
    with pytest.raises(InvalidMapping) as refused:
        map_dataframe(spark.createDataFrame(ROWS[:1], SCHEMA), mapping)
    (problem,) = refused.value.diagnostics
    assert problem.code == "no-row-place"
    assert problem.place.line == 5


def test_a_column_with_each_row_s_file_is_what_row_file_reads(spark: Any, tmp_path: Path) -> None:
    mapping = write_mapping(
        tmp_path,
        "opusmap: 1\nconnection: c.json\nsource: {file_column: file}\n"
        'fields:\n  rowKey: Id\n  Text: "{{ row.file }}"\n',
    )
    df = spark.createDataFrame([("a", "x.csv")], "Id string, file string")
    (row,) = map_dataframe(df, mapping).dataframe.collect()
    assert json.loads(row["body"])["_Text"] == "x.csv"


def test_what_does_not_fit_a_dataframe_is_refused_before_anything_runs(spark: Any, tmp_path: Path) -> None:
    mapping = write_mapping(tmp_path)
    df = spark.createDataFrame(ROWS[:1], SCHEMA)
    refused: list[tuple[Any, dict[str, Any], type[OpusmapError], str]] = [
        (df, {"order_by": "Stat"}, SettingsError, 'no column "Stat"'),
        (df.withColumnRenamed("Sum", "Total"), {}, InvalidMapping, "unknown-column"),
        (df.select("*", df["Id"]), {}, SourceError, "duplicate-header"),
        (df, {"converters": [tmp_path / "none.py"]}, SettingsError, "none.py"),
    ]
    for frame, options, kind, words in refused:
        with pytest.raises(kind) as error:
            map_dataframe(frame, mapping, **options)
        assert words in str(error.value)


def test_the_example_of_the_page_runs(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "fields: {rowKey: Id, Text: Code}"
    write_mapping(tmp_path, f"opusmap: 1\nconnection: c.json\n{text}\n")
    monkeypatch.chdir(tmp_path)
    rows = [("a", "x", 1), ("a", "y", 2), ("b", "x", 3)]
    spark.createDataFrame(rows, "Id string, Code string, Modified int").write.parquet(
        str(tmp_path / "contracts")
    )
    (block,) = blocks(ROOT / "docs/howto/spark.md", "py")
    names = {"spark": spark}
    exec(
        block.text.replace('"contracts"', repr(str(tmp_path / "contracts"))), names
    )  # Java has another folder
    counts = open_staged(tmp_path / "run-7").counts
    assert (counts.read, counts.staged, counts.rejected) == (3, 2, 1)
    assert (tmp_path / "run-7").stat().st_mode & 0o077 == 0
