"""Converters: typed functions from one value to another, the filters of the mapping language."""

import functools

from opusmap.converters import choices, dates, file_paths, hashing, lists, numbers, people, terms, text
from opusmap.converters.registry import (
    ArgumentError,
    Context,
    Converter,
    MissingCentury,
    Parameter,
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
    "Parameter",
    "Registry",
    "bind_converter",
    "builtin_converters",
    "converter",
    "for_text",
]


@functools.cache
def builtin_converters() -> Registry:
    """Return the built-in converters."""
    return Registry.of(text, numbers, dates, choices, people, terms, lists, file_paths, hashing)
