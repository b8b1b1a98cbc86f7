"""In each kind of work of the benchmarks, the hand-written programs and the mapping make the same records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from contestant import CONTESTANTS
from diff import measure
from mapping import PROGRAMS, compare
from workloads import SEED, WORKS, Work, write_source
from workloads.register.rows import WRONG

from opusmap.compiler import load_mapping
from opusmap.records import Reject


def read_records(path: Path) -> list[str]:
    return [json.dumps(json.loads(line), sort_keys=True) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("work", WORKS.values(), ids=list(WORKS))
@pytest.mark.parametrize("seed", [1, SEED])
def test_all_programs_make_the_same_records_in_the_same_order(work: Work, seed: int, tmp_path: Path) -> None:
    source = tmp_path / f"source{work.suffix}"
    write_source(work, source, 1_200, seed)
    counts, records = {}, {}
    for who in PROGRAMS:
        counts[who] = CONTESTANTS[who](work)(str(source), str(tmp_path / who))
        records[who] = read_records(tmp_path / who)
    assert len(records["first_draft"]) == counts["first_draft"][0] > 900
    for who in ("opusmap", "tuned"):
        assert records[who] == records["first_draft"]
        assert counts[who] == counts["first_draft"]


def test_other_seeds_give_other_rows(tmp_path: Path) -> None:
    for work in WORKS.values():
        sources = [tmp_path / f"{seed}{work.suffix}" for seed in (1, 2)]
        for seed, source in enumerate(sources, 1):
            write_source(work, source, 20, seed)
        assert sources[0].read_bytes() != sources[1].read_bytes()


@pytest.mark.parametrize("wrong", [1, 3, len(WRONG)])
def test_a_reject_is_wrong_in_as_many_columns_as_it_says(wrong: int) -> None:
    register = WORKS["register"]
    mapper = load_mapping(register.mapping)
    for row in register.module("rows").make_rows(20, SEED, rejects=1.0, wrong=wrong):
        mapped = mapper.map_row(row)
        assert isinstance(mapped, Reject)
        assert len({problem.column for problem in mapped.problems}) == wrong


@pytest.mark.parametrize("other", [b'{"rowKey":"1"}\n', b'{"rowKey":"1"}\n{"rowKey":"3"}\n'])
def test_one_record_that_differs_or_is_missing_stops_the_benchmark(other: bytes, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b'{"rowKey":"1"}\n{"rowKey":"2"}\n')
    (tmp_path / "other").write_bytes(other)
    with pytest.raises(SystemExit, match="record 2 differs"):
        compare({name: tmp_path / name for name in ("one", "other")})


@pytest.mark.slow
def test_the_benchmark_of_a_diff_compares_what_it_says() -> None:
    assert measure(200, 0.1, None)["changed"] == 19  # of the rows that were there before: 4 are new
