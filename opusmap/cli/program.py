"""The program `opusmap`: all commands, and their help.

A command loads what it needs when it runs, so that naming them all costs little.
"""

from __future__ import annotations

import click

from opusmap.cli.check import check
from opusmap.cli.completion import completion
from opusmap.cli.converters import converters
from opusmap.cli.demo import demo
from opusmap.cli.emulator import emulator
from opusmap.cli.explain import explain
from opusmap.cli.init import init
from opusmap.cli.lock import lock
from opusmap.cli.map import map_
from opusmap.cli.options import example
from opusmap.cli.preview import preview
from opusmap.cli.prune import prune
from opusmap.cli.report import report
from opusmap.cli.retry import retry
from opusmap.cli.schema import schema
from opusmap.cli.submit import submit
from opusmap.cli.test import test
from opusmap.cli.version import version_option


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=example("opusmap demo", "opusmap check mapping.yaml", "opusmap submit mapping.yaml --to emulator"),
)
@version_option
def opusmap() -> None:
    """Map records metadata into AvePoint Opus by one YAML file.

    Exit codes: 0 all done; 1 some records were rejected or failed; 2 wrong usage, mapping, source
    or settings; 3 Opus could not be reached or signed in to; 4 stopped early, run again to go on;
    70 a bug in opusmap.
    """


for _command in (
    check,
    completion,
    converters,
    demo,
    emulator,
    explain,
    init,
    lock,
    map_,
    preview,
    prune,
    report,
    retry,
    schema,
    submit,
    test,
):
    opusmap.add_command(_command)
