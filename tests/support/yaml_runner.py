"""Loads one mapping in a process of its own, within a second of processor time and 100 MB, and tells the end.

The folder is its argument: `mapping.yaml` with its connection file. Writes JSON: `diagnostics`, each as code,
place and message; or `record`, what the row `{"K": "1"}` becomes. More memory is a MemoryError, more time
ends the process (SIGVTALRM).
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from opusmap.compiler import load_mapping
from opusmap.converters import builtin_converters
from opusmap.errors import InvalidMapping
from opusmap.mapping import parse_spec
from opusmap.records import Record

MEMORY = 100 << 20
SECONDS = 1.0


def told(path: Path) -> dict[str, Any]:
    try:
        mapper = load_mapping(path, columns=["K"], converters=builtin_converters())
    except InvalidMapping as error:
        return {"diagnostics": [[one.code, str(one.span), one.message] for one in error.diagnostics]}
    mapped = mapper.map_row({"K": "1"})
    return {"record": mapped.values} if isinstance(mapped, Record) else {"other": repr(mapped)}


def main() -> None:
    parse_spec("opusmap: 1\nconnection: c\nfields: {rowKey: K}")  # what is imported late is imported now
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        size = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    found = told(Path(sys.argv[1]) / "mapping.yaml")
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
