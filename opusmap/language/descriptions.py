"""What an editor shows of a column, a converter, a variable or a table: short texts in Markdown.

Cells are shown as code, whatever they hold: they come from a file that anybody may have written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from opusmap.connection import Column
from opusmap.converters import Converter
from opusmap.converters.registry import describe_kind
from opusmap.mapping import ChoiceList
from opusmap.profile import ColumnProfile
from opusmap.wording import counted, cut_text, visible

_LENGTH = 60
_SAMPLES = 3
_OPTIONS = 12


def as_code(text: str, length: int = _LENGTH) -> str:
    """Return a text as code of Markdown, on one line and shortened.

    >>> as_code("a`b"), as_code("")
    ('`` a`b ``', '(empty)')
    """
    cut = visible(cut_text(text, length))
    if not cut.strip():
        return "(blank)" if cut else "(empty)"
    longest = max(map(len, re.findall("`+", cut)), default=0)
    return f"`{cut}`" if not longest else f"{'`' * (longest + 1)} {cut} {'`' * (longest + 1)}"


def as_text(text: str) -> str:
    """Return a text of a person in Markdown, without what Markdown would read as its own."""
    return re.sub(r"([\\`*_{}\[\]<>#|!&~])", r"\\\1", visible(text))


def summarize_target(column: Column) -> str:
    """Return type and necessity of a target column, in a few words."""
    return f"{column.type}, required" if column.required else str(column.type)


def describe_target(column: Column, choices: ChoiceList | None) -> str:
    """Return what a column of Opus is."""
    lines = [f"**{as_text(column.display_name)}** (column in Opus)", f"Type: {column.type}"]
    lines += ["Required: a record needs a value here"] if column.required else ["Optional"]
    lines.append(f"Internal name: {as_code(column.internal_name, 200)}")
    if choices is not None:
        shown = ", ".join(as_code(option) for option in choices.options[:_OPTIONS])
        lines.append(f"Options: {shown}{', …' if len(choices.options) > _OPTIONS else ''}")
    return "\n\n".join(lines)


def summarize_source(profile: ColumnProfile | None) -> str:
    """Return how often a source column has a value, and one of them."""
    if profile is None:
        return "source column"
    sample = f", such as {visible(cut_text(profile.examples[0], _LENGTH))}" if profile.examples else ""
    return f"{_share(profile)} filled{sample}"


def describe_source(name: str, profile: ColumnProfile | None) -> str:
    """Return what a source column holds in the sampled rows."""
    lines = [f"**{as_text(name)}** (source column)"]
    if profile is not None:
        rows = counted(profile.rows, "row")
        lines.append(f"{profile.filled:,} of the first {rows} have a value ({_share(profile)})")
        if profile.examples:
            lines.append("Samples: " + ", ".join(map(as_code, profile.examples[:_SAMPLES])))
        if not profile.more and profile.distinct:
            lines.append(counted(profile.distinct, "distinct value"))
    return "\n\n".join(lines)


def describe_converter(converter: Converter) -> str:
    """Return what a converter does, its arguments and its examples."""
    lines = [f"**{as_text(converter.signature)}** (converter)", visible(converter.summary)]
    lines += [
        f"- {as_code(one.name)}: {visible(describe_kind(one.type_name))}"
        + ("" if one.required else "; may be left out")
        for one in converter.parameters
    ]
    lines += [
        f"{as_code('{{ ' + expression + ' }}', 200)} → {as_code(_value(result))}"
        for expression, result in converter.examples.items()
    ]
    return "\n\n".join(lines)


def describe_variable(name: str, expression: str) -> str:
    """Return the expression of a variable."""
    return f"**{as_text(name)}** (variable)\n\n{as_code(expression, 200)}"


def describe_table(name: str, entries: int | None) -> str:
    """Return how many entries a lookup table has."""
    size = "" if entries is None else f"\n\n{counted(entries, 'entry', 'entries')}"
    return f"**{as_text(name)}** (lookup table){size}"


def describe_key(name: str, schema: Mapping[str, Any]) -> str:
    """Return what a key of the mapping language means, with examples."""
    examples = [as_code(f"{name}: {_value(one)}", 100) for one in schema.get("examples", ())]
    shown = "\n\nFor example " + " or ".join(examples) if examples else ""
    return f"**{as_text(name)}**\n\n{visible(schema.get('description', ''))}{shown}"


def _share(profile: ColumnProfile) -> str:
    if not profile.rows:
        return "0 %"
    share = profile.filled / profile.rows
    return "< 1 %" if 0 < share < 0.01 else f"{int(share * 100)} %"  # noqa: PLR2004 - a hundredth


def _value(value: object) -> str:
    """Return a value of an example as it would be written."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError:
        return str(value)
