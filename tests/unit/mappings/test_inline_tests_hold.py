"""What the bundled mappings' inline tests say comes true, with the rows just as they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from opusmap.compiler import load_mapping
from opusmap.mapping import MappingTest, load_spec
from opusmap.records import Filtered, Record, Reject

MAPPINGS = Path(__file__).parents[3] / "mappings"
PATHS = [path for path in sorted(MAPPINGS.glob("*/*.yaml")) if "\nopusmap: 1\n" in path.read_text("utf-8")]
CASES = [
    pytest.param(path, test, id=f"{path.parent.name}/{path.stem}: {test.name}")
    for path in PATHS
    for test in load_spec(path).tests
]


@pytest.mark.parametrize(("path", "test"), CASES)
def test_the_row_becomes_what_the_mapping_says(path: Path, test: MappingTest) -> None:
    mapper = load_mapping(path)
    find = mapper.plan.connection.find
    result = mapper.map_row(test.row)
    if test.filtered:
        assert isinstance(result, Filtered)
    elif test.reject is not None:
        assert isinstance(result, Reject)
        columns = {find(str(name)): str(code) for name, code in test.reject.items()}
        assert {find(problem.column): problem.code for problem in result.problems} == columns
    else:
        assert test.expect
        assert isinstance(result, Record), result
        for name, value in test.expect.items():
            column = find(str(name))
            assert column
            assert str(result.values.get(column.internal_name)) == str(value), name
