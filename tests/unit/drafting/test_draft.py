"""A draft compiles up to its TODOs, its tests hold once they are settled, and nothing in it is guessed."""

import csv
import io
import json
import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_mapping import connect

from opusmap.compiler import compile_mapping
from opusmap.drafting import Draft, count_questions, make_draft, with_tests, write_draft
from opusmap.errors import InvalidMapping
from opusmap.mapping import parse_spec
from opusmap.profile import profile_source
from opusmap.records import Row
from opusmap.sources import from_rows, open_source
from opusmap.testing import run_tests

COLUMNS = {
    "rowKey": "SingleText",
    "leafName": "SingleText",
    "termFullPath": "Taxonomy",
    "timeCreated": "DateTime",
    "timeModified": "DateTime",
    "createdBy": "SingleText",
    "modifiedBy": "SingleText",
    "_Doc_%20_Type": "SingleChoice",
    "_Tags": "MultipleChoice",
    "_Owners": "PeopleOrGroup",
    "_Amount": "Number",
    "_Notes": "MultipleText",
}
CONNECTION = connect(COLUMNS)
HOSTILE = [
    "a # b",
    "a: b",
    "- x",
    "#",
    "'",
    '"q"',
    "a\nb",
    "\\n",
    "null",
    "007",
    "{{ x }}",
    "\u2028",
    "[a, b]",
    "!t",
    "&a",
    "*a",
    "%",
]
REGISTER = [
    {
        "Doc No": f"{number:04}",
        "Subject": f"Lease of hall {number}",
        "Class1": "Property",
        "Class2": "Leasing",
        "Created On": f"2024-01-{number:02}T10:00:00Z",
        "Last Updated": f"{number:02}/11/2024",
        "Author": "Ann Smith",
        "Changed By": "Ben Jones",
        "Document Type": ("Lease", "Deed")[number % 2],
        "Keywords": ("Legal;HR", "HR")[number % 2],
        "Responsible": "ann@example.org",
        "Value": "1,234.50",
        "Remarks": "first line\nsecond line",
    }
    for number in range(1, 29)
]


def drafted(rows, connection=CONNECTION, datetime_format="%Y-%m-%d %H:%M:%S", timezone=None) -> Draft:
    draft = make_draft(connection, profile_source(from_rows(rows)), names=("c.json", "register.csv"))
    draft = replace(draft, datetime_format=datetime_format, timezone=timezone)
    return with_tests(draft, connection, [Row(number, row) for number, row in enumerate(rows, 2)])


def problems(draft, connection=CONNECTION):
    try:
        spec = parse_spec(write_draft(draft), "m.yaml")
        return compile_mapping(spec, connection, columns=draft.profile.row_columns).warnings
    except InvalidMapping as error:
        return error.diagnostics


def changed(rows, **cells):
    return [{**row, **{name.replace("_", " "): cell for name, cell in cells.items()}} for row in rows]


def with_options(text):
    """Decide the options of a draft as a person may: take the values, and the TODO away."""
    text = re.sub(r'^ +- "TODO.*\n', "", text, flags=re.MULTILINE)  # a value may read TODO as well
    return re.sub(r"^( +)#- ", r"\1- ", text, flags=re.MULTILINE)


def lines(draft):
    return dict(re.findall(r"^  (?:# )?([\w ]+): (.+?)(?:  +# .*)?$", write_draft(draft), re.MULTILINE))


def test_a_register_of_other_names_is_matched_and_read_as_it_is_written():
    found = lines(drafted(REGISTER))
    assert (
        found
        | {
            "Row key": "Doc No",
            "Name": "Subject",
            "Classification": "[Class1, Class2]",
            "Created time": "Created On",
            "Modified time": '{from: Last Updated, format: "%d/%m/%Y"}',
            "Created by": "Author",
            "Modified by": "Changed By",
            "Doc Type": "Document Type",
            "Tags": '{from: Keywords, split: ";"}',
            "Owners": "Responsible",
            "Amount": "Value",
            "Notes": "Remarks",
        }
        == found
    )


def test_only_the_options_order_is_left_to_a_person_in_a_plain_register():
    draft = drafted(REGISTER)
    assert [one.code for one in problems(draft)] == ["to-do", "to-do"]


def test_the_tests_of_a_draft_hold_once_the_todos_are_settled():
    draft = drafted(REGISTER)
    settled = with_options(write_draft(draft))
    results = run_tests(compile_mapping(parse_spec(settled), CONNECTION))
    assert len(results) == 2
    assert all(one.passed for one in results), results
    assert "personal data" in settled


def test_dates_of_unknown_columns_are_asked_for_as_those_of_known_ones_are():
    """A date column is decided by hand then, and by that time nothing else asks for zone and format."""
    rows = [
        {
            "Doc No": one["Doc No"],
            "Inspected": f"{at:02}/11/2024 10:30",
            "Signed off": "n/a" if at % 2 else "01/12/2024 9:05",
        }
        for at, one in enumerate(REGISTER, 1)
    ]
    draft = drafted(rows, datetime_format=None)
    assert draft.bindings[3].binding is draft.bindings[4].binding is None
    assert draft.has_dates
    assert draft.zone_needed == ("Inspected", "Signed off")
    text = write_draft(draft)
    assert "\ntimezone: TODO" in text
    assert "\n  datetime_format: TODO" in text
    assert 'empty: ["", n/a]' in text
    of_places = {one.place.line for one in problems(draft)}
    assert {
        at for at, line in enumerate(text.splitlines(), 1) if ": TODO" in line and "#" not in line[:4]
    } <= of_places


def test_a_source_without_dates_is_not_asked_how_opus_shows_dates():
    draft = drafted([{"Doc No": one["Doc No"]} for one in REGISTER], datetime_format=None)
    assert not draft.has_dates
    assert not draft.zone_needed


def test_day_and_month_that_cannot_be_told_apart_are_left_to_a_person():
    draft = drafted(changed(REGISTER, Last_Updated="01/11/2024"))
    assert '"TODO: %d/%m/%Y or %m/%d/%Y"' in lines(draft)["Modified time"]
    assert len(problems(draft)) == 3
    assert "Modified time" not in draft.tests[0].expect


@pytest.mark.parametrize(
    ("cell", "binding", "asked"),
    [
        ("26-Apr-68", '{from: Last Updated, format: "%d-%b-%y", century: TODO}', 1),
        ("26/04/68", '{from: Last Updated, format: "%d/%m/%y", century: TODO}', 1),
        (
            "26/04/68 10:00 UTC",
            '{from: Last Updated, convert: {datetime: {format: "%d/%m/%y %H:%M UTC", timezone: UTC, century: TODO}}}',  # noqa: E501
            1,
        ),
        ("01/02/68", '{from: Last Updated, format: "TODO: %d/%m/%y or %m/%d/%y", century: TODO}', 2),
    ],
)
def test_the_century_of_a_year_of_two_digits_is_left_to_a_person(cell, binding, asked):
    draft = drafted(changed(REGISTER, Last_Updated=cell))
    assert lines(draft)["Modified time"] == binding
    assert [one.code for one in problems(draft)] == ["to-do"] * (2 + asked)
    assert "1930 reads 30 to 99 as 1930 to 1999" in write_draft(draft)
    assert "Modified time" not in draft.tests[0].expect


def test_a_zone_that_no_time_names_is_left_to_a_person():
    draft = drafted(changed(REGISTER, Created_On="2024-01-31 10:00:00"))
    assert any(one.message == "timezone is still TODO" for one in problems(draft))
    assert "Created time" not in draft.tests[0].expect


def test_the_format_of_opus_is_left_to_a_person_and_dates_are_in_no_test_before():
    draft = drafted(REGISTER, datetime_format=None)
    assert [one.message for one in problems(draft)][:1] == ["target.datetime_format is still TODO"]
    assert len(problems(draft)) == 3
    assert not {"Created time", "Modified time"} & set(draft.tests[0].expect)
    undated = drafted(changed(REGISTER, Created_On="x", Last_Updated="y"), datetime_format=None)
    assert "datetime_format" not in write_draft(undated)


def test_what_a_person_says_of_times_stands_in_the_draft_and_in_its_tests():
    rows = changed(REGISTER, Created_On="2024-01-31 10:00:00")
    draft = drafted(rows, datetime_format="%d/%m/%Y %H:%M", timezone="Australia/Sydney")
    assert [one.code for one in problems(draft)] == ["to-do", "to-do"]  # the options
    assert draft.tests[0].expect["Created time"] == "30/01/2024 23:00"
    results = run_tests(compile_mapping(parse_spec(with_options(write_draft(draft))), CONNECTION))
    assert [one.passed for one in results] == [True, True]


def test_a_path_without_a_term_group_or_set_is_told():
    assert "# TODO Classification: paths of two terms" in write_draft(drafted(REGISTER))
    three = [{**row, "Class3": "Halls"} for row in REGISTER]
    assert "Classification: paths" not in write_draft(drafted(three))
    whole = [{key: cell for key, cell in row.items() if key != "Class2"} for row in REGISTER]
    assert "Classification: paths" not in write_draft(drafted(changed(whole, Class1="Land/Property/Leasing")))


def test_a_path_that_is_shorter_than_the_others_is_shown_and_nothing_is_to_be_added_to_all():
    whole = [{key: cell for key, cell in row.items() if key != "Class2"} for row in REGISTER]
    paths = [f"Land/Property/{name}" for name in ("Leasing", "Sale", "Survey")] + ["Leasing"]
    rows = [{**row, "Class1": paths[at % 4]} for at, row in enumerate(whole)]
    text = write_draft(drafted(rows))
    assert '# TODO Classification: "Leasing" is a path of one term' in text
    assert "missing in front" not in text


def test_a_required_column_without_a_source_is_left_to_a_person():
    rows = [{name: cell for name, cell in row.items() if name != "Changed By"} for row in REGISTER]
    draft = drafted(rows)
    assert lines(draft)["Modified by"] == "TODO"
    assert [one.code for one in problems(draft)] == ["to-do"] * 3


def without_a_key(number: int) -> dict[str, str]:
    """Return a row whose only column without repeats has another name than a key, and repeats twice."""
    row = {name: cell for name, cell in REGISTER[number].items() if name != "Doc No"}
    return row | {"Subject": "Lease", "Ours": f"{max(2, number):04}"}


def test_a_draft_without_a_row_key_has_tests_that_hold_once_it_is_decided():
    draft = drafted([without_a_key(number) for number in range(len(REGISTER))])
    assert lines(draft)["Row key"] == "TODO"
    assert [list(test.expect) for test in draft.tests]
    assert all("Row key" not in test.expect and test.expect["Amount"] for test in draft.tests)
    text = with_options(write_draft(draft)).replace("Row key: TODO", "Row key: Ours")
    results = run_tests(compile_mapping(parse_spec(text), CONNECTION))
    assert len(results) == 2
    assert all(one.passed for one in results), results


def test_a_candidate_for_the_row_key_is_shown_with_what_speaks_for_it_and_against():
    rows = [without_a_key(number) for number in range(len(REGISTER))]
    repeated = write_draft(drafted([{**row, "Doc Ref": row["Ours"]} for row in rows]))
    assert "1 of 26 values occurs more than once" in repeated
    bound = write_draft(drafted([*REGISTER, *REGISTER[:3], REGISTER[0]]))
    assert (
        "3 of 28 values occur more than once: only one of the rows with the same key becomes a record"
        in bound
    )
    assert "becomes a record, so 4 rows would be rejected\n" in bound
    unique = write_draft(drafted([{**row, "Ours": f"{number:04}"} for number, row in enumerate(rows)]))
    assert "Ours (45 %: never empty, no repeats, its name is not like that of a key)" in unique


@pytest.mark.parametrize("depth", ["1.{:02}", "-27.{:04}", "1{:02},5"])
def test_a_column_of_decimal_numbers_is_no_candidate_for_the_row_key(depth):
    rows = [
        {**row, "Depth": depth.format(number)} for number, row in enumerate(map(without_a_key, range(20)))
    ]
    draft = drafted(rows)
    assert draft.profile.find("Depth").is_key
    assert re.search(r"Row key: TODO .*", write_draft(draft))[0].count("Depth") == 0


def test_addresses_beside_names_for_a_text_column_of_people_are_told():
    rows = [*REGISTER[:20], *changed(REGISTER[20:], Author="ann@example.org")]
    told = "# TODO Created by: 8 rows have an e-mail address, and 20 have none; both are sent as they are."
    assert told in write_draft(drafted(rows))
    assert "have none; both" not in write_draft(drafted(REGISTER))
    assert "have none; both" not in write_draft(drafted(changed(REGISTER, Author="ann@example.org")))


def test_a_rarer_format_of_dates_is_to_be_listed_as_well():
    rows = changed(REGISTER, **{"Last Updated": "30.11.2024"})[:3]
    text = write_draft(drafted([*REGISTER[:25], *rows]))
    told = "3 rows have dates in another format (%d.%m.%Y): list this format as well, or correct them"
    assert f"# TODO Modified time: {told}" in text


def test_only_dates_that_another_format_reads_are_counted_as_in_that_format():
    short, missing = {"Last Updated": "5.3.97"}, {"Last Updated": "31.02.2019"}
    usual = changed(REGISTER, **{"Last Updated": "30.11.2024"})
    rows = [*usual, *changed(REGISTER, **short)[:3], *changed(REGISTER, **missing)[:2]]
    text = write_draft(drafted(rows))
    told = "3 rows have dates in another format (%d.%m.%y): list this format as well, with a `century`"
    assert f"# TODO Modified time: {told}, or correct them\n" in text
    assert "# TODO Modified time: 2 rows have a value that no format reads: correct them\n" in text


@pytest.mark.parametrize(
    ("usual", "other", "told"),
    [
        ("2024-11-30", "03.04.2024", "%d.%m.%Y if the day comes first, %m.%d.%Y if the month does"),
        ("11/30/2024", "03.04.2024", "%d.%m.%Y if the day comes first, %m.%d.%Y if the month does"),
        ("11/30/2024", "3/4/97", "%m/%d/%y"),
        ("30/11/2024", "3/4/97", "%d/%m/%y"),
        ("2024-11-30", "25.04.2024", "%d.%m.%Y"),
    ],
)
def test_a_rarer_format_is_named_with_its_order_unknown_where_no_value_shows_it(usual, other, told):
    rows = [
        *changed(REGISTER, **{"Last Updated": usual}),
        *changed(REGISTER, **{"Last Updated": other})[:3],
    ]
    assert f"3 rows have dates in another format ({told}): list this format as well" in write_draft(
        drafted(rows)
    )


def test_todos_in_comments_are_counted():
    draft = drafted(REGISTER)
    lines = [line.strip() for line in write_draft(draft).partition("fields:")[2].splitlines()]
    assert count_questions(draft) == sum(line[0] == "#" for line in lines if "TODO" in line) == 3


def test_an_optional_column_without_a_source_is_left_out_and_named():
    rows = [{name: cell for name, cell in row.items() if name != "Remarks"} for row in REGISTER]
    text = write_draft(drafted(rows))
    assert re.search(r"^  # Notes: TODO ", text, re.MULTILINE)


def test_a_column_whose_name_shares_a_word_is_named_and_an_unused_date_is_shown_with_its_format():
    columns = {
        "rowKey": "SingleText",
        "_Gross_%20_Tonnage": "Number",
        "_Departure": "DateTime",
        "_Hull": "SingleText",
    }
    rows = [
        {"No": f"A{at}", "Tonnage": f"{at}x", "Departed": "x", "Sailed": f"{at:02}/11/2024"}
        for at in range(1, 29)
    ]
    text = write_draft(drafted(rows, connect(columns)))
    similar = "no column has a similar name, but these share a word with it"
    assert re.search(f"Gross Tonnage: TODO .*{similar}: Tonnage", text)
    assert re.search(f"Departure: TODO .*{similar}: Departed", text)
    assert re.search("Hull: TODO .*`init` found no column like it", text)
    assert "#   Sailed: date (%d/%m/%Y), 28 different" in text


def test_names_are_no_addresses():
    rows = [{**row, "Owners": "Ann Smith"} for row in REGISTER]
    text = write_draft(drafted(rows))
    assert "# TODO Owners: its values are not e-mail addresses" in text
    assert re.search(r"^  # Owners: TODO ", text, re.MULTILINE)


def test_what_means_nothing_in_the_source_is_told_to_the_mapping():
    rows = [{**row, "Value": "N/A"} if number % 3 else row for number, row in enumerate(REGISTER)]
    assert lines(drafted(rows))["empty"] == '["", N/A]'


def test_numbers_with_a_decimal_comma_are_read_as_such():
    assert "decimal" in lines(drafted(changed(REGISTER, Value="1.234,50")))["Amount"]
    assert "decimal" not in lines(drafted(changed(REGISTER, Value="1,234")))["Amount"]


def test_values_stand_in_comments_with_their_counts_and_letter_case_is_ignored_where_it_varies():
    rows = [*REGISTER, *changed(REGISTER[:3], Document_Type="LEASE")]
    text = write_draft(drafted(rows))
    assert re.search(r"ignore_case: true", text)
    assert re.search(r"^ +#- Deed +# 14\n +#- Lease +# 17$", text, re.MULTILINE)


def test_no_option_of_a_draft_comes_from_the_source():
    rows = [*REGISTER, *changed(REGISTER[:3], Document_Type="Dweling", Keywords="Demo;# x: y")]
    spec = parse_spec(write_draft(drafted(rows)))
    assert {str(one.column): one.options for one in spec.choices} == {
        "Doc Type": ("TODO",),
        "Tags": ("TODO",),
    }


def test_a_draft_of_which_only_the_todos_are_deleted_has_no_options_and_is_refused():
    rows = [*REGISTER, *changed(REGISTER[:3], Document_Type="LEASE")]
    text = re.sub(r'^ +- "TODO.*\n', "", write_draft(drafted(rows)), flags=re.MULTILINE)
    with pytest.raises(InvalidMapping) as raised:
        compile_mapping(parse_spec(text), CONNECTION)
    assert [one.code for one in raised.value.diagnostics] == ["missing-choices", "missing-choices"]


def test_the_word_todo_deleted_alone_leaves_an_error():
    text = write_draft(drafted(REGISTER)).replace('- "TODO"', '- ""')
    with pytest.raises(InvalidMapping) as raised:
        compile_mapping(parse_spec(text), CONNECTION)
    assert [one.code for one in raised.value.diagnostics] == ["empty-option", "empty-option"]


def test_values_that_may_be_one_option_are_told_beside_them():
    rows = [
        *REGISTER,
        *changed(REGISTER[:3], Document_Type="Dweling"),
        *changed(REGISTER[:5], Document_Type="Dwelling"),
    ]
    text = write_draft(drafted(rows))
    assert re.search(r"^ +#- Dweling +# 3; like Dwelling$", text, re.MULTILINE)
    assert re.search(r"^ +#- Dwelling +# 5$", text, re.MULTILINE)


def test_a_value_that_is_not_a_number_is_shown():
    one = drafted([*changed(REGISTER[:1], Value="on request"), *REGISTER[1:]])
    assert '# TODO Amount: 1 row has "on request", which is not a number' in write_draft(one)
    two = drafted([*changed(REGISTER[:2], Value="on request"), *REGISTER[2:]])
    assert '2 rows have values that are not numbers, such as "on request"' in write_draft(two)


def test_people_without_addresses_are_named_with_the_column_that_has_them():
    text = write_draft(drafted([{**row, "Owners": "asmith"} for row in REGISTER]))
    assert re.search(r"^  # Owners: TODO +# 99 % sure: Owners$", text, re.MULTILINE)


def test_of_two_columns_of_dates_the_closed_one_is_named_first_for_the_modified_time():
    rows = [
        {
            "Doc No": one["Doc No"],
            "Reported": f"{at:02}/11/2024 10:30",
            "Closed": f"{at:02}/12/2024 9:05" if at % 5 else "",
        }
        for at, one in enumerate(REGISTER, 1)
    ]
    text = write_draft(drafted(rows))
    assert re.search(r"Created time: .*nearest: Reported \(", text)
    assert re.search(r"Modified time: .*nearest: Closed \(", text)


@given(
    st.lists(st.text(max_size=30) | st.sampled_from(HOSTILE), min_size=2, max_size=8, unique_by=str.casefold)
)
def test_values_taken_out_of_their_comments_are_options_spelled_as_in_the_source(values):
    rows = [{**row, "Document Type": values[n % len(values)]} for n, row in enumerate(REGISTER)]
    draft = drafted(rows)
    seen = [
        one.text
        for choices in draft.choices
        for one in choices.values
        if choices.column.display_name == "Doc Type"
    ]
    (doc_type,) = [
        one for one in parse_spec(with_options(write_draft(draft))).choices if one.column == "Doc Type"
    ]
    assert [*map(str, doc_type.options)] == seen


def test_what_a_draft_says_stays_true_when_its_questions_are_decided():
    rows = [{name: cell for name, cell in row.items() if name != "Changed By"} for row in REGISTER]
    text = write_draft(drafted([{**row, "Shelf": f"{number}a"} for number, row in enumerate(rows)]))
    decided = "\n".join(line for line in text.splitlines() if "TODO" not in line)
    assert "Drafted by `opusmap init` from" in decided
    assert "Columns of the source that `init` did not use:" in decided
    assert not re.search(
        r"not finished|are not used|looks like it|[Uu]ndecided columns are|values below", decided
    )


def test_the_values_of_a_column_that_is_only_near_are_listed_and_its_options_are_to_decide():
    columns = {**COLUMNS, "_Service_%20_Type": "SingleChoice"}
    rows = [{**row, "Service": ("Pilotage", "Berthing")[n % 2]} for n, row in enumerate(REGISTER)]
    connection = connect(columns)
    draft = drafted(rows, connection)
    text = write_draft(draft)
    assert re.search(r"^  # TODO Service Type: Service +# SingleChoice; nearest: ", text, re.MULTILINE)
    assert re.search(r"# TODO Service Type: the values below are those of Service \(\d+ %\)", text)
    assert re.search(r"^    #- Berthing +# 14\n    #- Pilotage +# 14$", text, re.MULTILINE)
    assert [one.code for one in problems(draft, connection)] == ["to-do"] * 3
    decided = with_options(text).replace("# TODO Service Type: Service ", "Service Type: Service ")
    mapped = compile_mapping(parse_spec(decided), connection).map_row(rows[0])
    assert mapped.values["_Service_%20_Type"] == "2"  # Pilotage comes second
    without = [{name: cell for name, cell in row.items() if name != "Service"} for row in rows]
    other = drafted(without, connection)  # Document Type is near as well, and bound to Doc Type
    assert [one.column.display_name for one in other.choices] == ["Doc Type", "Tags"]


def test_a_text_of_two_words_is_called_a_person_only_for_a_column_of_people():
    berths = [{**row, "Notes": "Oil Jetty", "Quay": "South Quay"} for row in REGISTER]
    text = write_draft(drafted(berths))
    assert re.search(r"^  Notes: Notes +# \d+ % sure; person", text, re.MULTILINE) is None
    assert re.search(r"^  Created by: Author +# \d+ % sure; person", text, re.MULTILINE)
    assert "#   Quay: text, perhaps names of people, 1 different" in text


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("Bay", ("Section A", "Section B", "Section C"), "text"),
        ("Bay", ("Section North", "Section South"), "text"),
        ("Ward", ("Oil Jetty", "South Quay"), "text"),
        ("PlotName", ("Oil Jetty", "South Quay"), "text"),
        ("Signed", ("Ann Smith", "Bo Lee"), "text, perhaps names of people"),
    ],
)
def test_places_and_sections_are_not_called_people(name, values, told):
    rows = [{**row, name: values[number % len(values)]} for number, row in enumerate(REGISTER)]
    assert f"#   {name}: {told}, {len(values)} different" in write_draft(drafted(rows))


def test_too_many_values_are_no_options():
    rows = [{**row, "Document Type": f"Type {n}"} for n, row in enumerate(REGISTER * 6)]
    text = write_draft(drafted(rows))
    assert "Type 7" not in text.partition("tests:")[0]


def test_values_alone_bind_nothing_but_are_told():
    """The names say nothing: what the values may be is for a person to see."""
    rows = [
        {"F1": f"R-{number:04}", "F3": f"Property > Leasing {number % 9}", "F5": f"2024-01-{number:02}"}
        for number in range(1, 29)
    ]
    columns = {"rowKey": "SingleText", "termFullPath": "Taxonomy", "timeCreated": "DateTime"}
    draft = drafted(rows, connect(columns))
    text = write_draft(draft)
    assert lines(draft)["Row key"] == "TODO"
    assert '# TODO Classification: {from: F3, convert: {term_path: " > "}}' in text
    assert all(one.binding is None for one in draft.bindings)
    assert re.search(r"Created time: TODO .*nearest: F5 \(45 %\)", text)


def test_a_column_of_addresses_is_proposed_for_people_and_never_bound_for_its_values():
    columns = {"rowKey": "SingleText", "_Zuständig": "PeopleOrGroup", "createdBy": "SingleText"}
    rows = [{"No": f"A{at}", "F7": f"ann{at % 3}@example.org", "F8": f"x{at}"} for at in range(30)]
    draft = drafted(rows, connect(columns))
    text = write_draft(draft)
    assert "# TODO Zuständig: F7" in text
    assert text.count("no column has a similar name, but these have e-mail addresses: F7") == 2
    assert re.search(r"^  Created by: TODO .*F7 \(you can use one column twice\)$", text, re.MULTILINE)
    assert {one.column.internal_name for one in draft.bindings if one.binding is not None} <= {"rowKey"}


def test_every_todo_names_its_column():
    rows = [{**row, "Responsible": "Ann Smith", "Last Updated": "01/11/24", "Author": ""} for row in REGISTER]
    text = write_draft(drafted(rows))
    names = "|".join(re.escape(column.display_name) for column in CONNECTION.columns)
    todos = [line for line in text.partition("source:")[2].splitlines() if "TODO" in line]
    assert len(todos) > 5
    for line in todos:
        assert re.search(names, line), line


def test_a_column_that_serves_twice_is_said_to():
    rows = [{name: cell for name, cell in row.items() if name != "Document Type"} for row in REGISTER]
    connection = connect({**COLUMNS, "_Subject": "SingleText"})
    text = write_draft(drafted(rows, connection))
    assert re.search(r"^  Subject: Subject +# 99 %.*; `init` also used it for Name$", text, re.MULTILINE)


def test_a_known_export_is_named():
    rows = [
        {"Issue key": f"A-{n}", "Issue id": n, "Issue Type": "Bug", "Summary": f"Lamp {n}"} for n in range(9)
    ]
    draft = drafted(rows)
    assert draft.preset is not None
    assert "those of Jira" in write_draft(draft)
    assert lines(draft)["Row key"] == "Issue key"


def test_a_text_of_dataport_that_was_read_as_csv_is_told_its_format():
    head = {"Record Type": "Document", "Date Registered": "2024-01-31"}
    rows = [{"Record Number": f"D24/{n}", "Title (Free Text Part)": f"Hall {n}"} | head for n in range(9)]
    draft = replace(drafted(rows), source="records.txt")
    assert "--set format=dataport" in write_draft(draft)
    assert lines(draft)["Name"] == "Title (Free Text Part)"
    for other in (replace(draft, options={"format": "dataport"}), replace(draft, source="records.xlsx")):
        assert "--set format" not in write_draft(other)


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (
            1,
            "1 row has no e-mail address and would be rejected: correct it, or `on_error: omit` leaves it",
        ),
        (
            2,
            "2 rows have no e-mail address and would be rejected: correct them, or `on_error: omit` leaves",
        ),
    ],
)
def test_people_without_an_address_are_foretold(count, told):
    rows = [*REGISTER, *changed(REGISTER[:count], Responsible="Ann Smith")]
    assert f"# TODO Owners: {told}" in write_draft(drafted(rows))


def test_a_name_with_a_comma_beside_its_address_is_nothing_to_correct():
    cell = '"Okafor, Ada" <ada@example.org>'
    rows = [
        *changed(REGISTER[:2], Responsible=cell),
        *REGISTER,
        *changed(REGISTER[:2], Responsible="a@b.org; c@d.org"),
    ]
    text = write_draft(drafted(rows))
    assert "rejected" not in "".join(re.findall("TODO Owners: (.*)", text))


def test_addresses_separated_by_commas_are_several():
    rows = [*REGISTER, *changed(REGISTER[:9], Responsible="ann@example.org, ben@example.org")]
    assert lines(drafted(rows))["Owners"] == "{from: Responsible, convert: emails}"


@pytest.mark.parametrize(
    ("written", "split"), [(" / ", "/"), ("/", "/"), (" & ", "&"), (" | ", "|"), (" and ", " and ")]
)
def test_addresses_with_another_separator_are_split_by_it_and_none_is_to_be_left_out(written, split):
    cell = written.join(["tom.berg@example.org", "priya.nair@example.org"])
    rows = [*REGISTER, *changed(REGISTER[:2], Responsible=cell)]
    draft = drafted(rows)
    assert lines(draft)["Owners"] == f'{{from: Responsible, split: "{split}"}}'
    text = write_draft(draft)
    assert re.findall("TODO Owners: (.*)", text) == ["is this the right column?"]
    assert "on_error: omit" not in text


def test_cells_of_addresses_that_the_draft_can_t_read_are_to_be_corrected_never_left_out():
    rows = [
        *REGISTER,
        *changed(REGISTER[:2], Responsible="ann@example.org / ben@example.org"),
        *changed(REGISTER[:1], Responsible="ann@example.org & ben@example.org"),
        *changed(REGISTER[:1], Responsible="ann@example.org / the front desk"),
        *changed(REGISTER[:1], Responsible="the front desk"),
    ]
    text = write_draft(drafted(rows))
    (todo, other, without, _) = re.findall("TODO Owners: (.*)", text)
    assert todo == (
        '1 row has addresses with another separator ("&") and would be rejected: '
        "correct it, so that all cells have the same one"
    )
    assert other == (
        "1 row has an address that is incomplete or has other text beside it, "
        "and would be rejected: correct it"
    )
    assert without == "1 row has no e-mail address and would be rejected: correct it"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("$1,234.50", "1234.5"), ("1.234,50 €", "1234.5"), ("1 234,50 EUR", "1234.5"), ("1 234,50", "1234.5")],
)
def test_amounts_are_read_without_their_currency(cell, expected):
    draft = drafted(changed(REGISTER, Value=cell))
    assert str(draft.tests[0].expect["Amount"]) == expected


def test_fourteen_digits_are_a_time():
    draft = drafted(changed(REGISTER, Last_Updated="20240131101500"))
    assert lines(draft)["Modified time"] == '{from: Last Updated, format: "%Y%m%d%H%M%S"}'


@pytest.mark.parametrize(
    ("cells", "binding"),
    [
        (["1783", "1783-02", "1783-00-00", "1783-02-05"], "{from: Created On, incomplete: first_day}"),
        (["1783", "1784"], "{from: Created On, incomplete: first_day}"),
        (["31.01.1783", "1783"], '{from: Created On, format: ["%d.%m.%Y", "%Y"], incomplete: first_day}'),
    ],
)
def test_dates_without_a_day_or_a_month_are_read_as_the_first_day_and_told(cells, binding):
    rows = [row | {"Created On": cells[place % len(cells)]} for place, row in enumerate(REGISTER)]
    connection = connect(COLUMNS | {"_Created_%20_On": "DateTime"})
    text = write_draft(drafted(rows, connection=connection, timezone="UTC"))
    assert f"  Created On: {binding}" in text
    assert "TODO Created On:" in text
    assert "without a day or a month" in text
    optional = {name: {"required": False} for name in list(COLUMNS)[1:7] if name != "termFullPath"}
    fields = f"fields: {{rowKey: Doc No, Created On: {binding}}}"
    spec = f"opusmap: 1\nconnection: c\ncolumns: {json.dumps(optional)}\n{fields}"
    mapper = compile_mapping(parse_spec(spec), connection)
    for row in rows:
        assert mapper.map_row(row).values["_Created_%20_On"].startswith("178")


def test_texts_among_cells_that_are_dates_give_the_format_and_the_cells_no_to_do():
    cells = [date(2024, 3, 5), date(2024, 3, 6), "17/03/2024", "31/02/2024"]
    rows = [row | {"Created On": cells[place % len(cells)]} for place, row in enumerate(REGISTER)]
    draft = drafted(rows, connection=connect(COLUMNS | {"_Created_%20_On": "DateTime"}), timezone="UTC")
    text = write_draft(draft)
    assert lines(draft)["Created On"] == '{from: Created On, format: "%d/%m/%Y"}'
    assert re.search(r"# \d+ rows? ha\w+ the date as a text: `format` reads it, and leaves cells", text)
    assert re.search(
        r"# TODO Created On: \d+ rows? ha\w+ a text that is not a date in this format: correct", text
    )
    mapper = compile_mapping(
        parse_spec(with_options(text)), connect(COLUMNS | {"_Created_%20_On": "DateTime"})
    )
    results = run_tests(mapper)
    assert results
    assert all(result.passed for result in results)


def test_columns_of_a_repeated_name_are_the_elements_of_one_list():
    rows = [row | {"Keywords": "HR", "Keywords (2)": "Legal", "Keywords (3)": None} for row in REGISTER]
    text = write_draft(drafted(rows))
    assert "  Tags: [Keywords, Keywords (2), Keywords (3)]" in text
    assert re.search(r"#- HR +# \d+\n +#- Legal", text)
    assert "Keywords (2):" not in text.partition("not used")[2].partition("tests:")[0]


def test_an_inner_null_of_a_drafted_test_is_written_as_yaml_has_it():
    rows = [{**row, "Inner": {"a": None}} for row in REGISTER]
    assert "Inner: {a: null}" in write_draft(drafted(rows))


def test_a_column_that_is_always_empty_is_no_source():
    rows = [{**row, "Record Number": ""} for row in REGISTER]
    assert lines(drafted(rows))["Row key"] == "Doc No"


NAMES = st.one_of(
    st.sampled_from(list(REGISTER[0])),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip),
    st.sampled_from(["TODO", "{{ a }}", "a.b", "null", "- x", "Title: x", "#"]),
)
CELLS = st.one_of(
    st.sampled_from([cell for row in REGISTER[:3] for cell in row.values()]),
    st.sampled_from(["", " ", "N/A", "31/01/2024 10:00 UTC", "1;2", "a@b.org;c@d.org", "A > B", "x" * 300]),
    st.text(max_size=20),
    st.none() | st.booleans() | st.integers() | st.lists(st.text(max_size=5), max_size=3),
)


@settings(max_examples=30)
@given(st.lists(NAMES, min_size=1, max_size=9, unique=True), st.data())
def test_any_source_gives_a_draft_that_check_accepts_up_to_its_todos(names, data):
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, CELLS)), min_size=1, max_size=5))
    draft = drafted(rows)
    found = problems(draft)
    assert {one.code for one in found if one.severity == "error"} <= {"to-do"}
    for test in draft.tests:
        spec = parse_spec(write_draft(draft, settled=True))  # a column may be called TODO
        mapper = compile_mapping(spec, CONNECTION, columns=draft.profile.row_columns)
        record = mapper.map_row({**dict.fromkeys(names), **test.row})
        assert {
            mapper.connection.find(name).internal_name: value for name, value in test.expect.items()
        }.items() <= record.values.items()


def test_a_source_of_json_is_drafted_by_dotted_names():
    rows = [{"id": n, "title": f"Lease {n}", "author": {"name": "Ann Smith"}} for n in range(9)]
    draft = drafted(
        rows, connect({"rowKey": "SingleText", "leafName": "SingleText", "createdBy": "SingleText"})
    )
    assert lines(draft)["Created by"] == "author.name"
    assert draft.tests[0].row["author"] == {"name": "Ann Smith"}


def test_a_source_without_rows_is_matched_by_its_names():
    text = io.StringIO()
    csv.DictWriter(text, REGISTER[0]).writeheader()
    text.seek(0)
    profile = profile_source(open_source(text, format="csv"))
    draft = make_draft(CONNECTION, profile, names=("c.json", None))
    assert profile.rows == 0
    assert json.dumps(draft.profile.as_json())
    assert lines(draft)["Row key"] == "Doc No"
