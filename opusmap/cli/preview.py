"""`opusmap preview`: the first rows beside their records."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from opusmap.cli.options import (
    MAPPING,
    SOURCE,
    Output,
    common,
    custom,
    example,
    html_option,
    open_mapping,
    write_html,
)
from opusmap.cli.output import describe_no_rows, make_table, mapped_as_json, print_json, print_note
from opusmap.cli.terminal import make_console

if TYPE_CHECKING:
    from opusmap.compiler import Mapper
    from opusmap.records import Mapped


@click.command(epilog=example("opusmap preview mapping.yaml -n 3"))
@MAPPING
@SOURCE
@click.option("-n", "count", default=5, show_default=True, type=click.IntRange(1), help="Rows to show.")
@html_option("Write a page instead.  [default: MAPPING's name with .preview.html]")
@custom
@common
def preview(
    mapping: str,
    converters: tuple[str, ...],
    source: str | None,
    count: int,
    html: str | None,
    out: Output,
) -> int:
    """Show the first rows side by side with their records."""
    from itertools import islice

    from opusmap.records import Reject

    work = open_mapping(mapping, source, converters, out)
    with work.source:
        rows = list(islice(work.source.rows(), count))
    shown = [
        (dict(row.values), row if isinstance(row, Reject) else work.mapper.map_row(row.values, row.number))
        for row in rows
    ]
    if not (shown or out.silent):
        print_note(describe_no_rows(work.source))
    if out.as_json:
        print_json(
            {"rows": [{"values": values, "becomes": mapped_as_json(mapped)} for values, mapped in shown]}
        )
    if html is not None:
        from opusmap.report.pages import render_preview

        page = render_preview(work.mapper, work.source.name, shown, datetime.now(UTC))
        write_html(page, html or str(Path(mapping).with_suffix(".preview.html")))
    elif not out.as_json:
        _print_preview(work.mapper, shown)
    return 0


def _print_preview(mapper: Mapper, rows: Iterable[tuple[dict[str, Any], Mapped]]) -> None:
    from rich.table import Table

    names = {column.internal_name: column.display_name for column in mapper.connection.columns}
    console = make_console()
    for values, mapped in rows:
        sides = Table.grid(padding=(0, 3, 1, 0), expand=True)
        sides.add_column(ratio=1)
        sides.add_column(ratio=1)
        sides.add_row(make_table(f"row {mapped.row}", values), _becomes(mapped, names))
        console.print(sides)


def _becomes(mapped: Mapped, names: dict[str, str]) -> Any:
    from opusmap.records import Record, Reject

    if isinstance(mapped, Record):
        shown = {names.get(name, name): value for name, value in mapped.values.items()}
        replaced = {
            f"{one.place} (replaced)": f"{one.code}: {one.message}" for one in reversed(mapped.replaced)
        }
        return make_table(f"record {mapped.key}", {**shown, **replaced})
    if isinstance(mapped, Reject):
        return make_table("rejected", {one.place: f"{one.code}: {one.message}" for one in mapped.problems})
    return make_table("filtered: excluded by `where`", {})
