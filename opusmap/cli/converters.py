"""`opusmap converters`: lists the converters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from opusmap.cli.options import JSON, example, registry
from opusmap.cli.output import print_json, shorten
from opusmap.cli.terminal import escape, make_console

if TYPE_CHECKING:
    from opusmap.converters import Converter


@click.command(epilog=example("opusmap converters", "opusmap converters datetime"))
@click.argument("name", required=False)
@click.option(
    "--converters",
    "files",
    multiple=True,
    type=click.Path(dir_okay=False),
    help="Python file with custom converters.",
)
@JSON
def converters(name: str | None, files: tuple[str, ...], *, as_json: bool) -> int:
    """List the converters, or show the parameters and examples of one."""
    known = registry(files)
    if name is None:
        if as_json:
            print_json({"converters": [_as_json(one) for one in known.converters.values()]})
        else:
            _print_converters(known.converters.values())
        return 0
    found = known.find(name)
    if found is None:
        raise click.UsageError(
            f"there is no converter {name!r}; {known.suggest(name) or 'the list has no similar one'}"
        )
    if as_json:
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
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for converter in sorted(converters, key=lambda one: one.name):
        table.add_row(escape(_signature(converter)), escape(converter.summary))
    make_console().print(table)


def _print_converter(converter: Converter) -> None:
    console = make_console()
    console.print(f"[cyan]{escape(_signature(converter))}[/]")
    console.print(f"  {escape(converter.summary)}")
    for parameter in converter.parameters:
        ending = "" if parameter.required else f" (default {parameter.default!r})"
        console.print(f"  {escape(f'{parameter.name}: {parameter.type_name}{ending}')}")
    for expression, result in converter.examples.items():
        console.print(f"  {{{{ {escape(expression)} }}}}  →  {escape(shorten(result))}", soft_wrap=True)


def _signature(converter: Converter) -> str:
    names = ", ".join(parameter.name for parameter in converter.parameters)
    return f"{converter.name}({names})" if names else converter.name
