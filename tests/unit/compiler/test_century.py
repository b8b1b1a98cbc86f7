"""Years of two digits lie in the hundred years that the mapping names, and without them nothing is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_mapping import problems, record, rejects

FORMS = (
    'When: {{from: A, format: "{format}"{century}}}',
    'When: {{from: A, convert: {{datetime: {{format: "{format}"{century}}}}}}}',
    "When: \"{{{{ A | datetime(format='{format}'{given}) }}}}\"",
    "When: {{from: B, default: \"{{{{ A | datetime(format='{format}'{given}) }}}}\"}}",
    "Line: \"{{{{ [A] | map('datetime', format='{format}'{given}) | first | format_date }}}}\"",
)


def written(form: str, format: str, century: object = None) -> str:
    """Return a binding in one of the forms."""
    return form.format(
        format=format,
        century="" if century is None else f", century: {century}",
        given="" if century is None else f", century={century}",
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("format", ["%d-%b-%y", "%d/%m/%y %H:%M", "%y%j", "%y%m%d"])
def test_a_format_with_years_of_two_digits_is_an_error_without_a_century(form: str, format: str) -> None:
    (found,) = problems(written(form, format), "timezone: UTC")
    assert found.code == "missing-century"
    assert "1930 to 1999" in found.help


@pytest.mark.parametrize("form", FORMS)
def test_a_century_is_an_error_where_it_does_nothing(form: str) -> None:
    (found,) = problems(written(form, "%d-%b-%Y", 1930))
    assert found.code in ("wrong-value", "wrong-argument")
    assert "has no effect" in found.message


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("century", [0, -1, 19, 30, 999, 9901, 10**12, "'x'", "19.5"])
def test_a_century_is_a_year_that_has_a_hundred_years_from_it_on(form: str, century: object) -> None:
    (found,) = problems(written(form, "%d-%b-%y", century))
    assert found.code in ("wrong-value", "wrong-argument")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ("When: {from: A, century: 1930}", "wrong-value"),
        ("Line: {from: A, century: 1930}", "wrong-value"),
        ('When: "{{ A | datetime(century=1930) }}"', "wrong-argument"),
        ('When: {from: A, format: "%d-%b-%y", century: TODO}', "to-do"),
        ('When: {from: A, convert: {datetime: {format: "%d-%b-%y", century: TODO}}}', "to-do"),
        ('When: {from: A, format: "%Y %d-%b-%y", century: 1930}', "bad-format"),
        ('When: {from: A, format: "%y-%W-%w", century: 1930}', "bad-format"),
        ('When: {from: A, format: "%D", century: 1930}', "bad-format"),
        ('When: {from: A, format: "%x"}', "bad-format"),
    ],
)
def test_what_can_not_be_read_with_a_century_is_told(fields: str, code: str) -> None:
    assert [one.code for one in problems(fields)] == [code]


@given(st.sampled_from(FORMS), st.integers(1000, 9900), st.integers(0, 99))
def test_each_way_reads_a_year_into_its_hundred_years(form: str, century: int, digits: int) -> None:
    (value,) = record(written(form, "%d-%b-%y", century), {"A": f"26-Apr-{digits:02}", "B": ""}).values()
    assert century <= int(value[:4]) < century + 100
    assert value[2:10] == f"{digits:02}-04-26"


def test_a_day_that_is_not_in_the_year_is_refused() -> None:
    leap = 'When: {from: A, format: "%d-%b-%y", century: 1830}'
    assert rejects(leap, {"A": "29-Feb-00"}) == {"When": "bad-date"}  # 1900
    assert rejects('When: {from: A, format: "%Y%j"}', {"A": "2023366"}) == {"When": "bad-date"}
    assert record('When: {from: A, format: "%Y%j"}', {"A": "2024366"}) == {"_When": "2024-12-31 00:00:00"}


@pytest.mark.parametrize("format", ["%d/%m/%y", "%x", "%d/%m", "%H:%M", "%Y"])
def test_a_format_of_opus_that_loses_the_year_or_the_day_is_refused(format: str) -> None:
    (found,) = problems("When: A", f'target: {{datetime_format: "{format}"}}')
    assert found.code == "bad-format"
    assert "General settings" in found.help
