"""The time left is guessed from the share that was read, and only when that tells something."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.run.time_left import count_rows, find_share, guess_seconds_left
from opusmap.sources import from_rows, open_source


@given(st.floats(3, 10**6), st.floats(0.001, 1, exclude_max=True))
def test_the_rest_takes_as_long_as_its_share_took(elapsed, share):
    left = guess_seconds_left(elapsed, share)
    assert left is not None
    assert share * (elapsed + left) == pytest.approx(elapsed)


@pytest.mark.parametrize(("elapsed", "share"), [(1.0, 0.5), (10.0, None), (10.0, 1.0), (10.0, 0.0)])
def test_nothing_is_guessed_without_a_reason(elapsed, share):
    assert guess_seconds_left(elapsed, share) is None


def test_rows_of_a_small_file_are_counted_and_of_nothing_else(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("A\n1\n2\n3\n", "utf-8")
    with open_source(path) as source:
        assert count_rows(source) == 3
        assert find_share(source, 3, 1) == pytest.approx(1 / 3)
    assert count_rows(from_rows([])) is None
    with open_source(io.StringIO("A\n1\n"), format="csv") as source:
        assert count_rows(source) is None
        assert find_share(source, None, 1) is None


def test_a_source_without_rows_is_read():
    assert find_share(from_rows([]), 0, 0) == 1.0
