"""Carried over to a source with other names, a mapping makes the same of its rows or says what is open."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opusmap.compiler import Mapper, compile_mapping
from opusmap.connection import Connection, load_connection
from opusmap.converters.plugins import all_converters
from opusmap.drafting import Carried
from opusmap.drafting.earlier import Earlier, carry_over, read_earlier
from opusmap.errors import InvalidMapping
from opusmap.mapping import parse_spec
from opusmap.profile import profile_source
from opusmap.records import Filtered, Record, Reject
from opusmap.sources import from_rows

MAPPINGS = Path(__file__).parents[2] / "mappings"
FILES = sorted(path for path in MAPPINGS.glob("*/*.yaml") if path.name != "shared.yaml")
EVERY = pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")


def words(name: str) -> list[str]:
    return re.findall(r"[A-Z]+s?(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+", name)


SAME_WORDS: dict[str, Callable[[str], str]] = {
    "as it was": lambda name: name,
    "lower": lambda name: name.lower(),
    "upper": lambda name: name.upper(),
    "snake": lambda name: "_".join(words(name)).lower(),
    "spaced": lambda name: " ".join(words(name)),
    "dotted": lambda name: ".".join(words(name)),
    "bracketed": lambda name: f"[{name}]",
    "quoted": lambda name: f"'{name}'",
    "double quoted": lambda name: f'"{name}"',
    "commented": lambda name: f"# {name}",
    "colon": lambda name: f"{name}: ",
    "comma": lambda name: ", ".join(words(name)),
    "backslash": lambda name: "\\".join(words(name)),
    "template": lambda name: "{{ " + name + " }}",
    "both quotes": lambda name: f"'\"{name}",
}
OTHER_WORDS: dict[str, Callable[[str], str]] = {
    "more": lambda name: f"{name} (old)",
    "numbered": lambda name: f"F{sum(map(ord, name)) % 1000}",
    "said twice": lambda name: f"{name} {name}",
}
REFUSED = {"colon", "backslash", "template", "both quotes"}
"""Names that have no place under `from`, or in no expression: those may stay open."""


@cache
def opened(path: Path) -> tuple[Earlier, Connection, list[dict[str, Any]]]:
    """Return a mapping, its connection, and its tests' rows with all the columns that it reads."""
    earlier = read_earlier(path, path)
    connection = load_connection(path.parent / earlier.spec.connection)
    columns = compile_mapping(earlier.spec, connection).plan.cells()
    return earlier, connection, [{**dict.fromkeys(columns), **one.row} for one in earlier.spec.tests]


def carried_over(path: Path, rows: list[dict[str, Any]]) -> Carried:
    earlier, connection, _ = opened(path)
    profile = profile_source(from_rows(rows))
    names = str(earlier.spec.connection), None
    return carry_over(earlier, connection, profile, all_converters(), names=names, options={})


def compiled(path: Path, text: str, rows: list[dict[str, Any]]) -> Mapper:
    spec = parse_spec(text, str(path), path.parent)
    return compile_mapping(spec, opened(path)[1], columns=frozenset(rows[0]))


def made(mapper: Mapper, row: dict[str, Any]) -> object:
    found = mapper.map_row(row)
    if isinstance(found, Record):
        return found.values
    assert isinstance(found, Reject | Filtered)
    return sorted((one.place, one.code) for one in found.problems) if isinstance(found, Reject) else None


def shared_names(path: Path) -> set[str]:
    """Return the columns that a shared file names: it is not rewritten."""
    return {name for name in opened(path)[2][0] if opened(path)[0].spec.files and name in _shared(path)}


@cache
def _shared(path: Path) -> str:
    return "".join(Path(name).read_text("utf-8") for name in opened(path)[0].spec.files)


@EVERY
def test_an_unchanged_source_and_connection_leave_each_byte(path: Path) -> None:
    _, _, rows = opened(path)
    carried = carried_over(path, rows)
    assert carried.text.encode() == path.read_bytes()
    assert not carried.fates
    assert not carried.drafted


@EVERY
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_renamed_columns_give_the_same_records(path: Path, data: st.DataObject) -> None:
    _, _, rows = opened(path)
    fixed = shared_names(path)
    styles = {name: data.draw(st.sampled_from(sorted(SAME_WORDS)), name) for name in rows[0]}
    now = {name: name if name in fixed else SAME_WORDS[styles[name]](name) for name in rows[0]}
    # A variable of a new column's name is an error that `check` tells.
    variables = {str(one.name) for one in opened(path)[0].spec.let}
    now = {name: name if new in variables else new for name, new in now.items()}
    renamed = [{now[name]: row.get(name) for name in rows[0]} for row in rows]
    carried = carried_over(path, renamed)
    found = {fate.name: fate.now for fate, _ in carried.fates}
    assert all(found[name] in (None, now[name]) for name in found)
    missed = {name for name, new in found.items() if new is None}
    assert all(styles[name] in REFUSED for name in missed), missed
    if missed:
        with pytest.raises(InvalidMapping) as raised:
            compiled(path, carried.text, renamed)
        assert {one.code for one in raised.value.diagnostics} >= {"unknown-column"}
        return
    old, new = compiled(path, opened(path)[0].spec.text, rows), compiled(path, carried.text, renamed)
    for before, after in zip(rows, renamed, strict=True):
        assert made(new, after) == made(old, before)
    # In a test's row, a column that the mapping does not read keeps its name: it changes nothing there.
    assert [one.row for one in new.spec.tests] == [
        {found.get(name, name): cell for name, cell in one.row.items()} for one in old.spec.tests
    ]


@EVERY
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_no_column_is_ever_taken_for_another(path: Path, data: st.DataObject) -> None:
    """Whatever the new names are: what is renamed is renamed rightly, the rest is named and refused."""
    _, _, rows = opened(path)
    kinds = SAME_WORDS | OTHER_WORDS
    style = {name: data.draw(st.sampled_from(sorted(kinds)), name) for name in rows[0]}
    now = {name: kinds[style[name]](name) for name in rows[0]}
    if len(set(now.values())) < len(now):
        return
    renamed = [{now[name]: row.get(name) for name in rows[0]} for row in rows]
    carried = carried_over(path, renamed)
    for fate, _ in carried.fates:
        assert fate.now in (None, now[fate.name])
    open_names = [fate.name for fate, _ in carried.fates if fate.now is None]
    for name in open_names:
        assert f'no column "{name}" any more' in carried.text or any(name in one for one in carried.elsewhere)


@pytest.mark.parametrize("path", FILES[:2], ids=str)
def test_line_breaks_and_a_byte_order_mark_stay(path: Path, tmp_path: Path) -> None:
    earlier, connection, rows = opened(path)
    copy = tmp_path / path.name
    copy.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    (tmp_path / str(earlier.spec.connection)).write_bytes(Path(connection.path).read_bytes())
    other = load_connection(tmp_path / str(earlier.spec.connection))
    again = read_earlier(copy, copy)
    renamed = [{name.upper(): cell for name, cell in row.items()} for row in rows]
    names = str(earlier.spec.connection), None
    for given_rows in (rows, renamed):
        profile = profile_source(from_rows(given_rows))
        text = carry_over(again, other, profile, all_converters(), names=names, options={}).text
        assert text.encode().replace(b"\r\n", b"\n")[3:].decode() == carried_over(path, given_rows).text
        assert "\n" not in text.replace("\r\n", "")
