"""The line of progress fits the terminal, keeps the most telling, and guesses the time only when it can."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from opusmap.cli.progress import _fitted, _Line, _parts
from opusmap.report import Report
from opusmap.sources import from_rows, open_source

COUNTS = st.integers(0, 10**9)
REPORTS = st.builds(
    Report,
    read=COUNTS,
    rejected=COUNTS,
    submitted=COUNTS,
    requests=COUNTS,
    retries=COUNTS,
    concurrency=st.integers(0, 128),
)
SHARES = st.none() | st.floats(0, 1)


def drawn(report, width, *, total=None, source=None):
    line = _Line("submitting", source or from_rows([]), total)
    line.show(report)
    file = io.StringIO()
    Console(file=file, width=width).print(line)
    return file.getvalue()


@given(REPORTS, st.floats(0.1, 10**6), SHARES, st.integers(10, 200))
def test_a_line_is_never_wider_than_the_terminal(report, elapsed, share, width):
    assert len(_fitted("| submitting", _parts(report, elapsed, share), width)) <= max(width, 0)


@given(REPORTS, st.integers(10, 200))
def test_it_is_one_line_at_any_width(report, width):
    text = drawn(report, width, total=max(1, report.read))
    assert len(text.splitlines()) <= 1
    assert len(text.rstrip("\n")) <= width


@given(REPORTS, st.floats(0.1, 10**6), SHARES)
def test_what_fits_on_a_narrow_terminal_is_on_a_wide_one(report, elapsed, share):
    parts = _parts(report, elapsed, share)
    narrow, wide = (_fitted("| submitting", parts, width) for width in (40, 500))
    shown = set(narrow.partition(": ")[2].split(", ")) - {""}
    assert shown <= set(wide.partition(": ")[2].split(", "))
    assert all(text in wide for _, text in parts)


def test_all_there_is_to_tell_is_told_on_a_wide_terminal():
    report = Report(read=600, rejected=7, submitted=450, requests=31, retries=2, concurrency=8)
    line = _fitted("| submitting", _parts(report, 10.0, 0.5), 120)
    assert line == (
        "| submitting: 600 rows (50%), 7 rejected, 450 records, 31 requests, 2 retries, 8 at a time, "
        "60 rows/s, 0:10 left"
    )


def test_rows_and_the_time_left_stay_on_a_terminal_of_40_columns():
    report = Report(read=600, rejected=7, submitted=450, requests=31, retries=2, concurrency=8)
    assert _fitted("| submitting", _parts(report, 10.0, 0.5), 39) == "| submitting: 600 rows (50%), 0:10 left"


@pytest.mark.parametrize(("elapsed", "share"), [(1.0, 0.5), (10.0, None), (10.0, 1.0), (10.0, 0.0)])
def test_the_time_left_is_not_guessed_without_a_reason(elapsed, share):
    assert "left" not in _fitted("", _parts(Report(read=5), elapsed, share), 80)


def test_a_large_file_tells_how_much_of_it_was_read(tmp_path):
    path = tmp_path / "large.csv"
    path.write_text("A,B\n" + "1,some text that makes the file long\n" * 40_000, "utf-8")
    with open_source(path) as source:
        rows = source.rows()
        assert 0 < source.share_read() < 1
        for _ in rows:
            pass
        assert source.share_read() == 1
        assert source.size() == path.stat().st_size


def test_what_is_no_file_tells_nothing():
    assert from_rows([]).share_read() is None
    with open_source(io.StringIO("A\n1\n"), format="csv") as source:
        assert source.share_read() is None


WHY = "waiting 4 s: can't connect: Connection refused (attempt 3)"


def test_why_it_waits_is_told_first_of_all():
    report = Report(read=60, requests=4, retries=3, concurrency=8, waiting=WHY)
    wide = _fitted("| submitting", _parts(report, 10.0, None), 200)
    assert WHY in wide
    narrow = _fitted("| submitting", _parts(report, 10.0, None), 40)
    assert narrow == "| submitting: waiting 4 s: can't connec…"
    assert WHY in _fitted("| submitting", _parts(report, 10.0, None), 80)
    assert "waiting" not in _fitted("| submitting", _parts(Report(read=60, requests=4), 10.0, None), 200)


@given(st.text(max_size=300), st.integers(1, 200))
def test_whatever_is_the_reason_to_wait_it_is_one_line_that_fits(reason, width):
    text = drawn(Report(waiting=reason), width)
    assert len(text.splitlines()) <= 1
    assert "\x1b" not in text
