"""A failing test says what differs; a drafted one says as well that a changed rule makes it fail."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from small_mapping import compiled

from opusmap.testing import TestResult, junit_xml, run_tests

DRAFTED, OWN = "row 2 of the source, as drafted", "row 2 of the source"


def result_of(name: str, expected: str) -> TestResult:
    test = f'tests: [{{name: "{name}", row: {{Key: k, A: a}}, expect: {{Line: {expected}}}}}]\n'
    (result,) = run_tests(compiled("Line: '{{ A | upper }}'", test))
    return result


@pytest.mark.parametrize(
    ("name", "expected", "says"), [(DRAFTED, "a", True), (DRAFTED, "A", False), (OWN, "a", False)]
)
def test_a_drafted_test_that_fails_says_what_to_do_and_no_other(
    name: str, expected: str, *, says: bool
) -> None:
    result = result_of(name, expected)
    assert result.passed == (expected == "A")
    assert ("changed a rule" in result.hint and "under `expect`" in result.hint) == says
    assert bool(result.hint) == says


def test_the_results_for_ci_servers_say_it_below_what_differs() -> None:
    result = result_of(DRAFTED, "a")
    (failure,) = ET.fromstring(junit_xml([("m.yaml", [result])])).iter("failure")
    assert failure.get("message") == "Line: expected a, found A"
    assert failure.text == f"Line: expected a, found A\n{result.hint}"
