"""`opusmap explain`: shows how one value is made, from the cell to the record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from opusmap.cli.help import command
from opusmap.cli.next_step import show_command
from opusmap.cli.options import MAPPING, SOURCE, Output, common, custom, open_mapping
from opusmap.cli.output import mapped_as_json, print_json, shorten
from opusmap.cli.terminal import make_console, measure, text_width, wrap_words
from opusmap.wording import visible

if TYPE_CHECKING:
    from opusmap.compiler import Mapper
    from opusmap.compiler.explain import Stage
    from opusmap.compiler.plan import ColumnPlan
    from opusmap.records import Row
    from opusmap.run.open import Work


@command(
    "Show how one value is made, step by step",
    "opusmap explain mapping.yaml 'Doc Type' --key CT-000040",
    "opusmap explain mapping.yaml Name --row 12",
)
@MAPPING
@click.argument("column", required=False, metavar="COLUMN")
@SOURCE
@click.option("--key", help="The row with this row key.")
@click.option(
    "--row", "number", type=click.IntRange(1), help="The row with this number, as a spreadsheet shows it."
)
@custom
@common
def explain(
    mapping: str,
    column: str | None,
    source: str | None,
    key: str | None,
    number: int | None,
    converters: tuple[str, ...],
    out: Output,
) -> int:
    """Show how the value of COLUMN is made for one row: each step from cell to record, with its place.

    Without --key or --row, this is the first row. The result is the value that `map` and `submit` write.
    """
    from opusmap.compiler.explain import explain_row
    from opusmap.records import Reject

    work = open_mapping(mapping, source, converters, out)
    if column is None:
        work.source.close()
        raise click.UsageError(_ask_for_column(mapping, work.mapper, key, number))
    with work.source:
        plan = _column_plan(work.mapper, column)
        row = _find_row(work, key, number)
    explained = explain_row(work.mapper, plan, row.values, row.number)
    if out.as_json:
        name, stages = plan.column.internal_name, [_stage_as_json(one) for one in explained.stages]
        print_json(
            {"row": row.number, "column": name, "stages": stages, "becomes": mapped_as_json(explained.mapped)}
        )
    else:
        _print_stages(f"{plan.column.display_name} of row {row.number}", explained.stages)
    return 1 if isinstance(explained.mapped, Reject) else 0


def _ask_for_column(mapping: str, mapper: Mapper, key: str | None, number: int | None) -> str:
    """Return which columns can be explained, and the command for one of them and the same row."""
    names = [plan.column.display_name for plan in mapper.plan.columns]
    row = ["--key", key] if key is not None else [] if number is None else ["--row", str(number)]
    example = show_command("explain", mapping, names[-1], *row)
    return f"name a column of Opus, such as `{example}`; the mapping binds {', '.join(names)}"


def _column_plan(mapper: Mapper, name: str) -> ColumnPlan:
    from opusmap.wording import suggest

    column = mapper.connection.find(name)
    names = [plan.column.display_name for plan in mapper.plan.columns]
    found = next((plan for plan in mapper.plan.columns if plan.column == column), None)
    if found is None:
        known = suggest(name, names) or "bound columns: " + ", ".join(names)
        raise click.UsageError(f"the mapping binds no column {name!r}; {known}")
    return found


def _find_row(work: Work, key: str | None, number: int | None) -> Row:
    from opusmap.records import Filtered, Reject

    for row in work.source.rows():
        if isinstance(row, Reject):
            continue
        if number is None and key is None:
            return row
        if number is not None and row.number == number:
            return row
        if key is not None:
            mapped = work.mapper.map_row(row.values, row.number)
            if not isinstance(mapped, Filtered) and mapped.key == key:
                return row
    wanted = f"row {number}" if number is not None else f"row with the key {key!r}" if key else "row"
    raise click.UsageError(f"{work.source.name} has no readable {wanted}")


def _stage_as_json(stage: Stage) -> dict[str, Any]:
    return {
        "what": stage.what,
        "value": stage.value,
        "place": None if stage.span is None else str(stage.span),
        "problem": None if stage.problem is None else stage.problem.as_json(),
    }


def _print_stages(title: str, stages: Iterable[Stage]) -> None:
    from rich.table import Table
    from rich.text import Text

    console = make_console()
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    shown = [(_place_of(stage), _text_of(stage), stage) for stage in stages]
    for place, value, stage in shown:
        style = "red" if stage.problem else ""
        table.add_row(Text(place, "dim"), Text(visible(stage.what), style), Text(value, "bold"))
    console.print(Text(visible(title), "italic"), soft_wrap=True)
    width = text_width(console)
    if width is not None and measure(console, table)[1] <= console.width:
        console.print(table)
        return
    indent = max((len(place) for place, *_ in shown), default=0) + 2
    for place, value, stage in shown:
        what = Text(visible(stage.what), "red" if stage.problem else "")
        lines = wrap_words(what, width, indent, place)
        if value and width is not None:
            lines += wrap_words(Text(value, "bold"), width, indent + 2)
        elif value:
            lines[-1].append(f"  {value}")
        for line in lines:
            console.print(line, soft_wrap=True)


def _place_of(stage: Stage) -> str:
    return "" if stage.span is None else f"line {stage.span.line}"


def _text_of(stage: Stage) -> str:
    return "" if stage.problem else visible(shorten(stage.value))
