"""`opusmap schema`: prints the JSON Schema of the mapping language."""

from __future__ import annotations

import click

from opusmap.cli.options import example
from opusmap.cli.terminal import write_json


@click.command(epilog=example("opusmap schema > opusmap.schema.json"))
def schema() -> int:
    """Print the mapping language's JSON Schema, for editors that complete and check YAML."""
    from opusmap.mapping.schema import load_schema

    write_json(load_schema(), indent=2)
    return 0
