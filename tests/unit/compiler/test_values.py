"""How a value of each column type is finished for Opus, and what is refused."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from small_mapping import connect, mapped, record, rejects

from opusmap.records import Record, Reject


@pytest.mark.parametrize("text", ["a\tb", "Zoë 中文", " padded "])
def test_a_single_line_is_taken_as_it_is(text: str) -> None:
    assert record("Line: A", {"A": text}) == {"_Line": text}


@pytest.mark.parametrize("break_", ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_a_line_break_within_a_single_line_is_refused(break_: str) -> None:
    assert rejects("Line: A", {"A": f"a{break_}b"}) == {"Line": "line-break"}


def test_a_text_of_several_lines_keeps_them() -> None:
    assert record("Text: A", {"A": "a\nb\r\n\tc"}) == {"_Text": "a\nb\r\n\tc"}


@pytest.mark.parametrize("char", ["\x00", "\x07", "\x7f", "\ufeff", "\ud800"])
def test_control_characters_and_lone_surrogates_are_refused(char: str) -> None:
    assert rejects("Line: A\nText: A", {"A": f"a{char}b"}) == {
        "Line": "control-character",
        "Text": "control-character",
    }


def test_a_byte_order_mark_is_refused_wherever_a_text_has_it_and_can_be_taken_out() -> None:
    for text in ("\ufeff3", "3\ufeff", "\ufeff", "a\nb\ufeff"):
        assert rejects("Text: A", {"A": text}) == {"Text": "control-character"}
    term = rejects("termFullPath: A", {"A": "Property/\ufeffDepots"})
    assert term == {"Classification": "control-character"}
    taken_out = r"""Line: "{{ A | regex_replace('\\x{FEFF}', '') }}" """
    assert record(taken_out, {"A": "\ufeff3"}) == {"_Line": "3"}


def test_squeeze_and_single_line_mend_line_breaks() -> None:
    assert record("Line: {from: A, convert: single_line}", {"A": "a \n b"}) == {"_Line": "a b"}


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1,234.50", 1234.5),
        ("-0", 0),
        ("0.1", 0.1),
        ("1e3", None),
        ("999999999999999", 999999999999999),
        ("0.123456789012345", 0.123456789012345),
        ("1000000000000000000000", 10**21),
        (7, 7),
        (-999_999_999_999_999, -999_999_999_999_999),
        (10**21, 10**21),
        (Decimal("2.50"), 2.5),
        (True, None),
    ],
)
def test_a_number_is_the_shortest_json_number_equal_to_it(written: Any, number: Any) -> None:
    if number is None:
        assert rejects("Number: A", {"A": written}) == {"Number": "bad-number"}
    else:
        found = record("Number: A", {"A": written})["_Number"]
        assert (found, type(found)) == (number, type(number))


@pytest.mark.parametrize(
    "written", ["1234567890123456", "0.1234567890123456", "100000000000000.1", 10**15 + 1, -(10**15) - 1]
)
def test_a_number_of_more_than_15_significant_digits_is_refused(written: Any) -> None:
    assert rejects("Number: A", {"A": written}) == {"Number": "too-precise"}


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
@pytest.mark.parametrize("value", ["2024-03-01", date(2024, 3, 1)])
def test_a_date_without_a_time_never_shifts(zone: str, value: Any) -> None:
    zones = f"timezone: Pacific/Kiritimati\ntarget: {{timezone: {zone}}}\n"
    assert record("When: A", {"A": value}, zones) == {"_When": "2024-03-01 00:00:00"}


def test_a_time_is_written_in_the_targets_zone() -> None:
    zones = "timezone: Australia/Sydney\ntarget: {timezone: Europe/Berlin}\n"
    assert record("When: A", {"A": "2024-01-01T10:00:00"}, zones) == {"_When": "2024-01-01 00:00:00"}


def test_a_time_that_names_its_zone_needs_no_other() -> None:
    assert record("When: A", {"A": "2024-01-01T10:00:00+10:00"}) == {"_When": "2024-01-01 00:00:00"}
    assert record("When: A", {"A": datetime(2024, 1, 1, 10, tzinfo=UTC)}) == {"_When": "2024-01-01 10:00:00"}


def test_a_naive_time_is_refused_without_a_zone() -> None:
    assert rejects("When: A", {"A": "2024-01-01 10:00"}) == {"When": "no-timezone"}


def test_the_format_of_a_binding_reads_what_is_no_iso() -> None:
    assert record('When: {from: A, format: "%d/%m/%Y"}', {"A": "31/01/2024"}) == {
        "_When": "2024-01-31 00:00:00"
    }
    assert rejects('When: {from: A, format: "%d/%m/%Y"}', {"A": "2024-01-31"}) == {"When": "bad-date"}


def test_a_local_time_that_daylight_saving_repeats_means_the_first_with_a_note() -> None:
    found = mapped("When: A", {"A": "2024-10-27T02:30:00"}, "timezone: Europe/Berlin\n")
    assert isinstance(found, Record)
    assert found.values["_When"] == "2024-10-27 00:30:00"
    assert [(note.column, note.code) for note in found.notes] == [("When", "repeated-time")]


def test_what_a_constant_gave_to_note_is_of_no_row() -> None:
    fields = "When: {from: A, default: 2024-10-27T02:30:00}"
    found = mapped(fields, {"A": "2024-01-01"}, "timezone: Europe/Berlin\n")
    assert isinstance(found, Record)
    assert found.notes == ()


def test_a_local_time_that_daylight_saving_skips_is_refused() -> None:
    assert rejects("When: A", {"A": "2024-03-31T02:30:00"}, "timezone: Europe/Berlin\n") == {
        "When": "skipped-time"
    }


def test_options_match_exactly_after_trimming() -> None:
    assert record("Choice: A", {"A": " Green "}) == {"_Choice": "2"}
    assert rejects("Choice: A", {"A": "green"}) == {"Choice": "unknown-choice"}


def test_letter_case_is_ignored_only_with_ignore_case() -> None:
    choices = "choices: {Choice: {options: [Red, Green], ignore_case: true}}\n"
    assert record("Choice: A", {"A": "gReEn"}, choices=choices) == {"_Choice": "2"}


def test_other_spellings_stand_for_options_only_through_aliases() -> None:
    choices = "choices: {Choice: {options: [Red, Green], aliases: {grün: Green, No: Red}}}\n"
    assert record("Choice: A", {"A": "grün"}, choices=choices) == {"_Choice": "2"}
    assert record("Choice: A", {"A": "No"}, choices=choices) == {"_Choice": "1"}


def test_an_order_is_taken_only_with_by_order() -> None:
    choices = "choices: {Choice: {options: [Red, Green], by_order: true}}\n"
    assert record("Choice: A", {"A": "2"}, choices=choices) == {"_Choice": "2"}
    assert rejects("Choice: A", {"A": "3"}, choices=choices) == {"Choice": "unknown-choice"}
    assert rejects("Choice: A", {"A": "2"}) == {"Choice": "unknown-choice"}


def test_with_by_order_a_name_is_still_a_name() -> None:
    choices = "choices: {Choice: {options: [Red, Green], by_order: true, aliases: {grün: Green}}}\n"
    assert record("Choice: A", {"A": "Green"}, choices=choices) == {"_Choice": "2"}
    assert record("Choice: {from: A, default: grün}", {"A": ""}, choices=choices) == {"_Choice": "2"}


def test_an_order_counts_from_choice_base() -> None:
    choices = "target: {choice_base: 0}\nchoices: {Choice: {options: [Red, Green], by_order: true}}\n"
    assert record("Choice: A", {"A": "0"}, choices=choices) == {"_Choice": "0"}
    assert rejects("Choice: A", {"A": "2"}, choices=choices) == {"Choice": "unknown-choice"}


def test_options_that_look_like_numbers_or_booleans_are_texts() -> None:
    choices = "choices: {Choice: [NO, on, 007, 1_000, 2024-01-02, true]}\n"
    written = ["NO", "on", "007", "1_000", "2024-01-02", "true"]
    found = [record("Choice: A", {"A": text}, choices=choices)["_Choice"] for text in written]
    assert found == ["1", "2", "3", "4", "5", "6"]


def test_a_single_choice_takes_one_option() -> None:
    assert record("Choice: A", {"A": ["Blue"]}) == {"_Choice": "3"}
    assert rejects("Choice: A", {"A": ["Blue", "Red"]}) == {"Choice": "wrong-kind"}


def test_several_options_keep_their_order_each_once() -> None:
    assert record("Choices: A", {"A": ["Blue", "Red", "Blue"]}) == {"_Choices": "[3,1]"}


def test_people_are_addresses_trimmed_with_the_domain_in_lower_case_each_once() -> None:
    row = {"A": ["Ann <Ann@X.ORG>", "mailto:bob@x.org ", "ANN@x.org", "i:0#.f|membership|c@x.org"]}
    assert record("People: A", row) == {"_People": "[Ann@x.org,bob@x.org,c@x.org]"}


@pytest.mark.parametrize("written", ["nobody", "a@b", "a@x.org; b@x.org", "a@x.org,b@x.org", "a b@x.org"])
def test_what_is_no_single_address_is_refused(written: str) -> None:
    assert rejects("People: A", {"A": written}) == {"People": "no-email"}


@pytest.mark.parametrize("binding", ["{from: A, convert: email}", '"{{ A | email }}"'])
@pytest.mark.parametrize(
    ("written", "cut"),
    [("a@x.org; b@x.org", ";"), ("a@x.org and b@x.org", " and "), ("a@x.org\nb@x.org", "\\n")],
)
def test_several_addresses_for_a_column_of_one_text_are_answered_with_how_to_take_the_first(
    binding: str, written: str, cut: str
) -> None:
    found = mapped(f"Line: {binding}", {"A": written})
    assert isinstance(found, Reject)
    (problem,) = found.problems
    assert problem.code == "no-email"
    advised = f"\"{{{{ Column | split('{cut}') | first | email }}}}\""
    assert problem.hint == f"the column takes one address; for the first write `{advised}`"
    assert record(f"Line: {advised.replace('Column', 'A')}", {"A": written}) == {"_Line": "a@x.org"}


def test_several_addresses_without_a_separator_are_answered_with_what_a_column_of_one_text_takes() -> None:
    found = mapped("Line: {from: A, convert: email}", {"A": "a@x.org ~ b@x.org ; c@x.org"})
    assert isinstance(found, Reject)
    assert [one.hint for one in found.problems] == ["correct the cell: leave one address"]


@pytest.mark.parametrize(
    "binding", ["A", "{from: A, split: ';'}", "{from: A, convert: emails}", "{from: [A, B]}"]
)
def test_several_addresses_where_one_is_expected_are_counted_on_each_path(binding: str) -> None:
    written = "tom.berg@x.org / priya.nair@x.org"
    found = mapped(f"People: {binding}", {"A": written, "B": "c@x.org"})
    assert isinstance(found, Reject)
    (problem,) = found.problems
    assert (problem.code, problem.message) == ("no-email", f'"{written}" has 2 e-mail addresses')
    assert '`split: "/"`' in problem.hint
    assert record('People: {from: A, split: "/"}', {"A": written}) == {
        "_People": "[tom.berg@x.org,priya.nair@x.org]"
    }


@pytest.mark.parametrize(
    ("written", "path"),
    [("A/B/C", "A/B/C"), (" A / B ", "A/B"), (["A", None, "B"], "A/B"), ("A", "A")],
)
def test_a_term_path_is_trimmed_terms_separated_by_a_slash(written: Any, path: str) -> None:
    assert record("termFullPath: A", {"A": written}) == {"termFullPath": path}


@pytest.mark.parametrize("written", ["A//B", "/A", "A/", "/", ["A/B", "C"], "x" * 256, "A/ "])
def test_a_term_path_with_an_empty_or_impossible_term_is_refused(written: Any) -> None:
    assert rejects("termFullPath: A", {"A": written}) == {"Classification": "bad-term-path"}


def test_a_column_of_an_unknown_type_is_sent_as_text_with_a_warning() -> None:
    from small_mapping import compiled

    mapper = compiled("Odd: A", choices="", connection=connect({"rowKey": "SingleText", "_Odd": "Mystery"}))
    assert [warning.code for warning in mapper.warnings] == ["unknown-type"]
    found = mapper.map_row({"Key": "k", "A": 12})
    assert isinstance(found, Record)
    assert found.values["_Odd"] == "12"


def test_choice_as_number_writes_a_number() -> None:
    assert record("Choice: A", {"A": "Green"}, "target: {choice_as: number}\n") == {"_Choice": 2}


def test_list_as_array_writes_arrays() -> None:
    found = record("Choices: A\nPeople: B", {"A": ["Blue"], "B": "a@x.org"}, "target: {list_as: array}\n")
    assert found == {"_Choices": [3], "_People": ["a@x.org"]}


def test_choice_base_0_counts_orders_from_0() -> None:
    found = record("Choice: A\nChoices: A", {"A": "Red"}, "target: {choice_base: 0}\n")
    assert found == {"_Choice": "0", "_Choices": "[0]"}


@pytest.mark.parametrize(("setting", "value"), [("null", None), ("blank", "")])
def test_an_empty_value_is_sent_as_null_or_blank_where_the_target_says_so(setting: str, value: Any) -> None:
    target = f"target: {{empty: '{setting}'}}\n"
    assert record("Line: A", {"A": ""}, target) == {"_Line": value}
    assert record("Number: {from: A, on_error: omit}", {"A": "x"}, target) == {"_Number": value}


def test_datetime_format_writes_times_as_opus_is_set() -> None:
    target = 'target: {datetime_format: "%d/%m/%Y %H:%M %z"}\n'
    assert record("When: A", {"A": "2024-01-31T18:15:00Z"}, target) == {"_When": "31/01/2024 18:15 +0000"}
    assert record("When: A", {"A": "2024-01-31"}, target) == {"_When": "31/01/2024 00:00 +0000"}


def test_years_before_1000_have_four_digits() -> None:
    assert record("When: A", {"A": "0850-01-31"}) == {"_When": "0850-01-31 00:00:00"}


def test_conflict_is_overwrite_unless_said_otherwise() -> None:
    from small_mapping import compiled

    assert compiled("Line: A").spec.conflict == "overwrite"
    assert compiled("Line: A", "conflict: skip\n").spec.conflict == "skip"


def test_the_help_for_a_slash_in_a_term_works_in_a_list() -> None:
    found = mapped("termFullPath: [A, B]", {"A": "x/y", "B": "z"})
    assert isinstance(found, Reject)
    (binding,) = re.findall(r"`(\{from: .+?\}\})`", found.problems[0].hint)
    assert record(f"termFullPath: {binding}", {"A": "x/y", "B": "z"}) == {"termFullPath": "x-y/z"}
