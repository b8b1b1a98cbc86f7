"""`opusmap demo`: maps the bundled contract register and submits it to an emulator of Opus."""

from __future__ import annotations

from pathlib import Path

import click

from opusmap.cli.help import command
from opusmap.cli.logs import log_error
from opusmap.cli.next_step import print_next
from opusmap.cli.options import ALL, Output, common
from opusmap.cli.output import print_json, print_note, show_record
from opusmap.cli.summary import print_summary, reject_reasons, replaced_reasons
from opusmap.cli.terminal import make_console, print_pairs
from opusmap.errors import SettingsError
from opusmap.wording import counted, show_command

_SAMPLES = 3
_FILES = ("mapping.yaml", "contracts.connection.json", "contracts.csv", "staff.csv")
"""What a person needs of the bundled register."""


@command(
    "Map a bundled register and submit it to an emulator of Opus",
    "opusmap demo",
    "opusmap demo --write contracts",
)
@click.option(
    "--write",
    "folder",
    metavar="FOLDER",
    type=click.Path(file_okay=False),
    help="Write the register and its mapping into FOLDER instead, to try commands on.",
)
@ALL
@common
def demo(out: Output, *, folder: str | None, every: bool) -> int:
    """Map a bundled contract register and submit it to an emulator of Opus.

    Some rows are rejected, because the register has deliberate errors. If the emulator holds the records of
    all other rows, the exit code is 0.
    """
    if folder is not None:
        return _write_files(Path(folder), out)
    from opusmap.run.open import open_work
    from opusmap.run.rehearsal import EmbeddedTransport, embedded_opus
    from opusmap.run.submit import SubmitOptions, submit_source

    work = open_work(_folder() / "mapping.yaml")
    emulator, settings = embedded_opus(work.mapper)
    if not out.silent:
        name = Path(work.source.name).name
        print_note(f"Mapping {name} by mapping.yaml, and submitting it to an emulator of Opus.")
        print_note("The register has deliberate errors, so that you see why rows are rejected.")
    with work.source:
        report = submit_source(work, settings, SubmitOptions(EmbeddedTransport(emulator)))
    held = emulator.records
    samples = dict(list(held.items())[:_SAMPLES])
    if out.as_json:
        print_json({**report.as_json(), "held": len(held), "samples": samples})
    else:
        console = make_console()
        for key, values in samples.items() if every else list(samples.items())[:1]:
            title = f"The emulator now holds {counted(len(held), 'record')}, among them {key}"
            print_pairs(console, (title, show_record(work.mapper, values)))
            console.print()
        sections = reject_reasons(report, work.place), replaced_reasons(report.replaced, work.place)
        print_summary(report, sections, sent=True, every=every, below=2, explained=True)
    if report.stopped is not None:
        log_error(report.stopped)
        return report.stopped.exit_code
    if not out.silent:
        print_note("Nothing left this machine: the emulator was in this process.")
    print_next(
        out,
        "write these files into a folder, to try commands on them",
        show_command("demo", "--write", "contracts"),
    )
    return 0 if report.submitted == report.mapped == len(held) else 1


def _write_files(folder: Path, out: Output) -> int:
    """Write the bundled register's files into a folder, and nothing over a file that is there."""
    from opusmap.output_files import write_whole

    for name in _FILES:
        if (folder / name).exists():
            raise SettingsError("--write", f"{folder / name} is there already", "name a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"the folder {folder} can't be made: {error.strerror}"
        raise SettingsError("--write", problem, "name another folder") from None
    for name in _FILES:
        with write_whole(folder / name) as file:
            file.write((_folder() / name).read_bytes())
    if out.as_json:
        print_json({"files": [str(folder / name) for name in _FILES]})
    elif not out.quiet:
        print_note(f"wrote {', '.join(_FILES)} into {folder}")
    print_next(out, "see what the mapping makes of each row", show_command("check", str(folder / _FILES[0])))
    return 0


def _folder() -> Path:
    """Return the folder of the bundled register: in the wheel, or beside the package in a checkout."""
    package = Path(__file__).parent.parent
    bundled = package / "demo"
    return bundled if bundled.is_dir() else package.parent / "mappings" / "contracts"
