"""What can fail is told before it does, as far as the mapping and a sample of the rows show it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from small_mapping import CONNECTION, compiled, connect

from opusmap.compiler.lint import join_causes, lint
from opusmap.connection import Connection
from opusmap.issues import Issue, Severity, Span
from opusmap.records import Reject

COLUMNS = ("Key", "A", "B")
TABLES = "tables: {t: {a: b}}\n"
ROWS: tuple[dict[str, Any], ...] = (
    {"Key": "1", "A": "x", "B": "2024-01-02T10:00:00"},
    {"Key": "2", "A": "", "B": "2024-01-03"},
)


def warnings(fields: str, more: str = "", rows: tuple[dict[str, Any], ...] = ROWS) -> list[tuple[str, str]]:
    """Return code and message of each warning, but for columns that are not read or bound."""
    found = lint(compiled(fields, more, columns=COLUMNS).plan, rows)
    assert all(one.span.line > 1 and one.help for one in found)
    others = ("unread-column", "no-classification")
    return [(one.code, one.message) for one in found if one.code not in others]


def required(binding: str, more: str = "") -> list[str]:
    """Return why a required column, bound like this, may be empty."""
    found = warnings(f"Line: {binding}", f"columns: {{Line: {{required: true}}}}\n{TABLES}{more}")
    assert {code for code, _ in found} <= {"may-be-empty", "unused"}
    return [message.partition("and ")[2] for code, message in found if code == "may-be-empty"]


NO_ELSE = "its expression has an `if` without an `else`"
EMPTY = '"A" is empty in 1 of the first 2 rows'
LACKS = "a key that the table t lacks rejects the row"


@pytest.mark.parametrize(
    "binding",
    [
        "\"{{ B if A == 'x' }}\"",
        "\"{% if A == 'x' %}y{% endif %}\"",
        "\"{% if A == 'x' %}y{% elif A == 'z' %}w{% endif %}\"",
        "\"{% if A == 'x' %}y{% else %} {% endif %}\"",
        "\"{{ B if A == 'x' else (B if A == 'y') }}\"",
        "\"{{ (B if A == 'x') | default(B if A == 'y') }}\"",
        "\"{{ (B if A == 'x') | upper }}\"",
    ],
)
def test_a_required_column_with_an_if_without_else_may_be_empty(binding: str) -> None:
    assert required(binding) == [NO_ELSE]


def test_a_required_column_with_a_lookup_without_default_may_be_empty() -> None:
    assert required("{from: B, lookup: t}") == [LACKS]
    assert required('"{{ t[B] }}"') == [LACKS]
    assert required("\"{{ t[B] | default('x') }}\"") == []
    assert required("\"{{ t[B] | upper | default('x') }}\"") == [
        LACKS
    ]  # an empty value is not what this gives
    assert required("{from: B, lookup: t, default: x}") == []


@pytest.mark.parametrize("binding", ["A", '"{{ A }}"', '"CT-{{ A }}"', '"{{ A | upper }}"', '"{{ B ~ A }}"'])
def test_a_required_column_that_reads_a_column_with_empty_cells_may_be_empty(binding: str) -> None:
    assert required(binding) == [EMPTY]


def test_a_step_is_looked_into() -> None:
    assert required("s", 'let: {s: "{{ A }}"}\n') == [EMPTY]
    assert required('"{{ s | upper }}"', "let: {s: \"{{ B if A == 'x' }}\"}\n") == [NO_ELSE]


def test_a_default_beside_a_text_of_parts_does_not_keep_a_row_with_an_empty_part() -> None:
    binding = "Line: {value: \"{{ B }}, {{ row['Call No'] }}\", default: none}"
    rows = ({"Key": "1", "B": "b", "Call No": ""}, {"Key": "2", "B": "b", "Call No": "c"})
    plan = compiled(binding, "columns: {Line: {required: true}}\n", columns=("Key", "B", "Call No")).plan
    (found,) = [one for one in lint(plan, rows) if one.code == "may-be-empty"]
    assert '"Call No" is empty in 1 of the first 2 rows' in found.message
    assert "`{{ row['Call No'] | default('…') }}`" in found.help
    assert required("{value: \"{{ B }}-{{ A | default('x') }}\", default: x}") == []
    assert required('{value: "{{ B ~ A }}", default: x}') == [EMPTY]


@pytest.mark.parametrize(
    "binding",
    [
        "B",
        "{from: A, default: x}",
        "\"{{ A | default('x') }}\"",
        '"{{ A or B }}"',
        '"{{ coalesce(A, B) }}"',
        '"{{ A if A is not none else B }}"',
        '"{% if A is none %}x{% else %}{{ A }}{% endif %}"',
        "\"CT{% if A == 'x' %}-1{% endif %}\"",
        "\"{{ 'x' if A == 'x' else B }}\"",
    ],
)
def test_what_is_handled_is_no_warning(binding: str) -> None:
    assert required(binding) == []


@pytest.mark.parametrize(
    ("binding", "more"),
    [
        ("A", "where: \"{{ A != '' and A is not none }}\"\n"),
        ('"{{ coalesce(A, C) }}"', ""),  # never both in one row
        ('"{{ A or C }}"', ""),
        ("s", 'let: {s: "{{ coalesce(A, C) }}"}\n'),
        ('"{{ C if A is none else A }}"', ""),
        ("\"{{ A if A == 'x' else C }}\"", ""),
        ("\"{{ B if B == '2024-01-03' }}\"", "where: \"{{ B == '2024-01-03' }}\"\n"),
        ("{from: A, on_error: default, default: x}", ""),
    ],
)
def test_what_no_row_of_the_sample_is_rejected_for_is_no_warning(binding: str, more: str) -> None:
    rows = ({**ROWS[0], "C": ""}, {**ROWS[1], "C": "z"})
    text = f"columns: {{Line: {{required: true}}}}\n{more}"
    mapper = compiled(f"Line: {binding}", text, columns=(*COLUMNS, "C"))
    assert not [one for one in lint(mapper.plan, rows) if one.code == "may-be-empty"]


def test_a_key_that_every_row_finds_in_its_table_is_no_warning() -> None:
    text = 'columns: {Line: {required: true}}\ntables: {t: {"1": a, "2": b}}\n'
    plan = compiled("Line: {from: Key, lookup: t}", text, columns=COLUMNS).plan
    assert not [one for one in lint(plan, ROWS) if one.code == "may-be-empty"]
    (found,) = [one for one in lint(plan) if one.code == "may-be-empty"]  # without rows, nobody knows
    assert found.message.endswith(LACKS)


def test_an_optional_column_may_be_empty() -> None:
    assert warnings("Line: \"{{ B if A == 'x' }}\"\nText: A", TABLES.replace("t:", "u:")) == [
        ("unused", 'the table "u" is not used')
    ]


@pytest.mark.parametrize(
    ("fields", "more"),
    [
        ("When: B", ""),
        ('When: {from: B, format: "%Y-%m-%d %H:%M"}', ""),
        ('When: "{{ B | datetime }}"', ""),
        ("When: \"{{ B | datetime('%d/%m/%Y %I:%M %p') }}\"", ""),
        ("When: s", 'let: {s: "{{ B | datetime }}"}\n'),
        ('Number: "{{ (B | datetime).year }}"', ""),
    ],
)
def test_a_time_without_a_zone_is_a_warning(fields: str, more: str) -> None:
    assert [code for code, _ in warnings(fields, more)] == ["no-timezone"]
    assert warnings(fields, f"{more}timezone: Australia/Sydney\n") == []


@pytest.mark.parametrize(
    "fields",
    [
        'When: {from: B, format: "%Y-%m-%d"}',
        'When: {from: B, format: "%Y-%m-%dT%H:%M:%S%z"}',
        "When: \"{{ B | datetime('%d/%m/%Y %H:%M', timezone='UTC') }}\"",
        'When: "{{ B | date }}"',
    ],
)
def test_a_date_alone_or_a_time_with_its_zone_needs_no_other(fields: str) -> None:
    assert warnings(fields) == []


def marks(binding: str, *cells: object) -> list[str]:
    rows = tuple({"Key": str(at), "A": "x", "B": cell} for at, cell in enumerate(cells))
    return [message for code, message in warnings(f"Number: {binding}", rows=rows) if code == "swapped-marks"]


CONTINENTAL = "\"{{ B | number(decimal=',', thousands='.') }}\""


def test_numbers_that_become_a_thousandth_by_swapped_marks_are_a_warning() -> None:
    assert marks(CONTINENTAL, "16,927", "3,250", "", "118,000", "45") == [
        (
            '3 of the first 4 rows that have "B" have three digits after the decimal mark ",", as after '
            'a mark of thousands: "16,927" is read as 16.927'
        )
    ]
    assert marks("B", "1.200", "12.500", "3.000")
    assert marks("\"{{ B | replace('$', '') | number(',', '.') }}\"", "$16,927", "$3,250", "$118,000")


def test_one_number_with_the_other_mark_between_its_thousands_is_a_warning() -> None:
    (message,) = marks("B", "12,500", "1,200,000", "7,250", "12.500")
    assert message.startswith('1 of the first 4 rows that have "B" has three digits')
    assert message.endswith('"12.500" is read as 12.500')


@pytest.mark.parametrize(
    ("binding", "cells"),
    [
        (CONTINENTAL, ("16,927", "3,250", "118,00")),  # a cell with cents shows the decimal mark
        (CONTINENTAL, ("16,927", "3,250", "0,125")),
        (CONTINENTAL, ("16.927", "3.250", "118.000")),
        ("B", ("16.927", "3.250", "45")),  # too few to tell
        ("B", ("16,927", "3,250", "118,000", "12.5")),
        ("B", (16.927, 3.25, 118.125)),  # numbers, as JSON has them
        ("B", ("", "", "")),
        ('"{{ B | number(decimal="\'", thousands=\'.\') }}"', ("1.200", "2.300", "3.400")),
    ],
)
def test_numbers_whose_marks_are_plain_are_no_warning(binding: str, cells: tuple[object, ...]) -> None:
    assert marks(binding.replace('"\'"', "'\u2019'"), *cells) == []


def swapped(format: str, *cells: str) -> list[str]:
    rows = tuple({"Key": str(at), "A": "x", "B": cell} for at, cell in enumerate(cells))
    found = warnings(f'When: {{from: B, format: "{format}"}}', "timezone: UTC\n", rows)
    return [message for code, message in found if code == "swapped-days"]


def test_a_format_that_reads_all_dates_with_day_and_month_swapped_is_a_warning() -> None:
    assert swapped("%m/%d/%Y", "05/04/2024", "13/04/2024", "", "31/12/2024") == [
        (
            'the day comes first in 2 of the first 3 rows that have "When", such as "13/04/2024", '
            'but "%m/%d/%Y" has the month first'
        )
    ]
    assert swapped("%d/%m/%Y %H:%M", "05/04/2024 10:00", "04/13/2024 10:00", "unknown")


@pytest.mark.parametrize(
    ("formats", "written", "fixed"),
    [
        ('"%m.%d.%Y"', "%m.%d.%Y", "%d.%m.%Y %H:%M"),  # which reads none of them, in either order
        ('["%m.%d.%Y %H:%M", "%Y-%m-%d"]', "%m.%d.%Y %H:%M", "%d.%m.%Y %H:%M"),
        ('["%m.%d.%Y", "%d.%m.%Y %H:%M"]', "%m.%d.%Y", "%d.%m.%Y"),  # each cell is read by one alone
        ('["%d.%m.%Y %H:%M", "%m.%d.%Y %H:%M"]', "%m.%d.%Y %H:%M", None),
    ],
)
def test_each_format_of_an_order_that_cells_rule_out_is_a_warning(
    formats: str, written: str, fixed: str | None
) -> None:
    rows = tuple({"Key": str(at), "A": "x", "B": f"{at:02}.02.2024 07:25"} for at in (3, 14))
    plan = compiled(f"When: {{from: B, format: {formats}}}", "timezone: UTC\n", columns=COLUMNS).plan
    (found,) = [one for one in lint(plan, rows) if one.code == "swapped-days"]
    assert f'such as "14.02.2024 07:25", but "{written}" has the month first' in found.message
    assert (None if found.fix is None else found.fix.text) == fixed
    assert (f'write `format: "{fixed}"`' if fixed else f'remove "{written}"') in found.hint


@pytest.mark.parametrize(
    "cells",
    [
        ("05/04/2024", "06/04/2024"),  # nothing is rejected
        ("25/04/2024", "04/13/2024"),  # both orders occur
        ("05/04/2024", "unknown"),
        ("05/04/2024", "31/02/2024"),
        (),
    ],
)
def test_dates_that_swapping_does_not_help_are_no_warning(cells: tuple[str, ...]) -> None:
    assert swapped("%d/%m/%Y", *cells) == []


@pytest.mark.parametrize(
    "line",
    [
        'When: {from: B, format: "%d/%M/%Y %H:%m"}',
        'When: {from: B, format: ["%Y-%m-%d", "%d/%M/%Y %H:%m"]}',
        "When: \"{{ B | datetime('%d/%M/%Y %H:%m') }}\"",
    ],
)
def test_a_format_with_minutes_in_the_place_of_the_month_is_a_warning(line: str) -> None:
    (found,) = [
        one
        for one in lint(compiled(line, "timezone: UTC\n", columns=COLUMNS).plan)
        if one.code == "swapped-minutes"
    ]
    assert 'did you mean "%d/%m/%Y %H:%M"?' in str(found.help)


def compared(test: str, *cells: object) -> list[tuple[str, str]]:
    """Return message and help of a warning of a `where` that compares cells with a number."""
    rows = tuple({"Key": str(at), "A": cell, "B": ""} for at, cell in enumerate(cells))
    found = lint(compiled("Line: B", f'where: "{{{{ {test} }}}}"\n', columns=COLUMNS).plan, rows)
    return [(one.message, one.help) for one in found if one.code == "text-equals-number"]


@pytest.mark.parametrize(
    ("test", "written"),
    [
        ("A == 7", "`A == '7'`, or `A | number == 7`"),
        ("7 != A", "`A != '7'`, or `A | number != 7`"),
        ("A == -7", "`A == '-7'`, or `A | number == -7`"),
        ("A in [7, 8]", "`A in ['7', …]`, or `A | number in [7, …]`"),
        ("not (B == 'x' or row['A'] not in ['7', 8])", "`A not in ['8', …]`, or `A | number not in [8, …]`"),
    ],
)
def test_a_text_that_is_compared_with_a_number_is_a_warning(test: str, written: str) -> None:
    ((message, hint),) = compared(test, "7", "", "x")
    assert message.startswith('the cells of "A" are texts in the first 3 rows, and a text never equals the ')
    assert hint == f"write {written}"


@pytest.mark.parametrize(
    ("test", "cells"),
    [
        ("A == 7", (7, "x")),  # a workbook's or JSON's
        ("A == 7", ("", None)),
        ("A == 7", ()),
        ("A == '7'", ("7",)),
        ("A == true", ("7",)),
        ("A | number == 7", ("7",)),
        ("A in ['7', '8']", ("7",)),
    ],
)
def test_a_comparison_that_may_be_true_is_no_warning(test: str, cells: tuple[object, ...]) -> None:
    assert compared(test, *cells) == []


def test_a_source_column_that_is_read_nowhere_is_a_warning() -> None:
    (found,) = (
        one for one in lint(compiled("Line: B", columns=COLUMNS).plan, ROWS) if one.code == "unread-column"
    )
    assert (found.code, found.message) == (
        "unread-column",
        '1 of the source\'s 3 columns is not used: "A"',
    )


def test_a_step_or_table_that_is_used_nowhere_is_a_warning() -> None:
    found = warnings("Line: B", TABLES + 'let: {s: "{{ A }}"}\n')
    assert [message for _, message in found] == [
        'the table "t" is not used',
        'the variable "s" is not used',
    ]


TERMS = ({"Key": "1", "A": "a", "B": "b/c/d"}, {"Key": "2", "A": "", "B": "b/c"})


@pytest.mark.parametrize(
    ("binding", "told"),
    [
        ("{const: a/b}", ': "a/b"'),
        ("[{const: a}, {const: b}]", ': "a/b"'),
        ("{const: a/b/c}", None),
        ("B", ' in 1 of the first 2 rows: "b/c"'),
        ("[{const: x}, B]", None),  # a term with a slash is a problem of its own
        ("A", ' in 1 of the first 2 rows: "a"'),
        ('"x/{{ B }}"', None),
        ("{from: B, convert: {replace: [a, b]}, default: x/y/z}", ' in 1 of the first 2 rows: "b/c"'),
    ],
)
def test_a_path_of_fewer_than_three_terms_is_told(binding: str, told: str | None) -> None:
    found = warnings(f"Classification: {binding}", rows=TERMS)
    expected = [f'the term path of "Classification" has fewer than three terms{told}'] if told else []
    assert [message for code, message in found if code == "short-term-path"] == expected


def test_rows_that_are_not_wanted_have_no_short_path_and_a_fixed_one_needs_no_rows() -> None:
    assert not [
        one
        for one in warnings("Classification: A", "where: \"{{ A != 'a' }}\"\n", TERMS)
        if "short" in one[0]
    ]
    assert [code for code, _ in warnings("Classification: {const: a/b}", rows=())] == ["short-term-path"]


@pytest.mark.parametrize("mark", ["|", " > ", ">", ";"])
def test_a_path_whose_terms_have_another_separator_is_shown_how_to_name_it(mark: str) -> None:
    rows = [{"A": mark.join(("Museum", "Loans", "Renewed"))}]
    plan = compiled("Classification: A", columns=("Key", "A"), choices="").plan
    (found,) = (one for one in lint(plan, rows) if one.code == "short-term-path")
    way = re.search("`convert: (.+?)`", found.help)[1]
    plan = compiled(f"Classification: {{from: A, convert: {way}}}", columns=("Key", "A"), choices="").plan
    assert "short-term-path" not in {one.code for one in lint(plan, rows)}


def test_a_classification_that_is_not_bound_is_a_warning() -> None:
    def unbound(fields: str, connection: Connection = CONNECTION) -> list[str]:
        found = lint(compiled(fields, columns=COLUMNS, connection=connection, choices="").plan, ROWS)
        return [one.message for one in found if one.code == "no-classification"]

    (message,) = unbound("Line: B")
    assert message.startswith('"Classification" is not bound')
    assert not unbound("Classification: {const: a/b/c}")
    assert not unbound("termFullPath: A")
    assert not unbound("Line: B", connect({"rowKey": "SingleText", "_Line": "SingleText"}))


@pytest.mark.parametrize(
    ("binding", "more"),
    [
        ("B", ""),
        ('{from: A, format: ["%d/%m/%Y", "%d/%m/%Y %H:%M"]}', ""),
        ("\"{{ A | datetime('%d/%m/%Y %I:%M %p') }}\"", ""),
        ('"{{ s }}"', 'let: {s: "{{ B }}"}\n'),
    ],
)
def test_a_time_of_day_that_is_not_written_for_opus_is_a_warning(binding: str, more: str) -> None:
    def found(target: str) -> list[str]:
        text = f'timezone: UTC\n{more}target: {{datetime_format: "{target}"}}\n'
        return [one for code, one in warnings(f"When: {binding}", text) if code == "format-without-time"]

    (message,) = found("%d/%m/%Y")
    assert message.startswith('"%d/%m/%Y" writes no time of day, so that of "When" is lost')
    assert not found("%d/%m/%Y %H:%M")


@pytest.mark.parametrize("binding", ["B", '{from: B, format: "%Y-%m-%d"}'])
def test_a_date_without_a_time_may_be_written_without_one(binding: str) -> None:
    text = 'timezone: UTC\ntarget: {datetime_format: "%d/%m/%Y"}\n'
    assert not warnings(f"When: {binding}", text, ({"Key": "1", "A": "", "B": "2024-01-03"},))


REQUIRED = "columns: {Line: {required: true}, Text: {required: true}, Number: {required: true}}\n"


def gaps(fields: str, rows: tuple[dict[str, Any], ...] = ROWS) -> list[Issue[Span]]:
    """Return the warnings of three required columns that may be empty."""
    found = lint(compiled(fields, REQUIRED, columns=(*COLUMNS, "C")).plan, rows)
    return [one for one in found if one.code == "may-be-empty"]


def test_a_source_column_with_empty_cells_is_reported_once_with_the_columns_that_read_it() -> None:
    found = gaps("Line: A\nText: '{{ A }}'\nNumber: \"{{ B if A == 'x' }}\"")
    assert len(found) == 3
    (once, other) = join_causes(found)
    assert (
        once.message == '"A" is empty in 1 of the first 2 rows, and required columns read it: "Line", "Text"'
    )
    assert (once.code, once.place, once.severity) == ("may-be-empty", found[0].place, Severity.WARNING)
    assert once.hint == "give a `default:` to keep those rows"
    assert other == found[2]  # which is no matter of a cell


def people(binding: str, *cells: str, kind: str = "SingleText") -> list[Issue[Span]]:
    """Return the warnings of people who are named in two ways in these cells."""
    connection = connect({"rowKey": "SingleText", "createdBy": kind})
    plan = compiled(f"createdBy: {binding}", choices="", connection=connection, columns=COLUMNS).plan
    rows = [{"Key": str(at), "A": cell, "B": ""} for at, cell in enumerate(cells)]
    return [one for one in lint(plan, rows) if one.code == "mixed-people"]


def test_people_who_are_an_address_in_some_rows_and_a_name_in_others_are_reported() -> None:
    (found,) = people("A", "ann@x.org", "Ben Jones", "ann@x.org", "")
    in_rows = "in 2 of the first 4 rows, and another text in 1"
    assert found.message == f'"Created by" has an e-mail address {in_rows}, such as "Ben Jones"'
    assert "`lookup:`" in found.hint
    assert not people("A", "ann@x.org", "Ben <ben@x.org>")
    assert not people("A", "Ann Lee", "Ben Jones")
    assert not people("{from: A, default: Records team}", "ann@x.org", "")
    assert not people('"{{ A | email }}"', "ann@x.org", "Ben Jones")  # whose row is rejected
    assert not people("A", "ann@x.org", "Ben Jones", kind="PeopleOrGroup")


@pytest.mark.parametrize(
    ("cell", "separator"), [("ann@x.org; ben@x.org", ";"), ("ann@x.org / Ben <ben@x.org>", "/")]
)
def test_several_addresses_in_a_column_that_takes_one_are_reported_with_how_to_send_the_first(
    cell: str, separator: str
) -> None:
    (found,) = people("A", "ann@x.org", cell, "")
    shown = f'has several e-mail addresses in 1 of the first 3 rows, such as "{cell}"; they are sent as one'
    assert shown in found.message
    way = f"\"{{{{ A | split('{separator}') | first }}}}\""
    assert found.hint == f"to send only the first, write `{way}`"
    assert not people(way, "ann@x.org", cell)
    (_, mixed) = people("A", "ann@x.org", cell, "Ben Jones")
    assert "has an e-mail address in 1 of the first 3 rows, and another text in 1" in mixed.message
    assert len(people("{from: A, default: Records team}", "ann@x.org", cell, "")) == 1
    assert not people("A", cell, kind="PeopleOrGroup")


def test_no_default_is_advised_for_an_empty_row_key_because_all_rows_would_share_it() -> None:
    plan = compiled("Line: A", columns=COLUMNS).plan
    (found,) = (one for one in lint(plan, ({"Key": "", "A": "x", "B": ""},)) if one.code == "may-be-empty")
    assert found.hint == "make the row key from other columns as well"
    reject = compiled("Line: A").map_row({"Key": "", "A": "x"})
    assert isinstance(reject, Reject)
    assert reject.problems[0].hint == "correct the cell, or make the row key from other columns as well"


def test_columns_that_are_empty_in_other_rows_of_the_same_cells_are_named_each_with_its_rows() -> None:
    rows = (*ROWS, {"Key": "3", "A": "", "B": ""})
    (once,) = join_causes(gaps('Line: A\nText: "{{ B or A }}"\nNumber: Key', rows))
    assert once.message == (
        '"A" is empty, and required columns read it: "Line" (in 2 of the first 3 rows), '
        '"Text" (in 1 of the first 3 rows)'
    )


def test_what_has_no_cause_in_common_is_left_as_it_is() -> None:
    found = gaps(
        "Line: A\nText: \"{{ B if A == 'x' }}\"\nNumber: C", ({**ROWS[0], "C": ""}, {**ROWS[1], "C": "1"})
    )
    assert len(found) == 3
    assert join_causes(found) == found


@pytest.mark.parametrize(
    ("binding", "meant"),
    [
        ("\"{{ ';' | split(A) | first }}\"", "`A | split(';')`"),
        ("\"{{ ';' | split(row['A']) | first }}\"", "`A | split(';')`"),
        ("\"{{ A | split(';') | first }}\"", None),
        ('"{{ A | split(B) | first }}"', None),
        ("\"{{ 'a;b' | split(';') | first }}\"", None),
        ("\"{{ A | replace('', '$') }}\"", "to remove \"$\": `replace('$', '')`"),
        ("\"{{ A | replace(new='$', old='') }}\"", "to remove \"$\": `replace('$', '')`"),
        ('{from: A, convert: {replace: ["", "$"]}}', 'to remove "$": `replace: ["$", ""]`'),
        ('{from: A, convert: [trim, {replace: {old: "", new: "$"}}]}', '`replace: ["$", ""]`'),
        ("\"{{ A | replace('$', '') }}\"", None),
        ("\"{{ A | replace('', B) }}\"", None),
        ('{from: A, convert: {replace: ["$", ""]}}', None),
    ],
)
def test_swapped_arguments_are_a_warning_with_what_is_meant(binding: str, meant: str | None) -> None:
    found = [
        one for one in lint(compiled(f"Line: {binding}", columns=COLUMNS).plan) if "argument" in one.code
    ]
    assert [one.severity for one in found] == [Severity.WARNING] * (meant is not None)
    assert meant is None or meant in found[0].help


def test_a_column_with_an_apostrophe_is_quoted_as_it_can_be_written_where_arguments_are_swapped() -> None:
    binding = "Line: >-\n    {{ ';' | split(row[\"It's\"]) | first }}"
    found = lint(compiled(binding, columns=(*COLUMNS, "It's")).plan)
    (hint,) = (one.help for one in found if "argument" in one.code)
    assert hint == "write `row[\"It's\"] | split(';')`"
