"""Charts keep their bars inside the box, to scale, with labels at round numbers."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opusmap.report.chart import HEIGHT, WIDTH, draw_charts, say_duration
from opusmap.report.timeline import Span

SPANS = st.lists(
    st.builds(Span, *[st.integers(0, 9999)] * 2, st.integers(0, 99999), st.floats(0, 1e6), st.floats(0, 600)),
    max_size=120,
)


@given(st.sampled_from([1.0, 2.0, 64.0, 4096.0]), SPANS)
@example(1.0, [Span(0, 0, 0, 0.0, 5e-324)])
def test_everything_stands_inside_the_box(step, spans):
    charts = draw_charts(step, spans)
    assert len(charts) == (2 + any(span.retries for span in spans) if spans else 0)
    for chart in charts:
        for bar in (*chart.bars, *chart.behind):
            assert bar.x >= 0
            assert bar.x + bar.width <= WIDTH
            assert bar.y >= 0
            assert bar.height > -1e-9
            assert bar.y + bar.height <= HEIGHT
        assert all(0 <= label.at <= HEIGHT for label in chart.values)
        assert all(0 <= label.at <= WIDTH for label in chart.times)
        assert 2 <= len(chart.times) <= 9


def test_bars_are_to_scale():
    rates, times, retries = draw_charts(2.0, [Span(4, 1, 40, 2.0, 1.0), Span(2, 0, 20, 0.2, 0.15), Span()])
    tall, low = rates.bars
    assert tall.height == pytest.approx(2 * low.height)
    assert (tall.words, low.words) == ("after 0 s: 20", "after 2 s: 10")
    assert [bar.words for bar in times.behind] == ["after 0 s: 1.0 s", "after 2 s: 150 ms"]
    assert times.summary == "367 ms on average, 1.0 s at most"
    assert retries.summary == "1 in all"
    assert [label.text for label in rates.values] == ["0", "10", "20"]
    assert [label.text for label in rates.times] == ["0 s", "1 s", "2 s", "3 s", "4 s", "5 s", "6 s"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.25, "0.2 s"),
        (9, "9 s"),
        (40.4, "40 s"),
        (60, "1 min"),
        (95, "1 min 35 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
    ],
)
def test_lengths_of_time_are_said_in_words(seconds, words):
    assert say_duration(seconds) == words
