"""`opusmap doctor`: checks what a run depends on, and prints it for a bug report."""

from __future__ import annotations

import os
from pathlib import Path

import click

from opusmap.cli.help import command
from opusmap.cli.options import ANY_MAPPING, Output, common, refuse_absent
from opusmap.cli.output import print_json
from opusmap.cli.terminal import write_result
from opusmap.wording import counted


@command(
    "Check what a run depends on, for a bug report",
    "opusmap doctor mapping.yaml",
    "opusmap doctor mapping.yaml --no-network --json",
)
@ANY_MAPPING
@click.option("--no-network", is_flag=True, help="Skip the network checks.")
@common
def doctor(mapping: Path | None, out: Output, *, no_network: bool) -> int:
    """Check versions, settings, clock, journal, permissions and network, for a bug report.

    Settings and journal are those of MAPPING; without it, of this folder. This command shows and sends no
    secret, changes nothing, and does not sign in. `opusmap check MAPPING --online` verifies the sign-in.
    """
    from opusmap.operations.doctor import examine

    refuse_absent(mapping)
    folder = Path() if mapping is None else mapping.parent
    findings = examine(os.environ, folder, network=not no_network)
    problems, area = 0, ""
    shown = []
    for finding in findings:
        problems += finding.verdict == "problem"
        shown.append(finding.as_json())
        if out.as_json:
            continue
        if finding.area != area:
            area = finding.area
            write_result(area)
        what = f"{finding.what}: " if finding.what else ""
        write_result(f"  {finding.verdict:<8} {what}{finding.found}")
        if finding.help:
            write_result(f"           help: {finding.help}")
    if out.as_json:
        print_json({"problems": problems, "findings": shown})
    else:
        write_result(f"{counted(problems, 'problem')} found")
    return 1 if problems else 0
