"""Each column type's values as the contract has them, and the settings where it is silent."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.connection import ColumnType
from opusmap.emulator import TargetFormat
from opusmap.emulator.values import Rules, find_problem
from opusmap.errors import SettingsError

GOOD = {
    "leafName": ["Lease", "  ß 漢 \U0001f600 ", "a\tb"],
    "_Notes": ["one\ntwo", "one\r\ntwo", "\t", "\u2028"],
    "timeCreated": ["2024-12-19 18:15:00", "2024-02-29 00:00:00", "0999-01-01 00:00:00"],
    "_Doc_%20_Type": ["1", "4"],
    "_Tags": ["[1]", "[1,3]", "[3,2,1]"],
    "_Owners": [
        "[a@x.org]",
        "[a@x.org,b@x.org]",
        "[o'brien+1@mail.my-firm.co.uk]",
        "[é@münchen.de]",
        "[a@उदाहरण.भारत]",
    ],
    "_Amount": [0, -1, 1.5, 1e300, 12345678901234567890],
    "termFullPath": ["Term", "Connector/Connector-termset/Connector-term", "A B/C"],
    "_Odd": ["anything"],
}
BAD = {
    "leafName": ["two\nlines", "a\rb", "a\u2028b", "a\x85b", "nul\x00", "\x1b[1m", 7, True, ["x"], {}],
    "_Notes": ["nul\x00", "bell\x07", "mark\ufeff", 7, ["x"]],
    "timeCreated": [
        "2024-12-19",
        "2024-12-19T18:15:00",
        "2024-12-19 18:15:00Z",
        "2024-12-19 8:15:00",
        "2024-12-19  18:15:00",
        " 2024-12-19 18:15:00",
        "2023-02-29 00:00:00",
        "19/12/2024 18:15:00",
        "\u0662\u0660\u0662\u0664-12-19 18:15:00",
        1734632100,
    ],
    "_Doc_%20_Type": ["0", "5", "01", "-1", "1.0", " 1", "Lease", "[1]", "\uff11", 2, True, "9" * 5000],
    "_Tags": ["1", "1,3", "[]", "[4]", "[0]", "[1, 3]", "[1,1]", "[1,]", "[[1]]", '["1"]', [1, 3], "[1;3]"],
    "_Owners": [
        "a@x.org",
        "[]",
        "[a]",
        "[a@x]",
        "[a@x.org, b@x.org]",
        "[a@x.org;b@x.org]",
        "[a@x.org,]",
        "[Ann <a@x.org>]",
        "[a@@x.org]",
        "[a@-x.org]",
        "[a@x..org]",
        "[.a@x.org]",
        ["a@x.org"],
    ],
    "_Amount": ["1", True, [1], {}, 10**400],
    "termFullPath": ["/A", "A/", "A//B", "A/ /B", "A /B", "A\nB", 7],
    "_Odd": [7, ["x"]],
}


@pytest.mark.parametrize(("column", "value"), [(c, v) for c, vs in GOOD.items() for v in vs])
def test_a_right_value_is_taken(opus, column, value):
    assert opus.complaints(**{column: value}) == ""
    assert opus.emulator.records["CT-1"][column] == value


@pytest.mark.parametrize(("column", "value"), [(c, v) for c, vs in BAD.items() for v in vs])
def test_a_wrong_value_fails_its_record(opus, column, value):
    complaint = opus.complaints(**{column: value})
    assert complaint
    assert complaint.isprintable()
    assert opus.emulator.records == {}


def test_a_number_beyond_a_double_fails(opus, make_record):
    import json

    body = json.dumps({"id": "d9da492f-cc67-4920-99f9-6fbaae1f1410", "conflictOption": "Skip"})
    body = body[:-1] + ', "data": [' + json.dumps(make_record(_Amount=7)).replace("7}", "1e999}") + "]}"
    answer = opus.ask("POST", content=body.encode(), headers={"Content-Type": "application/json"})
    assert answer.json()["failedItems"][0]["message"] == "Amount: the number is too large"


@pytest.mark.parametrize(
    "column", ["leafName", "timeCreated", "timeModified", "createdBy", "modifiedBy", "rowKey"]
)
@pytest.mark.parametrize("empty", [..., None, "", " "])
def test_a_required_column_must_have_a_value(opus, column, empty):
    assert "is required but" in opus.complaints(**{column: empty})


def test_an_unknown_column_fails_its_record_and_a_display_name_is_one(opus):
    assert opus.complaints(**{"Doc Type": "1"}) == 'the connection has no column "Doc Type"'


def test_a_required_column_that_the_mapping_made_optional_may_be_left_out(make_record):
    from opusmap.connection import parse_connection
    from opusmap.emulator.validation import RecordValidator

    found = parse_connection(
        '{"id": "d9da492f-cc67-4920-99f9-6fbaae1f1410",'
        ' "data": [{"rowKey": "SingleText", "createdBy": "SingleText"}]}'
    )
    record = {"rowKey": "1"}
    assert RecordValidator(found, TargetFormat()).find_problems(record)
    older = found.with_columns({"createdBy": {"required": False}, "rowKey": {"required": False}})
    assert RecordValidator(older, TargetFormat()).find_problems(record) == []
    assert RecordValidator(older, TargetFormat()).find_problems({}) == ["Row key is required but missing"]


@pytest.mark.parametrize(("empty", "taken"), [("omit", [...]), ("null", [..., None]), ("blank", [..., ""])])
def test_an_empty_optional_value_stands_as_the_setting_says(make_caller, empty, taken):
    caller = make_caller(target=TargetFormat(empty=empty))
    for value in (..., None, ""):
        for column in ("_Notes", "_Amount", "_Tags", "_Doc_%20_Type", "termFullPath"):
            assert (caller.complaints(**{column: value}) == "") == (value in taken), (column, value)


def test_orders_count_from_the_base(make_caller):
    caller = make_caller(target=TargetFormat(choice_base=0))
    assert caller.complaints(**{"_Doc_%20_Type": "0", "_Tags": "[0,2]"}) == ""
    assert caller.complaints(**{"_Doc_%20_Type": "4"}) == 'Doc Type: "4" is not an order from 0 to 3'


def test_an_order_may_be_asked_for_as_a_number(make_caller):
    caller = make_caller(target=TargetFormat(choice_as="number"))
    assert caller.complaints(**{"_Doc_%20_Type": 4, "_Tags": "[1,3]"}) == ""
    for wrong in (0, 5, "1", True, 1.0, -1):
        assert caller.complaints(**{"_Doc_%20_Type": wrong}), wrong


def test_lists_may_be_asked_for_as_arrays(make_caller):
    caller = make_caller(target=TargetFormat(list_as="array"))
    assert caller.complaints(_Tags=["1", "3"], _Owners=["a@x.org", "b@x.org"]) == ""
    assert caller.complaints(_Tags=[1, 3]) == ""
    for tags in ("[1,3]", [], [4], [1, "1"], [1.0], [True], [[1]], [None], {}):
        assert caller.complaints(_Tags=tags), tags
    for owners in ("[a@x.org]", [], ["a"], [7], [None], [["a@x.org"]]):
        assert caller.complaints(_Owners=owners), owners


def test_a_column_whose_options_are_not_given_takes_any_order(make_caller):
    caller = make_caller(options=None)
    assert caller.complaints(**{"_Doc_%20_Type": "99", "_Tags": "[7,99]"}) == ""
    assert caller.complaints(**{"_Doc_%20_Type": "0"}) == 'Doc Type: "0" is not an order from 1 on'


def test_only_known_terms_are_taken_when_they_are_given(make_caller):
    caller = make_caller(terms=["A/B"])
    assert caller.complaints(termFullPath="A/B") == ""
    assert "not the full path of a known term" in caller.complaints(termFullPath="A/C")


@pytest.mark.parametrize(
    "broken",
    [
        {"datetime_format": "%Q"},
        {"datetime_format": "%Y-%Y"},
        {"choice_as": "word"},
        {"list_as": ""},
        {"empty": "drop"},
        {"conflict_key": "x"},
        {"choice_base": -1},
    ],
)
def test_a_setting_with_no_such_value_is_named(broken):
    with pytest.raises(SettingsError) as caught:
        TargetFormat(**broken)
    assert [caught.value.setting] == list(broken)


@pytest.mark.parametrize("options", [{"Doc Typ": 4}, {"leafName": 4}, {"Doc Type": 0}])
def test_options_must_name_choice_columns(make_caller, options):
    with pytest.raises(SettingsError):
        make_caller(options=options)


EARLIEST = datetime(1000, 1, 1)  # noqa: DTZ001 - times in Opus carry no zone
FORMATS = ["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %I:%M %p", "%Y%m%dT%H%M%S", "%m/%d/%Y", "%Y-%m-%dT%H:%M:%S.%f"]


@given(st.datetimes(min_value=EARLIEST), st.sampled_from(FORMATS), st.sampled_from(FORMATS))
def test_a_time_is_taken_in_the_set_format_and_in_no_other(moment, written, wanted):
    rules = Rules(TargetFormat(datetime_format=wanted))
    problem = find_problem(ColumnType.DATE_TIME, moment.strftime(written), rules)
    assert (problem is None) == (written == wanted)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(
    JSON,
    st.sampled_from(list(ColumnType)),
    st.sampled_from(["text", "array"]),
    st.sampled_from(["text", "number"]),
)
def test_any_value_is_judged_with_a_printable_reason_or_none(value, kind, list_as, choice_as):
    rules = Rules(TargetFormat(list_as=list_as, choice_as=choice_as), options=3, terms=frozenset({"A"}))
    problem = find_problem(kind, value, rules)
    assert problem is None or (problem and problem.isprintable())


@given(st.lists(st.integers(-2, 6), min_size=1, max_size=6))
def test_a_choice_list_is_right_when_its_orders_are_known_and_differ(orders):
    text = "[" + ",".join(map(str, orders)) + "]"
    right = len(set(orders)) == len(orders) and all(1 <= order <= 4 for order in orders)
    assert (find_problem(ColumnType.MULTIPLE_CHOICE, text, Rules(options=4)) is None) == right
