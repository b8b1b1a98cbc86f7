"""`opusmap demo`: the bundled contract register through the whole road, into the embedded Opus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from opusmap.cli.logs import log_error
from opusmap.cli.options import Output, common, example
from opusmap.cli.output import make_table, print_json, print_note, print_reasons, print_replaced, print_totals
from opusmap.cli.terminal import make_console

_SAMPLES = 3


@click.command(epilog=example("opusmap demo"))
@common
def demo(out: Output) -> int:
    """Map a bundled contract register and submit it to the embedded Opus: the whole story."""
    from opusmap.run.open import open_work
    from opusmap.run.rehearsal import EmbeddedTransport, embedded_opus
    from opusmap.run.submit import SubmitOptions, submit_source

    work = open_work(_folder() / "mapping.yaml")
    emulator, settings = embedded_opus(work.mapper)
    if not out.silent:
        print_note(
            f"Mapping {Path(work.source.name).name} by mapping.yaml, and submitting it to the embedded Opus."
        )
    with work.source:
        report = submit_source(work, settings, SubmitOptions(EmbeddedTransport(emulator)))
    held = emulator.records
    samples = dict(list(held.items())[:_SAMPLES])
    if out.as_json:
        print_json({**report.as_json(), "held": len(held), "samples": samples})
    else:
        names = {column.internal_name: column.display_name for column in work.mapper.connection.columns}
        print_totals(report, sent=True)
        print_reasons("Rejected rows, by column and reason", report.reasons, work.place)
        print_replaced(report.replaced, work.place)
        for key, values in samples.items():
            _print_record(f"Opus now holds {len(held):,} records, among them {key}", values, names)
    if report.stopped is not None:
        log_error(report.stopped)
        return report.stopped.exit_code
    return 0 if report.submitted == report.mapped == len(held) else 1


def _print_record(title: str, values: dict[str, Any], names: dict[str, str]) -> None:
    console = make_console()
    console.print()
    console.print(make_table(title, {names.get(name, name): value for name, value in values.items()}))


def _folder() -> Path:
    """Return the folder of the bundled register: in the wheel, or beside the package in a checkout."""
    package = Path(__file__).parent.parent
    bundled = package / "demo"
    return bundled if bundled.is_dir() else package.parent / "mappings" / "contracts"
