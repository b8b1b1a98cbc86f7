"""A file is read whole and within its limit, or an error says why not, without a word of its content."""

import os
import sys
import traceback
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.safe_files import UnreadableFile, read_bytes, read_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files") / "file"


@given(text=TEXTS, encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_a_text_is_read_in_each_encoding_that_a_mark_tells(path: Path, text: str, encoding: str) -> None:
    path.write_bytes(text.encode(encoding))
    if encoding == "utf-8":  # where a text may begin with what is a mark to others
        text = text.removeprefix("\ufeff")
    assert read_text(path, 1 << 20) == text


@given(data=st.binary(max_size=40), limit=st.integers(1, 40))
def test_a_file_is_read_whole_or_not_at_all(path: Path, data: bytes, limit: int) -> None:
    path.write_bytes(data)
    if len(data) <= limit:
        assert read_bytes(path, limit) == data
    else:
        with pytest.raises(UnreadableFile, match="too large") as caught:
            read_bytes(path, limit)
        assert caught.value.code == "file-too-large"


@given(before=TEXTS, wrong=st.sampled_from([b"\xff\xfd", b"\xc3", b"\xed\xa0\x80"]))
def test_what_is_not_text_is_told_by_line_and_quotes_nothing(path: Path, before: str, wrong: bytes) -> None:
    path.write_bytes(b"s3cret\n" + before.encode() + wrong)
    with pytest.raises(UnreadableFile) as caught:
        read_text(path, 1 << 20)
    assert (caught.value.code, caught.value.line) == ("not-utf8", before.count("\n") + 2)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_what_the_system_refuses_has_its_cause(tmp_path: Path) -> None:
    causes: dict[str, tuple[type, ...]] = {
        "missing": (FileNotFoundError,),
        ".": (OSError,),
        "a\0b": (OSError, ValueError),
    }
    for (name, cause), devices in product(causes.items(), (False, True)):
        with pytest.raises(UnreadableFile, match="the thing can't be read: ") as caught:
            read_bytes(tmp_path / name, 9, what="the thing", devices=devices)
        assert caught.value.code == "file-unreadable"
        assert isinstance(caught.value.__cause__, cause)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFOs in folders")
def test_only_a_person_names_a_fifo(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(UnreadableFile, match="not a regular file"):
        read_bytes(fifo, 9)
    writer = os.open(fifo, os.O_RDWR)
    os.write(writer, b"0123456789")
    with pytest.raises(UnreadableFile, match="too large"):
        read_bytes(fifo, 9, devices=True)
    os.close(writer)


@pytest.mark.skipif(sys.platform == "win32", reason="making links needs rights on Windows")
def test_links_are_followed_where_they_may_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    assert read_text(tmp_path / "link", 9) == "text"
    with pytest.raises(UnreadableFile, match="a symbolic link"):
        read_bytes(tmp_path / "link", 9, links=False)
