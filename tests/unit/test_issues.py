"""Diagnostics are shown as a compiler shows them, whatever stands in the file."""

from __future__ import annotations

import json
import pickle
import time
import tracemalloc
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.issues import Issue, Severity, Span, render
from opusmap.wording import quote_value, suggest

SPAN = Span("m.yaml", 2, 9, 2, 14)
FOUND = Issue("unknown-column", "there is no column", SPAN, 'did you mean "Title"?')


def shown(source: str | None, found: Issue[Span] = FOUND) -> list[str]:
    return render([found], lambda _file, _line: source).split("\n")


def test_a_diagnostic_shows_its_place_the_line_a_caret_and_the_way_out() -> None:
    assert shown("  Name: Titel") == [
        "m.yaml:2:9: error[unknown-column]: there is no column",
        "   2 |   Name: Titel",
        "               ^^^^^",
        '     help: did you mean "Title"?',
    ]


def test_without_the_file_the_line_is_left_out() -> None:
    assert shown(None) == [FOUND.one_line(), '     help: did you mean "Title"?']


def test_without_help_there_is_no_help_line() -> None:
    assert len(shown("x" * 20, Issue("c", "m", SPAN, severity=Severity.WARNING))) == 3


def test_a_span_of_several_lines_is_marked_to_the_end_of_its_first() -> None:
    found = Issue("c", "m", Span("m.yaml", 1, 4, 3, 1))
    assert shown("abcdef", found)[2].strip() == "^^^"


def test_a_long_line_is_cut_around_the_mark() -> None:
    found = Issue("c", "m", Span("m.yaml", 1, 501, 1, 504))
    line, marks = shown("a" * 500 + "xyz" + "b" * 500, found)[1:3]
    assert len(line) <= 110
    assert line[marks.index("^") : marks.index("^") + 3] == "xyz"


def test_colours_are_put_around_each_part() -> None:
    painted = render([FOUND], lambda *_: "  Name: Titel", lambda text, style: f"<{style}>{text}</>")
    assert "<place>m.yaml:2:9</>: <error>error[unknown-column]</>:" in painted
    assert "<error>^^^^^</>" in painted
    assert "<help>help:</>" in painted


@given(st.text(max_size=300), st.integers(1, 400), st.integers(0, 400))
def test_any_line_can_be_shown_and_its_mark_stands_beneath_it(source: str, column: int, width: int) -> None:
    found = Issue("c", "m", Span("m.yaml", 1, column, 1, column + width))
    lines = shown(source, found)
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines[1:])
    assert set(lines[2].strip()) == {"^"}


def test_a_diagnostic_is_plain_data_for_machines() -> None:
    data = json.loads(json.dumps(FOUND.as_json()))
    assert data["severity"] == "error"
    assert data["span"] == {"file": "m.yaml", "line": 2, "column": 9, "end_line": 2, "end_column": 14}


def test_diagnostics_compare_and_pickle() -> None:
    assert pickle.loads(pickle.dumps(FOUND)) == FOUND
    assert min([Span("a", 2, 1, 2, 2), Span("a", 1, 9, 1, 9)]).line == 1


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("Titel", ["Title", "Notes"], 'did you mean "Title"?'),
        ("title", ["TITLE"], 'did you mean "TITLE"?'),
        ("xyz", ["Title"], ""),
        ("x", [], ""),
    ],
)
def test_the_nearest_known_name_is_suggested(name: str, known: list[str], found: str) -> None:
    assert suggest(name, known) == found


@pytest.mark.parametrize("known", ["Ti\u0301tle", "Doc\u00a0Type", "\ufeffDoc Type"])
def test_a_name_that_looks_the_same_is_told_as_such(known: str) -> None:
    wanted = "T\u00edtle" if "\u0301" in known else "Doc Type"
    assert "only in spaces, or in characters that look the same" in suggest(wanted, ["Other", known])


def test_a_suggestion_does_not_depend_on_the_order_of_what_is_known() -> None:
    assert suggest("ab", {"abc", "abd"}) == suggest("ab", ["abd", "abc"])


@given(st.one_of(st.text(), st.integers(), st.lists(st.text())))
def test_a_quoted_value_is_one_short_printable_line(value: object) -> None:
    quoted = quote_value(value)
    assert quoted.isprintable()
    assert len(quoted) <= 62 + 60 * 9  # each character may be written as an escape


def test_a_long_value_is_cut() -> None:
    assert quote_value("x" * 100, 10) == '"' + "x" * 9 + '…"'


def test_a_text_from_a_source_is_not_kept_however_long():
    suggest("x", ["Contract", "Deed"])
    tracemalloc.start()
    for number in range(9):
        suggest(f"{number}" + " wörd" * 50_000, ["Contract", "Deed"])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 100_000


def test_thousands_of_problems_on_one_long_line_are_shown_at_once() -> None:
    """A mapping in one line, with a table in every twenty characters that nothing uses."""
    line = "x" * 200_000
    found = [Issue("c", "m", Span("m.yaml", 1, 50 * n + 1, 1, 50 * n + 9)) for n in range(4_000)]
    began = time.process_time()
    render(found, lambda _file, _line: line)
    assert time.process_time() - began < 5


def test_json_has_the_place_of_an_issue_as_a_span_or_a_column() -> None:
    assert FOUND.as_json() == {
        "code": "unknown-column",
        "severity": "error",
        "message": "there is no column",
        "span": asdict(SPAN),
        "help": 'did you mean "Title"?',
    }
    in_row = Issue("bad-number", "not a number", "Amount", "write digits")
    assert in_row.as_json() == {
        "column": "Amount",
        "code": "bad-number",
        "message": "not a number",
        "help": "write digits",
    }


@pytest.mark.parametrize("issue", [FOUND, Issue("bad-number", "not a number", "Amount")])
def test_an_issue_that_another_process_made_equals_its_own(issue: Issue[Span] | Issue[str]) -> None:
    copy = pickle.loads(pickle.dumps(issue))
    assert copy == issue
    assert {copy, issue} == {issue}


@given(
    st.text("ab \t", min_size=1, max_size=400), st.integers(0, 399), st.integers(1, 20), st.integers(40, 130)
)
def test_the_caret_is_under_its_place_however_long_the_line_is(
    line: str, at: int, length: int, width: int
) -> None:
    at %= len(line)
    marked = line[:at] + "X" + line[at + 1 :]
    span = Span("m.yaml", 7, at + 1, 7, min(at + 1 + length, len(marked) + 1))
    text = render([Issue("some-code", "wrong", span)], lambda _file, _line: marked, width=width)
    _, shown, carets = text.split("\n")
    assert max(len(shown), len(carets)) <= width
    assert shown[carets.index("^")] == "X"


@pytest.mark.parametrize(("line", "cut"), [("a" * 90, False), ("a" * 300, True)])
def test_a_line_that_is_cut_shows_where(line: str, *, cut: bool) -> None:
    text = render([Issue("some-code", "wrong", Span("m.yaml", 7, 3, 7, 4))], lambda _file, _line: line)
    assert ("…" in text) is cut
