"""Exports that many organisations have, recognised by their headers: what their columns mean.

Owns reading the tables in `known_exports/`, which are facts from public documentation, and choosing one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Preset:
    """A known export.

    Attributes:
        name: its name.
        documentation: where its columns are documented.
        recognised_by: headers that it has, all of them.
        builtin: the headers that are right for a built-in column of Opus; the first is the best.
        means: what headers mean, in English, where their own words do not say it.
        format: the `format` that reads such files as they were meant, if their suffix does not show it.
    """

    name: str
    documentation: str
    recognised_by: frozenset[str]
    builtin: Mapping[str, tuple[str, ...]]
    means: Mapping[str, str]
    format: str | None = None


def find_preset(headers: Iterable[str]) -> Preset | None:
    """Return the preset that a source's headers show, None if there is none.

    Of several, it is one that names a format, otherwise the one of most headers.
    """
    given = frozenset(headers)
    fitting = [one for one in _presets() if one.recognised_by <= given]
    return max(fitting, key=lambda one: (one.format is not None, len(one.recognised_by)), default=None)


@cache
def _presets() -> tuple[Preset, ...]:
    folder = files("opusmap.drafting").joinpath("known_exports")
    found = sorted((one for one in folder.iterdir() if one.name.endswith(".toml")), key=lambda one: one.name)
    return tuple(_read(tomllib.loads(one.read_text("utf-8"))) for one in found)


def _read(data: dict[str, str | list[str] | dict[str, str | list[str]]]) -> Preset:
    builtin = data.get("builtin", {})
    assert isinstance(builtin, dict)
    means = data.get("means", {})
    assert isinstance(means, dict)
    return Preset(
        str(data["name"]),
        str(data["documentation"]),
        frozenset(data["recognised_by"]),
        {
            name: (headers,) if isinstance(headers, str) else tuple(headers)
            for name, headers in builtin.items()
        },
        {header: str(meaning) for header, meaning in means.items()},
        str(data["format"]) if "format" in data else None,
    )
