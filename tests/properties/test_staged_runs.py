"""Laws of staged runs: what is staged is what `map` gives, and no changed byte goes unnoticed."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import fsspec
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from staged_runs import CONTRACTS, everything, stage_chunks, stage_source, write_register

from opusmap.compiler import Mapper, load_mapping
from opusmap.errors import SourceError
from opusmap.issues import Issue
from opusmap.journal import hash_content
from opusmap.records import Chunk, Filtered, Reject
from opusmap.staging import open_staged

DATA = Path(os.environ.get("OPUSMAP_TEST_DATA", "no-data"))
MAPPINGS = CONTRACTS.parents[1]
SOURCES = [
    ("contracts/mapping.yaml", None),
    ("doaj/mapping.yaml", "doaj.csv"),
    ("kev/mapping.yaml", "kev.csv"),
    ("kev/from-json.yaml", "kev.json"),
    ("chinook/mapping.yaml", "chinook.sqlite"),
    ("phs_register/mapping.yaml", "phs_register.csv"),
]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ISSUES = st.lists(st.builds(Issue, TEXT, TEXT, TEXT, TEXT), max_size=2).map(tuple)


@st.composite
def chunks(draw: st.DrawFn) -> list[Chunk]:
    """Draw what a mapper may give: records with any keys, rejects with any cells, filtered rows."""
    number, found = 1, []
    for size in draw(st.lists(st.integers(0, 5), max_size=4)):
        chunk = Chunk([], [], b"", [], {}, {})
        for place in range(size):
            number += 1
            match draw(st.sampled_from(["record", "record", "reject", "filtered"])):
                case "record":
                    key = draw(TEXT | st.sampled_from("ab"))
                    if remarks := draw(ISSUES):
                        chunk.replaced[len(chunk.keys)] = chunk.notes[len(chunk.keys)] = remarks
                    chunk.numbers.append(number)
                    chunk.keys.append(key)
                    chunk.lines += msgspec.json.encode({"rowKey": key, "x": draw(TEXT | st.floats())}) + b"\n"
                case "reject":
                    cells = draw(st.dictionaries(TEXT, TEXT | st.none() | st.integers(), max_size=2))
                    problems = (Issue("bad-date", "no", "When"), *draw(ISSUES))
                    chunk.others.append((place, Reject(number, draw(TEXT | st.none()), problems, cells)))
                case _:
                    chunk.others.append((place, Filtered(number)))
        found.append(chunk)
    return found


@pytest.fixture(scope="module")
def mapper(tmp_path_factory: pytest.TempPathFactory) -> Mapper:
    return load_mapping(write_register(tmp_path_factory.mktemp("register")))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the folder of a staged run of a small source, which no test changes."""
    folder = tmp_path_factory.mktemp("whole")
    stage_source(write_register(folder), folder / "run", parts=2)
    return folder / "run"


@pytest.mark.parametrize(("mapping", "file"), SOURCES, ids=[mapping for mapping, _ in SOURCES])
def test_what_is_staged_is_what_map_gives_record_for_record(
    mapping: str, file: str | None, tmp_path: Path
) -> None:
    source = None if file is None else DATA / file
    if source is not None and not source.is_file():
        pytest.skip(f"OPUSMAP_TEST_DATA names no folder with {file}")
    written, mapped = stage_source(MAPPINGS / mapping, tmp_path / "run", source)
    staged = open_staged(tmp_path / "run")
    assert staged.manifest == written.manifest
    assert everything(staged) == [
        record for one in mapped for record in zip(one.numbers, one.keys, one.records(), strict=True)
    ]
    rejects = [reject for chunk in mapped for reject in chunk.rejects()]
    assert [(one.row, one.key, one.problems) for one in staged.rejects()] == [
        (one.row, one.key, [each.as_json() for each in one.problems]) for one in rejects
    ]
    read = sum(map(len, mapped))
    assert (staged.counts.read, staged.counts.rejected) == (read, len(rejects))


@given(chunks(), st.integers(1, 4))
def test_a_key_is_in_one_part_and_the_parts_together_are_all_records(
    mapper: Mapper, given_chunks: list[Chunk], parts: int
) -> None:
    address = f"memory://{uuid.uuid4()}"  # the way of all addresses
    try:
        stage_chunks(mapper, address, given_chunks, parts)
        staged = open_staged(address)
        homes, order, found = defaultdict[str, set[str]](set), list[list[int]](), []
        for part in staged.parts:
            records = list(staged.read(part))
            assert len(records) == part.records
            order.append([one.row or 0 for one in records])
            found += records
            for one in records:
                homes[one.key].add(part.name)
                assert one.hash == hash_content(one.body, "overwrite")
        assert all(len(names) == 1 for names in homes.values())
        assert order == [sorted(rows) for rows in order]
        assert sorted((one.row or 0, one.key, one.body) for one in found) == [
            record
            for chunk in given_chunks
            for record in zip(chunk.numbers, chunk.keys, chunk.records(), strict=True)
        ]
        rejects = [reject for chunk in given_chunks for reject in chunk.rejects()]
        assert [(one.row, one.key, one.cells) for one in staged.rejects()] == [
            (one.row, one.key, dict(one.values)) for one in rejects
        ]
        assert sum(one.count for one in staged.manifest.reasons) == sum(len(one.problems) for one in rejects)
        replaced = [one for chunk in given_chunks for issues in chunk.replaced.values() for one in issues]
        assert sum(one.count for one in staged.manifest.replaced) == len(replaced)
        assert sum(one.count for one in staged.manifest.notes) == len(replaced)
    finally:
        fsspec.filesystem("memory").rm(address, recursive=True)


@given(st.data())
def test_a_changed_byte_anywhere_is_refused(whole: Path, data: st.DataObject) -> None:
    names = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    name = data.draw(st.sampled_from(names))
    content = bytearray((whole / name).read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    match data.draw(st.sampled_from(["change", "change", "cut", "remove", "insert"])):
        case "change":
            content[at] ^= data.draw(st.integers(1, 255))
        case "cut":
            del content[at:]
        case "remove":
            del content[at]
        case _:
            content.insert(at, data.draw(st.integers(0, 255)))
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(whole, f"{folder}/run")
        (Path(folder) / "run" / name).write_bytes(content)
        with pytest.raises(SourceError) as caught:
            everything(open_staged(f"{folder}/run"))
    assert caught.value.code in {"staged-changed", "staged-version"}


def test_the_same_source_gives_the_same_content_hash(whole: Path, tmp_path: Path) -> None:
    again, _ = stage_source(whole.parent / "register.yaml", tmp_path / "run", parts=2)
    assert again.content_hash == open_staged(whole).content_hash
