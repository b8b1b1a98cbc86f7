"""Staged runs: a source's records as Parquet files with a manifest, written by one job and sent by others.

A staged run is a folder, or an address that fsspec knows. Nothing in it changes once its manifest is there.

    records/part-*.parquet   what Opus will get: `row`, `key`, `hash`, `body` (and `replaced`, `notes`)
    rejects/part-*.parquet   rows that gave no record: `row`, `key`, `problems`, `cells`
    manifest.json            written last: mapping, connection, lock, counts, each part's SHA-256

| column | type | content |
|---|---|---|
| `row` | int64, may be null | the source's row number; null where rows have none (Spark) |
| `key` | string | the row key; all records with one key are in one part |
| `hash` | binary (16 bytes) | the journal's `hash_content(body, conflict)` |
| `body` | string | the record's JSON as it is sent |
| `replaced`, `notes` | string, may be null or left out | JSON list of `Issue.as_json()`, `null` where empty |
| `problems` | string | JSON list of `Issue.as_json()`: why the row was rejected |
| `cells` | string | JSON object: the row as it was read |

Parts may have any name that does not begin with `_` or `.`; files that do (Spark's `_SUCCESS`) don't count.
What writes the files itself (as Spark does) calls `refuse_occupied` and `read_rules` before it maps, and
`write_manifest` when all files are there; `encode_issues` gives the text of `problems` and the like.
`StagedWriter` writes files and manifest from chunks, `look_at` is for people. `open_staged` reads:

```python
staged = open_staged("s3://bucket/run-7")       # refuses what is not whole; reads no part yet
staged.content_hash, staged.counts, staged.spec, staged.connection, staged.lock
for part in staged.parts:                       # name, records, size, sha256
    for record in staged.read(part):            # row, key, hash, body; verifies the part first
        ...
with staged.open_part(part) as records:         # the same; fetches and verifies on entry, which may take
    ...                                         # long, so a program with an event loop enters in a thread
```
"""

from __future__ import annotations

from opusmap.staging.manifest import StagedPart, StagedRules, read_rules
from opusmap.staging.overview import StagedOverview, look_at
from opusmap.staging.staged_run import StagedRun, open_staged, write_manifest
from opusmap.staging.staged_writer import StagedWriter, encode_issues, refuse_occupied

__all__ = [
    "StagedOverview",
    "StagedPart",
    "StagedRules",
    "StagedRun",
    "StagedWriter",
    "encode_issues",
    "look_at",
    "open_staged",
    "read_rules",
    "refuse_occupied",
    "write_manifest",
]
