"""What is added to a plan's file: each execution is kept, and the latest look at the source counts."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

from opusmap.disposal.destruction_plan import Confirmation, Execution, Plan, PlanFile
from opusmap.disposal.sealed import seal

PLAN = Plan("", "", "", "", "m.yaml", "2026-06-30", "", 2, (), (), ())
FILE = PlanFile(Path("plan.json"), PLAN, seal("plan", {}))
BY, STARTED = "Cy Orr <cy@x.org>", "2026-07-01T10:00:00+00:00"


def look(minute: int, *keys: str) -> Confirmation:
    return Confirmation(FILE.sha256, "source", f"2026-07-01T10:{minute:02}:00+00:00", "x", "", 1, keys)


def test_of_two_runs_by_one_person_in_one_second_both_are_kept() -> None:
    file = FILE
    for count in (1, 2):
        file = file.executed(Execution(BY, STARTED)).executed(
            Execution(BY, STARTED, ended=STARTED, counts={"destroyed": count})
        )
    assert [one.counts["destroyed"] for one in file.executions] == [1, 2]


def test_of_looks_at_the_source_the_latest_counts_whichever_is_written_last() -> None:
    vendor = Confirmation(FILE.sha256, "vendor", STARTED, "v.pdf", "aa", 0, ("b",))
    for order in permutations((look(1, "a", "b"), look(5, "c"), look(3, "a"), vendor)):
        file = FILE
        for each in order:
            file = file.confirm(each)
        assert file.confirmations == (vendor, look(5, "c"))
        assert file.confirmed.keys() == {"b", "c"}


def test_what_confirms_another_plan_confirms_nothing_of_this_one() -> None:
    other = replace(look(5, "a", "b"), plan="0" * 64)
    vendor = Confirmation(other.plan, "vendor", STARTED, "v.pdf", "aa", 0, ("b",))
    assert replace(FILE, confirmations=(vendor, look(1, "c"), other)).confirmed.keys() == {"c"}


def test_of_two_looks_in_one_second_the_one_that_is_written_last_counts() -> None:
    assert FILE.confirm(look(1, "a", "b")).confirm(look(1, "a")).confirmed.keys() == {"a"}


def test_each_vendors_certificate_is_kept_once() -> None:
    first, second = (
        Confirmation(FILE.sha256, "vendor", STARTED, "v.pdf", x, 0, ("a",)) for x in ("aa", "bb")
    )
    file = FILE.confirm(first).confirm(second).confirm(replace(first, at=look(5).at))
    assert {(one.sha256, one.at) for one in file.confirmations} == {("aa", look(5).at), ("bb", STARTED)}
    assert len(file.confirmations) == 2
