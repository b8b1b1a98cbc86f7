"""Runs the tests in a mapping, and reports what differs.

Columns that a test's row leaves out are empty: a test says what it is about and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from xml.etree import ElementTree as ET

from opusmap.compiler import Mapper
from opusmap.connection import Connection
from opusmap.issues import Span
from opusmap.mapping import MappingTest
from opusmap.records import Mapped, Record, Reject
from opusmap.wording import suggest


@dataclass(frozen=True, slots=True)
class Difference:
    """One target column (or the whole row) that is not as the test expects."""

    column: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class TestResult:
    """How one test ended."""

    __test__ = False  # pytest's: this is not a test class

    name: str
    span: Span
    differences: tuple[Difference, ...]
    is_drafted: bool = False

    @property
    def passed(self) -> bool:
        """Return whether everything is as expected."""
        return not self.differences

    @property
    def hint(self) -> str:
        """What to do where a test fails that `opusmap init` drafted; "" for another one, or if it passed."""
        return _DRAFTED_FAILS if self.is_drafted and not self.passed else ""


_DRAFTED_FAILS = (
    "`opusmap init` took what this test expects from its draft: it fails if you have changed a rule since. "
    "If what the mapping gives is right, write that under `expect`, or delete the test"
)


def run_tests(mapper: Mapper) -> list[TestResult]:
    """Run a mapping's tests, in their order."""
    return [
        TestResult(
            test.name,
            test.span,
            tuple(_differences(test, run_row(mapper, test.row), mapper.connection)),
            test.is_drafted,
        )
        for test in mapper.spec.tests
    ]


def run_row(mapper: Mapper, row: Mapping[str, Any]) -> Mapped:
    """Map a test's row; columns that it leaves out are empty."""
    blank = {name.partition(".")[0] if dotted else name: None for name, dotted in mapper.plan.cells().items()}
    return mapper.map_row({**blank, **row})


def _differences(test: MappingTest, mapped: Mapped, connection: Connection) -> Iterator[Difference]:
    if test.filtered:
        if isinstance(mapped, (Record, Reject)):
            yield Difference("the row", "filtered", _ending(mapped))
    elif test.reject is not None:
        yield from _reject_differences(test.reject, mapped, connection)
    elif not isinstance(mapped, Record):
        yield Difference("the row", "a record", _ending(mapped))
    else:
        expected = test.expect if test.expect is not None else test.expect_exact or {}
        yield from _value_differences(expected, mapped, connection, exact=test.expect is None)


def _ending(mapped: Mapped) -> str:
    if isinstance(mapped, Record):
        return "a record"
    if isinstance(mapped, Reject):
        return "rejected: " + "; ".join(f"{one.place}: {one.code}, {one.message}" for one in mapped.problems)
    return "filtered"


def _reject_differences(
    expected: Mapping[Any, Any], mapped: Mapped, connection: Connection
) -> Iterator[Difference]:
    if not isinstance(mapped, Reject):
        yield Difference("the row", "rejected", _ending(mapped))
        return
    codes: dict[str, list[str]] = {}
    for problem in mapped.problems:
        codes.setdefault(problem.place, []).append(problem.code)
    for name, code in expected.items():
        column = connection.find(name)
        found = codes.get(column.display_name if column else str(name), [])
        if code not in found:
            yield Difference(str(name), str(code), ", ".join(found) or "no problem")


def _value_differences(
    expected: Mapping[Any, Any], record: Record, connection: Connection, *, exact: bool
) -> Iterator[Difference]:
    seen = set()
    for name, value in expected.items():
        column = connection.find(name)
        if column is None:
            yield Difference(
                str(name), "a column of the connection", suggest(name, connection.names()) or "none"
            )
            continue
        seen.add(column.internal_name)
        found = record.values.get(column.internal_name)
        if not _matches(value, found):
            yield Difference(column.display_name, _shown(value), _shown(found))
    if exact:
        names = {column.internal_name: column.display_name for column in connection.columns}
        for internal_name, found in record.values.items():
            if internal_name not in seen:
                yield Difference(names[internal_name], "nothing", _shown(found))


def _matches(expected: Any, found: Any) -> bool:
    if expected is None or found is None:
        return expected is None and found is None
    if isinstance(found, list):
        return (
            isinstance(expected, list) and len(expected) == len(found) and all(map(_matches, expected, found))
        )
    if isinstance(found, int | float):
        try:
            return Decimal(str(expected)) == Decimal(str(found))
        except InvalidOperation:
            return False
    return bool(str(expected) == found)


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)


def junit_xml(suites: Iterable[tuple[str, list[TestResult]]]) -> bytes:
    """Return test results (mapping file -> results) as JUnit XML, as CI servers read it."""
    root = ET.Element("testsuites")
    for file, results in suites:
        failed = sum(not result.passed for result in results)
        suite = ET.SubElement(root, "testsuite", name=file, tests=str(len(results)), failures=str(failed))
        for result in results:
            case = ET.SubElement(
                suite, "testcase", classname=file, name=result.name, file=file, line=str(result.span.line)
            )
            if not result.passed:
                text = "\n".join(
                    f"{one.column}: expected {one.expected}, found {one.found}" for one in result.differences
                )
                text += f"\n{result.hint}" if result.hint else ""
                ET.SubElement(case, "failure", message=_xml_text(text.partition("\n")[0])).text = _xml_text(
                    text
                )
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _xml_text(text: str) -> str:
    """Leave out what XML can't hold."""
    return "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text)
