"""A file that a browser sends is copied whole under a free name, or nothing of it is left."""

import asyncio
import errno

import pytest

pytest.importorskip("starlette", reason="the extra `studio` is not installed")

from starlette.requests import ClientDisconnect

from opusmap.errors import SettingsError
from opusmap.studio.opened_folder import Folder
from opusmap.studio.uploads import store


def send(folder, name, *parts, **options):
    async def arriving():
        for part in parts:
            if isinstance(part, Exception):
                raise part
            yield part

    return asyncio.run(store(Folder(folder), name, arriving(), **options))


def test_a_file_is_there_as_it_was_sent(tmp_path):
    path = send(tmp_path, "permits.csv", b"a,b\n", b"1,\xff\n", size=8)
    assert path == tmp_path.resolve() / "permits.csv"
    assert path.read_bytes() == b"a,b\n1,\xff\n"
    assert [one.name for one in tmp_path.iterdir()] == ["permits.csv"]


def test_a_file_that_is_there_stays_as_it_is(tmp_path):
    (tmp_path / "permits.csv").write_bytes(b"mine")
    assert send(tmp_path, "permits.csv", b"theirs").name == "permits-2.csv"
    assert (tmp_path / "permits.csv").read_bytes() == b"mine"


def test_a_name_that_is_taken_while_the_file_arrives_is_not_written_over(tmp_path):
    async def arriving():
        yield b"theirs"
        (tmp_path / "permits.csv").write_bytes(b"mine")

    path = asyncio.run(store(Folder(tmp_path), "permits.csv", arriving()))
    assert path.name == "permits-2.csv"
    assert (tmp_path / "permits.csv").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["../evil.csv", "..\\evil.csv", "C:\\Users\\me\\evil.csv"])
def test_only_the_plain_name_counts(tmp_path, name):
    (tmp_path / "in").mkdir()
    assert send(tmp_path / "in", name, b"x") == (tmp_path / "in" / "evil.csv").resolve()


@pytest.mark.parametrize("name", ["", ".env", "..", "a/", "x\0y", "n" * 300, "NUL"])
def test_what_is_no_file_name_is_refused(tmp_path, name):
    with pytest.raises(SettingsError):
        send(tmp_path, name, b"x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [None, 10])
def test_a_file_over_the_limit_is_refused_and_leaves_nothing(tmp_path, size):
    with pytest.raises(SettingsError, match="larger than 8 bytes"):
        send(tmp_path, "large.csv", b"12345", b"67890", size=size, limit=8)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_before_anything_is_written(tmp_path):
    with pytest.raises(SettingsError, match="the disk is full: it needs"):
        send(tmp_path, "large.csv", b"", size=1 << 60, limit=1 << 61)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "the disk is full"), (errno.EIO, "can't be written")]
)
def test_a_disk_that_fails_on_the_way_is_said_and_leaves_nothing(tmp_path, code, words):
    with pytest.raises(SettingsError, match=words):
        send(tmp_path, "large.csv", b"12345", OSError(code, "it failed"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [(), (ClientDisconnect(),)])
def test_a_file_that_does_not_arrive_whole_leaves_nothing(tmp_path, ending):
    with pytest.raises(ClientDisconnect):
        send(tmp_path, "cut.csv", b"123", *ending, size=6)
    assert list(tmp_path.iterdir()) == []
