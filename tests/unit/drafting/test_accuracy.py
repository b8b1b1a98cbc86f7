"""On exports of real systems `init` finds most columns, also on those that nothing was tuned on."""

import tomllib
from hashlib import sha256
from pathlib import Path

import pytest
from automap import __main__ as automap

from opusmap.connection import BUILT_IN

EXPORTS = Path(automap.__file__).with_name("exports.toml")
SEEN_BEFORE = {"SharePoint", "PowerShell", "Jira", "Content Manager"}
TOP_1, PRECISION = 0.88, 0.96


@pytest.fixture(scope="module")
def exports():
    return tomllib.loads(EXPORTS.read_text("utf-8"))["export"]


@pytest.fixture(scope="module")
def results():
    return list(automap.results(presets=False))


def test_the_set_is_broad_enough_to_say_something(exports):
    assert len(exports) >= 40
    assert len({export["language"] for export in exports}) >= 8
    assert all(export["source"] for export in exports)


def test_a_system_is_in_the_half_that_its_name_says(exports):
    for export in exports:
        system = export["system"]
        if export["half"] == "later":
            continue
        even = sha256(f"1/{system}".encode()).digest()[0] % 2 == 0
        assert export["half"] == ("development" if even or system in SEEN_BEFORE else "frozen"), system


def test_labels_name_columns_of_their_export(exports):
    for export in exports:
        headers = {column.rpartition("|")[0] for column in export["columns"]} | {""}
        assert len(headers) == len(export["columns"]) + 1
        for name, right in export["labels"].items():
            assert {right} <= headers if isinstance(right, str) else set(right) <= headers, name
            assert name in BUILT_IN or ": " in name


@pytest.mark.parametrize("half", ["development", "frozen", "later"])
def test_most_columns_are_found_and_what_is_bound_is_right(results, half):
    measures = automap.summary(one for one in results if one.half == half)
    for name, least in (("top-1", TOP_1), ("precision", PRECISION)):
        right, of = measures[name]
        assert right / of >= least, name
