"""Long work of the studio ends in words, whatever happens in it."""

import pytest

from opusmap.errors import SourceError, StoppedEarly
from opusmap.studio.jobs import Jobs


def run(work):
    job = Jobs().start("check", "mapping.yaml", work)
    job.wait(10)
    assert not job.running
    return job


def test_what_the_work_returns_is_its_result():
    job = run(lambda _job: 7)
    assert (job.result, job.error) == (7, None)


def test_an_error_of_opusmap_is_kept_for_the_page():
    error = SourceError("a.csv", "encoding", "not UTF-8")

    def work(_job):
        raise error

    assert run(work).error is error


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_work_that_breaks_is_said_to_be_a_bug_and_never_passes_for_done():
    def work(job):
        job.result = "half"
        raise ZeroDivisionError

    job = run(work)
    assert isinstance(job.error, StoppedEarly)
    assert "bug in opusmap" in str(job.error)
    assert "report it" in str(job.error)
