"""What a mapping may build: values are weighed while they are built, and hints are bounded, too."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_mapping import compiled, connect, record, rejects

from opusmap.compiler.explain import explain_column
from opusmap.compiler.lint import lint
from opusmap.converters.limits import LIST_LIMIT, NESTING_LIMIT, ROW_LIMIT, TEXT_LIMIT, WEIGHT_LIMIT, weight
from opusmap.converters.lists import unique
from opusmap.records import Reject

SAME_HASH = 2**61 - 1
"""Python's hash of a number is the number modulo this: all its multiples have one hash."""

NESTED = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=30,
)


@contextmanager
def within(seconds: float, megabytes: int) -> Iterator[None]:
    """Hold what is done within so much processor time and memory; both far more than it should take."""
    tracemalloc.start()
    started = time.process_time()
    try:
        yield
        taken, peak = time.process_time() - started, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert taken < seconds, f"{taken:.1f} s"
    assert peak < megabytes << 20, f"{peak >> 20} MB"


def lists_in_lists(levels: int, width: int = 20) -> str:
    """Return steps of which each holds the one before it many times."""
    steps = ['let:\n  l0: "{{ [Key] }}"\n']
    steps += [f'  l{n}: "{{{{ [{", ".join([f"l{n - 1}"] * width)}] }}}}"\n' for n in range(1, levels + 1)]
    return "".join(steps)


def plain_weight(value: Any) -> int:
    if isinstance(value, str):
        return 1 + len(value)
    if isinstance(value, dict):
        return 1 + len(value) + sum(plain_weight(one) - 1 for pair in value.items() for one in pair)
    return 1 + sum(map(plain_weight, value)) if isinstance(value, list) else 1


@given(st.lists(NESTED, max_size=6))
def test_a_weight_is_what_a_walk_through_the_whole_value_counts(value: list[Any]) -> None:
    assert weight(value) == plain_weight(value)


@given(st.lists(NESTED, min_size=1, max_size=4), st.lists(st.integers(0, 3), max_size=6), st.integers(0, 60))
def test_a_list_that_occurs_several_times_is_weighed_each_time(
    parts: list[Any], uses: list[int], limit: int
) -> None:
    value = [[parts[use % len(parts)], parts[0]] for use in uses] + [parts, parts]
    assert weight(value) == plain_weight(value)
    assert (weight(value, limit) > limit) == (plain_weight(value) > limit)


@given(st.lists(NESTED, max_size=6), st.integers(0, 20))
def test_a_weight_beyond_the_limit_is_known_to_be_so_without_the_whole_walk(
    value: list[Any], limit: int
) -> None:
    assert (weight(value, limit) > limit) == (plain_weight(value) > limit)


@pytest.mark.parametrize(
    "use",
    [
        "{{ l9 | length ~ '' }}",
        "{{ l9 == l9 }}",
        "{{ l9 != [Key] }}",
        "{{ l8 in l9 }}",
        "{{ l9 | unique | length ~ '' }}",
        "{{ l9 | map('length') | join }}",
        "{{ l9 | join }}",
        "{{ coalesce(l9, Key) ~ '' }}",
        "{{ coalesce(l9 | first, Key) }}",
        "{{ coalesce(l9 | reverse | last, Key) }}",
        "{{ coalesce(l9, Key)[:5] }}",
        "{{ l9 is string }}",
        "{{ coalesce(l9, Key) | upper }}",
        "{{ coalesce(l9, Key) + 1 }}",
        "{{ 'x' if l9 else 'y' }}",
        "{{ l9 | default('x') }}",
    ],
)
def test_lists_in_lists_are_refused_before_they_are_too_heavy_to_be_used(use: str) -> None:
    with within(1.0, 20):
        mapper = compiled(f'Text: "{use}"', lists_in_lists(9))
        reject = mapper.map_row({"Key": "k"})
    assert isinstance(reject, Reject)
    assert [(one.column, one.code) for one in reject.problems] == [("Text", "list-too-long")]
    assert str(WEIGHT_LIMIT) in reject.problems[0].message


@pytest.mark.parametrize("use", ["one", "[one, one] | first | upper", "one ~ one", "one + one"])
def test_a_message_about_a_list_is_short_and_quickly_made(use: str) -> None:
    with within(1.0, 20):
        reject = compiled(
            f'Text: "{{{{ {use.replace("one", "coalesce(l3, Key)")} }}}}"', lists_in_lists(3)
        ).map_row({"Key": "k" * 20})
    assert isinstance(reject, Reject)
    assert len(reject.problems[0].message) < 300


def test_lists_in_lists_that_are_light_are_values_as_any_other() -> None:
    more = "let:\n  pairs: \"{{ Tags | split(';') | map('split', ',') }}\"\n"
    fields = "Text: \"{{ pairs | map('first') | join('+') }}\"\nLine: \"{{ ['a', 'b'] in [pairs[0]] }}\""
    assert record(fields, {"Tags": "a,b;c,d"}, more) == {"_Text": "a+c", "_Line": "true"}


def test_lists_are_not_nested_without_end() -> None:
    levels = NESTING_LIMIT + 1
    found = rejects(f"Text: \"{{{{ l{levels} | length ~ '' }}}}\"", {}, lists_in_lists(levels, 1))
    assert found == {"Text": "list-too-long"}
    good = record(f"Text: \"{{{{ l{levels - 3} | length ~ '' }}}}\"", {}, lists_in_lists(levels - 3, 1))
    assert good == {"_Text": "1"}


@pytest.mark.parametrize("cell", [[["x" * 1000] * 100] * 3, {"a": {"b": ["x" * 300_000]}}, [10**4000] * 200])
def test_nested_values_of_a_source_count_wherever_a_list_is_built_of_them(cell: Any) -> None:
    assert rejects("Text: \"{{ [Cell, Key] | length ~ '' }}\"", {"Cell": cell}) == {"Text": "list-too-long"}


@pytest.mark.parametrize(
    "binding",
    [
        '{from: Cell, split: ";", convert: [{replace: [a, Z]}, {join: ""}]}'.replace("Z", "z" * 1000),
        '{from: Cell, split: ";", lookup: long, convert: {join: ""}}',
    ],
)
def test_each_element_of_a_binding_may_not_become_a_long_text(binding: str) -> None:
    more = f"tables: {{long: {{a: {'z' * 1000}}}}}\n"
    with within(2.0, 20):
        found = rejects(f"Text: {binding}", {"Cell": "a;" * (LIST_LIMIT - 1)}, more)
    assert found == {"Text": "list-too-long"}


def test_a_binding_of_many_lists_is_weighed_as_it_is_put_together() -> None:
    sources = ", ".join(["Tags"] * 500)
    with within(2.0, 20):
        found = rejects(f"Choices: [{sources}]", {"Tags": ["Red"] * LIST_LIMIT})
    assert found == {"Choices": "list-too-long"}


def test_texts_that_double_end_at_the_limit_and_are_judged_at_once() -> None:
    steps = 'let:\n  t0: "{{ Key }}"\n' + "".join(
        f'  t{n}: "{{{{ t{n - 1} ~ t{n - 1} }}}}"\n' for n in range(1, 60)
    )
    with within(2.0, 20):
        mapper = compiled(['Text: "{{ t59 }}"', 'rowKey: "{{ t59 }}"'][0], steps, columns=["Key"])
        reject = mapper.map_row({"Key": "k"})
        warnings = lint(mapper.plan, [{"Key": "k"}])
        (column,) = (one for one in mapper.plan.columns if one.column.internal_name == "_Text")
        stages = list(explain_column(mapper, column, {"Key": "k"}))
    assert isinstance(reject, Reject)
    assert reject.problems[0].code == "text-too-long"
    assert stages[-1].problem is not None
    assert [one.code for one in warnings] == ["no-classification"]


def test_a_column_that_reads_steps_many_times_is_explained_at_once() -> None:
    with within(2.0, 20):
        mapper = compiled("Text: \"{{ l3 | length ~ '' }}\"", lists_in_lists(3, 30))
        column = mapper.plan.columns[1]
        assert list(explain_column(mapper, column, {"Key": "k"}))[-1].value == "30"
        mapper = compiled("Text: \"{{ l9 | length ~ '' }}\"", lists_in_lists(9, 30))
        ending = list(explain_column(mapper, mapper.plan.columns[1], {"Key": "k"}))[-1]
    assert ending.problem is not None
    assert ending.problem.code == "list-too-long"


def test_many_variables_hold_no_more_than_a_row_may() -> None:
    more = 'let:\n  t: "{{ Cell | truncate(60000) }}"\n'
    more += "".join(f'  t{n}: "{{{{ t ~ {n} }}}}"\n' for n in range(2_000))
    mapper = compiled('Text: "{{ t1999 }}"\nLine: "{{ t0[:3] }}"', more)
    with within(20.0, 60):
        reject = mapper.map_row({"Key": "k", "Cell": "z" * 70_000})
    assert isinstance(reject, Reject)
    assert [(one.column, one.code) for one in reject.problems] == [("Text", "text-too-long")]
    assert str(ROW_LIMIT) in reject.problems[0].message


def test_many_columns_hold_no_more_than_a_row_may() -> None:
    names = {f"_C{n}": "MultipleText" for n in range(300)}
    fields = "\n".join(f'C{n}: "{{{{ Cell[:60000] ~ {n} }}}}"' for n in range(300))
    mapper = compiled(fields, connection=connect({"rowKey": "SingleText"} | names), choices="")
    assert isinstance(mapper.map_row({"Key": "k", "Cell": "z" * 70_000}), Reject)
    assert not isinstance(mapper.map_row({"Key": "k", "Cell": "z" * 1_000}), Reject)


# Numbers that all have one hash.


@pytest.mark.parametrize("make", [int, Decimal])
def test_numbers_of_one_hash_are_told_apart_in_a_time_that_grows_with_their_number(make: Any) -> None:
    numbers = [make(n * SAME_HASH) for n in range(1, 20_001)]
    with within(1.5, 60):
        assert unique(numbers + numbers) == numbers


@given(st.lists(st.integers(-3, 3) | st.decimals(-3, 3, places=1) | st.booleans(), max_size=12))
def test_numbers_are_the_same_to_unique_if_they_are_equal(numbers: list[Any]) -> None:
    assert unique(numbers) == list(dict.fromkeys(numbers))


@given(st.lists(st.integers() | st.text(st.sampled_from("0123456789-."), max_size=3), max_size=8))
def test_a_number_and_its_text_are_two_to_unique(items: list[Any]) -> None:
    small = [item for item in items if isinstance(item, str) or abs(item) < 10**34]
    assert unique(small) == list(dict.fromkeys(small))


def test_a_number_beyond_all_limits_is_a_problem_to_unique_and_no_crash() -> None:
    for cell in ([10**5000], [[10**5000]], [{"a": 10**5000}]):
        found = rejects("Text: \"{{ Cell | unique | length ~ '' }}\"", {"Cell": cell})
        assert found == {"Text": "number-too-large"}
    assert rejects("Text: Cell", {"Cell": [10**5000]}) == {"Text": "wrong-kind"}


# Hints.


def choices_of(count: int) -> str:
    options = ", ".join(f"Option {n * 7919 % 999983}" for n in range(count))
    return f"choices: {{Choice: [{options}], Choices: [{options}]}}\n"


def test_unknown_values_cost_about_the_same_however_many_options_there_are() -> None:
    mapper = compiled("Choice: Cell", choices=choices_of(9_000))
    rows = [{"Key": "k", "Cell": f"Optoin {n}"} for n in range(3_000)]
    assert isinstance(mapper.map_row(rows[0]), Reject)
    with within(3.0, 30):
        assert all(isinstance(mapper.map_row(row), Reject) for row in rows)


@pytest.mark.parametrize("cell", ["x" * 900_000, "x;" * 450_000, "Option 1 " * 100_000])
def test_a_long_value_that_is_no_option_is_refused_at_once(cell: str) -> None:
    mapper = compiled("Choice: Cell", choices=choices_of(2_000))
    with within(1.0, 60):
        reject = mapper.map_row({"Key": "k", "Cell": cell})
    assert isinstance(reject, Reject)
    assert reject.problems[0].code == "unknown-choice"
    assert "add it to `choices`" in reject.problems[0].help


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        ("Optoin 7919", 'did you mean "Option 7919"'),
        ("option 7919", '"option 7919" differs only in letter case'),
        ("Option 0; Option 7919", "the column takes one option, and the text lists several"),
        ("Option\u00a07919", "differ only in spaces"),
    ],
)
def test_an_unknown_value_is_told_the_nearest_option(cell: str, hint: str) -> None:
    reject = compiled("Choice: Cell", choices=choices_of(100)).map_row({"Key": "k", "Cell": cell})
    assert isinstance(reject, Reject)
    assert hint in reject.problems[0].help


def test_options_asked_for_in_many_steps_are_kept_once() -> None:
    more = "let:\n" + "".join(f"  c{n}: \"{{{{ Cell | choice_order('Choice') }}}}\"\n" for n in range(300))
    with within(20.0, 60):
        mapper = compiled("Text: \"{{ c299 ~ '' }}\"", more, choices=choices_of(3_000))
    assert mapper.map_row({"Key": "k", "Cell": "Option 7919"}).values["_Text"] == "2"  # type: ignore[union-attr]


def test_texts_within_the_limits_are_left_alone() -> None:
    long = "z" * (TEXT_LIMIT - 10)
    assert record("Text: \"{{ [Cell, Key] | join('-') }}\"", {"Cell": long}) == {"_Text": f"{long}-k"}
