"""`opusmap test`: runs the tests in mappings."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from opusmap.cli.help import command
from opusmap.cli.next_step import Given, print_next
from opusmap.cli.options import Output, common, custom, refuse_own_input, registry
from opusmap.cli.output import print_json, print_note, shorten
from opusmap.cli.terminal import escape, make_console, text_width, wrap_words
from opusmap.wording import show_command, visible

if TYPE_CHECKING:
    from opusmap.testing import TestResult


@command(
    "Run the tests in mappings",
    "opusmap test mapping.yaml",
    "opusmap test mappings/*/mapping.yaml --junit tests.xml",
)
@click.argument("mappings", nargs=-1, required=True, type=click.Path(dir_okay=False))
@click.option(
    "--junit", type=click.Path(dir_okay=False), help="Write the results as JUnit XML, for CI servers."
)
@custom
@common
def test(mappings: tuple[str, ...], junit: str | None, converters: tuple[str, ...], out: Output) -> int:
    """Run the tests in MAPPINGS, and show what differs."""
    from opusmap.compiler import load_mapping
    from opusmap.output_files import write_whole
    from opusmap.testing import junit_xml, run_tests

    known = registry(converters)
    loaded = [(mapping, load_mapping(mapping, converters=known)) for mapping in mappings]
    if junit is not None:
        for _, mapper in loaded:
            refuse_own_input(mapper, "--junit", junit)
    suites = [(mapping, run_tests(mapper)) for mapping, mapper in loaded]
    results = [result for _, found in suites for result in found]
    failed = sum(not result.passed for result in results)
    if junit is not None:
        with write_whole(junit) as file:
            file.write(junit_xml(suites))
    if out.as_json:
        tests = [
            {
                "name": one.name,
                "place": str(one.span),
                "passed": one.passed,
                "differences": [asdict(each) for each in one.differences],
            }
            for one in results
        ]
        print_json({"passed": len(results) - failed, "failed": failed, "tests": tests})
    else:
        for result in results:
            if not (out.quiet and result.passed):
                _print_test(result)
        print_note(f"{len(results) - failed} passed, {failed} failed" if results else "no tests found")
        _print_next(out, mappings, converters, results, failed)
    return 1 if failed else 0


def _print_next(
    out: Output,
    mappings: tuple[str, ...],
    converters: tuple[str, ...],
    results: list[TestResult],
    failed: int,
) -> None:
    given = Given(mappings[0], converters=converters)
    if failed:
        own = [word for file in converters for word in ("--converters", file)]
        print_next(out, "fix the mapping, or what its tests expect", show_command("test", *mappings, *own))
    elif results:
        print_next(out, "rehearse sending", given.command("submit", "--to", "emulator"))
    else:
        print_next(out, "look at rows to make tests from", given.command("preview"))


_VALUES = 28
"""The column at which the values of a test that failed begin."""


def _print_test(result: TestResult) -> None:
    from rich.text import Text

    console = make_console()
    mark = "[green]passed[/]" if result.passed else "[bold red]FAILED[/]"
    console.print(f"{mark} {escape(result.name)}", soft_wrap=True)
    if not result.passed:
        console.print(f"       {escape(str(result.span))}", soft_wrap=True)
    for one in result.differences:
        console.print(f"       [cyan]{escape(one.column)}[/]", soft_wrap=True)
        for what, value in (("the test expects", one.expected), ("the mapping gives", one.found)):
            text = Text(visible(shorten(value, 500)))
            for line in wrap_words(text, text_width(console), _VALUES, f"{'':9}{what}"):
                console.print(line, soft_wrap=True)
    if result.hint:
        console.print(f"       [cyan]help:[/] {escape(result.hint)}", soft_wrap=True)
