"""The profile of a column: what is counted, and how lists, keys and kinds are found."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.profile import Count, Kind, ListShape
from opusmap.profile.column_profile import ColumnProfiler, HashBudget

CELLS = st.one_of(st.none(), st.sampled_from(["", " ", "N/A", "Deed", " Deed", "Lease"]), st.text(max_size=9))


def column(*values, **budget):
    profiler = ColumnProfiler("Column", HashBudget(**budget))
    for value in values:
        profiler.add(value)
    return profiler.profile(len(values))


@given(st.lists(CELLS, max_size=60))
def test_every_row_is_counted_once(cells):
    found = column(*cells)
    texts = [cell for cell in cells if cell]
    values = Counter(text.strip() for text in texts if text.strip())
    said = {one.text: one.count for one in found.no_value}
    assert found.empty == len(cells) - len(texts)
    assert found.blank == sum(not text.strip() for text in texts)
    assert {one.text: one.count for one in found.values} | said == values
    assert found.filled == sum(one.count for one in found.values)
    assert found.repeats is (len(set(texts)) < len(texts))


@given(st.lists(st.integers(0, 3_000), max_size=50).map(lambda extra: [*range(2_500), *extra]))
def test_a_key_is_unique_however_many_values_there_are(numbers):
    found = column(*(f"CT-{number}" for number in numbers))
    assert found.more
    assert found.is_key is (len(set(numbers)) == len(numbers))


def test_what_could_not_be_followed_is_not_claimed():
    found = column(*map(str, range(5_000)), left=2_000)
    assert found.repeats is None
    assert not found.is_key
    assert found.as_json()["unique"] is None


def test_a_column_is_what_nearly_all_of_its_values_are():
    assert column(*["2024-01-31"] * 96, *["circa 1998"] * 4).kind is Kind.DATE
    assert column(*["2024-01-31"] * 90, *["circa 1998"] * 10).kind is Kind.TEXT
    assert column("", None).kind is Kind.TEXT


@pytest.mark.parametrize(
    ("values", "separator"),
    [
        (["Legal", "HR;Legal", "Finance; HR", "Legal;Finance;HR"], ";"),
        (["CWE-59, CWE-436", "CWE-436", "CWE-59", "CWE-79, CWE-59"], ","),
        ([";#Red;#Blue;#", ";#Blue;#"], ";#"),
        (["Ann|Ben", "Cleo|Dan"], "|"),
        (["Smith, Ann", "Jones, Ben", "Chan, Cleo"], None),
        (["Lease, part 1", "Deed, part 1", "Lease, part 2"], None),
        (
            ["First year free; then the price index, as agreed by both parties", "Deed", "Deed"],
            None,
        ),
    ],
)
def test_lists_are_told_from_prose_and_names(values, separator):
    found = column(*values).lists
    assert (found and found.separator) == separator


def test_lists_of_the_source_itself_need_no_separator():
    found = column(["Legal", "HR"], ["HR"], [])
    assert found.lists == ListShape("", 1, (Count("HR", 2), Count("Legal", 1)))
    assert found.empty == 1


def test_blanks_in_a_list_of_the_source_itself_are_no_element():
    found = column(["Legal ", " "], [" Legal", "HR"], [" "], ["\t", " "])
    assert found.lists == ListShape("", 1, (Count("Legal", 2), Count("HR", 1)))
    assert found.blank == 2


def test_values_of_any_kind_are_looked_at_by_their_text():
    found = column(1, Decimal("2.5"), 3.25)
    assert found.kind is Kind.NUMBER
    assert column(True, False).kind is Kind.BOOLEAN


def test_options_are_counted_in_all_cells_also_in_those_before_the_first_list():
    found = column(*["HR"] * 5, *["Legal"] * 3, *["HR;Legal"] * 4)
    assert found.lists.separator == ";"
    assert {one.text: one.count for one in found.lists.elements} == {"HR": 9, "Legal": 7}


def test_a_phrase_for_no_value_is_no_value():
    found = column(*["Not available"] * 75, *[f"CT-{number}" for number in range(25)])
    assert (found.no_value, found.filled) == ((Count("Not available", 75),), 25)


def test_a_frequent_text_among_dates_is_no_value_and_a_rare_one_is_a_mistake():
    days = [f"2024-01-{number:02}" for number in range(1, 29)]
    assert column(*["pending"] * 20, *days).no_value == (Count("pending", 20),)
    assert column(*["pending"] * 20, *days).kind is Kind.DATE
    assert column("pending", *days).no_value == ()


def test_a_frequent_name_among_addresses_is_a_person():
    found = column(*["Ann Lee"] * 20, *[f"p{number}@example.org" for number in range(30)])
    assert (found.no_value, found.filled) == ((), 50)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["Section North", "Section South", "Section North"], Kind.TEXT),
        (["Section North", "section South"], Kind.TEXT),
        (["Ann Smith", "Ann Lee", "Bo Lee"], Kind.PERSON),
        (["Smith, Ann", "Lee, Bo"], Kind.PERSON),
        (["Ann Smith", "Ann Smith"], Kind.PERSON),  # one value shows nothing
        ([f"Plot Number {word}" for word in ("Alpha", "Beta", "Gamma")] * 900, Kind.TEXT),
        (
            [
                "Plot " + "ABCDEFGHIJ"[n % 10] + "abcdefghij"[n // 10 % 10] * (n // 100 + 1)
                for n in range(3_000)
            ],
            Kind.TEXT,
        ),
    ],
)
def test_different_values_that_all_begin_with_the_same_word_are_no_people(values, kind):
    assert column(*values).kind is kind


def test_options_of_which_one_is_frequent_are_values():
    found = column(*["Open"] * 80, *["Closed"] * 15, *["Draft"] * 5)
    assert (found.no_value, found.distinct) == ((), 3)


def test_a_list_of_objects_is_not_always_empty():
    found = column([{"a": 1}, {"a": 2}], [], [{"a": 3}])
    assert (found.filled, found.kind, found.is_key) == (2, Kind.OBJECTS, False)
    assert found.as_json()["kind"] == "list of objects"


def test_amounts_are_numbers_with_a_currency():
    found = column("1.234,50 \u20ac", "7,25 \u20ac", "12 USD")
    assert found.kind is Kind.NUMBER
    assert found.currencies == (Count("\u20ac", 2), Count("USD", 1))
    assert found.decimal_commas == 2


@pytest.mark.parametrize("separator", [";", ",", "\n", " / ", "/", " & ", "|", " and ", ";#"])
def test_several_addresses_in_a_cell_are_counted_by_what_separates_them(separator):
    cells = ["ann@example.org", separator.join(["ann@example.org", "Ben <ben@example.org>"])]
    long = separator.join(f"person.{number}@example.org" for number in range(20))
    found = column(*cells, long)
    between = separator if separator == " and " else separator.strip(" ")
    assert (found.kind, found.address_separators) == (Kind.EMAIL, (Count(between, 2),))
    assert found.unclear_addresses == 0


@pytest.mark.parametrize(
    "cell",
    [
        '"Okafor, Ada" <a.okafor@vet.example>',
        "Okafor, Ada <a.okafor@vet.example>",
        "i:0#.f|membership|a.okafor@vet.example",
        "mailto:a.okafor@vet.example?subject=x",
    ],
)
def test_an_address_is_what_the_converter_of_people_reads(cell):
    found = column("ann@example.org", cell)
    assert (found.unclear_addresses, found.kinds[Kind.EMAIL], found.address_separators) == (0, 2, ())


def test_a_value_with_an_at_sign_that_is_no_address_is_counted():
    found = column("ann@example.org", "ann@example.org / the front desk", "ben@home", "Ann", "x" * 300 + "@")
    assert (found.unclear_addresses, found.kinds[Kind.EMAIL]) == (3, 1)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1783", "1783-02", "1784-00-00"], Kind.DATE),
        (["1783", "2024-01-31"], Kind.DATE),
        (["1783", "1784"], Kind.NUMBER),
        (["1783", "42", "2024-01"], Kind.TEXT),
        (["1783-13", "1783-00", "0999-01"], Kind.TEXT),
    ],
)
def test_a_year_is_a_date_among_dates_and_a_number_among_numbers(values, kind):
    assert column(*values).kind is kind


def test_the_formats_of_incomplete_dates_are_counted():
    found = column("1783", "1784", "1783-02", "1783-00-00").incomplete
    assert {one.text: one.count for one in found} == {"%Y": 2, "%Y-%m": 1, "%Y-%m-%d": 1}
