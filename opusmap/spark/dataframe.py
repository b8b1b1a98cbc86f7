"""A DataFrame of Spark, mapped and staged: Spark's own things do Spark's work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opusmap.compiler import Mapper, compile_mapping, read_mapping
from opusmap.converters.plugins import all_converters
from opusmap.errors import InvalidMapping, SettingsError
from opusmap.expressions import ROW_FILE, nodes, walk
from opusmap.issues import Issue, Span
from opusmap.run.open import check_lock
from opusmap.sources import is_remote
from opusmap.sources.source import check_columns, load_extra
from opusmap.spark.map_task import FILTERED, MAPPED, NUMBER, ORDER, REJECTED, TEXTS, MapTask
from opusmap.staging import StagedRules, StagedRun, encode_issues, read_rules, refuse_occupied, write_manifest
from opusmap.staging.manifest import RECORDS, REJECTS
from opusmap.staging.storage import Storage
from opusmap.wording import quote_names, quote_value, suggest

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_NAME = "the DataFrame"
_KEY = "Row key"


@dataclass(frozen=True)
class MappedDataFrame:
    """A DataFrame, mapped: what `stage` takes.

    Attributes:
        dataframe: a row for each row, in no order: `outcome` (`mapped`, `filtered`, `rejected`) and `key`; of
            a record `hash` (16 bytes, the journal's), `body` (its JSON), `replaced` and `notes` (JSON lists,
            null where there are none); of a reject `problems` (a JSON list) and `cells` (a JSON object).
        mapper: what maps it.
        rules: mapping and connection as they were, for the manifest.
    """

    dataframe: DataFrame
    mapper: Mapper
    rules: StagedRules


def map_dataframe(
    df: DataFrame,
    mapping: str | Path,
    *,
    order_by: str | None = None,
    converters: Iterable[str | Path] = (),
) -> MappedDataFrame:
    """Map a DataFrame, as `opusmap map` maps a Parquet file with the same rows. Nothing runs yet.

    The one difference: a DataFrame has no first row. Of several rows with one row key, the one with the
    lowest `order_by` counts, whether it becomes a record or a reject (with `duplicates: last` in the mapping,
    the record with the highest); all of them are rejects where no single row has it, or without `order_by`.

    Args:
        df: the rows. The mapping's `source` is not read, except for its `each` and `empty`.
        mapping: the mapping file, with all that it names, on this machine; the executors need none of them.
        order_by: a column of `df`, such as the time of a change. Null is the lowest.
        converters: files of custom converters that the mapping may name; they are shipped to the executors.

    Raises:
        InvalidMapping: the mapping has errors, does not fit its lock, or names a column that `df` lacks;
            `no-row-place`: it reads `row.number` or `row.file`.
        SettingsError: there is no column `order_by`; a file of converters can't be read or loaded.
        SourceError: two columns have the same name, or one has none; `missing-extra`.
    """
    types = load_extra("pyspark.sql.types", "spark", "a DataFrame", _NAME)
    columns = list(df.columns)
    check_columns(_NAME, columns)
    if order_by is not None and order_by not in columns:
        hint = suggest(order_by, columns) or f"columns: {quote_names(columns)}"
        raise SettingsError("order_by", f"there is no column {quote_value(order_by)}", hint)
    files = tuple(converters)
    spec, connection = read_mapping(mapping)
    mapper = compile_mapping(spec, connection, all_converters(files), frozenset(columns))
    _refuse_places(mapper)
    check_lock(mapper)
    fields = [types.StructField(name, types.StringType()) for name in TEXTS]
    fields += [types.StructField("hash", types.BinaryType()), types.StructField(NUMBER, types.LongType())]
    if order_by is not None:
        fields.append(types.StructField(ORDER, df.schema[order_by].dataType))
    task = MapTask.of(mapper, files, order_by)
    mapped = df.mapInArrow(task, types.StructType(fields))
    return MappedDataFrame(_reject_duplicates(mapped, mapper, order_by), mapper, read_rules(mapper))


def _refuse_places(mapper: Mapper) -> None:
    """Refuse a mapping that reads where a row is in its source.

    Raises:
        InvalidMapping: `no-row-place`, for each place.
    """
    columns = mapper.plan.source_columns or frozenset()
    file_column = mapper.spec.source.file_column or ROW_FILE
    found = list[Issue[Span]]()
    for tree, span in mapper.plan.trees():
        for node in walk(tree):
            if isinstance(node, nodes.RowNumber):
                problem, hint = "row.number", "remove it, or add a column with the number that is meant"
            elif isinstance(node, nodes.Cell) and node.name == file_column and file_column not in columns:
                problem = "row.file"
                hint = "add a column with `input_file_name()`, and name it as `source: {file_column: …}`"
            else:
                continue
            message = f"`{problem}` is a row's place in its file, and a row of a DataFrame has none"
            found.append(Issue("no-row-place", message, span, hint))
    if found:
        raise InvalidMapping(tuple(dict.fromkeys(found)))


def _reject_duplicates(mapped: DataFrame, mapper: Mapper, order_by: str | None) -> DataFrame:
    """Return the rows with a reject for each record whose key another row owns, or may own.

    A reject says so as well, as in `run.duplicates`.
    """
    functions = load_extra("pyspark.sql.functions", "spark", "a DataFrame", _NAME)
    window = load_extra("pyspark.sql.window", "spark", "a DataFrame", _NAME).Window
    column, when, null = functions.col, functions.when, functions.lit(None)
    is_record = column("outcome") == MAPPED
    has_key = column("key").isNotNull()  # of a record or a reject
    # The number spreads all rows without a key over the partitions.
    same = window.partitionBy(column("key"), when(~has_key, column(NUMBER)))
    place: Column = functions.lit(1)
    may_own = has_key
    if order_by is not None:
        last = mapper.spec.duplicates == "last"
        place = functions.rank().over(same.orderBy(column(ORDER).desc() if last else column(ORDER).asc()))
        may_own = is_record if last else has_key
    ranked = mapped.withColumn("place", place)
    ranked = ranked.withColumn("owner", functions.min(when(may_own, column("place"))).over(same))
    owners = functions.sum(when(column("place") == column("owner"), 1).otherwise(0)).over(same)
    ranked = ranked.withColumn("owners", owners)
    is_tie = (column("place") == column("owner")) & (column("owners") > 1)
    # Without an owner, a comparison is null, which counts as false here.
    is_duplicate = functions.coalesce(
        has_key & (is_tie | (column("place") > column("owner"))), functions.lit(False)
    )
    is_kept = is_record & ~is_duplicate
    tie, replaced = _describe_duplicates(mapper, order_by)
    problem = when(is_tie, tie).otherwise(replaced)
    # To a reject's list in JSON, one more is added.
    others = functions.expr("left(problems, length(problems) - 1)")
    both = functions.concat(others, when(is_tie, f",{tie[1:]}").otherwise(f",{replaced[1:]}"))
    return ranked.select(
        when(is_duplicate, REJECTED).otherwise(column("outcome")).alias("outcome"),
        "key",
        *(when(is_kept, column(name)).alias(name) for name in ("hash", "body", "replaced", "notes")),
        when(is_duplicate & is_record, problem)
        .when(is_duplicate, both)
        .otherwise(column("problems"))
        .alias("problems"),
        when(is_kept, null).otherwise(column("cells")).alias("cells"),
    )


def _describe_duplicates(mapper: Mapper, order_by: str | None) -> tuple[str, str]:
    """Return the problems of a row whose key others have: none of them counts, or another one does."""
    unique = "give each row its own key"
    if order_by is None:
        hint = f"{unique}, or name the column that tells which row counts (`order_by`)"
        return _duplicate("another row has this row key, too", hint), ""
    degree = "higher" if mapper.spec.duplicates == "last" else "lower"
    column = quote_value(order_by)
    return (
        _duplicate(f"another row has this row key and the same {column}, too", unique),
        _duplicate(f"a row with a {degree} {column} has this row key, too", unique),
    )


def _duplicate(message: str, hint: str) -> str:
    return encode_issues([Issue("duplicate-key", message, _KEY, hint)]) or ""


def stage(mapped: MappedDataFrame, address: str, parts: int = 64) -> StagedRun:
    """Map, and write the records and rejects as a staged run; `opusmap submit --staged` sends it.

    Spark writes the files, the manifest comes last: what breaks off has none, and can't be sent.

    Args:
        mapped: from `map_dataframe`.
        address: a folder that all executors share, or an address that Spark and fsspec know (`s3a://…` is
            `s3://…` for fsspec). Nothing is there yet.
        parts: how many files the records go into; each key is in one of them.

    Returns:
        The staged run. Its counts add up: `read = filtered + rejected + staged`.

    Raises:
        SourceError: `staged-exists`, `staged-unfinished`, `staged-counts`: the DataFrame gave other rows when
            Spark read it again; `missing-extra`.
        SettingsError: it can't be written there.
    """
    functions = load_extra("pyspark.sql.functions", "spark", "a DataFrame", _NAME)
    level = load_extra("pyspark.storagelevel", "spark", "a DataFrame", _NAME).StorageLevel.DISK_ONLY
    storage = Storage(address)
    refuse_occupied(storage)
    if not is_remote(address):
        address = str(Path(address).absolute())
        with storage.writing():
            Path(address).mkdir(mode=0o700, exist_ok=True)
    rows = mapped.dataframe.persist(level)  # three jobs read it
    try:
        counts = {row["outcome"]: row["count"] for row in rows.groupBy("outcome").count().collect()}
        number = functions.lit(None).cast("bigint").alias("row")
        records = rows.where(functions.col("outcome") == MAPPED)
        records = records.select(number, "key", "hash", "body", "replaced", "notes")
        records = records.repartition(parts, "key").sortWithinPartitions("key")
        records.write.option("compression", "zstd").parquet(f"{address}/{RECORDS}")
        if counts.get(REJECTED):
            rejects = rows.where(functions.col("outcome") == REJECTED)
            rejects = rejects.select(number, "key", "problems", "cells")
            rejects.write.option("compression", "zstd").parquet(f"{address}/{REJECTS}")
    finally:
        rows.unpersist()
    read = sum(counts.values())
    return write_manifest(address, mapped.rules, filtered=counts.get(FILTERED, 0), read=read)
