"""Proving the settings of a mapping online: what `check --online` prints."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

__all__ = ["prove_settings"]


def prove_settings(mapping: str, converters: tuple[str, ...], *, quiet: bool, silent: bool) -> dict[str, Any]:
    """Sign in and ask Opus one harmless question; say what that proved, and return it as plain data.

    Raises:
        OpusUnavailable: something is not right, or not to be proved now.
    """
    from opusmap.cli.confirm import print_host
    from opusmap.cli.options import registry
    from opusmap.cli.output import print_note
    from opusmap.compiler import load_mapping
    from opusmap.run.history import check_online
    from opusmap.settings import load_settings

    mapper = load_mapping(mapping, converters=registry(converters))
    settings = load_settings({}, os.environ, Path(mapping).parent)
    if not quiet:
        print_host(settings)
    online = check_online(mapper, settings)
    if not silent:
        print_note("Online, proved without sending a record:")
        for sentence in online.proved:
            print_note(f"  {sentence}")
        print_note(
            f"Not proved: that Opus takes the records; `opusmap submit {mapping} --limit 1` sends one."
        )
    return asdict(online)
