"""The mapping language's page is true: its mappings compile, its examples give what they show."""

from __future__ import annotations

import csv
import json
import re
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from documentation import (
    PAGES,
    ROOT,
    Block,
    blocks,
    complete,
    expectations,
    given_cells,
    sample_row,
    section,
    table,
)

import opusmap
from opusmap.converters import builtin_converters
from opusmap.converters.coerce import text_of
from opusmap.expressions.hints import FUNCTIONS, TESTS
from opusmap.mapping.schema import load_schema
from opusmap.testing import run_tests

LANGUAGE = ROOT / "docs" / "language.md"
ROW = sample_row(LANGUAGE)
STAFF = "login,email\nasmith,Ann.Smith@example.org\nbjones,ben@example.org\n"

YAML = [block for page in PAGES for block in blocks(page, "yaml")]
MAPPINGS = [
    pytest.param(text, id=f"{block.page.name}:{line}")
    for block in YAML
    if not block.comment.startswith(("file: ", "file first: "))
    for line, text in complete(block)
]
EXPRESSIONS = [
    pytest.param(*(part.strip() for part in line.rsplit(" → ", 1)), id=f"{LANGUAGE.name}:{number}")
    for block in blocks(LANGUAGE, "jinja")
    for number, line in enumerate(block.text.splitlines(), block.line + 1)
    if line.strip()
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder that the documentation's mappings stand in: connection, source, tables, shared files."""
    place = tmp_path_factory.mktemp("register")
    connection = ROOT / "mappings" / "contracts" / "contracts.connection.json"
    (place / connection.name).write_bytes(connection.read_bytes())
    (place / "staff.csv").write_text(STAFF, "utf-8")
    with (place / "contracts.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([ROW.keys(), ROW.values()])
    for block in YAML:
        if block.comment.startswith("file: "):
            path = place / block.comment.removeprefix("file: ")
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.text, "utf-8")
    return place


def outcome(mapping: str, folder: Path, column: str) -> str:
    """Return what becomes of the sample row's column, in the documentation's words."""
    row = ROW | given_cells(mapping)
    path = folder / "mapping.yaml"
    path.write_text(mapping, "utf-8")
    try:
        mapper = opusmap.load_mapping(path, columns=row)
    except opusmap.InvalidMapping as error:
        return "error: " + ", ".join(sorted({found.code for found in error.diagnostics}))
    result = mapper.map_row(row)
    if isinstance(result, opusmap.Record):
        name = mapper.connection.find(column).internal_name
        return json.dumps(result.values[name], ensure_ascii=False) if name in result.values else "left out"
    assert isinstance(result, opusmap.Reject), "the sample row is filtered"
    return "rejected: " + ", ".join(
        problem.code
        if mapper.connection.find(problem.column) == mapper.connection.find(column)
        else str(problem)
        for problem in result.problems
    )


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_each_mapping_shown_compiles_and_gives_what_it_says(mapping, folder):
    expected = expectations(mapping)
    for column, words in expected:
        assert outcome(mapping, folder, column) == words, column
    if any(words.startswith(("rejected: ", "error: ")) for _, words in expected):
        return
    path = folder / "mapping.yaml"
    path.write_text(mapping, "utf-8")
    row = ROW | given_cells(mapping)
    mapper = opusmap.load_mapping(path, columns=row)
    assert not mapper.warnings
    assert isinstance(mapper.map_row(row), opusmap.Record)
    assert all(result.passed for result in run_tests(mapper)), run_tests(mapper)


def test_an_example_that_gives_a_cell_is_run_with_it(folder):
    """Else an example could show any cell."""
    line = 'Signed On: {from: SignedOn, format: "%d/%m/%Y"}  # 31/01/2024 → "2024-01-31 00:00:00"\n'
    text = complete(Block(LANGUAGE, 0, "yaml", line, "fields"))[0][1]
    assert given_cells(text) == {"SignedOn": "31/01/2024"}
    assert outcome(text, folder, "Signed On") == '"2024-01-31 00:00:00"'
    assert outcome(text.replace("31/01", "30/01"), folder, "Signed On") == '"2024-01-30 00:00:00"'
    assert outcome(text.replace("# 31/01/2024 →", "# →"), folder, "Signed On") == "rejected: bad-date"
    assert given_cells("  A: {from: B}  # (empty) → left out") == {"B": ""}
    assert given_cells('  A: "{{ Box | upper }}@x"  # b 1 → "B 1@x"') == {"Box": "b 1"}


@pytest.mark.parametrize(("expression", "shown"), EXPRESSIONS)
def test_each_expression_shown_gives_the_value_beside_it(expression, shown, folder):
    assert evaluate(expression, folder) == shown


def evaluate(expression: str, folder: Path) -> str:
    """Return an expression's value as the documentation writes it; a converter catches it on its way."""
    caught: list[Any] = []

    @opusmap.converter(name="catch", takes_list=True)
    def catch(value: object) -> str:
        """Keep the value."""
        caught.append(value)
        return "caught"

    text = complete(
        Block(LANGUAGE, 0, "yaml", f"Notes: {{value: {json.dumps(expression)}, convert: catch}}", "fields")
    )
    path = folder / "mapping.yaml"
    path.write_text(text[0][1], "utf-8")
    try:
        mapper = opusmap.load_mapping(
            path, columns=ROW, converters=builtin_converters().extended(opusmap.Registry.of([catch]))
        )
    except opusmap.InvalidMapping as error:
        return "error: " + ", ".join(sorted({found.code for found in error.diagnostics}))
    result = mapper.map_row(ROW)
    if isinstance(result, opusmap.Reject):
        return "rejected: " + ", ".join(problem.code for problem in result.problems)
    return written(caught[0] if caught else None)


def written(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    assert isinstance(value, bool | int | Decimal | date)
    return text_of(value)


@cache
def shown_in_code() -> frozenset[str]:
    """Return every text that stands in code marks on the page, outside of blocks."""
    return frozenset(
        re.findall(r"`([^`\n]+)`", re.sub(r"(?ms)^```.*?^```$", "", LANGUAGE.read_text("utf-8")))
    )


SCHEMA = load_schema()
KEYED = {
    "Keys of the file": SCHEMA["properties"],
    "`source`": SCHEMA["properties"]["source"]["properties"],
    "`target`": SCHEMA["properties"]["target"]["properties"],
    "`columns`": SCHEMA["properties"]["columns"]["additionalProperties"]["properties"],
    "Bindings": SCHEMA["$defs"]["binding_object"]["properties"],
    "Choices": SCHEMA["$defs"]["choice_list"]["properties"],
    "Tests in the mapping": SCHEMA["properties"]["tests"]["items"]["properties"],
}


@pytest.mark.parametrize("title", KEYED)
def test_each_key_of_the_schema_is_described_in_its_section(title):
    text = section(LANGUAGE, title)
    rows = [row[0] for row in table(text)]
    shown = rows or re.findall(r"(?m)`([a-z_]+)`|^\s+([a-z_]+):|[{,] ?([a-z_]+):", text)
    described = {name for found in shown for name in ([found] if rows else found)}
    missing = set(KEYED[title]) - described
    assert not missing


@pytest.mark.parametrize("name", builtin_converters().converters)
def test_each_converter_has_an_example(name):
    converters = LANGUAGE.read_text("utf-8").partition("\n## Converters\n")[2]
    examples = converters.partition("\n## ")[0]  # with those of its sections
    assert re.search(rf"\| {name}(?:\(.*\))? .*→", examples)


def test_each_test_and_function_is_named():
    listed = " ".join(shown_in_code())
    words = set(re.findall(r"[a-z]+|[=!<>]+", listed))
    assert set(TESTS) <= words
    assert set(FUNCTIONS) <= words


def test_no_command_is_promised_that_does_not_exist():
    from opusmap.cli.entry import opusmap as program

    named = {name for page in PAGES for name in re.findall(r"`opusmap ([a-z]+)", page.read_text("utf-8"))}
    assert named <= set(program.commands)
