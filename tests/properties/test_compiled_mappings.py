"""Laws of compiled mappings, over generated mappings and rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from evaluation import compile_unchecked
from generated_specs import CONNECTION, SOURCE, mappings, rows
from hypothesis import given, note
from hypothesis import strategies as st
from reference import Outcome, interpret
from thorough import THOROUGH

from opusmap.compiler.known_columns import KnownColumns
from opusmap.compiler.planner import resolve_names
from opusmap.converters import builtin_converters
from opusmap.emulator import TargetFormat
from opusmap.emulator.validation import RecordValidator
from opusmap.mapping import parse_spec
from opusmap.records import Filtered, Mapped, Record

MAPPINGS = Path(__file__).parents[2] / "mappings"


def outcome_of(mapped: Mapped) -> Outcome:
    if isinstance(mapped, Filtered):
        return Outcome("filtered")
    if isinstance(mapped, Record):
        replaced = tuple((problem.column, problem.code) for problem in mapped.replaced)
        return Outcome("record", mapped.values, (), replaced)
    return Outcome("reject", None, tuple((problem.column, problem.code) for problem in mapped.problems))


@THOROUGH
@given(
    text=mappings(),
    read=st.lists(rows(), min_size=1, max_size=4),
    columns=st.sampled_from([None, frozenset(SOURCE)]),
)
def test_compiled_is_interpreted(
    text: str, read: list[dict[str, Any]], columns: frozenset[str] | None
) -> None:
    mapper = compile_unchecked(text, CONNECTION, columns)
    noted = KnownColumns()
    plan, _ = resolve_names(parse_spec(text), CONNECTION, builtin_converters(), columns, noted)
    for row in read:
        noted.notes.clear()
        note(mapper.source)
        mapped, meant = mapper.map_row(row), interpret(plan, row)
        assert outcome_of(mapped) == meant
        assert repr(outcome_of(mapped)) == repr(meant)  # 1, 1.0 and True are equal, but not the same JSON
        if isinstance(mapped, Record):
            assert [(one.column, one.code) for one in mapped.notes] == [
                (one.column, one.code) for one in noted.notes
            ]


@given(text=mappings(), read=st.lists(rows(), min_size=1, max_size=4))
def test_every_record_stands_before_the_emulators_own_judgement(
    text: str, read: list[dict[str, Any]]
) -> None:
    mapper = compile_unchecked(text, CONNECTION)
    target = mapper.spec.target
    form = TargetFormat(
        target.datetime_format, target.choice_base, target.choice_as, target.list_as, target.empty
    )
    counts = {str(one.column): len(one.options) for one in mapper.spec.choices}
    validator = RecordValidator(mapper.connection, form, counts)
    for row in read:
        mapped = mapper.map_row(row)
        if isinstance(mapped, Record):
            assert validator.find_problems(mapped.values) == []
            assert mapped.key == mapped.values["rowKey"]


@given(text=mappings())
def test_the_same_mapping_gives_the_same_source_to_the_byte(text: str) -> None:
    sources = {compile_unchecked(text, CONNECTION).source for _ in range(2)}
    assert len(sources) == 1


def test_the_sources_are_the_same_in_every_process() -> None:
    code = (
        "import sys, json, opusmap; print(json.dumps([opusmap.load_mapping(p).source for p in sys.argv[1:]]))"
    )
    paths = sorted(map(str, MAPPINGS.glob("*/mapping.yaml")))
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code, *paths],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        ).stdout
        for seed in ("0", "1", "4242")
    }
    (output,) = outputs
    assert len(set(json.loads(output))) == len(paths) > 1
