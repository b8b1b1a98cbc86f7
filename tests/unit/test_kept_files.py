"""Files beside a mapping: read as they were written, refused in words, and never a trap."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from opusmap.errors import SettingsError
from opusmap.kept_files import read_kept, write_kept


class Kept(msgspec.Struct, frozen=True):
    number: int


def read(path: Path) -> Kept | None:
    return read_kept(path, Kept, "lock", "write it again")


def test_a_file_is_read_as_it_was_written_in_place_of_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "m.lock.json"
    assert read(path) is None
    for number in (1, 2):
        write_kept(path, Kept(number))
        assert read(path) == Kept(number)
    assert path.read_bytes() == b'{\n  "number": 2\n}\n'
    assert [one.name for one in tmp_path.iterdir()] == ["m.lock.json"]


@pytest.mark.parametrize("text", ["", "[", "{}", '{"number": "1"}', "[" * 9_999])
def test_what_is_something_else_is_refused_with_what_to_do(text: str, tmp_path: Path) -> None:
    path = tmp_path / "m.lock.json"
    path.write_text(text, "utf-8")
    with pytest.raises(SettingsError, match="not a lock of this version") as refused:
        read(path)
    assert refused.value.help == "write it again"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize(("kind", "words"), [("link", "symbolic link"), ("fifo", "not a regular file")])
def test_a_link_or_a_fifo_is_neither_followed_nor_replaced(kind: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "m.lock.json"
    if kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    else:
        os.mkfifo(path)
    with pytest.raises(SettingsError, match=words):
        write_kept(path, Kept(1))
    assert [one.name for one in tmp_path.iterdir()] == ["m.lock.json"]
    if kind == "fifo":  # it would be waited for if it were opened
        with pytest.raises(SettingsError, match=words) as refused:
            read_kept(path, Kept, "lock", "write it again", unreadable="move it away")
        assert refused.value.help == "move it away"
