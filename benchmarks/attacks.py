"""How long each hostile expression takes to compile and evaluate: 50 ms at most (promise 11).

    OPUSMAP_ATTACKS=FOLDER python benchmarks/attacks.py [--rounds N] [--json FILE]

FOLDER holds the corpus `expressions.json`: a list of `{"kind", "expression"}`. Each expression is the
binding of a mapping's one text column; what counts is the shortest of N rounds of CPU time, so that the
machine's other work does not. Prints the slowest and what they come to.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from mapping import machine

from opusmap.compiler import compile_mapping
from opusmap.connection import parse_connection
from opusmap.errors import InvalidMapping
from opusmap.mapping import parse_spec
from opusmap.records import Reject

LIMIT = 0.050
ROW = {"name": "Acme", "amount": "12", "items": [1, 2, 3]}
CONNECTION = {
    "id": "0e4c9f5d-52a1-4a0c-9a30-6d2d2f3f7b15",
    "data": [{"rowKey": "SingleText", "leafName": "MultipleText"}],
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folder = os.environ.get("OPUSMAP_ATTACKS")
    if not folder:
        sys.exit("name the corpus' folder in OPUSMAP_ATTACKS")
    corpus = json.loads(Path(folder, "expressions.json").read_text("utf-8"))
    run("name")  # what is loaded once is not the expression's
    found = [
        min((run(one["expression"]) for _ in range(options.rounds)), key=lambda result: result["cpu"]) | one
        for one in corpus
    ]
    found.sort(key=lambda one: -one["cpu"])
    over = [one for one in found if one["cpu"] > LIMIT]
    print(f"{len(found)} expressions, {machine()}")
    median = found[len(found) // 2]["cpu"] * 1e3
    print(f"over {LIMIT * 1e3:.0f} ms: {len(over)}; the median takes {median:.1f} ms")
    for one in found[:10]:
        what = f"{one['ending']:<22} {one['kind'][:24]:<24} {one['expression'][:50]!r}"
        print(f"  {one['cpu'] * 1e3:6.1f} ms  {what}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


def run(expression: str) -> dict[str, Any]:
    """Compile and evaluate an expression; return the CPU seconds that takes, and how it ends."""
    spec = {
        "opusmap": 1,
        "connection": "c.json",
        "fields": {"rowKey": "name", "leafName": {"value": expression}},
    }
    text, connection = json.dumps(spec), parse_connection(json.dumps(CONNECTION))
    began = time.process_time()
    try:
        mapped = compile_mapping(parse_spec(text), connection).map_row(ROW)
    except InvalidMapping as error:
        ending = error.diagnostics[0].code
    else:
        ending = mapped.problems[0].code if isinstance(mapped, Reject) else "a value"
    return {"cpu": time.process_time() - began, "ending": ending}


if __name__ == "__main__":
    main()
