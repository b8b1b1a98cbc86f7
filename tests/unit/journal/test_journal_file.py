"""Telling a network share from a local disk by the table of mounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from opusmap.errors import JournalError
from opusmap.journal import journal_file, open_journal

MOUNTS = r"""proc /proc proc rw 0 0
/dev/sda1 / ext4 rw,relatime 0 0
server:/export /srv nfs4 rw,vers=4.2 0 0
//nas/share /mnt/Our\040share cifs rw 0 0
C:\134 /mnt/c 9p rw,aname=drvfs 0 0
me@host: /home/me/remote fuse.sshfs rw 0 0
tmpfs /srv/fast tmpfs rw 0 0
/dev/sdb1 /media/usb ext4 rw 0 0
server:/late /media/usb nfs rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/journal.db", "nfs4"),
        ("/srv", "nfs4"),
        ("/srvlocal/journal.db", ""),
        ("/srv/fast/journal.db", ""),
        ("/mnt/Our share/deep/journal.db", "cifs"),
        ("/mnt/c/Users/me/journal.db", "9p"),
        ("/home/me/remote/journal.db", "fuse.sshfs"),
        ("/home/me/journal.db", ""),
        ("/media/usb/journal.db", "nfs"),
    ],
)
def test_the_innermost_mount_says_whether_a_path_is_on_a_share(path: str, kind: str) -> None:
    assert journal_file.find_share(path, MOUNTS) == kind


def test_without_a_table_of_mounts_every_place_counts_as_local() -> None:
    assert journal_file.find_share("/srv/journal.db", "") == ""


def test_a_journal_on_a_share_is_refused_with_the_way_out_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/x {tmp_path / 'share'} nfs rw 0 0\n")
    monkeypatch.setattr(journal_file, "_MOUNTS", mounts)
    (tmp_path / "share").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "share")
    for folder in ("share", "link"):
        with pytest.raises(JournalError) as caught:
            open_journal(tmp_path / folder / "j.db")
        assert "nfs" in caught.value.problem
        assert "OPUSMAP_JOURNAL" in caught.value.help
    assert not list((tmp_path / "share").iterdir())
    open_journal(tmp_path / "j.db").close()
