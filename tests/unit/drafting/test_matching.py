"""What names and values say together: equal names, vetoes, columns that serve twice, what is left open."""

from opusmap.connection import Column, ColumnType
from opusmap.drafting.matching import THRESHOLD, match_columns
from opusmap.profile import Profiler

NAMES = ["Ann Smith", "Ben Jones", "Cleo Hart"]


def profiles(**columns):
    profiler = Profiler("source", tuple(name.replace("_", " ") for name in columns))
    for row in range(30):
        profiler.add({name.replace("_", " "): make(row) for name, make in columns.items()})
    return profiler.profile().columns


def chosen(column, **columns):
    (match,) = match_columns([column], profiles(**columns))
    return None if match.chosen is None else match.chosen.source


def custom(name, kind):
    return Column("_" + name.replace(" ", "_%20_"), name, kind)


def day(row):
    return f"2024-01-{row % 28 + 1:02}"


def person(row):
    return NAMES[row % 3]


CREATED = Column("timeCreated", "Created time", ColumnType.DATE_TIME)
KEY = Column("rowKey", "Row key", ColumnType.SINGLE_TEXT)


def test_an_equal_name_wins_over_better_values():
    status = custom("Status", ColumnType.SINGLE_CHOICE)
    assert chosen(status, Status=lambda row: f"S{row}", State=lambda _: "open") == "Status"


def test_an_equal_name_loses_where_its_values_cannot_be():
    signed = custom("Signed", ColumnType.DATE_TIME)
    assert chosen(signed, Signed=person, Signature_date=day) == "Signature date"
    assert chosen(signed, Signed=person) is None


def test_people_under_created_on_are_no_time():
    assert chosen(CREATED, Created_On=person) is None


def test_a_key_that_repeats_is_none():
    assert chosen(KEY, Number=lambda row: str(row % 7)) is None
    assert chosen(KEY, Number=str) == "Number"


def test_a_required_column_is_not_bound_to_one_that_is_always_empty():
    required = Column("rowKey", "Row key", ColumnType.SINGLE_TEXT, required=True)
    assert chosen(required, Row_key_no=lambda _: "") is None
    assert chosen(custom("Row key", ColumnType.SINGLE_TEXT), Row_key_no=lambda _: "") == "Row key no"


def test_the_fuller_of_two_alike_is_taken():
    found = chosen(CREATED, Created=lambda row: day(row) if row % 3 == 0 else "", Created_date=day)
    assert found == "Created date"


def test_a_built_in_column_is_not_bound_by_values_alone():
    (match,) = match_columns([CREATED], profiles(Something=day))
    assert match.chosen is None
    assert match.candidates[0].source == "Something"
    assert match.candidates[0].confidence < THRESHOLD


def test_a_column_may_serve_twice():
    number = custom("Contract number", ColumnType.SINGLE_TEXT)
    found = match_columns([KEY, number], profiles(Contract_number=lambda row: f"C-{row}", Amount=str))
    assert [match.chosen and match.chosen.source for match in found] == ["Contract number"] * 2


def test_a_source_without_columns_leaves_all_open():
    assert [match.chosen for match in match_columns([KEY, CREATED], ())] == [None, None]
