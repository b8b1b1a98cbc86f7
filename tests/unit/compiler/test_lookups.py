"""Look-ups in expressions: a default for what a table lacks, and whether it has a key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_mapping import compiled, mapped, problems, record, rejects

from opusmap.compiler.lint import lint
from opusmap.issues import Issue
from opusmap.records import Filtered, Record

TABLE = 'tables: {t: {FIN: Finance, "7": Seven, none: null}}\n'
KNOWN = "Line: \"{{ t[A] | default('unknown') }}\""


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("FIN", "Finance"),
        (" FIN ", "Finance"),
        (7, "Seven"),
        ("HR", "unknown"),
        ("", "unknown"),
        ("none", "unknown"),
    ],
)
def test_a_default_is_there_for_a_key_that_the_table_lacks_and_for_an_empty_one(key: Any, found: str) -> None:
    assert record(KNOWN, {"A": key}, TABLE) == {"_Line": found}


@pytest.mark.parametrize(
    ("fields", "more", "place"),
    [
        (KNOWN, TABLE, "Line"),
        ("Line: s", f"{TABLE}let: {{s: \"{{{{ t[A] | default('unknown') }}}}\"}}\n", "let s"),
        ("Line: {const: x}", f"{TABLE}where: \"{{{{ (t[A] | default('x')) == 'x' }}}}\"\n", "where"),
    ],
)
def test_that_a_default_took_the_place_of_a_key_is_counted(fields: str, more: str, place: str) -> None:
    found = mapped(fields, {"A": "HR"}, more)
    assert isinstance(found, Record)
    assert [(one.place, one.code) for one in found.replaced] == [(place, "not-in-table")]
    found = mapped(fields, {"A": "FIN"}, more)  # nothing was wrong
    assert isinstance(found, Filtered) or found.replaced == ()  # type: ignore[union-attr]


def test_a_look_up_without_a_default_still_rejects() -> None:
    assert rejects('Line: "{{ t[A] }}"', {"A": "HR"}, TABLE) == {"Line": "not-in-table"}
    assert rejects("Line: \"{{ t[A] | upper | default('x') }}\"", {"A": "HR"}, TABLE) == {
        "Line": "not-in-table"
    }


@pytest.mark.parametrize(
    ("key", "is_there"), [("FIN", "yes"), (" FIN", "yes"), (7, "yes"), ("HR", "no"), ("", "no")]
)
def test_a_key_is_in_a_table_if_looking_it_up_finds_it(key: Any, is_there: str) -> None:
    assert record("Line: \"{{ 'yes' if A in t else 'no' }}\"", {"A": key}, TABLE) == {"_Line": is_there}
    assert record("Line: \"{{ 'no' if A not in t else 'yes' }}\"", {"A": key}, TABLE) == {"_Line": is_there}


BLANKS = 'tables: {t: {" FIN ": Finance, " HR": "", HR: ""}}\n'


@pytest.mark.parametrize("key", ["FIN", " FIN ", "FIN  "])
def test_blanks_around_a_table_s_key_do_not_count(key: str) -> None:
    assert record("Line: {from: A, lookup: t}", {"A": key}, BLANKS) == {"_Line": "Finance"}
    assert record('Line: "{{ t[A] }}"', {"A": key}, BLANKS) == {"_Line": "Finance"}
    assert record(
        "Choices: {from: A, split: ;, lookup: t}", {"A": f"{key};"}, BLANKS.replace("Finance", "Red")
    )
    assert record("Line: \"{{ 'yes' if A in t else 'no' }}\"", {"A": key}, BLANKS) == {"_Line": "yes"}
    found = compiled("Line: {from: A, lookup: t}", BLANKS)
    row, listed = {"Key": "k", "A": key}, list[Issue[str]]()
    assert found.interpreter.row(row, listed) == dict(found.map_row(row).values)  # type: ignore[union-attr]


@pytest.mark.parametrize("key", ["FIN", "HR"])
def test_a_value_that_is_empty_in_the_table_is_empty(key: str) -> None:
    table = 'tables: {t: {FIN: "", HR: null}}\n'
    assert record("Line: {from: A, lookup: t}", {"A": key}, table) == {}
    assert record("Line: {from: A, lookup: t, default: d}", {"A": key}, table) == {"_Line": "d"}
    assert rejects("Line: {from: A, lookup: t, required: true}", {"A": key}, table) == {
        "Line": "empty-required"
    }
    assert record("Line: \"{{ t[A] or 'd' }}\"", {"A": key}, table) == {"_Line": "d"}


def test_keys_that_differ_only_by_blanks_may_not_have_different_values(tmp_path: Path) -> None:
    table = 'tables: {t: {"FIN ": Finance, FIN: Money}}\n'
    (problem,) = problems("Line: {from: A, lookup: t}", table)
    assert (problem.code, problem.message) == (
        "repeated-key",
        'table t: duplicate key "FIN" with different values',
    )
    (tmp_path / "t.csv").write_text("k,v\nFIN ,Finance\nFIN,Money\n", "utf-8")
    table = "tables: {t: {path: t.csv, key: k, value: v}}\n"
    (problem,) = problems("Line: {from: A, lookup: t}", table, folder=tmp_path)
    assert problem.code == "table-unreadable"


def test_a_required_column_with_such_a_default_is_never_empty() -> None:
    plan = compiled(KNOWN, f"columns: {{Line: {{required: true}}}}\n{TABLE}", columns=("Key", "A")).plan
    assert [one.code for one in lint(plan)] == ["no-classification"]


def test_several_text_columns_stay_apart_for_a_converter_of_lists() -> None:
    row = {"A": "x", "B": "", "C": "y", "D": "x"}
    assert record("Line: {from: [A, B, C], convert: {join: ', '}}", row) == {"_Line": "x, y"}
    assert record("Line: {from: [A, B, C], convert: [upper, {join: +}]}", row) == {"_Line": "X+Y"}
    assert record("Line: {from: [A, B, C], convert: [{join: +}, upper]}", row) == {"_Line": "X+Y"}
    assert record("Line: {from: [A, C, D], convert: unique}", row) == {"_Line": "x y"}
    assert record("Line: {from: [A, C, D], convert: unique, join: /}", row) == {"_Line": "x/y"}
    assert record("Line: {from: [A, C], convert: last}", row) == {"_Line": "y"}
    assert record("Number: {from: [A, C], convert: [number, sum]}", {"A": "1.5", "C": "2"}) == {
        "_Number": 3.5
    }
    assert record("Line: {from: [A, C], convert: {join: ', '}, default: d}", {"A": "", "C": ""}) == {
        "_Line": "d"
    }
    assert record("Line: {from: [A, C], convert: upper}", row) == {"_Line": "X Y"}  # a converter of one text
    assert problems("Line: {from: [A, C], convert: {join: ', '}}") == ()
