"""Whatever a converter is given, it returns a plain value or raises a `ValueProblem`; nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opusmap.converters import Context, bind_converter, builtin_converters
from opusmap.errors import ValueProblem
from opusmap.mapping import ChoiceList
from opusmap.mapping.load import parse_spec

CHOICES = parse_spec(
    """
opusmap: 1
connection: c.json
choices: {Doc Type: [Contract, Deed, Lease, NDA]}
fields: {rowKey: a}
"""
).choices[0]
assert isinstance(CHOICES, ChoiceList)
CONTEXT = Context(timezone=ZoneInfo("Australia/Sydney"), choices={"Doc Type": CHOICES}, column="Doc Type")
ARGUMENTS: dict[str, list[tuple[Any, ...]]] = {
    "truncate": [(5,), (0,), (-1,), (10**30, "…")],
    "replace": [("a", "bb"), ("", "x"), ("a", "", 10**30), ("a", "b", -1)],
    "regex_replace": [("[^0-9]+", ""), ("(a)|(b)", "$2$1"), ("", "-"), (".*", "x"), ("(?s).", "xx")],
    "number": [(), (",", "."), (",", "")],
    "round": [(), (2,), (34,), (-1,)],
    "datetime": [(), ("%d/%m/%Y",), ("%Y-%m-%dT%H:%M:%S%z",), ("%y%j", "UTC", 1930)],
    "excel_date": [(), (1904,)],
    "unix_time": [(), ("ms",)],
    "fiscal_year": [(), (1,), (13,)],
    "format_date": [(), ("%d.%m.%y %H:%M:%S %z %j",)],
    "split": [(), (",",), ("",)],
    "join": [(), (", ",)],
    "trim": [(), ("xy",)],
    "term_path": [(), (">",), ("",)],
    "hash": [(), ("md5", 4), ("blake2b", -1)],
    "uuid5": [(), ("dns",)],
    "boolean": [(), (["ja"], ["nein"])],
    "unique": [(), (True,)],
    "sort": [(), (True, True)],
}
CASES = [
    pytest.param(bind_converter(converter, args, {}, CONTEXT), id=f"{name}{args}")
    for name, converter in builtin_converters().converters.items()
    for args in ARGUMENTS.get(name, [()])
]

surrogates = st.text(st.characters(codec=None), max_size=20)
texts = (
    st.text(max_size=30)
    | surrogates
    | st.from_regex(r"[-+]?[0-9]{0,40}[.,]?[0-9]{0,40}([eE][0-9]{1,9})?", fullmatch=True)
    | st.from_regex(r"[0-9]{4}-?[0-9W][0-9]-?[0-9]{0,2}([T +]([0-9:.,Z+-]){0,20})?", fullmatch=True)
    | st.from_regex(r"[\w .'\"|<:#;,-]{0,10}@[\w.-]{0,10}[>;, ]?", fullmatch=True)
    | st.from_regex(r"(<!?-{0,2}/?(script|b|br|style)? ?>?|&#?x?[0-9a-f]{0,9};?|[ab ]){0,12}", fullmatch=True)
    | st.sampled_from(["Deed", " Lease ", "yes", "0001-01-01T00:00", "9999-12-31T23:59:59Z", "0", "\x00"])
)
zones = st.sampled_from([UTC, ZoneInfo("Australia/Sydney"), timezone(timedelta(hours=-12))])
scalars = (
    texts
    | st.integers()
    | st.integers(-(10**60), 10**60)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.decimals(places=4, min_value=-(10**9), max_value=10**9)
    | st.booleans()
    | st.dates()
    | st.datetimes(timezones=zones)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner | st.none(), max_size=5)
        | st.dictionaries(st.text(max_size=5), inner | st.none(), max_size=3)
    ),
    max_leaves=6,
)


def is_plain(value: object) -> bool:
    if isinstance(value, list):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
    return value is None or type(value) in (str, int, Decimal, bool, date, datetime)


# A share of the profile's examples for each of a hundred cases.
A_SHARE = settings(max_examples=max(20, settings().max_examples // 10))


@pytest.mark.parametrize("convert", CASES)
@A_SHARE
@given(value=values)
def test_a_converter_gives_a_plain_value_or_a_problem(convert: Callable[[Any], Any], value: Any) -> None:
    try:
        result = convert(value)
    except ValueProblem:
        return
    assert is_plain(result)
    assert not (isinstance(result, datetime) and result.tzinfo is None)


@pytest.mark.parametrize("name", sorted(builtin_converters().converters))
@A_SHARE
@given(value=values)
def test_a_converter_gives_the_same_each_time_and_leaves_its_value_alone(name: str, value: Any) -> None:
    convert = bind_converter(builtin_converters().converters[name], ARGUMENTS.get(name, [()])[0], {}, CONTEXT)
    before = repr(value)
    assert outcome(convert, value) == outcome(convert, value)
    assert repr(value) == before


def outcome(convert: Callable[[Any], Any], value: Any) -> str:
    try:
        return repr(convert(value))
    except ValueProblem as problem:
        return repr(problem)
