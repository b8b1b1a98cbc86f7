"""Compressed files and encodings: rows come, or an error that says why; never an error of Python's."""

from __future__ import annotations

import encodings
import encodings.aliases
import gzip
import io
import os
import pkgutil
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.errors import SourceError
from opusmap.records import Row
from opusmap.sources import open_source
from opusmap.sources.text_io import BLOCK_SIZE

NAMES = sorted(
    {*encodings.aliases.aliases, *encodings.aliases.aliases.values()}
    | {module.name for module in pkgutil.iter_modules(encodings.__path__)}
)
CONTENTS = {
    "x.csv": [
        b"key,title\n1,a\n2,\xc3\xa9\n",
        b"key,title\nxn--a-ecp.ru,\xff\\x\n",
        b"key,title\n1,\\N{no such}\n",
        b"key,title-\n1," + b"a" * 300 + b"-999999999999z\n",
        "key,title\n1,a\n".encode("utf-16"),
        b"",
    ],
    "x.jsonl": [b'{"key": "\xc3\xa9"}\n', b'{"key": "\\ud800"}\n', b"xn--\xff\n"],
    "x.json": [b'[{"key": "\xff"}]', b'[{"key": "xn--"}]'],
}


@pytest.mark.parametrize("name", CONTENTS)
def test_every_codec_that_python_knows_gives_rows_or_a_reason(name: str, tmp_path: Path) -> None:
    read = set()
    for content in CONTENTS[name]:
        (tmp_path / name).write_bytes(content)
        for encoding in NAMES:
            try:
                with open_source(tmp_path / name, encoding=encoding) as source:
                    assert list(source.rows()) is not None
                    read.add(encoding)
            except SourceError:
                continue
    assert {"utf_8", "cp1252", "latin_1", "shift_jis", "gb18030", "cp1250", "mac_roman"} <= read


@pytest.mark.parametrize(
    "encoding",
    [
        *("idna", "IDNA", "punycode", "unicode_escape", "unicode-escape", "raw_unicode_escape", "charmap"),
        *("undefined", "rot13", "base64", "zlib", "bz2", "hex", "uu", "quopri", "zip"),
        *("", " ", "western", "../x", "os", "aliases", "\x1b[31m", "\ud800", "cp1252\nx", "x" * 300),
    ],
)
def test_what_is_no_encoding_of_files_is_named(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"key,title\n1,a\n")
    with pytest.raises(SourceError, match="is not an encoding of files") as caught:
        open_source(tmp_path / "x.csv", encoding=encoding)
    assert caught.value.code == "unknown-encoding"
    assert "\x1b" not in str(caught.value)
    assert len(caught.value.problem) < 120


def test_a_compressed_file_is_read_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress("\ufeffä,b\n1,2\n".encode()) + b"\0" * 9 + gzip.compress(b"3,4\n"))
    with open_source(path) as source:
        assert list(source.rows()) == [Row(2, {"ä": "1", "b": "2"}), Row(3, {"ä": "3", "b": "4"})]
        assert [note.split()[-1] for note in source.notes[:2]] == ["gzip", "UTF-8"]


@given(st.binary(max_size=3_000), st.integers(1, 900), st.booleans())
def test_what_was_compressed_comes_back_wherever_blocks_end(content: bytes, size: int, twice: bool) -> None:  # noqa: FBT001
    from opusmap.sources.text_io import _unpack

    packed = gzip.compress(content) * (2 if twice else 1)
    blocks = [packed[start : start + size] for start in range(0, len(packed), size)]
    assert b"".join(_unpack(iter(blocks), "x")) == content * (2 if twice else 1)


@pytest.mark.parametrize("cut", [12, 40, -1, -9])
def test_a_compressed_file_cut_off_or_damaged_is_refused(cut: int) -> None:
    packed = gzip.compress(b"a,b\n" + os.urandom(2_000).hex().encode() + b",1\n")
    for data in (packed[:cut], packed[:30] + b"\xff\xff\xff" + packed[33:]):
        with pytest.raises(SourceError) as caught, open_source(io.BytesIO(data), format="csv") as source:
            list(source.rows())
        assert caught.value.code == "source-damaged"


def test_a_small_file_that_unpacks_to_far_more_stays_small_in_memory() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(b"a,b\n") + b"".join(
        packer.compress(b"1," + b"x" * 900_000 + b"\n") for _ in range(80)
    )
    bomb += packer.flush()
    assert len(bomb) < 200_000
    tracemalloc.start()
    try:
        with open_source(io.BytesIO(bomb), format="csv", delimiter=",") as source:
            assert sum(1 for _ in source.rows()) == 80
        assert tracemalloc.get_traced_memory()[1] < 80 * BLOCK_SIZE  # of 72 MB
    finally:
        tracemalloc.stop()


def test_a_bad_byte_shows_what_the_place_would_read_as_in_windows_encoding() -> None:
    with (
        pytest.raises(SourceError) as caught,
        open_source(io.BytesIO(b"a\nThe caf\xe9 in\n"), format="csv") as source,
    ):
        list(source.rows())
    assert '"a\\nThe café in\\n"' in caught.value.help
