"""Whatever name stands as `encoding`: rows come, or an error that says why; never an error of Python's."""

from __future__ import annotations

import encodings
import encodings.aliases
import pkgutil
from pathlib import Path

import pytest

from opusmap.errors import SourceError
from opusmap.sources import open_source

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
    with pytest.raises(SourceError, match="there is no encoding") as caught:
        open_source(tmp_path / "x.csv", encoding=encoding)
    assert caught.value.code == "unknown-encoding"
    assert "\x1b" not in str(caught.value)
    assert len(caught.value.problem) < 120
