"""`opusmap converters`: lists the converters."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from opusmap.cli.help import command
from opusmap.cli.options import Output, common, registry
from opusmap.cli.output import print_json, shorten
from opusmap.cli.terminal import escape, make_console, make_table

if TYPE_CHECKING:
    from opusmap.converters import Converter
    from opusmap.converters.registry import Parameter


@command(
    "List the converters, or show one with examples", "opusmap converters", "opusmap converters datetime"
)
@click.argument("name", required=False)
@click.option(
    "--converters",
    "files",
    multiple=True,
    type=click.Path(dir_okay=False),
    help="Python file with custom converters.",
)
@common
def converters(name: str | None, files: tuple[str, ...], out: Output) -> int:
    """List the converters, or show the parameters and examples of one."""
    known = registry(files)
    if name is None:
        if out.as_json:
            print_json({"converters": [_as_json(one) for one in known.converters.values()]})
        else:
            _print_converters(known.converters.values())
        return 0
    found = known.find(name)
    if found is None:
        raise click.UsageError(
            f"there is no converter {name!r}; {known.suggest(name) or 'no converter has a similar name'}"
        )
    if out.as_json:
        print_json(_as_json(found))
    else:
        _print_converter(found)
    return 0


def _as_json(converter: Converter) -> dict[str, Any]:
    return {
        "name": converter.name,
        "summary": converter.summary,
        "parameters": [asdict(parameter) for parameter in converter.parameters],
        "examples": {expression: str(result) for expression, result in converter.examples.items()},
    }


def _print_converters(converters: Iterable[Converter]) -> None:
    table = make_table()
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for converter in sorted(converters, key=lambda one: one.name):
        table.add_row(escape(converter.signature), escape(converter.summary))
    make_console().print(table)


def _print_converter(converter: Converter) -> None:
    console = make_console()
    console.print(f"[cyan]{escape(converter.signature)}[/]")
    console.print(f"  {escape(converter.summary)}", soft_wrap=True)
    for parameter in converter.parameters:
        console.print(f"  {escape(_describe(parameter))}", soft_wrap=True)
    for expression, result in converter.examples.items():
        console.print(f"  {{{{ {escape(expression)} }}}}  →  {escape(shorten(result))}", soft_wrap=True)


def _describe(parameter: Parameter) -> str:
    """Return what a parameter takes, in words."""
    from opusmap.converters.registry import describe_kind

    takes = describe_kind(parameter.type_name)
    if parameter.required:
        return f"{parameter.name}: {takes}"
    if parameter.default is None:
        return f"{parameter.name}: {takes}; may be left out"
    default = parameter.default
    shown = (
        f"{default}".lower()
        if isinstance(default, bool)
        else json.dumps(default, ensure_ascii=False, default=str)
    )
    return f"{parameter.name}: {takes}; {shown} if left out"
