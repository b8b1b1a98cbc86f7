"""On labelled headers of known systems `init` finds most columns, also where nothing was tuned on them."""

import importlib.util
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "automap" / "__main__.py"
AT_LEAST = 0.85


@pytest.fixture(scope="module")
def results():
    spec = importlib.util.spec_from_file_location("automap", BENCHMARK)
    automap = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = automap  # where dataclasses look for their module
    spec.loader.exec_module(automap)
    found = list(automap.results(None))
    del sys.modules[spec.name]
    return found


@pytest.mark.parametrize("held_out", [True, False])
def test_the_first_choice_is_right(results, held_out):
    found = [one for one in results if one.has_source and one.held_out is held_out]
    assert len({one.export for one in found}) >= 15
    assert sum(one.top_1 for one in found) / len(found) >= AT_LEAST


def test_columns_without_a_source_are_left_open(results):
    found = [one for one in results if not one.has_source]
    assert sum(one.top_1 for one in found) / len(found) >= AT_LEAST
