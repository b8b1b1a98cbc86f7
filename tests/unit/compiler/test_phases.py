"""A mapping passes each phase of the compiler once, in one direction."""

import ast
import sys
from itertools import groupby
from pathlib import Path

import pytest
from small_mapping import compiled

import opusmap.compiler

FOLDER = Path(opusmap.compiler.__file__).parent
PHASES = (
    ("column_types", "binding_runtime", "plan", "binding_nodes", "known_columns"),  # what the phases hand on
    ("similar", "mapping_checks", "text_checks", "source_parts", "planner"),  # names resolved
    ("lower",),  # bindings lowered
    ("kinds",),  # kinds checked
    ("lock",),  # what orders mean
    ("interpreter",),  # the meaning
    ("sampled_rows",),
    ("lint_arguments", "lint_dates", "lint_numbers"),
    ("lint",),  # warnings, also of what becomes of a sample of rows
    ("cells", "caching", "encoding", "codegen"),  # code generated
    ("mapper",),
    ("explain",),
)
RANK = {name: place for place, names in enumerate(PHASES) for name in names}


def imported(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.rpartition(".")[2] for name in modules if name.startswith("opusmap.compiler.")}


def test_every_module_of_the_compiler_has_a_phase() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} - {"__init__"} == set(RANK)


@pytest.mark.parametrize("name", RANK)
def test_a_phase_imports_only_from_those_before_it(name: str) -> None:
    assert all(RANK[other] <= RANK[name] for other in imported(FOLDER / f"{name}.py"))


def test_a_mapping_passes_each_phase_once() -> None:
    fields = 'Line: {from: [A, B], convert: upper}\nNumber: "{{ n + 1 }}"\nChoice: {from: A, lookup: t}'
    more = 'tables: {t: {a: Red}}\nlet: {n: "{{ A | length }}"}\nwhere: "{{ n > 0 }}"\n'
    entered: list[int] = []

    def enter(frame: object, event: str, _argument: object) -> None:
        path = Path(frame.f_code.co_filename)  # type: ignore[attr-defined]
        if event == "call" and path.parent == FOLDER and 0 < RANK.get(path.stem, 0) < RANK["interpreter"]:
            entered.append(RANK[path.stem])

    before = sys.getprofile()
    sys.setprofile(enter)
    try:
        compiled(fields, more)
    finally:
        sys.setprofile(before)
    assert [rank for rank, _ in groupby(entered)] == [RANK[name] for name in ("planner", "lower", "kinds")]
