import os
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.errors import SettingsError
from opusmap.studio.file_changes import FileChange, NotAsBefore

DATABASE = b"SQLite format 3\0"
"""The first bytes of a journal, which no file that is written replaces."""

CONTENTS = st.none() | st.binary(max_size=20).filter(lambda found: not found.startswith(DATABASE))


def content_of(path):
    return path.read_bytes() if path.exists() else None


@given(
    st.lists(CONTENTS, min_size=2, max_size=5).filter(
        lambda given: all(one != other for one, other in pairwise(given))
    )
)
def test_undo_restores_each_byte_and_the_change_can_be_made_again(tmp_path_factory, contents):
    path = tmp_path_factory.mktemp("change") / "staff.csv"
    if contents[0] is not None:
        path.write_bytes(contents[0])
    changes = [FileChange.of(path, *pair) for pair in pairwise(contents)]
    for change, after in zip(changes, contents[1:], strict=True):
        change.write()
        assert content_of(path) == after
    for change, before in zip(reversed(changes), reversed(contents[:-1]), strict=True):
        change.undo.write()
        assert content_of(path) == before
        assert change.undo.undo == change


@given(before=CONTENTS, after=CONTENTS, found=CONTENTS)
def test_a_file_with_other_bytes_is_never_touched(tmp_path_factory, before, after, found):
    path = tmp_path_factory.mktemp("change") / "staff.csv"
    if found is not None:
        path.write_bytes(found)
    if before in (after, found):
        return
    with pytest.raises(NotAsBefore, match="stays as it is"):
        FileChange.of(path, before, after).write()
    assert content_of(path) == found


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_the_permissions_of_a_file_stay(tmp_path):
    path = tmp_path / "staff.csv"
    path.write_bytes(b"a")
    path.chmod(0o664)
    FileChange.of(path, b"a", b"b").write()
    assert path.stat().st_mode & 0o777 == 0o664


def test_a_link_is_refused(tmp_path):
    (tmp_path / "real.csv").write_bytes(b"a")
    link = tmp_path / "staff.csv"
    link.symlink_to("real.csv")
    with pytest.raises(SettingsError, match="symbolic link"):
        FileChange.of(link, b"a", b"b").write()
    assert (tmp_path / "real.csv").read_bytes() == b"a"


def test_a_large_file_is_not_kept_twice(tmp_path):
    before = b"x" * 1_000_000
    change = FileChange.of(tmp_path / "staff.csv", before + b"a" + before, before + b"bc" + before)
    assert change.spans == ((len(before), b"a", b"bc"),)
