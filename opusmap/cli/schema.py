"""`opusmap schema`: prints the JSON Schema of the mapping language."""

from __future__ import annotations

from opusmap.cli.help import command
from opusmap.cli.options import verbosity
from opusmap.cli.terminal import write_json


@command("Print the JSON Schema of mappings, for editors", "opusmap schema > opusmap.schema.json")
@verbosity
def schema(*, quiet: bool) -> int:
    """Print the mapping language's JSON Schema, for editors that complete and check YAML."""
    del quiet  # there are no notes
    from opusmap.mapping.schema import load_schema

    write_json(load_schema(), indent=2)
    return 0
