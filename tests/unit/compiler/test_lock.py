"""A lock holds what orders and columns meant; whatever gives them another meaning is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_mapping import COLUMNS, compiled, connect

from opusmap.compiler.lock import Lock, find_drift, make_lock, read_lock, write_lock

CHOICES = "choices: {Choice: [Red, Green]}\n"


def lock(choices: str = CHOICES, more: str = "") -> Lock:
    return make_lock(compiled("Line: A", more, choices=choices).plan)


def drift(old: Lock, choices: str = CHOICES, more: str = "") -> list[tuple[str, str]]:
    """Return code and place of what changed since."""
    plan = compiled("Line: A", more, choices=choices).plan
    return [(one.code, str(one.span)) for one in find_drift(old, plan)]


def test_nothing_changed_is_no_drift() -> None:
    assert drift(lock()) == []


@pytest.mark.parametrize(
    "options", ["[Green, Red]", "[Blue, Red, Green]", "[Red, Blue]", "[Red]", "[Red, green]"]
)
def test_an_order_that_means_another_option_is_drift_at_the_list(options: str) -> None:
    assert drift(lock(), f"choices: {{Choice: {options}}}\n") == [("drift-choices", "m.yaml:3:11")]


def test_a_list_that_goes_is_drift() -> None:
    assert drift(lock(), "") == [("drift-choices", "m.yaml:2:13")]


def test_options_at_the_end_and_other_spellings_are_no_drift() -> None:
    more = "choices: {_Choice: {options: [' Red', Green, Blue], aliases: {rot: Red}, ignore_case: true}}\n"
    assert drift(lock(), more) == []


def test_another_choice_base_gives_every_order_another_meaning() -> None:
    assert drift(lock(), more="target: {choice_base: 0}") == [("drift-choices", "m.yaml:4:23")]
    assert drift(lock(more="target: {choice_base: 0}")) == [("drift-choices", "m.yaml:2:13")]


def test_a_column_that_changed_its_type_or_went_is_drift() -> None:
    changed = connect(COLUMNS | {"_Number": "SingleText", "_New": "SingleText"})
    plan = compiled("Line: A", choices=CHOICES, connection=changed).plan
    assert [one.message for one in find_drift(lock(), plan)] == [
        'the column "Number" changed: type Number → SingleText'
    ]
    fewer = connect({name: kind for name, kind in COLUMNS.items() if name != "_Number"})
    plan = compiled("Line: A", choices=CHOICES, connection=fewer).plan
    assert [one.code for one in find_drift(lock(), plan)] == ["drift-column"]


def test_a_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "m.lock.json"
    write_lock(lock(more="target: {choice_base: 0}"), path)
    assert read_lock(path) == lock(more="target: {choice_base: 0}")
    assert read_lock(tmp_path / "none.lock.json") is None


def test_a_lock_that_says_no_base_counts_from_1(tmp_path: Path) -> None:
    path = tmp_path / "m.lock.json"
    write_lock(lock(), path)
    body = json.loads(path.read_text("utf-8"))
    del body["choice_base"]
    path.write_text(json.dumps(body), "utf-8")
    assert read_lock(path) == lock()
