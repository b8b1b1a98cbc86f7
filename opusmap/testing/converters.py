"""Calls a converter with generated values, to check that it keeps its contract."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from opusmap.converters import Context, Converter, Registry, bind_converter
from opusmap.errors import ValueProblem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def check_converter(function: Callable[..., Any], /, *, max_examples: int = 200, **arguments: Any) -> None:
    """Check that a converter gives a plain value or a `ValueProblem` for whatever it is given.

    It is given texts (line breaks, emoji, right-to-left, blanks among them), numbers, booleans, dates,
    lists of texts; each twice, for the same value must give the same result. Needs the package
    `hypothesis`; call it from your tests.

    Args:
        function: a function marked `@converter`.
        max_examples: how many values are tried.
        arguments: the converter's arguments.

    Raises:
        AssertionError: it raised something else, gave a value that is not plain, or two different results.
        ValueError: the function is not a converter.
    """
    from hypothesis import given, settings  # noqa: PLC0415 - a test dependency, not one of the package

    found = next(iter(Registry.of([function]).converters.values()), None)
    if found is None:
        raise ValueError(f"{function!r} is not marked @converter")
    convert = bind_converter(found, (), arguments, Context(timezone=UTC))

    @settings(max_examples=max_examples, deadline=None, database=None)
    @given(_values())
    def holds(value: Any) -> None:
        first, second = _result(found, convert, value), _result(found, convert, value)
        assert first == second, f"{found.name} gives {first!r} and then {second!r} for {value!r}"

    holds()


def _result(converter: Converter, convert: Callable[[Any], Any], value: Any) -> Any:
    try:
        result = convert(value)
    except ValueProblem as problem:
        return problem
    except Exception as error:
        raise AssertionError(
            f"{converter.name} raises {type(error).__name__} for {value!r}: {error}; raise a ValueProblem"
        ) from error
    assert _is_plain(result), f"{converter.name} gives {result!r} for {value!r}, which is not a plain value"
    return result


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, str | int | bool | Decimal | date)


def _values() -> SearchStrategy[Any]:
    from hypothesis import strategies as st  # noqa: PLC0415 - as above

    texts = st.one_of(
        st.text(),
        st.text("0123456789.,-+ "),
        st.sampled_from(
            ["", " ", "\n", "N/A", "0", "NULL", "2024-02-30", "a@b", "=1+1", "\u202eabc", "é\u0301", "😀"]
        ),
    )
    numbers = st.integers(-(10**30), 10**30) | st.decimals(
        allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20
    )
    times = st.dates() | st.datetimes(timezones=st.just(UTC))
    return texts | numbers | st.booleans() | times | st.lists(texts, max_size=5)
