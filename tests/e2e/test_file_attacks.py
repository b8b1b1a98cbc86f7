"""Source files that naive readers mishandle: each row of the list of attacks has a test of its name.

Each file goes through `opusmap map` in a process of its own: it ends with an exit code that it means to
have, says what is wrong and where in plain words, and keeps within 300 MB.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from attacked_files import CONNECTION, mapped, place, run, write

from opusmap.errors import SourceError
from opusmap.run.open import open_work

HEADER = "key,title,sum\n"


# CSV.


def test_csv_with_an_unclosed_quote(tmp_path: Path) -> None:
    ending = mapped(tmp_path, "x.csv", HEADER + '1,a,1\n2,"open,2\n' + "3,c,3\n" * 50_000)
    assert (ending.code, place(ending)) == (2, ("unclosed-quote", 3))


@pytest.mark.parametrize(
    ("header", "code"), [("key,title,key\n", "duplicate-header"), ("key,sum,sum\n", "duplicate-header")]
)
def test_csv_with_duplicate_or_empty_header_names(tmp_path: Path, header: str, code: str) -> None:
    ending = mapped(tmp_path, "x.csv", header + "1,a,1\n")
    assert (ending.code, place(ending)) == (2, (code, 1))


def test_csv_with_short_and_long_rows(tmp_path: Path) -> None:
    ending = mapped(tmp_path, "x.csv", HEADER + "1,a,1\n2\n3,b,3,4\n4,c,4\n")
    # Row 2 may have been cut by the line break before row 3, which has one cell.
    assert (ending.code, ending.rejects) == (1, dict.fromkeys((2, 3, 4), "ragged-row"))
    assert [record["rowKey"] for record in ending.records] == ["4"]


@pytest.mark.parametrize(("length", "code"), [(131_073, None), (1_000_001, "field-too-long")])
def test_csv_with_a_field_of_131073_characters(tmp_path: Path, length: int, code: str | None) -> None:
    ending = mapped(tmp_path, "x.csv", f"{HEADER}1,{'x' * length},1\n2,b,2\n")
    if code is None:
        assert len(ending.records[0]["_Title"]) == length
    else:
        assert ending.rejects == {2: code}
    assert ending.records[-1]["rowKey"] == "2"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_csv_in_utf_8_with_bom_and_in_utf_16(tmp_path: Path, encoding: str) -> None:
    stated = ", encoding: utf-16-le" if encoding == "utf-16-le" else ""
    ending = mapped(tmp_path, "x.csv", (HEADER + "1,Łódź,1\n").encode(encoding), stated)
    assert (ending.code, ending.records[0]["_Title"]) == (0, "Łódź")


def test_csv_in_utf_16_without_bom_is_told_how_to_say_so(tmp_path: Path) -> None:
    ending = mapped(tmp_path, "x.csv", (HEADER + "1,a,1\n").encode("utf-16-le"))
    assert (ending.code, place(ending)) == (2, ("nul-byte", 1))
    assert "encoding: utf-16-le" in ending.said


def test_csv_with_cp1252_bytes_in_a_utf_8_file(tmp_path: Path) -> None:
    content = (HEADER + "1,Łódź,1\n").encode() + "2,café,2\n".encode("cp1252")
    ending = mapped(tmp_path, "x.csv", content)
    assert (ending.code, place(ending)) == (2, ("encoding", 3))
    assert "encoding: cp1252" in ending.said
    assert "café" in ending.said


def test_csv_with_nul_bytes(tmp_path: Path) -> None:
    ending = mapped(tmp_path, "x.csv", HEADER + "1,a\0b,1\n2,b,2\n")
    assert (ending.code, ending.rejects) == (1, {2: "nul-byte"})


def test_cells_that_begin_a_formula(tmp_path: Path) -> None:
    """In records they are exact; in a file of rejects for people they are no formula, and come back exact."""
    texts = [f"{start}HYPERLINK('x')" for start in "=+-@\t\r"]
    content = io.StringIO()
    cells = csv.writer(content)
    cells.writerow(["key", "title", "sum"])
    cells.writerows(
        [f"{total}{number}", text, total] for total in ("1", "none") for number, text in enumerate(texts)
    )
    ending = mapped(tmp_path, "x.csv", content.getvalue())
    assert [record["_Title"] for record in ending.records] == texts
    with (tmp_path / "out.rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [shown["title"] for shown in csv.DictReader(file)] == ["'" + text for text in texts]


# Parquet.


MAKE_PARQUET = """
import sys
import pyarrow as pa
import pyarrow.parquet as pq
table = pa.table({"key": [str(n) for n in range(300)], "title": ["x" * 1_000_000] * 300, "sum": ["1"] * 300})
with pq.ParquetWriter(sys.argv[1], table.schema, compression="zstd") as writer:
    writer.write_table(table, row_group_size=300)
"""


def test_parquet_of_2_kb_that_expands_to_1_mb_a_row(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    # Made in a process of its own: what this one has had in memory would count for those that it starts.
    subprocess.run([sys.executable, "-c", MAKE_PARQUET, str(tmp_path / "x.parquet")], check=True)
    assert (tmp_path / "x.parquet").stat().st_size < 20_000
    write(tmp_path, "x.parquet", None)
    code, said = run(tmp_path, os.devnull)
    assert (code, json.loads(said.splitlines()[0])["read"]) == (0, 300)


# JSON Lines.


BAD_LINES = {
    '{"key": "2", "title": "x", "sum": NaN}': "json-syntax",
    '{"key": "2", "title": "x", "sum": -Infinity}': "json-syntax",
    '{"key": "2", "title": "\\ud800", "sum": 1}': "json-surrogate",
    '{"key": "2", "title": ' + "[" * 5_000 + "]" * 5_000 + ', "sum": 1}': "json-too-deep",
    '{"key": "2", "title": "x", "sum": 1, "key": "3"}': "json-repeated-name",
    '{"key": "2", "title": "x", "sum": 1e10000000}': "number-too-large",
    '{"key": "2", "title": "x", "sum": 1e999999999999999999999}': "json-number",
}


@pytest.mark.parametrize("name", ["x.jsonl", "x.json"])
def test_json_with_nan_infinity_a_lone_surrogate_5000_levels_duplicate_keys(
    tmp_path: Path, name: str
) -> None:
    good = '{"key": "%s", "title": "x", "sum": 1}'
    lines = [good % "first", *BAD_LINES, good % "last"]
    content = "\n".join(lines) if name.endswith("l") else f"[{','.join(lines)}]"
    ending = mapped(tmp_path, name, content)
    assert (ending.code, ending.rejects) == (1, dict(enumerate(BAD_LINES.values(), 2)))
    assert [record["rowKey"] for record in ending.records] == ["first", "last"]


# Numbers.


def test_numbers_1e10000000_arabic_indic_digits_and_underscores(tmp_path: Path) -> None:
    numbers = ["1e10000000", "٣٤", "1_000", "0x10", "1e5", "Infinity", "1,23", "--1", "½"]
    lines = [f'{number},a,"{text}"\n' for number, text in enumerate(numbers)]
    ending = mapped(tmp_path, "x.csv", HEADER + "".join(lines) + "last,b,2\n")
    assert (ending.code, len(ending.records)) == (1, 1)
    assert json.loads(ending.said.splitlines()[0])["rejected"] == len(numbers)
    assert set(ending.rejects.values()) == {"bad-number"}


# Outputs.


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links need rights here")
@pytest.mark.parametrize("name", ["out.jsonl", "out.rejects.csv"])
def test_a_symlink_where_an_output_should_go(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / name).symlink_to(victim)
    write(tmp_path, "x.csv", HEADER + "1,a,1\n2,b,no number\n")
    run(tmp_path)  # an error, or the link is replaced: either way what it leads to stays
    assert victim.read_text() == "precious"
    for written in (tmp_path / "out.jsonl", tmp_path / "out.rejects.csv"):
        if written.exists() and not written.is_symlink():
            assert written.stat().st_mode & 0o777 == 0o600


def test_devices_are_written_as_they_are(tmp_path: Path) -> None:
    write(tmp_path, "x.csv", HEADER + "1,a,1\n")
    code, said = run(tmp_path, os.devnull)
    assert (code, json.loads(said.splitlines()[0])["mapped"]) == (0, 1)


# A mapping from a stranger.


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("path: ../secret.csv", "outside-folder"),
        ("path: /etc/passwd, format: csv", "outside-folder"),
        ("path: '../*.csv'", "outside-folder"),
        ("path: https://127.0.0.1/x.csv", "outside-folder"),
        ("path: 's3://bucket/x.csv'", "outside-folder"),
        ("path: 'file:///etc/passwd', format: csv", "outside-folder"),
        ("path: link.csv", "outside-folder"),
        ("path: 'link/*.csv'", "outside-folder"),
        ("path: 'l*.csv'", "outside-folder"),
        ("path: link, format: files", "outside-folder"),
        ("database: HOME, sql: SELECT 1", "no-database"),
        ("path: x.sqlite, sql: \"ATTACH '../secret.sqlite' AS s\"", "bad-query"),
    ],
)
@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links need rights here")
def test_a_mapping_reaches_for_what_is_not_its_own(tmp_path: Path, source: str, code: str) -> None:
    (tmp_path / "secret.csv").write_text("key,title,sum\n1,secret,1\n")
    folder = tmp_path / "mapping"
    folder.mkdir()
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "link").symlink_to(tmp_path)
    with closing(sqlite3.connect(folder / "x.sqlite")) as database:
        database.execute("CREATE TABLE t (a)")
    (folder / "c.json").write_text(json.dumps(CONNECTION), "utf-8")
    (folder / "m.yaml").write_text(
        f"opusmap: 1\nconnection: c.json\nsource: {{{source}}}\n"
        "fields: {rowKey: key, Title: title, Sum: sum}\n"
    )
    with pytest.raises(SourceError) as caught:
        open_work(folder / "m.yaml")
    assert caught.value.code == code
