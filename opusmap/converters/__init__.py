"""Converters: typed functions from one value to another, the filters of the mapping language."""

import functools

from opusmap.converters import (
    choices,
    dates,
    lists,
    numbers,
    patterns,
    people,
    terms,
    text,
)
from opusmap.converters.registry import (
    ArgumentError,
    Context,
    Converter,
    MissingCentury,
    Registry,
    bind_converter,
    converter,
    for_text,
)

__all__ = [
    "ArgumentError",
    "Context",
    "Converter",
    "MissingCentury",
    "Registry",
    "bind_converter",
    "builtin_converters",
    "builtin_tests",
    "converter",
    "for_text",
]


@functools.cache
def builtin_converters() -> Registry:
    """Return the built-in converters."""
    modules = (text, numbers, dates, choices, people, terms, lists)
    return Registry.of(*modules, [patterns.regex_replace])


@functools.cache
def builtin_tests() -> Registry:
    """Return the tests (`value is name(…)`) that are functions of one value, as converters are."""
    return Registry.of([patterns.matching])
