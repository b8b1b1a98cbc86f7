"""The commands about the mapping itself: test, explain, lock, converters, schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from opusmap.cli.options import (
    MAPPING,
    SOURCE,
    common,
    custom,
    example,
    open_mapping,
    refuse_own_input,
    registry,
    set_up,
)

if TYPE_CHECKING:
    from opusmap.compiler import Mapper
    from opusmap.compiler.explain import Stage
    from opusmap.compiler.plan import ColumnPlan
    from opusmap.converters import Converter
    from opusmap.records import Mapped, Row
    from opusmap.run.open import Work

__all__ = ["becomes", "converters", "explain", "lock", "schema", "test"]


@click.command(
    epilog=example("opusmap test mapping.yaml", "opusmap test mappings/*/mapping.yaml --junit tests.xml")
)
@click.argument("mappings", nargs=-1, required=True, type=click.Path(dir_okay=False))
@click.option(
    "--junit", type=click.Path(dir_okay=False), help="Write the results as JUnit XML, for CI servers."
)
@custom
@common
def test(
    mappings: tuple[str, ...],
    junit: str | None,
    converters: tuple[str, ...],
    *,
    as_json: bool,
    quiet: bool,
    verbose: int,
) -> int:
    """Run the tests that stand in MAPPINGS, and show what differs."""
    from opusmap.cli.output import print_json, print_note, print_test
    from opusmap.compiler import load_mapping
    from opusmap.output_files import write_whole
    from opusmap.testing import junit_xml, run_tests

    set_up(verbose)
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
    if as_json:
        tests = [
            {
                "name": one.name,
                "place": str(one.span),
                "passed": one.passed,
                "differences": _as_dicts(one.differences),
            }
            for one in results
        ]
        print_json({"passed": len(results) - failed, "failed": failed, "tests": tests})
    else:
        for result in results:
            if not (quiet and result.passed):
                print_test(result)
        print_note(
            f"{len(results) - failed} passed, {failed} failed" if results else "there are no tests in it"
        )
    return 1 if failed else 0


@click.command(
    epilog=example(
        "opusmap explain mapping.yaml 'Doc Type' --key CT-000040",
        "opusmap explain mapping.yaml Name --row 12",
    )
)
@MAPPING
@click.argument("column")
@SOURCE
@click.option("--key", help="The row with this row key.")
@click.option(
    "--row", "number", type=click.IntRange(1), help="The row with this number, as a spreadsheet shows it."
)
@custom
@common
def explain(
    mapping: str,
    column: str,
    source: str | None,
    key: str | None,
    number: int | None,
    converters: tuple[str, ...],
    *,
    as_json: bool,
    quiet: bool,
    verbose: int,
) -> int:
    """Show how COLUMN comes about for one row: from cell to finished value, each step with its place.

    Without --key or --row it is the first row. The end is what `map` and `submit` make of the row.
    """
    from opusmap.cli.output import print_json, print_stages
    from opusmap.compiler.explain import explain_row
    from opusmap.records import Reject

    set_up(verbose)
    work = open_mapping(mapping, source, converters, quiet=quiet or as_json)
    with work.source:
        plan = _column_plan(work.mapper, column)
        row = _find_row(work, key, number)
    explained = explain_row(work.mapper, plan, row.values, row.number)
    if as_json:
        name, stages = plan.column.internal_name, [_stage(one) for one in explained.stages]
        print_json(
            {"row": row.number, "column": name, "stages": stages, "becomes": becomes(explained.mapped)}
        )
    else:
        print_stages(f"{plan.column.display_name} of row {row.number}", explained.stages)
    return 1 if isinstance(explained.mapped, Reject) else 0


def _column_plan(mapper: Mapper, name: str) -> ColumnPlan:
    from opusmap.wording import suggest

    column = mapper.connection.find(name)
    names = [plan.column.display_name for plan in mapper.plan.columns]
    found = next((plan for plan in mapper.plan.columns if plan.column == column), None)
    if found is None:
        known = suggest(name, names) or "bound are: " + ", ".join(names)
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
    raise click.UsageError(f"there is no such {wanted} in {work.source.name} that can be read")


@click.command(epilog=example("opusmap lock mapping.yaml"))
@MAPPING
@custom
@common
def lock(mapping: str, converters: tuple[str, ...], *, as_json: bool, quiet: bool, verbose: int) -> int:
    """Fingerprint the connection and the options' order, beside MAPPING.

    From then on `check` and `submit` refuse what changes the meaning of an order or a column, until
    `lock` accepts it. Compare the options with Opus first: their order there can't be seen from here.
    """
    from opusmap.cli.output import print_diagnostics, print_json, print_note
    from opusmap.compiler import load_mapping
    from opusmap.compiler.lock import find_drift, lock_path, make_lock, read_lock, write_lock

    set_up(verbose)
    mapper = load_mapping(mapping, converters=registry(converters))
    path = lock_path(mapping)
    old, new = read_lock(path), make_lock(mapper.plan)
    drift = () if old is None else find_drift(old, mapper.plan)
    if not quiet and drift:
        print_note("accepted:")
        print_diagnostics(drift)
    write_lock(new, path)
    if as_json:
        print_json({"lock": str(path), "accepted": [one.as_json() for one in drift]})
    elif not quiet:
        print_note(f"locked {len(new.columns)} columns and the options of {len(new.choices)} in {path}.")
        print_note(
            "Opus does not tell its options' order: compare these with Opus > Settings > Connector now:"
        )
        names = {column.internal_name: column.display_name for column in mapper.connection.columns}
        for name, options in new.choices.items():
            base = mapper.spec.target.choice_base
            listed = ", ".join(f"{base + index} {option}" for index, option in enumerate(options))
            print_note(f"  {names[name]}: {listed}")
    return 0


@click.command(epilog=example("opusmap converters", "opusmap converters datetime"))
@click.argument("name", required=False)
@click.option(
    "--converters",
    "files",
    multiple=True,
    type=click.Path(dir_okay=False),
    help="Python file with custom ones.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def converters(name: str | None, files: tuple[str, ...], *, as_json: bool) -> int:
    """List the converters, or tell of one its parameters and examples."""
    from opusmap.cli.output import print_converter, print_converters, print_json

    known = registry(files)
    if name is None:
        if as_json:
            print_json({"converters": [_converter(one) for one in known.converters.values()]})
        else:
            print_converters(known.converters.values())
        return 0
    found = known.find(name)
    if found is None:
        raise click.UsageError(
            f"there is no converter {name!r}; {known.suggest(name) or 'the list has no similar one'}"
        )
    if as_json:
        print_json(_converter(found))
    else:
        print_converter(found)
    return 0


@click.command(epilog=example("opusmap schema > opusmap.schema.json"))
def schema() -> int:
    """Print the mapping language's JSON Schema, for editors that complete and check YAML."""
    from opusmap.cli.terminal import write_json
    from opusmap.mapping.schema import load_schema

    write_json(load_schema(), indent=2)
    return 0


def _as_dicts(items: Any) -> list[dict[str, Any]]:
    from dataclasses import asdict

    return [asdict(item) for item in items]


def _stage(stage: Stage) -> dict[str, Any]:
    return {
        "what": stage.what,
        "value": stage.value,
        "place": None if stage.span is None else str(stage.span),
        "problem": None if stage.problem is None else stage.problem.as_json(),
    }


def becomes(mapped: Mapped) -> dict[str, Any]:
    """Return what became of a row as plain data."""
    from opusmap.records import Record, Reject

    if isinstance(mapped, Record):
        return {"record": mapped.values, "replaced": [one.as_json() for one in mapped.replaced]}
    if isinstance(mapped, Reject):
        return {"rejected": [one.as_json() for one in mapped.problems]}
    return {"filtered": True}


def _converter(converter: Converter) -> dict[str, Any]:
    return {
        "name": converter.name,
        "summary": converter.summary,
        "parameters": _as_dicts(converter.parameters),
        "examples": {expression: str(result) for expression, result in converter.examples.items()},
    }
