"""Compiles and evaluates hostile expressions in a process of its own, and tells what each one did.

Reads `{"row", "warm", "expressions"}` as JSON from standard input, and writes one JSON line for each
expression to standard output before it goes on; so the parent knows which one ended the process.
Memory is limited, calls of functions are counted; three seconds of processor time for one expression end the
process (SIGVTALRM).
"""

from __future__ import annotations

import json
import re
import resource
import signal
import sys
import tracemalloc
import zoneinfo
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from evaluation import compiled, evaluated

from opusmap.converters.limits import LIST_LIMIT, NESTING_LIMIT, TEXT_LIMIT
from opusmap.errors import InvalidMapping, OpusmapError, ValueProblem

MEMORY = 300 << 20
"""Bytes of address space that the expressions may take, beyond what the process has at first."""
SECONDS = 3.0
"""For compiling and evaluating it twice. The slowest takes 0.8 when busy: counted steps are closer."""
STEPS = 2_000_000
"""Calls and returns of functions for compiling and evaluating it twice: a plain one takes 50,000."""
TOUCHES_THE_WORLD = (
    *("open", "os.", "socket.", "subprocess.", "import", "exec", "compile", "ctypes.", "shutil.", "pathlib."),
    *("urllib.", "http.", "ftplib.", "smtplib.", "pty.", "glob.", "tempfile.", "mmap.", "fcntl.", "pickle."),
    *("code.__new__", "function.__new__", "cpython.", "sys.addaudithook", "sys.settrace", "setopencodehook"),
)
ZONES = tuple(zoneinfo.TZPATH)

watching = False
events: list[str] = []
steps = 0


class TooManySteps(BaseException):
    """Nothing catches it on its way out."""


def count_step(_frame: object, _event: str, _arg: object) -> None:
    """Count a call of a function, or its return, Python's own functions included."""
    global steps  # noqa: PLW0603 - the interpreter calls this, and gives it nothing of ours
    steps += 1
    if steps > STEPS:
        raise TooManySteps


def watch(event: str, args: tuple[Any, ...]) -> None:
    if watching and event.startswith(TOUCHES_THE_WORLD) and not is_our_own(event, args):
        events.append(f"{event} {args!r:.200}")


def is_our_own(event: str, args: tuple[Any, ...]) -> bool:
    """Tell whether the generated function is loaded, Jinja reads a float, or a time zone is looked up."""
    if event == "compile":
        is_float = args[1] == "<unknown>" and re.fullmatch(rb"[0-9._eE+-]+", args[0]) is not None
        return is_float or str(args[1]).startswith("<opusmap ")
    if event == "exec":
        return str(args[0].co_filename).startswith("<opusmap ")
    return event == "open" and str(args[0]).startswith(ZONES) and ".." not in str(args[0])


def hostile_cells() -> dict[str, Any]:
    """Return cells as a stranger's source may bring them: wide, deep, huge, and numbers of one hash."""
    nested: list[Any] = ["x"]
    for _ in range(45):
        nested = [nested, "x"]
    return {
        "wide": ["x" * 20] * 9_000,
        "pairs": [[f"a{n}", f"b{n}"] for n in range(4_000)],
        "nested": nested,
        "long": "y" * 60_000,
        "sharp": "ß" * 60_000,
        "colliding": [n * (2**61 - 1) for n in range(1, 8_001)],
        "fractions": [Decimal(n * (2**61 - 1)) / 8 for n in range(1, 8_001)],
        "huge": 10**4_000 + 7,
        "tiny": Decimal("1e-999999"),
        "giant": Decimal("1e999999"),
        "object": {f"k{n}": "z" * 30_000 for n in range(3)},
    }


def is_plain(value: object, depth: int = 0) -> bool:
    if isinstance(value, str):
        return len(value) <= TEXT_LIMIT
    if isinstance(value, list):
        return (
            depth <= NESTING_LIMIT
            and len(value) <= LIST_LIMIT
            and all(is_plain(item, depth + 1) for item in value)
        )
    return value is None or isinstance(value, bool | int | Decimal | date)


def outcome(expression: str, row: dict[str, Any], columns: dict[str, Any] | None) -> str:
    """Return what it ended with: a value, a problem of the mapping, or one of the row."""
    try:
        value = evaluated(compiled(expression, columns), row)
    except InvalidMapping as error:
        located = all(found.span.line > 0 and found.code and found.message for found in error.diagnostics)
        short = len(error.describe()) <= 1 << 16
        return f"refused {error.diagnostics[0].code}" if located and short else f"BAD ERROR {error!r:.500}"
    except ValueProblem as problem:
        return (
            f"problem {problem.code}" if len(problem.describe()) < 1 << 16 else f"LONG ERROR {problem.code}"
        )
    except OpusmapError as error:
        return f"UNEXPECTED {error!r:.500}"
    except MemoryError:
        return "MEMORY"
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is a success of the attack
        return f"CRASH {type(error).__name__} {error!s:.500}"
    return f"value {value!r:.200}" if is_plain(value) else f"NOT PLAIN {type(value).__name__}"


def run(expression: str, row: dict[str, Any]) -> dict[str, Any]:
    global watching  # noqa: PLW0603 - an audit hook can't be removed, only told to look away
    before, limit = repr(row), signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    assert limit is not None
    tracemalloc.reset_peak()
    size = tracemalloc.get_traced_memory()[0]
    watching = True
    outcomes = [outcome(expression, row, columns) for columns in (row, None)]
    watching = False
    left = signal.setitimer(signal.ITIMER_VIRTUAL, 0)[0]
    told = {"events": events[:], "outcomes": outcomes, "row_kept": repr(row) == before}
    events.clear()
    told |= {"seconds": SECONDS - left, "memory": tracemalloc.get_traced_memory()[1] - size}
    return told | {"steps": counted(expression, row), "step_limit": STEPS}


def counted(expression: str, row: dict[str, Any]) -> int:
    """Return how many steps it takes: once more, as counting is slow and the second is for the expression."""
    global steps  # noqa: PLW0603 - see count_step
    tracemalloc.stop()
    steps = 0
    sys.setprofile(count_step)
    for columns in (row, None):
        outcome(expression, row, columns)  # too many steps end it, and are more than the limit
    sys.setprofile(None)
    tracemalloc.start()
    return steps


def main() -> None:
    task = json.load(sys.stdin)
    row = task["row"] | hostile_cells()
    for expression in task["warm"]:  # what is imported late is imported now
        with suppress(OpusmapError):
            evaluated(compiled(expression, row), row)
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        size = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    tracemalloc.start()
    sys.addaudithook(watch)
    for expression in task["expressions"]:
        print(json.dumps(run(expression, row)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
