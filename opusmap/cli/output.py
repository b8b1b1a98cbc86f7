"""What several commands print: notes, JSON, changes of the source, tables of names and values."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opusmap.cli.logs import log
from opusmap.cli.terminal import (
    escape,
    flush_result,
    make_console,
    make_table,
    shown_json,
    write_json,
    write_result,
)
from opusmap.wording import counted, cut_text, one_line, split_spaces, visible

if TYPE_CHECKING:
    from opusmap.compiler import Mapper
    from opusmap.compiler.plan import ColumnPlan
    from opusmap.issues import Issue
    from opusmap.records import Mapped
    from opusmap.report import Report
    from opusmap.run.open import Work
    from opusmap.sources import FileChange, Source

CHANGES_SHOWN = 5
"""Changed files that are named each."""


def print_note(text: str) -> None:
    """Print one line for the person, beside the result."""
    log(visible(text))


def print_list(path: str, *, replaced: bool) -> None:
    """Print where a list is, and whether it took the place of a file, which a person may have edited."""
    print_note(f"list: {path}" + (", which replaces the file that was there" if replaced else ""))


def print_table(titles: Sequence[str], rows: Iterable[Iterable[str]], limit: int) -> None:
    """Print rows of texts below titles; a cell has at most `limit` characters, and wraps."""
    table = make_table(titles=True)
    for title in titles:
        table.add_column(title, justify="left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(shorten(cell, limit)) for cell in row))
    make_console().print(table)


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object, the result for a machine."""
    write_json(value)


def print_state(state: str) -> None:
    """Print a tap's state as JSON at once, for the program that keeps it for the next run."""
    write_result(shown_json(state))
    flush_result()


def describe_trusted(count: int) -> str:
    """Return how many records count as submitted by nothing but the HTTP status."""
    return f"{count:,} of the submitted records were accepted on the HTTP status alone (OPUSMAP_TRUST_STATUS)"


def show_record(
    mapper: Mapper, values: Mapping[str, Any], replaced: Iterable[Issue[str]] = (), *, empty: bool = False
) -> list[tuple[str, str]]:
    """Return a record for a person: its columns by display name, an option's order with its name.

    A value that `on_error` left out or replaced says so. With `empty`, columns without a value are shown.
    """
    wrong: dict[str, list[str]] = {}
    for one in replaced:
        wrong.setdefault(one.place, []).append(f"{one.code}: {one.message}")
    shown = []
    for plan in mapper.plan.columns:
        name, value = plan.column.display_name, values.get(plan.column.internal_name)
        text = "" if value is None else shorten(value) + options_of(mapper, plan, value)
        if why := "; ".join(wrong.pop(name, ())):
            text = f"{text} (in place of a wrong value: {why})" if text else f"left out by `on_error` ({why})"
        elif not text:
            text = "(empty)" if empty else ""
        if text:
            shown.append((name, text))
    return [*shown, *((f"{place} (replaced)", "; ".join(why)) for place, why in wrong.items())]


def options_of(mapper: Mapper, plan: ColumnPlan, value: Any) -> str:
    """Return the names of the options whose orders a value is, ` · Deed`."""
    from opusmap.connection import CHOICE_TYPES

    column = plan.column
    choices = plan.context.choices.get(column.internal_name)
    if choices is None or column.type not in CHOICE_TYPES:
        return ""
    return name_orders(value, dict(enumerate(choices.options, mapper.spec.target.choice_base)))


def name_orders(value: Any, options: Mapping[int, str]) -> str:
    """Return the names of the options whose orders a value of a choice column is, ` · Deed`."""
    return " · " + ", ".join(str(options.get(int(order), "?")) for order in re.findall(r"\d+", str(value)))


def shorten(value: Any, limit: int = 200) -> str:
    """Return a value as one line of at most so many printable characters; JSON if it is not text."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return cut_text(one_line(text), limit)


def mark_spaces(value: Any) -> Any:
    r"""Return a value with a mark for each space in it that would not be seen; no text stays what it is.

    >>> mark_spaces(" Deed\u00a0")
    '·Deed\\xa0'
    """
    if not isinstance(value, str):
        return value
    return "".join(_mark(part) if kind else part for part, kind in split_spaces(value))


def print_marks(values: Iterable[Any]) -> None:
    """Print what the marks mean that `mark_spaces` has set in values, if it has set any."""
    texts = (value for value in values if isinstance(value, str))
    kinds = {_mark(part): kind for text in texts for part, kind in split_spaces(text) if kind}
    if kinds:
        meanings = ", ".join(f"{mark} is a {kind}" for mark, kind in sorted(kinds.items()))
        print_note(f"Spaces that would not be seen have marks: {meanings}")


def _mark(space: str) -> str:
    return _SPACE_MARK if space == " " else space.encode("unicode_escape").decode()


_SPACE_MARK = "·"
"""What is shown for a blank that would not be seen: one that a Windows console has as well."""


def mapped_as_json(mapped: Mapped) -> dict[str, Any]:
    """Return the result of a row as plain data."""
    from opusmap.records import Record, Reject

    if isinstance(mapped, Record):
        return {"record": mapped.values, "replaced": [one.as_json() for one in mapped.replaced]}
    if isinstance(mapped, Reject):
        return {"rejected": [one.as_json() for one in mapped.problems]}
    return {"filtered": True}


def print_changes(changes: Sequence[FileChange]) -> None:
    """Log, in quiet runs as well, which files of the source changed while it was read."""
    from opusmap.sources.changes import describe_state

    for change in changes[:CHANGES_SHOWN]:
        log(
            f"{change.path}: changed while being read: rows may come from either version\n"
            f"  before: {describe_state(change.before)}\n"
            f"  after:  {describe_state(change.after)}",
            logging.WARNING,
        )
    if len(changes) > CHANGES_SHOWN:
        more = counted(len(changes) - CHANGES_SHOWN, "more file")
        log(f"and {more}", logging.WARNING)
    if changes:
        log("  help: run the same command again when nothing writes to the source", logging.WARNING)


def print_left_out(work: Work) -> None:
    """Print which columns of Opus are left out because the mapping has `TODO` for them."""
    if work.to_do:
        names = ", ".join(work.left_out)
        print_note(f"Left out until each TODO is decided: {names or 'no column'}. The others are mapped:")
        if work.lacks_key:
            print_note("Without a row key, duplicate keys can't be found yet.")


def facts_of_to_do(work: Work) -> dict[str, Any]:
    """Return the open `TODO` of a mapping as plain data, like other errors in a mapping."""
    if not work.to_do:
        return {}
    from opusmap.errors import InvalidMapping

    error = InvalidMapping(work.to_do)
    return {"error": type(error).__name__, "message": str(error), "left_out": list(work.left_out)}


def print_nothing_done(work: Work, report: Report) -> None:
    """Print why no row became a record or a reject, where that is so."""
    if not report.read:
        print_note(describe_no_rows(work.source))
    elif report.all_filtered:
        print_note(describe_all_filtered(work, f"every row ({report.read:,} of {report.read:,})"))


def print_date_format(work: Work) -> None:
    """Print how dates are written for Opus, where the mapping does not say it: only a person can compare."""
    from opusmap.connection import ColumnType

    plan = work.mapper.plan
    if "datetime_format" in plan.spec.target_spans:
        return
    if any(one.column.type is ColumnType.DATE_TIME for one in plan.columns):
        print_note(
            "Dates are sent as 2024-12-19 18:15:00. If Opus > Settings > General settings has another "
            "format, write it in the mapping: `target: {datetime_format: …}`."
        )


def describe_all_filtered(work: Work, which: str) -> str:
    """Return that `where` excludes rows (`which`: "every row"), and what it says."""
    where = work.mapper.plan.where
    assert where is not None
    return f"{where.text.span}: `where` excludes {which}: {shorten(str(where.text).strip(), 200)}"


def describe_no_rows(source: Source) -> str:
    """Return that a source has no rows, so that totals of zero are not taken for a mistake."""
    what = "column names and no rows" if source.columns else "no rows"
    return f"{source.name}: the source has {what}, so there was nothing to do"
