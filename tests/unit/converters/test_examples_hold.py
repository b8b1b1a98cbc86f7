"""Every built-in converter's examples, as the reference shows them, are true."""

from __future__ import annotations

from typing import Any

import pytest
from evaluation import evaluate

from opusmap.converters import builtin_converters

CONVERTERS = builtin_converters().converters
EXAMPLES = [
    pytest.param(expression, expected, id=f"{name}: {expression}")
    for name, converter in CONVERTERS.items()
    for expression, expected in converter.examples.items()
]


@pytest.mark.parametrize(("expression", "expected"), EXAMPLES)
def test_an_example_gives_the_value_shown(expression: str, expected: Any) -> None:
    value = evaluate(expression, timezone="UTC")
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize("name", CONVERTERS)
def test_every_converter_has_a_summary_and_an_example(name: str) -> None:
    assert CONVERTERS[name].examples
    assert CONVERTERS[name].summary.endswith(".")


@pytest.mark.parametrize(
    "name",
    [
        *("trim", "squeeze", "upper", "lower", "title", "truncate", "replace", "regex_replace", "strip_html"),
        *("single_line", "number", "integer", "boolean", "datetime", "date", "excel_date", "unix_time"),
        *("fiscal_year", "choice_order", "choice_orders", "email", "emails", "term_path", "split", "join"),
        *("first", "last", "unique", "file_name", "file_stem", "extension", "parent_folder", "hash", "uuid5"),
        "slug",
    ],
)
def test_the_converters_that_the_language_names_exist(name: str) -> None:
    assert name in CONVERTERS
