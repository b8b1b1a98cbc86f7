"""One contestant's run over one file, in a process of its own; prints what it took as JSON.

    python benchmarks/contestant.py WORK/NAME SOURCE TARGET       such as expressions/tuned

Without WORK it is the register whose columns are bound to source columns. CPU and wall-clock seconds count
from when everything is imported; opusmap's include compiling the mapping. `peak` is the most memory that the
process held, in MB (imports included).
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
WORK = ROOT / "workloads"
"""A folder for each kind of work: `rows.py`, `mapping.yaml`, `first_draft.py`, `tuned.py`."""

MAPPINGS = {
    ".jsonl": ROOT / "register" / "mapping.yaml",
    ".csv": ROOT.parent / "mappings" / "contracts" / "mapping.yaml",
}
Run = Callable[[str, str], tuple[int, int]]

folder: Path | None = None
"""The folder of the work at hand, None for the registers above."""


def enter(work: str) -> None:
    """Let the modules of a kind of work be imported by their plain names."""
    global folder  # noqa: PLW0603 - a process has one kind of work
    folder = WORK / work
    sys.path[:0] = [str(folder), str(WORK)]


def find_mapping(source: str) -> Path:
    """Return the mapping for a source."""
    return MAPPINGS[Path(source).suffix] if folder is None else folder / "mapping.yaml"


def first_draft() -> Run:
    from first_draft import map_file

    return map_file


def tuned() -> Run:
    from tuned import map_file

    return map_file


def parse_only() -> Run:
    """Read and write again, nothing between: the floor."""
    import msgspec

    def run(source: str, target: str) -> tuple[int, int]:
        decode, encode = msgspec.json.Decoder(dict[str, str]).decode, msgspec.json.Encoder().encode
        count, batch = 0, []
        with Path(source).open("rb") as lines, Path(target).open("wb") as out:
            for line in lines:
                batch.append(decode(line))
                count += 1
                if len(batch) == 15:  # noqa: PLR2004 - a request's records
                    out.write(encode({"data": batch}) + b"\n")
                    batch = []
            out.write(encode({"data": batch}) + b"\n")
        return count, 0

    return run


def handwritten() -> Run:
    from handwritten import map_file

    return map_file


def opusmap() -> Run:
    """Return the whole road of `opusmap map --payloads`: keys checked, rows counted, rejects with reasons."""
    import opusmap.submission  # noqa: F401 - what `PayloadWriter` imports
    from opusmap.map_stream import MapStream, PayloadWriter
    from opusmap.report import create_output
    from opusmap.work import open_work

    def run(source: str, target: str) -> tuple[int, int]:
        work = open_work(find_mapping(source), source)
        stream = MapStream(work)
        with work.source, create_output(target) as file, PayloadWriter(work, file) as bodies:
            for chunk in stream:
                bodies.write(chunk)
        return stream.tally.mapped, stream.tally.rejected

    return run


def opusmap_records() -> Run:
    """Return the whole road of `opusmap map`: records as JSON Lines, rejects to a file."""
    from opusmap.map_stream import MapStream
    from opusmap.report import RejectWriter, create_output
    from opusmap.work import open_work

    def run(source: str, target: str) -> tuple[int, int]:
        work = open_work(find_mapping(source), source)
        rejects = RejectWriter.beside(Path(target), work.source)
        stream = MapStream(work)
        with work.source, create_output(target) as file, rejects:
            for chunk in stream:
                file.write(chunk.lines)
                for reject in chunk.rejects():
                    rejects.write(reject)
        return stream.tally.mapped, stream.tally.rejected

    return run


CONTESTANTS: dict[str, Callable[[], Run]] = {
    function.__name__: function
    for function in (first_draft, tuned, parse_only, handwritten, opusmap, opusmap_records)
}


def measure(run: Run, source: str, target: str) -> dict[str, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    mapped, rejected = run(source, target)
    taken = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    return {**taken, "peak": peak_memory(), "mapped": mapped, "rejected": rejected}


def peak_memory() -> float:
    """Return the most memory that this process held, in MB; 0 where the system does not tell.

    Linux says it in /proc. Its `ru_maxrss` would count the process that this one was forked from, too.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text("utf-8"))
        return 0.0 if found is None else round(int(found[1]) * 1024 / 1e6, 1)
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


if __name__ == "__main__":
    who, source, target = sys.argv[1:]
    kind, _, name = who.rpartition("/")
    if kind:
        enter(kind)
    print(json.dumps(measure(CONTESTANTS[name](), source, target)))
