"""`opusmap preview`: the first rows beside their records."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opusmap.cli.diagnostics import print_diagnostics
from opusmap.cli.help import command
from opusmap.cli.next_step import Given, print_next_of_preview
from opusmap.cli.options import (
    MAPPING,
    SOURCE,
    Output,
    common,
    custom,
    html_option,
    limit_option,
    open_mapping,
    write_html,
)
from opusmap.cli.output import (
    describe_all_filtered,
    describe_no_rows,
    facts_of_to_do,
    mapped_as_json,
    mark_spaces,
    print_json,
    print_left_out,
    print_marks,
    print_note,
    shorten,
    show_record,
)
from opusmap.cli.terminal import make_console, print_pairs
from opusmap.errors import InvalidMapping
from opusmap.wording import counted

if TYPE_CHECKING:
    from opusmap.compiler import Mapper
    from opusmap.records import Mapped


@command("Show the first rows and their records", "opusmap preview mapping.yaml --limit 3")
@MAPPING
@SOURCE
@limit_option("Number of rows to show.", default=5, old="-n")
@html_option("Write an HTML page instead.  [default: MAPPING's name with .preview.html]")
@custom
@common
def preview(
    mapping: str,
    converters: tuple[str, ...],
    source: str | None,
    limit: int,
    html: str | None,
    out: Output,
) -> int:
    """Show the first rows and their records: the source columns that MAPPING reads, and the columns of Opus.

    Columns that are still TODO are left out, and the exit code is 2.
    """
    from itertools import islice

    from opusmap.records import Filtered, Reject

    work = open_mapping(mapping, source, converters, out, around_to_do=True)
    with work.source:
        rows = list(islice(work.source.rows(), limit))
    print_diagnostics(work.in_order(work.to_do))
    shown = [
        (dict(row.values), row if isinstance(row, Reject) else work.mapper.map_row(row.values, row.number))
        for row in rows
    ]
    if not (shown or out.silent):
        print_note(describe_no_rows(work.source))
    if shown and all(isinstance(mapped, Filtered) for _, mapped in shown) and not out.silent:
        which = f"each of the first {counted(len(shown), 'row')}"
        print_note(describe_all_filtered(work, which))
    if out.as_json:
        becomes = [{"values": values, "becomes": mapped_as_json(mapped)} for values, mapped in shown]
        found = {"diagnostics": [one.as_json() for one in work.to_do]} if work.to_do else {}
        print_json({"rows": becomes, **facts_of_to_do(work), **found})
    if html is not None:
        from opusmap.report.pages import render_preview

        page = render_preview(work.mapper, work.source.name, shown, datetime.now(UTC))
        write_html(page, html or str(Path(mapping).with_suffix(".preview.html")))
    elif not out.as_json:
        print_left_out(work)
        _print_preview(work.mapper, shown)
        if not out.silent:
            print_marks(value for values, _ in shown for value in _pick_read(work.mapper, values).values())
    given = Given(mapping, source, converters)
    print_next_of_preview(out, given, work, becomes=[mapped for _, mapped in shown])
    return InvalidMapping.exit_code if work.to_do else 0


def _print_preview(mapper: Mapper, rows: Iterable[tuple[dict[str, Any], Mapped]]) -> None:
    console = make_console()
    for values, mapped in rows:
        cells = (f"row {mapped.row}", _read_cells(mapper, values))
        print_pairs(console, cells, _becomes(mapper, values, mapped))
        console.print()


def _read_cells(mapper: Mapper, values: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the cells of a row that the mapping reads, and how many others there are."""
    read = _pick_read(mapper, values)
    shown = [(name, shorten("" if value is None else mark_spaces(value))) for name, value in read.items()]
    others = counted(len(values) - len(shown), "more column")
    return [*shown, ("", f"({others} that the mapping does not read)")] if len(values) > len(shown) else shown


def _pick_read(mapper: Mapper, values: dict[str, Any]) -> dict[str, Any]:
    from opusmap.expressions import nodes

    cells = [node.name for node in mapper.plan.nodes() if isinstance(node, nodes.Cell)]
    read = {name for cell in cells for name in (cell, cell.partition(".")[0])}
    return {name: value for name, value in values.items() if name in read}


def _becomes(mapper: Mapper, values: dict[str, Any], mapped: Mapped) -> tuple[str, list[tuple[str, str]]]:
    """Return a title and names with values: of the record, or of what is wrong and then of what is right."""
    from opusmap.compiler.explain import map_right_columns
    from opusmap.records import Record, Reject

    if isinstance(mapped, Record):
        return f"record {mapped.key}", show_record(mapper, mapped.values, mapped.replaced, empty=True)
    if isinstance(mapped, Reject):
        problems = [(one.place or "whole row", f"{one.code}: {one.message}") for one in mapped.problems]
        right = map_right_columns(mapper, mapped, values)
        return "rejected", [*problems, *show_record(mapper, right.values, right.replaced)]
    return "filtered: excluded by `where`", []
