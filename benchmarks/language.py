"""How long an editor waits: CPU time of a keystroke (problems, completion, hover), and of a sample of rows.

    python -m benchmarks.language [MAPPING …]

A keystroke changes a comment behind the first binding: that entry is read again, and columns that did not
change are not planned again. The sample includes the time in which code is generated. The generated mapping
has 300 lines, 284 of them bindings.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from opusmap.language import LanguageService, Position

KEYSTROKES = 10
LINES = 300
ROWS = 1_000
PROJECT = Path(__file__).parent.parent


def measure(work: Callable[[], object]) -> float:
    """Return the CPU time of some work in milliseconds."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1_000


def generate(folder: Path) -> Path:
    """Write a mapping of 300 lines in several styles, its connection and a source of 1,000 rows."""
    names = [f"Column {number}" for number in range(LINES - 16)]
    types = {"rowKey": "SingleText"} | {f"_Column_%20_{number}": "SingleText" for number in range(len(names))}
    connection = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [types]}
    (folder / "c.json").write_text(json.dumps(connection))
    rows = [["Key", *names], *([f"k{row}", *(f" value {row} " for _ in names)] for row in range(ROWS))]
    (folder / "rows.csv").write_text("\n".join(",".join(row) for row in rows))
    forms = (
        "{name}",
        "{{from: {name}, convert: trim}}",
        "\"{{{{ row['{name}'] | trim | upper }}}}\"",
        '{{from: {name}, default: "none", on_error: omit}}',
    )
    lines = [f"  {name}: " + forms[number % 4].format(name=name) for number, name in enumerate(names)]
    head = ["opusmap: 1", "connection: c.json", "source: {path: rows.csv}", "let:"]
    head += [f'  x{number}: "{{{{ Key | upper }}}}"' for number in range(9)]
    path = folder / "mapping.yaml"
    path.write_text("\n".join([*head, "fields:", "  rowKey: Key", *lines, ""]))
    return path


def time_mapping(path: Path) -> None:
    """Print the times of a mapping."""
    text, service = path.read_text("utf-8"), LanguageService(path)

    def open_it() -> None:
        service.update(text)
        assert service.problems is not None

    first = measure(open_it)
    lines = text.split("\n")
    line = lines.index("fields:") + 1
    column = lines[line].index(":") + 2
    times: dict[str, list[float]] = {"problems": [], "completion": [], "hover": [], "sample": []}
    for number in range(KEYSTROKES):
        changed = "\n".join([*lines[:line], lines[line] + f"  # {number}", *lines[line + 1 :]])
        service.update(changed)
        times["problems"].append(measure(lambda: service.problems))
        times["completion"].append(measure(lambda: service.complete(Position(line, column))))
        times["hover"].append(measure(lambda: service.hover(Position(line, column))))
        times["sample"].append(measure(service.map_sample))
    shown = "".join(f"{median(found):>12.0f}" for found in times.values())
    total = sum(median(found) for name, found in times.items() if name != "sample")
    print(f"{path.parent.name + '/' + path.name:<32}{len(lines):>6}{first:>8.0f}{shown}{total:>12.0f}")


def main() -> None:
    print(f"{'ms of CPU, median':<32}{'lines':>6}{'first':>8}", end="")
    print("".join(f"{name:>12}" for name in ("problems", "completion", "hover", "sample", "keystroke")))
    mappings = PROJECT / "mappings"
    given = [Path(name) for name in sys.argv[1:]]
    for path in given or [
        mappings / name / "mapping.yaml" for name in ("contracts", "kev", "doaj", "chinook")
    ]:
        time_mapping(path)
    if not given:
        with tempfile.TemporaryDirectory() as folder:
            time_mapping(generate(Path(folder)))


if __name__ == "__main__":
    main()
