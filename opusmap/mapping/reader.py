"""What a mapping is read through: its YAML, the fragments that it includes, its lookup tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from opusmap.mapping.tables import read_table
from opusmap.mapping.yaml_reader import YamlFile, parse_yaml, read_yaml
from opusmap.source_options import SourceOptions


class Reader:
    """Reads YAML and the entries of lookup tables. An editor's reads only what has changed."""

    def parse(self, text: str, name: str) -> YamlFile:
        """Read a YAML text; see `parse_yaml`."""
        return parse_yaml(text, name)

    def read(self, path: Path, name: str) -> YamlFile:
        """Read a YAML file; see `read_yaml`."""
        return read_yaml(path, name)

    def table(
        self,
        path: Path | None,
        options: SourceOptions,
        key: str | None,
        value: str | None,
        inside: Path | None,
    ) -> dict[str, Any]:
        """Read the entries of a lookup table; see `read_table`."""
        return read_table(path, options, key, value, inside)
