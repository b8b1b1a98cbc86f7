"""A mapping's file keeps its encoding, mark, line breaks and permissions, and changes in it are not lost."""

import os
import sys

import pytest

from opusmap.edits import ChangedOnDisk, FromColumn, SetTimezone, apply, read_mapping_file
from opusmap.edits.intents import Bind
from opusmap.errors import InvalidMapping, SettingsError

TEXT = "opusmap: 1\r\nconnection: c.json  # Größe 😀\nfields:\r\n  Name: Title\r\n"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(b"", "utf-8"), (b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")],
)
def test_mark_encoding_and_line_breaks_stay(tmp_path, mark, encoding):
    path = tmp_path / "mapping.yaml"
    path.write_bytes(mark + TEXT.encode(encoding))
    file = read_mapping_file(path)
    patch = apply(file.text, Bind("Name", FromColumn("Subject")))
    written = file.write(patch)
    assert path.read_bytes() == mark + TEXT.replace("Title", "Subject").encode(encoding)
    assert written == read_mapping_file(path)
    written.write(patch.undo)
    assert path.read_bytes() == mark + TEXT.encode(encoding)


@pytest.mark.parametrize("change", ["other", "gone", "same size"])
def test_a_file_that_changed_meanwhile_is_not_written(tmp_path, change):
    path = tmp_path / "mapping.yaml"
    path.write_bytes(TEXT.encode())
    file = read_mapping_file(path)
    patch = apply(file.text, SetTimezone("UTC"))
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(TEXT.replace("Title", "Tit1e" if change == "same size" else "x").encode())
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(ChangedOnDisk) as raised:
        file.write(patch)
    assert str(path) in str(raised.value)
    assert (path.read_bytes() if path.exists() else None) == before
    assert [one.name for one in tmp_path.iterdir()] == ["mapping.yaml"] * (before is not None)


def test_a_patch_of_another_text_is_not_written(tmp_path):
    path = tmp_path / "mapping.yaml"
    path.write_bytes(TEXT.encode())
    with pytest.raises(ValueError, match="another text"):
        read_mapping_file(path).write(apply(TEXT.replace("\r", ""), SetTimezone("UTC")))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_permissions_stay_and_a_link_is_refused(tmp_path):
    path, link = tmp_path / "mapping.yaml", tmp_path / "link.yaml"
    path.write_bytes(TEXT.encode())
    path.chmod(0o664)
    file = read_mapping_file(path)
    file.write(apply(file.text, SetTimezone("UTC")))
    assert path.stat().st_mode & 0o777 == 0o664
    os.symlink(path, link)  # noqa: PTH211 - reads as the command
    file = read_mapping_file(link)
    with pytest.raises(SettingsError, match="symbolic link"):
        file.write(apply(file.text, SetTimezone(None)))


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"\xe9", "not-utf8"), (b"\xff\xfe\x00", "not-utf8"), (b"a" * ((1 << 20) + 1), "file-too-large")],
)
def test_a_file_that_is_not_a_text_of_a_mapping_is_refused_with_its_code(tmp_path, data, code):
    path = tmp_path / "mapping.yaml"
    path.write_bytes(data)
    with pytest.raises(InvalidMapping) as raised:
        read_mapping_file(path)
    assert raised.value.diagnostics[0].code == code
