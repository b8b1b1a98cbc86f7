"""Other tools doing the benchmarks' work, each in an environment of its own (`make bench-peers`).

Owns where they are and how they are called. What each does stands in `peers/`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["PEERS", "peer_command"]

ROOT = Path(__file__).resolve().parent
HOME = ROOT.parent / "build" / "peers"
PEERS = ("airbyte", "singer", "jq", "miller")


def peer_command(name: str) -> list[str] | None:
    """Return the command to which source and target are added; None if the tool is not installed."""
    if name in ("airbyte", "singer"):
        python = HOME / name / "bin" / "python"
        return [str(python), str(ROOT / "peers" / f"{name}_mapping.py")] if python.exists() else None
    program = shutil.which("jq" if name == "jq" else "mlr")
    return [str(ROOT / "peers" / f"{name}.sh")] if program else None
