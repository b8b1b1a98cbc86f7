"""However long a run, its timeline keeps every request in a bounded number of spans."""

from hypothesis import given
from hypothesis import strategies as st

from opusmap.report.timeline import SPANS, Timeline, read_timeline


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


REQUESTS = st.lists(
    st.tuples(st.floats(0, 50_000), st.floats(0, 60), st.booleans(), st.integers(0, 15)), max_size=300
)


@given(REQUESTS)
def test_the_spans_hold_all_that_was_noted_and_are_never_too_many(requests):
    clock = Clock()
    timeline, total = Timeline(clock), 0
    for wait, seconds, again, records in requests:
        clock.now += wait
        timeline.note_request(seconds, again=again)
        total += records
        timeline.note_records(total)
        assert len(timeline.spans) <= SPANS
    step, spans = read_timeline(timeline.as_json())
    assert step * len(spans) > clock.now - 100.0 or not spans
    assert sum(span.requests for span in spans) == len(requests)
    assert sum(span.retries for span in spans) == sum(again for _, _, again, _ in requests)
    assert sum(span.records for span in spans) == total
    assert max((span.slowest for span in spans), default=0) == round(
        max((each[1] for each in requests), default=0), 3
    )


def test_each_span_holds_what_happened_in_it():
    clock = Clock()
    timeline = Timeline(clock)
    for now, seconds in ((100.2, 0.5), (100.9, 0.1), (103.0, 2.0)):
        clock.now = now
        timeline.note_request(seconds, again=now > 103 - 1)
    assert timeline.as_json() == {
        "step": 1.0,
        "spans": [[2, 0, 0, 0.6, 0.5], [0, 0, 0, 0.0, 0.0], [0, 0, 0, 0.0, 0.0], [1, 1, 0, 2.0, 2.0]],
    }


def test_a_long_run_gets_longer_spans():
    clock = Clock()
    timeline = Timeline(clock)
    for second in range(1000):
        clock.now = 100.5 + second
        timeline.note_request(0.1, again=False)
    step, spans = read_timeline(timeline.as_json())
    assert step == 16.0
    assert [span.requests for span in spans] == [16] * 62 + [8]
