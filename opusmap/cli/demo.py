"""`opusmap demo`: maps the bundled contract register and submits it to the embedded Opus."""

from __future__ import annotations

from pathlib import Path

from opusmap.cli.help import command
from opusmap.cli.logs import log_error
from opusmap.cli.next_step import print_next, show_command
from opusmap.cli.options import ALL, Output, common
from opusmap.cli.output import print_json, print_note, show_record
from opusmap.cli.summary import print_summary, reject_reasons, replaced_reasons
from opusmap.cli.terminal import make_console, print_pairs
from opusmap.wording import counted

_SAMPLES = 3


@command("Map a bundled register and submit it to an Opus in this process", "opusmap demo")
@ALL
@common
def demo(out: Output, *, every: bool) -> int:
    """Map a bundled contract register and submit it to the embedded Opus."""
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
        console = make_console()
        for key, values in samples.items() if every else list(samples.items())[:1]:
            title = f"Opus now holds {counted(len(held), 'record')}, among them {key}"
            print_pairs(console, (title, show_record(work.mapper, values)))
            console.print()
        sections = reject_reasons(report, work.place), replaced_reasons(report.replaced, work.place)
        print_summary(report, sections, sent=True, every=every, below=2)
    if report.stopped is not None:
        log_error(report.stopped)
        return report.stopped.exit_code
    if not out.silent:
        print_note("Nothing left this machine: this Opus was an emulator in this process.")
    print_next(
        out,
        "try it on your own register, with your file names",
        show_command("init", "contracts.connection.json", "contracts.csv"),
    )
    return 0 if report.submitted == report.mapped == len(held) else 1


def _folder() -> Path:
    """Return the folder of the bundled register: in the wheel, or beside the package in a checkout."""
    package = Path(__file__).parent.parent
    bundled = package / "demo"
    return bundled if bundled.is_dir() else package.parent / "mappings" / "contracts"
