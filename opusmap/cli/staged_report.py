"""`opusmap report --staged`: what a staged run would send, before anything is sent."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from opusmap.cli.next_step import print_next
from opusmap.cli.options import Output, write_html
from opusmap.cli.output import name_orders, print_json, shorten
from opusmap.cli.summary import (
    REJECTED_ROWS,
    Finding,
    Section,
    empty_cells,
    make_reasons,
    print_sections,
    replaced_reasons,
)
from opusmap.cli.terminal import escape, make_console, make_table, print_pairs
from opusmap.wording import counted, show_command

if TYPE_CHECKING:
    from rich.console import Console

    from opusmap.staging import StagedOverview, StagedRun


def report_staged(address: str, html: str | None, out: Output, *, every: bool, rows: bool) -> int:
    """Show a staged run in the terminal, as JSON or as a page; with `rows` the page has cells of rejects."""
    from opusmap.staging import look_at, open_staged

    staged = open_staged(address)
    overview = look_at(staged)
    if html is not None:
        from opusmap.staging.staged_page import render_staged

        page = render_staged(staged, overview, datetime.now(UTC), rows=rows)
        name = staged.name.rstrip("/").rpartition("/")[2] or "staged"
        write_html(page, html or f"{name}.html")
    if out.as_json:
        print_json(_all_facts(staged, overview))
    elif html is None:
        _print(staged, overview, every=every)
    words = ("submit", "--staged", address, "--to", "emulator")
    if staged.counts.staged:
        print_next(out, "rehearse sending", show_command(*words))
    return 0


def _all_facts(staged: StagedRun, overview: StagedOverview) -> dict[str, Any]:
    counts, manifest = staged.counts, staged.manifest
    return {
        "address": staged.name,
        "content_hash": staged.content_hash,
        "created": manifest.created,
        "opusmap": manifest.opusmap,
        "mapping": staged.rules.mapping.name,
        "connection": staged.connection.id,
        "read": counts.read,
        "filtered": counts.filtered,
        "rejected": counts.rejected,
        "staged": counts.staged,
        "parts": [
            {"name": one.name, "records": one.records, "size": one.size, "sha256": one.sha256}
            for one in staged.parts
        ],
        "reasons": [asdict(one) for one in overview.reasons],
        "replaced": [asdict(one) for one in manifest.replaced],
        "examined": overview.examined,
        "columns": [asdict(one) for one in overview.columns],
        "records": [asdict(one) for one in overview.records],
    }


def _print(staged: StagedRun, overview: StagedOverview, *, every: bool) -> None:
    console = make_console()
    table = make_table()
    table.add_column(justify="left")
    table.add_column(justify="right")
    for name in ("read", "filtered", "rejected", "staged"):
        table.add_row(name, f"{getattr(staged.counts, name):,}")
    console.print(table)
    size = sum(part.size for part in staged.parts)
    facts = (
        f"{staged.name}: {counted(len(staged.parts), 'part')}, {size:,} bytes",
        f"staged {staged.manifest.created} with {staged.rules.mapping.name}",
        f"for the connection {staged.connection.id}",
        f"content hash {staged.content_hash}",
    )
    for fact in facts:
        console.print(escape(fact), soft_wrap=True)
    _print_records(console, overview)
    title = "Records without a value, by column of Opus"
    if overview.examined < staged.counts.staged:
        title += f" (in the first {overview.examined:,} records)"
    sections = (
        make_reasons(REJECTED_ROWS, overview.reasons),
        replaced_reasons(staged.manifest.replaced),
        empty_cells(title, overview.columns),
        _parts(staged),
    )
    print_sections(sections, every=every)


def _print_records(console: Console, overview: StagedOverview) -> None:
    for one in overview.records:
        console.print()
        where = "" if one.row is None else f", from row {one.row}"
        values = [
            (
                name,
                shorten(value)
                + (name_orders(value, overview.options[name]) if name in overview.options else ""),
            )
            for name, value in one.values.items()
        ]
        print_pairs(console, (f"record {one.key}{where}", values))


def _parts(staged: StagedRun) -> Section:
    found = tuple(Finding(part.records, (part.name, f"{part.size:,}", part.sha256)) for part in staged.parts)
    return Section("Parts", ("rows", "name", "bytes", "SHA-256"), found, what="part")
