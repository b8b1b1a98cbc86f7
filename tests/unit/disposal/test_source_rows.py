"""The row that a source has of a record is the one that a run would send or reject."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opusmap.compiler import Mapper, load_mapping
from opusmap.disposal import source_rows
from opusmap.disposal.source_rows import find_rows
from opusmap.journal import hash_content
from opusmap.run.map import MapStream
from opusmap.run.open import Work
from opusmap.sources.installed import IterableSource


@pytest.fixture(scope="module", params=["first", "last"])
def mapper(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapper:
    folder: Path = tmp_path_factory.mktemp("mapping")
    columns = {"rowKey": "SingleText", "_N": "Number"}
    connection = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [columns]}
    (folder / "c.json").write_text(json.dumps(connection), "utf-8")
    (folder / "m.yaml").write_text(
        f"opusmap: 1\nconnection: c.json\nduplicates: {request.param}\nfields: {{rowKey: Id, N: N}}\n",
        "utf-8",
    )
    return load_mapping(folder / "m.yaml")


@example([("a", "x"), ("a", "1")], 1)
@example([("a", "x"), ("a", "1")], 9)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["1", "2", "x"]))), st.integers(1, 5))
def test_of_several_rows_with_one_key_the_one_that_owns_it_counts(
    mapper: Mapper, rows: list[tuple[str, str]], size: int
) -> None:
    work = Work(mapper, IterableSource([{"Id": key, "N": number} for key, number in rows]))
    sent = {
        key: (number, hash_content(record, "overwrite"))
        for chunk in MapStream(work)
        for number, key, record in zip(chunk.numbers, chunk.keys, chunk.records(), strict=True)
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source_rows, "CHUNK_ROWS", size)
        found = find_rows(work, "abc").found
    assert {key: (row.number, row.content) for key, row in found.items() if row.content is not None} == sent
    rejected = {key: row.number for key, row in found.items() if row.content is None}
    firsts = {key: at for at, (key, _) in reversed(list(enumerate(rows, 1)))}
    assert rejected == {key: at for key, at in firsts.items() if key not in sent}
