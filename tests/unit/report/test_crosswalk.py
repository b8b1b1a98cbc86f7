"""The crosswalk says what the mapping does, in words, for each column of the connection."""

import pytest
from small_mapping import compiled

from opusmap.report.crosswalk import make_crosswalk


def crosswalk(fields, more="", columns=("Key", "A", "B"), **options):
    return make_crosswalk(compiled(fields, more, columns=columns, **options).plan)


@pytest.mark.parametrize(
    ("binding", "sources", "rules"),
    [
        ("Line: A", ["A"], ["as it is"]),
        ("Number: A", ["A"], ["read as a number: 1,234.50 becomes 1234.5"]),
        ("When: A", ["A"], ["read as an ISO date, or as a date with a time"]),
        ("People: A", ["A"], ["the e-mail address in it"]),
        ("Classification: A", ["A"], ["as a term's path, without spaces beside each /"]),
        ("Line: 'x {{ A }} {{ B }}'", ["A", "B"], ["x {{ A }} {{ B }}"]),
        ("Line: {const: fixed}", [], ['always "fixed"']),
        ("Line: {from: [A, B], join: '/'}", ["A", "B"], ['joined by "/"']),
        ("Line: [A, B]", ["A", "B"], ['joined by " "']),
        ("Classification: [A, B]", ["A", "B"], ["joined as a term's path"]),
        ("People: [A, B]", ["A", "B"], ["joined as a list"]),
        (
            "Line: {from: A, convert: [trim, {truncate: {length: 5, end: '…'}}], default: '{{ B }}'}",
            ["A", "B"],
            [
                "converted by trim",
                'converted by truncate(length=5, end="…")',
                'if empty: {{ B }} (the column "B")',
            ],
        ),
        (
            "When: {from: A, format: '%d/%m/%Y', on_error: omit}",
            ["A"],
            ["read as %d/%m/%Y (day/month/year)", "if wrong: left out"],
        ),
        (
            "When: {from: A, format: '%d/%m/%y', century: 1930}",
            ["A"],
            ["read as %d/%m/%y (day/month/two-digit year), years from 1930 on"],
        ),
        (
            "When: {from: A, format: ['%d/%m/%Y %H:%M', '%Y%m%d']}",
            ["A"],
            ["read as %d/%m/%Y %H:%M (day/month/year hour:minute) or %Y%m%d (year month day)"],
        ),
        ("Number: {from: A, default: 0, on_error: default}", ["A"], ["if empty: 0", "if wrong: as if empty"]),
        (
            "Line: {value: '{{ A }}-{{ B }}', default: none}",
            ["A", "B"],
            ["{{ A }}-{{ B }}", "if empty as a whole (a row with only a part empty is rejected): none"],
        ),
        ("Line: {value: '{{ A }}', default: none}", ["A"], ['{{ A }} (the column "A")', "if empty: none"]),
        ("Choice: A", ["A"], ["sent as the option's order: Red = 1, Green = 2, Blue = 3"]),
        (
            "Choices: {from: A, split: ';', lookup: t}",
            ["A"],
            [
                'split at ";"',
                "looked up in the table t",
                "sent as the option's order: Red = 1, Green = 2, Blue = 3",
            ],
        ),
        ("Line: '{{ step }}'", ["A", "B"], ["{{ step }}"]),
    ],
)
def test_a_line_names_its_source_columns_and_says_each_step(binding, sources, rules):
    found = crosswalk(binding, 'let: {step: "{{ A ~ B }}"}\ntables: {t: {r: Red}}')
    line = found.lines[1]
    assert list(line.sources) == sources
    assert list(line.rules) == rules


def test_a_line_tells_its_target_and_where_it_stands():
    line = crosswalk("Line: {from: A, required: true}").lines[1]
    assert (line.target, line.internal_name, line.type, line.required) == (
        "Line",
        "_Line",
        "SingleText",
        True,
    )
    assert line.line == 7


def test_other_spellings_and_the_first_order_are_told():
    choices = "choices: {Choice: {options: [Red, Green], aliases: {Rot: Red}}}\ntarget: {choice_base: 0}\n"
    assert crosswalk("Choice: A", choices=choices).lines[1].rules == (
        "sent as the option's order: Red = 0, Green = 1",
        "other spellings: Rot → Red",
    )


def test_a_long_list_of_options_is_cut_and_says_so():
    choices = f"choices: {{Choice: [{', '.join(f'o{number}' for number in range(70))}]}}\n"
    (rule,) = crosswalk("Choice: A", choices=choices).lines[1].rules
    assert rule.endswith("o59 = 60 and 10 more")


def test_what_is_not_read_and_not_filled_is_named():
    found = crosswalk("Line: A", "where: \"{{ B != 'x' }}\"", columns=("Key", "A", "B", "C", "D"))
    assert found.unread == ("C", "D")
    assert found.unfilled == ("Text", "When", "Choice", "Choices", "People", "Number", "Classification")


def test_columns_that_only_where_reads_are_named_apart():
    where = "let: {s: '{{ C }}', t: '{{ A }}'}\nwhere: \"{{ B != 'x' and s != t and A != 'y' }}\""
    found = crosswalk("Line: A", where, columns=("Key", "A", "B", "C", "D"))
    assert (sorted(found.filtering), found.unread) == (["B", "C"], ("D",))
    assert crosswalk("Line: B", "where: \"{{ B != 'x' }}\"").filtering == ()
    assert crosswalk("Line: A").filtering == ()


def test_nothing_is_called_unread_where_the_header_is_not_known():
    assert crosswalk("Line: A", columns=None).unread == ()


def test_the_rules_for_all_rows_are_told():
    more = "where: \"{{ B != 'x' }}\"\nconflict: skip\ntimezone: Europe/Paris\nlet: {s: '{{ A | upper }}'}\n"
    assert crosswalk("Line: '{{ s }}'", more).general == (
        "Only rows for which {{ B != 'x' }} is true are included.",
        "The variable s is {{ A | upper }}.",
        "A record that Opus already holds stays as it is.",
        "Of several rows with the same row key, the first is used; the others are rejected.",
        "Times without a zone are those of Europe/Paris; they are sent in UTC.",
    )
    assert crosswalk("Line: A", "duplicates: last").general == (
        "A record that Opus already holds is replaced.",
        "Of several rows with the same row key, the last is used; the others are rejected.",
    )


def test_how_dates_are_written_for_opus_is_said_where_a_record_has_one():
    general = crosswalk("When: A", 'target: {datetime_format: "%d/%m/%Y"}').general
    assert general[-1] == "Dates are written for Opus as %d/%m/%Y: 19 December 2024, 18:15:00 is 19/12/2024."
