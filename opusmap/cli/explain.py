"""`opusmap explain`: shows how one value is made, from the cell to the record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from opusmap.cli.help import TYPED, command, quote_column
from opusmap.cli.options import MAPPING, SOURCE, Output, common, custom, open_mapping
from opusmap.cli.output import mapped_as_json, options_of, print_json, shorten
from opusmap.cli.terminal import make_console, make_table, measure, text_width, wrap_words
from opusmap.wording import quote_names, quote_value, show_command, suggest, visible

if TYPE_CHECKING:
    from opusmap.compiler import Mapper
    from opusmap.compiler.explain import Explanation, Stage
    from opusmap.compiler.plan import ColumnPlan
    from opusmap.records import Row
    from opusmap.run.open import Work


@command(
    "Show how one value is made, step by step",
    "opusmap explain mapping.yaml 'Doc Type' --key CT-000040",
    "opusmap explain mapping.yaml Name --row 12",
    "opusmap explain mapping.yaml --row 12",
)
@MAPPING
@click.argument("column", required=False, metavar="[COLUMN]")
@SOURCE
@click.option("--key", help="The row with this row key.")
@click.option(
    "--row",
    "number",
    type=click.IntRange(1),
    help="The row with this number, as a spreadsheet shows it: 2 is the first below the header.",
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

    COLUMN is a column of Opus; without it, each one that the mapping binds is explained. Without --key or
    --row, this is the first row. The result is the value that `map` and `submit` write.
    """
    from opusmap.compiler.explain import explain_row
    from opusmap.records import Reject

    if column is not None and source is not None:
        _refuse_unquoted(mapping, column, source)
        if key is None and number is None:
            _refuse_bare_key(mapping, column, source)
    work = open_mapping(mapping, source, converters, out)
    with work.source:
        plans = work.mapper.plan.columns if column is None else (_column_plan(work.mapper, column),)
        row = _find_row(work, key, number)
    explained = [(plan.column, explain_row(work.mapper, plan, row.values, row.number)) for plan in plans]
    mapped = explained[0][1].mapped
    if out.as_json:
        made = [
            {"column": one.internal_name, "stages": [_stage_as_json(stage) for stage in found.stages]}
            for one, found in explained
        ]
        columns = made[0] if column is not None else {"columns": made}
        print_json({"row": row.number, **columns, "becomes": mapped_as_json(mapped)})
    else:
        for plan, (one, found) in zip(plans, explained, strict=True):
            stages = [stage for stage in found.stages if column is not None or not stage.of_row]
            _print_stages(
                f"{one.display_name} of row {row.number}", stages, partial(options_of, work.mapper, plan)
            )
        if column is None and (closing := _closing(found for _, found in explained)):
            _print_stages(f"What becomes of row {row.number}", closing)
    return 1 if isinstance(mapped, Reject) else 0


def _closing(explained: Iterable[Explanation]) -> list[Stage]:
    """Return what becomes of the row, which ends the stages of many columns, once.

    A problem that was shown with its column is only named.
    """
    stages = [stage for found in explained for stage in found.stages]
    shown = [stage.problem for stage in stages if not stage.of_row]
    closing: list[Stage] = []
    for stage in stages:
        problem, what = stage.problem, stage.what
        if problem is not None and problem in shown:
            what = f"the row is rejected for {problem.place}: {problem.code}"
        short = replace(stage, what=what)
        if stage.of_row and short not in closing:
            closing.append(short)
    return closing


def _refuse_unquoted(mapping: str, column: str, source: str) -> None:
    """Refuse a column's name of two words without quotes, of which the second is taken for the source."""
    from opusmap.compiler import read_mapping

    if not Path(source).exists() and read_mapping(mapping)[1].find(f"{column} {source}") is not None:
        raise click.UsageError(quote_column(click.get_current_context().meta[TYPED]))


def _refuse_bare_key(mapping: str, column: str, source: str) -> None:
    """Refuse a row key without `--key`, which is taken for the source: there is no such file."""
    is_file = Path(source).exists() or Path(source).suffix[1:2].isalpha()
    if not is_file and source != "-" and not set(source) & set("/\\:*?["):
        meant = show_command("explain", mapping, column, "--key", source)
        raise click.UsageError(f"there is no source {quote_value(source)}; did you mean `{meant}`?")


_ROW = re.compile(r"(?:row)?\s*([0-9]+)", re.IGNORECASE | re.ASCII)


def _column_plan(mapper: Mapper, name: str) -> ColumnPlan:
    found = mapper.plan.find(name)
    if found is None:
        if (number := _ROW.fullmatch(name)) is not None:
            meant = show_command("explain", mapper.spec.path, "--row", number[1])
            raise click.UsageError(
                f"the mapping binds no column {quote_value(name)}; did you mean `{meant}`?"
            )
        raise click.UsageError(f"the mapping binds no column {quote_value(name)}; {_advise(mapper, name)}")
    return found


def _advise(mapper: Mapper, name: str) -> str:
    """Return which column of Opus may be meant: one that is made of a source column with this name, say."""
    from opusmap.report.crosswalk import make_crosswalk

    names = [plan.column.display_name for plan in mapper.plan.columns]
    made_of = {line.target: line.sources for line in make_crosswalk(mapper.plan).lines}
    sources = {source for line in made_of.values() for source in line} | set(mapper.plan.source_columns or ())
    read = next((one for one in sources if one.casefold() == name.casefold()), None)
    if read is None:
        return suggest(name, names) or "bound columns: " + ", ".join(names)
    made = [target for target, line in made_of.items() if read in line]
    if not made:
        return f"it is a column of the source, and no binding reads it. Bound columns: {', '.join(names)}"
    example = show_command("explain", mapper.spec.path, made[0])
    others = f" (or {', '.join(made[1:])})" if made[1:] else ""
    return f"it is a column of the source, which {quote_names(made)} in Opus is made of: `{example}`{others}"


def _find_row(work: Work, key: str | None, number: int | None) -> Row:
    from opusmap.records import Filtered, Reject

    first = last = 0
    for row in work.source.rows():
        if isinstance(row, Reject):
            continue
        first, last = first or row.number, row.number
        if number is None and key is None:
            return row
        if number is not None and row.number == number:
            return row
        if key is not None:
            mapped = work.mapper.map_row(row.values, row.number)
            if not isinstance(mapped, Filtered) and mapped.key == key:
                return row
    wanted = f"row {number}" if number is not None else f"row with the key {key!r}" if key else "row"
    between = ""
    if number is not None and last and not first <= number <= last:
        between = f": its only row is {first}" if first == last else f": its rows are {first} to {last}"
    if between and first > 1:
        between += ", counted as a spreadsheet counts them, with the header"
    raise click.UsageError(f"{work.source.name} has no readable {wanted}{between}")


def _stage_as_json(stage: Stage) -> dict[str, Any]:
    return {
        "what": stage.what,
        "value": stage.value,
        "place": None if stage.span is None else str(stage.span),
        "problem": None if stage.problem is None else stage.problem.as_json(),
    }


def _print_stages(
    title: str, stages: Iterable[Stage], name_options: Callable[[Any], str] = lambda _value: ""
) -> None:
    """Print stages; `name_options` names the options that a value is, as it is written for Opus."""
    from rich.text import Text

    console = make_console()
    table = make_table()
    shown = []
    for stage in stages:
        place = "" if stage.span is None else f"line {stage.span.line}"
        names = name_options(stage.value) if stage.written else ""
        shown.append((place, "" if stage.problem else visible(shorten(stage.value) + names), stage))
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
