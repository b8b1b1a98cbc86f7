"""Totals always add up, and reasons are counted with their first rows."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_mapping import COLUMNS, compiled, connect, mapped

from opusmap.issues import Issue
from opusmap.records import Chunk, Filtered, Record, Reject
from opusmap.report import Report, Tally
from opusmap.report.summary import FIRST_ROWS, Gone

PROBLEMS = st.lists(
    st.builds(Issue, st.sampled_from(["x", "y"]), st.just("m"), st.sampled_from(["A", "B"])),
    min_size=1,
    max_size=3,
)
MAPPED = st.one_of(
    st.builds(Record, st.integers(1, 9), st.just("k"), st.just({})),
    st.builds(Reject, st.integers(1, 9), st.none(), PROBLEMS.map(tuple), st.just({})),
    st.builds(Filtered, st.integers(1, 9)),
)


def count(rows):
    """Return the tally of a chunk of such rows."""
    records = [row for row in rows if isinstance(row, Record)]
    others = [(place, row) for place, row in enumerate(rows) if not isinstance(row, Record)]
    tally = Tally()
    tally.add(
        Chunk([row.row for row in records], [row.key for row in records], b"{}\n" * len(records), others)
    )
    return tally


@given(st.lists(MAPPED, max_size=30))
def test_every_row_ends_in_one_place(rows):
    tally = count(rows)
    report = Report(tally.read, tally.mapped, tally.filtered, tally.rejected, not_sent=tally.mapped)
    assert report.adds_up
    assert report.read == len(rows)


@given(st.lists(MAPPED, max_size=30))
def test_reasons_count_every_problem_the_most_frequent_first(rows):
    tally = count(rows)
    reasons = tally.reasons()
    assert sum(reason.count for reason in reasons) == sum(
        len(row.problems) for row in rows if isinstance(row, Reject)
    )
    assert [reason.count for reason in reasons] == sorted((reason.count for reason in reasons), reverse=True)
    assert all(len(reason.rows) == min(reason.count, FIRST_ROWS) for reason in reasons)


def reject(row, code, value):
    return Reject(row, None, (Issue(code, f'"{value}" is wrong', "A"),), {})


def test_the_example_of_values_decided_one_by_one_says_in_how_many_rows_it_is():
    mixed = [reject(2, "unknown-choice", "memo"), reject(3, "unknown-choice", "Crane")]
    (reason,) = count(mixed).reasons()
    assert reason.example == '"memo" is wrong; 1 of these 2 rows has this value'
    (reason,) = count([*mixed, reject(4, "unknown-choice", "memo")]).reasons()
    assert reason.example == '"memo" is wrong; 2 of these 3 rows have this value'


def test_an_example_that_all_rows_have_or_that_is_one_of_many_by_nature_is_left_alone():
    (reason,) = count([reject(2, "unknown-choice", "memo"), reject(3, "unknown-choice", "memo")]).reasons()
    assert reason.example == '"memo" is wrong'
    (reason,) = count([reject(2, "bad-date", "30/02/2024"), reject(3, "bad-date", "x")]).reasons()
    assert reason.example == '"30/02/2024" is wrong'


def test_other_ways_to_write_a_value_are_looked_for_among_the_first_500_that_differ():
    """To compare each of a million rejects would take as long as to map them."""
    alike = [reject(row, "bad-date", f"{row:04}") for row in range(1_000, 1_501)]
    for before, found in ((alike[:500], 1), (alike, 0)):
        (reason,) = count([*before, reject(9_999, "bad-date", "unknown")]).reasons()
        assert (reason.count, len(reason.others)) == (len(before) + 1, found)


def help_on(*texts: str) -> str:
    """Return the help on the wrong dates of a column without a format, rejected in this order."""
    rows = [mapped("When: A", {"A": text}, "timezone: UTC\n") for text in texts]
    (reason,) = count(rows).reasons()
    assert reason.example.startswith(f'"{texts[0]}"')
    return reason.help


@pytest.mark.parametrize(
    ("texts", "offered", "says"),
    [
        (["05/06/2024"], ["%d/%m/%Y", "%m/%d/%Y"], ""),
        (["05/06/2024", "31/01/2024"], ["%d/%m/%Y"], "the day comes first"),
        (["05/06/2024", "unknown", "31/01/2024"], ["%d/%m/%Y"], "the day comes first"),
        (["05/06/2024", "01/31/2024 10:00"], ["%m/%d/%Y"], "the month comes first"),
        (["05/06/24", "31/01/24"], ["%d/%m/%y"], "the day comes first), with a `century`"),
        (["05/06/2024", "31/01/2024", "01/31/2024"], ["%d/%m/%Y", "%m/%d/%Y"], ""),
        (["05/06/2024", "06/07/2024"], ["%d/%m/%Y", "%m/%d/%Y"], ""),
        (["05/06/2024", "45/06/2024"], ["%d/%m/%Y", "%m/%d/%Y"], ""),  # a slip
        (["05/06/2024", "00/31/2024"], ["%d/%m/%Y", "%m/%d/%Y"], ""),
        (["31/01/2024", "05/06/2024"], ["%d/%m/%Y"], ""),
        (["unknown", "31/01/2024"], [], ""),
    ],
)
def test_the_help_on_a_date_of_two_readings_goes_by_the_other_values_of_its_column(texts, offered, says):
    found = help_on(*texts)
    assert re.findall('`format: "([^"]+)"', found) == offered
    assert ("as other values of the column show" in found) == bool(says)
    assert says in found


@pytest.mark.parametrize(
    ("format", "texts", "offered", "says"),
    [
        (
            "%m.%d.%Y",
            ["03.02.2024 07:25", "14.10.2024 17:52"],
            "%d.%m.%Y %H:%M",
            "if the day comes first",
        ),
        ("%d/%m/%y", ["03/02/24 07:25", "unknown", "10/14/24 17:52"], "%m/%d/%y %H:%M", "if the month comes"),
        ("%d.%m.%Y", ["03.02.2024 07:25", "31.02.2024"], "%d.%m.%Y %H:%M", "list both formats"),
        (
            "%m.%d.%Y",
            ["03.02.2024 07:25", "05.06.2024 08:30"],
            "%m.%d.%Y %H:%M",
            "if the month comes first in",
        ),
        ("%Y-%m-%d", ["25/06/2024", "06-25-2024"], "%d/%m/%Y", "list both formats"),
        ("%m.%d.%Y", ["03.02.2024 07:25", "14.10.2024 17:52", "10.14.2024 9:15"], "", "in others the month"),
    ],
)
def test_no_help_offers_a_format_with_an_order_that_other_values_of_the_column_rule_out(
    format, texts, offered, says
):
    century = ", century: 1930" if "%y" in format else ""
    fields = f'When: {{from: A, format: "{format}"{century}}}'
    rows = [mapped(fields, {"A": text}, "timezone: UTC\n") for text in texts]
    (reason,) = count(rows).reasons()
    named = set(re.findall('"(%[^"]+)"', reason.help)) - {format}
    assert named == ({offered} if offered else set())
    assert says in reason.help


def test_another_value_of_a_reason_has_its_own_help_where_that_differs():
    dates = ["31.02.2019", "30.02.2024", "unknown", "5.3.97"]
    rows = [mapped('When: {from: A, format: "%d.%m.%Y"}', {"A": text}) for text in dates]
    (reason,) = count(rows).reasons()
    assert "format" not in reason.help
    unknown, short = reason.others
    assert (unknown.example[:9], unknown.help) == ('"unknown"', "")
    assert short.help == (
        'correct the cells, or list both formats (`format: ["%d.%m.%Y", "%d.%m.%y"]`), with a `century`'
    )


def test_another_column_shows_nothing_of_a_date_of_two_readings():
    row = {"A": "05/06/2024", "B": "31/01/2024"}
    columns = {**COLUMNS, "_Then": "DateTime"}
    reject = compiled("When: A\nThen: B", connection=connect(columns), columns=("Key", "A", "B")).map_row(
        {"Key": "k", **row}
    )
    found = {reason.column: reason.help for reason in count([reject]).reasons()}
    assert "if the month does" in found["When"]


@pytest.mark.parametrize(
    ("code", "values", "others"),
    [
        (
            "bad-date",
            ["02/30/2024", "2/31/2024", "unknown", "TBC", "to be confirmed", "2024", "2024-1-2"],
            [(4, '"unknown" is wrong'), (7, '"2024" is wrong')],
        ),
        ("bad-number", ["TBA", "n/a", "1,2.3", "TBA"], [(3, '"n/a" is wrong'), (4, '"1,2.3" is wrong')]),
        ("bad-number", ["TBA", "TBD", "to do"], []),
        (
            "unknown-choice",
            ["Memo", "Crane", "Memo", "Note", "Fax"],
            [(3, '"Crane" is wrong'), (5, '"Note" is wrong')],
        ),
    ],
)
def test_up_to_two_more_values_that_are_written_in_other_ways_are_kept_with_their_rows(code, values, others):
    rejected = [reject(row, code, value) for row, value in enumerate(values, 2)]
    (reason,) = count(rejected).reasons()
    assert [(one.row, one.example) for one in reason.others] == others
    tally = Tally()
    for one in rejected:
        tally.add_issues("problems", one.row, one.problems)
    assert tally.reasons() == (reason,)


def test_rows_that_messages_name_make_no_other_examples():
    problems = [Issue("duplicate-key", f'row {row} has the same row key, "CT-{row}"', "A") for row in (3, 8)]
    (reason,) = count([Reject(row, None, (one,), {}) for row, one in enumerate(problems, 20)]).reasons()
    assert reason.others == ()


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        (
            Gone(3, ("a", "b", "c"), 0, 2, 1, ("b", "c"), ("b",)),
            ["1 of them (b) is right:", "1 of them (c) was sent"],
        ),
        (Gone(3, ("a", "b", "c"), 0, 2, 1), ["1 of them is right:", "1 of them was sent"]),
        (Gone(2, ("b", "c"), 0, 2, 2, ("b", "c"), ("b", "c")), ["They are right:"]),
        (Gone(2, ("b", "c")), ["If the row key of a row changed"]),
        (
            Gone(60, tuple("abcdefgh"), 0, 7, 7, tuple("abcdefg"), tuple("abcdefg")),
            ["7 of them (a, b, c, d, e …) are right:", "one of the others changed"],
        ),
    ],
)
def test_records_that_are_gone_are_named_by_what_is_known_of_them(gone, said):
    assert all(words in gone.advise() for words in said)
    assert ("one of the others" in gone.advise()) is (0 < gone.corrected < gone.records)
    kept = gone.without_keys()
    assert (kept.keys, kept.corrected_keys, kept.rekeyed_keys) == ((), (), ())
    assert (kept.records, kept.corrected, kept.rekeyed) == (gone.records, gone.corrected, gone.rekeyed)
