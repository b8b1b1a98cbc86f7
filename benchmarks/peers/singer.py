"""The Singer SDK over a JSON Lines file: the stream map of `register.singer.yaml`, record by record.

    TZ=Australia/Sydney python benchmarks/peers/singer.py SOURCE TARGET

Nothing of a tap or target but its stream map runs, which is to Singer's advantage.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import orjson
import yaml
from singer_sdk.mapper import PluginMapper

CONFIG = Path(__file__).with_name("register.singer.yaml")


def map_file(source: str, target: str) -> tuple[int, int]:
    """Write the records of a JSON Lines file; return how many rows were mapped and how many not."""
    count = 0
    with Path(source).open("rb") as lines, Path(target).open("wb") as out:
        columns = orjson.loads(lines.readline())
        lines.seek(0)
        schema = {"type": "object", "properties": {name: {"type": "string"} for name in columns}}
        mapper = PluginMapper(yaml.safe_load(CONFIG.read_text("utf-8")), logging.getLogger(__name__))
        mapper.register_raw_stream_schema("register", schema, key_properties=None)
        transform = mapper.stream_maps["register"][0].transform
        for line in lines:
            out.write(orjson.dumps(transform(orjson.loads(line))) + b"\n")
            count += 1
    return count, 0


if __name__ == "__main__":
    import json

    from contestant import measure  # beside peers.py, which sets the path

    print(json.dumps(measure(map_file, *sys.argv[1:])))
