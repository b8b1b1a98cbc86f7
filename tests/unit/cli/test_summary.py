"""Summaries fit the terminal: no word is broken, nothing of a finding is cut, and what is left is counted."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.cli.drain_time import show_range
from opusmap.cli.summary import (
    Finding,
    Section,
    group_places,
    make_reasons,
    print_sections,
    print_summary,
    reject_reasons,
)
from opusmap.report import Reason, Report
from opusmap.report.summary import Example

WORDS = st.text("abcäß漢|[]%'\"-", min_size=1, max_size=30)
SENTENCES = st.lists(WORDS, min_size=1, max_size=12).map(" ".join)
OTHERS = st.lists(st.tuples(WORDS, SENTENCES), max_size=2).map(tuple)
FINDINGS = st.builds(
    Finding,
    st.integers(1, 10**6),
    st.tuples(WORDS, WORDS, WORDS),
    SENTENCES,
    st.just("") | SENTENCES,
    more=OTHERS,
)
SECTIONS = st.builds(
    Section,
    st.just("Rejected rows"),
    st.just(("rows", "column", "code", "first rows")),
    st.lists(FINDINGS, min_size=1, max_size=20).map(tuple),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def screen(width: int, height: int, *, terminal: bool = True) -> Iterator[io.StringIO]:
    """Let standard output be a terminal of this size, or a pipe."""
    stream = Terminal() if terminal else io.StringIO()
    size = {"COLUMNS": str(width), "LINES": str(height), "TERM": "xterm", "NO_COLOR": "1"}
    with patch.object(sys, "stdout", stream), patch.dict("os.environ", size):
        yield stream


def plain(out: io.StringIO) -> str:
    """Return what was printed without bold and italics."""
    return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())


def words(text: str) -> list[str]:
    return text.split()


@given(SECTIONS, st.integers(20, 200))
def test_no_word_is_broken_and_nothing_is_cut_at_any_width(section: Section, width: int) -> None:
    with screen(width, 24) as out:
        print_sections([section], every=True)
    shown = set(words(plain(out)))
    for one in section.findings:
        assert f"{one.count:,}" in shown
        assert shown >= {*one.cells, *words(one.message), *words(one.hint)}
        assert shown >= {word for _, text in one.more for word in words(text)}


@given(st.lists(SECTIONS, max_size=7), st.integers(40, 200), st.integers(10, 70))
def test_a_summary_fits_the_screen(sections: list[Section], width: int, height: int) -> None:
    with screen(width, height) as out:
        print_sections(sections, every=False)
    lines = plain(out).splitlines()
    widest = max((len(word) for one in sections for word in words(repr(one))), default=0)
    if widest < width // 3:  # a word that is wider than the terminal takes two lines there
        assert len(lines) <= max(height, 24)


@given(SECTIONS, st.integers(40, 200), st.integers(24, 60))
def test_what_is_left_out_is_counted(section: Section, width: int, height: int) -> None:
    with screen(width, height) as out:
        print_sections([section], every=False)
    text = plain(out)
    left = re.search(r"and ([\d,]+) more \(--all\)", text)
    collapsed = re.search(r"Rejected rows: ([\d,]+), in [\d,]+ cases? \(--all\)", text)
    untold = re.search(r"and what is wrong in ([\d,]+) of these \(--all\)", text)
    with screen(width, height) as everything:
        print_sections([section], every=True)
    others = "and other examples (--all)" in text
    assert (left or collapsed or untold or others) or text == plain(everything)
    if others:
        assert set(words(text)) >= {word for one in section.findings for word in words(one.message)}
        assert any(one.more or one.helped for one in section.findings)
    if untold:
        shown = set(words(text))
        assert all(shown >= {f"{one.count:,}", *one.cells} for one in section.findings)
        assert 0 < int(untold[1]) <= len(section.findings)
    if collapsed:
        assert int(collapsed[1]) == len(section.findings)


@given(SECTIONS)
def test_in_a_pipe_each_reason_is_one_line_and_none_is_left_out(section: Section) -> None:
    with screen(80, 24, terminal=False) as out:
        print_sections([section], every=False)
    blank, title, *lines = plain(out).splitlines()
    assert (blank, title) == ("", "Rejected rows")
    assert len(lines) == len(section.findings)
    for line, one in zip(lines, section.findings, strict=True):
        assert one.message in line
        assert all(cell in line for cell in one.cells)


def test_a_summary_of_thirty_thousand_rows_fits_a_screen_of_24_lines_with_its_totals() -> None:
    codes = [f"code-{number}" for number in range(40)]
    reasons = tuple(Reason("Amount", code, 750, tuple(range(2, 52)), '"TBA" is no number') for code in codes)
    report = Report(read=30_000, rejected=30_000, reasons=reasons)
    with screen(80, 24) as out:
        print_summary(report, [reject_reasons(report, lambda row, _: f"row {row}")], sent=False, every=False)
    assert len(out.getvalue().splitlines()) <= 24
    assert "30,000" in out.getvalue()
    assert "code-0" in out.getvalue()
    with screen(80, 24) as out:
        print_summary(report, [reject_reasons(report, lambda row, _: f"row {row}")], sent=False, every=True)
    assert all(code in out.getvalue() for code in codes)


@pytest.mark.parametrize(("width", "table"), [(80, False), (109, False), (110, True), (160, True)])
def test_reasons_are_stacked_below_110_columns_and_a_table_from_there_on(width: int, *, table: bool) -> None:
    reason = Reason("Amount", "bad-number", 1, (7,), '"TBA" is no number', "correct it")
    with screen(width, 24) as out:
        print_sections([make_reasons("Rejected rows", [reason])], every=False)
    lines = [line.rstrip() for line in plain(out).splitlines()]
    assert lines[-1] == "What a code means: opusmap help bad-number"
    if table:
        assert lines[2].split() == ["rows", "column", "code", "first", "rows", "example"]
    else:
        assert lines[2:] == [
            "  1 row  Amount  bad-number  row: 7",
            '         "TBA" is no number',
            "         help: correct it",
            "",
            "What a code means: opusmap help bad-number",
        ]


@pytest.mark.parametrize("width", [80, 160, None])
def test_reasons_whose_rows_have_no_numbers_name_no_rows(width: int | None) -> None:
    reasons = [Reason("Amount", "bad-number", 12, (), "", ""), Reason("Title", "empty-required", 1, (), "")]
    with screen(width or 80, 24, terminal=width is not None) as out:
        print_sections([make_reasons("Rejected rows", reasons)], every=False)
    shown = plain(out)
    assert "Amount" in shown
    assert "empty-required" in shown
    assert "first rows" not in shown
    assert "…" not in shown


def test_what_is_said_of_a_stacked_reason_is_indented_behind_the_longest_count() -> None:
    reasons = [
        Reason("Amount", "bad-number", 1_400, tuple(range(2, 52)), '"TBA" is no number', "correct it"),
        Reason("Doc Type", "unknown-choice", 2, (7, 9), '"Memo" is not an option'),
        Reason("Doc Type", "unknown-choice", 1, (7,), "in a sheet"),
        Reason("Amount", "bad-number", 1, (901,), "in a file"),
    ]
    names = {901: "2024.csv, row 3"}  # which is no row number, though it begins with a digit

    def place(row: int, _column: str) -> str:
        return names.get(row, f"row {row}" if row > 6 else f"cell B{row}")

    section = make_reasons("Rejected", reasons, place)
    with screen(80, 24) as out:
        print_sections([section], every=True)
    assert "       1 row  Amount  bad-number  2024.csv, row 3" in plain(out).splitlines()
    assert plain(out).splitlines()[2:7] == [
        "  1,400 rows  Amount  bad-number  B2, B3, B4, B5, B6 …",
        '              "TBA" is no number',
        "              help: correct it",
        "      2 rows  Doc Type  unknown-choice  rows: 7, 9",
        '              "Memo" is not an option',
    ]


@pytest.mark.parametrize(
    ("places", "shown"),
    [
        ([], ""),
        (["row 3", "row 7"], "3, 7"),
        (["cell B7"], "B7"),
        (["a.csv, row 3", "a.csv, row 7", "b.csv, row 2"], "a.csv, row 3, 7; b.csv, row 2"),
        (["a, b.csv, cell C3", "a, b.csv, cell C5"], "a, b.csv, cell C3, C5"),
    ],
)
def test_a_file_is_named_once(places: list[str], shown: str) -> None:
    assert group_places(places) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        ((0.4, 0.9), "1 second"),
        ((0.9, 2.0), "1 to 2 seconds"),
        ((3, 70), "3 to 70 seconds"),
        ((90, 150), "90 seconds to"),
    ],
)
def test_a_range_of_durations_names_its_unit_once(seconds, shown):
    assert show_range(seconds).startswith(shown)


@pytest.mark.parametrize("width", [80, 160])
def test_each_reason_has_its_headline_before_others_have_their_sentences(width: int) -> None:
    reasons = [
        Reason(
            f"Column {number}", f"code-{number}", 20 - number, (7,), f'"TBA {number}" is wrong', "correct it"
        )
        for number in range(6)
    ]
    empty = tuple(Finding(5, ("2 %", f"Cell {number}")) for number in range(6))
    cells = Section("Empty cells", ("rows", "share", "column"), empty, what="column")
    with screen(width, 24) as out:
        print_sections([make_reasons("Rejected", reasons), cells], every=False, taken=6)
    text = plain(out)
    assert all(f"Column {number}" in text for number in range(6))
    assert '"TBA 0" is wrong' in text
    assert '"TBA 5" is wrong' not in text
    assert re.search(r"and what is wrong in [1-5] of these \(--all\)", text)
    assert "Empty cells: 6 columns, in 30 cases (--all)" in text
    with screen(width, 40) as out:
        print_sections([make_reasons("Rejected", reasons), cells], every=False, taken=6)
    assert all(f'"TBA {number}" is wrong' in plain(out) for number in range(6))


def test_a_first_reason_that_fills_the_screen_leaves_room_for_the_headlines_of_all() -> None:
    others = tuple((f"row {row}", "a long sentence about one more value " * 3) for row in range(3))
    findings = tuple(
        Finding(
            count, ("Amount", f"code-{count}", "2"), "wrong " * 40, "help " * 40, f"code-{count}", more=others
        )
        for count in (9, 8, 7)
    )
    with screen(80, 24) as out:
        print_sections(
            [Section("Rejected rows", ("rows", "column", "code", "first rows"), findings)],
            every=False,
            taken=10,
        )
    text = plain(out)
    assert all(f"code-{count}" in text for count in (9, 8, 7))
    assert "and what is wrong in 3 of these (--all)" in text


def test_other_examples_of_a_reason_name_their_rows() -> None:
    others = (Example(8, '"31/12/2024" is not a date'), Example(10, '"unknown" is not a date'))
    reason = Reason("When", "bad-date", 3, (4, 8, 10), '"02/30/2024" is not a day', "correct it", others)
    section = make_reasons("Rejected", [reason])
    for width, terminal in ((80, True), (160, True), (80, False)):
        with screen(width, 24, terminal=terminal) as out:
            print_sections([section], every=True)
        shown = ['"02/30/2024" is not a day', *(f"row {one.row}: {one.example}" for one in others)]
        lines = plain(out).splitlines()
        found = [next(at for at, line in enumerate(lines) if text in line) for text in shown]
        assert found == (sorted(set(found)) if terminal else [found[0]] * 3)


def test_another_example_that_needs_something_else_has_its_own_help_below_it() -> None:
    others = Example(8, '"unknown" is not a date'), Example(10, '"5.3.97" is not a date', "list both formats")
    reason = Reason("When", "bad-date", 3, (4, 8, 10), '"02/30/2024" is not a day', "correct it", others)
    shown = ["02/30/2024", 'row 8: "unknown"', "correct it", 'row 10: "5.3.97"', "list both formats"]
    for width, terminal in ((80, True), (160, True), (80, False)):
        with screen(width, 24, terminal=terminal) as out:
            print_sections([make_reasons("Rejected", [reason])], every=True)
        found = list(map(plain(out).index, shown))
        assert found == sorted(found)


@pytest.mark.parametrize("terminal", [True, False])
def test_a_total_row_is_told_before_the_reasons(*, terminal: bool) -> None:
    reason = Reason("When", "bad-date", 3, (4, 8, 10), '"x" is not a day', "correct it")
    report = Report(
        3, 0, 0, 3, reasons=(reason,), total_row="the last row looks like a total row: exclude it"
    )
    with screen(80, 24, terminal=terminal) as out:
        print_summary(report, [make_reasons("Rejected rows", report.reasons)], sent=False, every=False)
    assert "\nThe last row looks like a total row: exclude it\n\nRejected rows\n" in plain(out)
