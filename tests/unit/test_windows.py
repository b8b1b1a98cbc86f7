"""What Windows does otherwise, simulated where it can be; docs/explanation/windows.md has the table."""

from __future__ import annotations

import io
import json
import re
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from documentation import ROOT, table
from hypothesis import given
from hypothesis import strategies as st

from opusmap.cli.terminal import begin_streams, write_json
from opusmap.converters import zones
from opusmap.converters.registry import ArgumentError
from opusmap.errors import SettingsError
from opusmap.output_files import check_output, replace_file, write_whole
from opusmap.run.parallel import Workers
from opusmap.safe_files import names_device, resolve_inside
from opusmap.sources.changes import as_time
from opusmap.sources.text_io import Input

PAGE = ROOT / "docs" / "explanation" / "windows.md"


class Held(type(Path())):
    """A file that can't be renamed at first, as where a virus scanner has the target open."""

    refusals = 0

    def replace(self, target):
        if Held.refusals > 0:
            Held.refusals -= 1
            raise PermissionError(13, "The process cannot access the file")
        return super().replace(target)


@pytest.mark.parametrize("refusals", [0, 1, 5])
def test_a_file_that_is_open_elsewhere_is_replaced_when_it_is_closed(refusals, tmp_path):
    new = Held(tmp_path / "new")
    new.write_text("new")
    (tmp_path / "old").write_text("old")
    Held.refusals = refusals
    replace_file(new, tmp_path / "old", patience=60)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("old", "new")]


def test_a_file_that_stays_open_elsewhere_is_not_waited_for_for_ever(tmp_path):
    new = Held(tmp_path / "new")
    new.write_text("new")
    Held.refusals = sys.maxsize
    with pytest.raises(PermissionError):
        replace_file(new, tmp_path / "old", patience=0.05)
    Held.refusals = 0


@pytest.mark.parametrize(
    "name",
    ["CON", "nul", "sub/NUL.csv", "a\\aux.txt", "COM1", "lpt9.log", "COM¹", "CONIN$", "table.csv:hidden"],
)
def test_a_device_s_name_is_none_of_a_file(name):
    assert names_device(name)


@pytest.mark.parametrize(
    "name", ["console.csv", "com10", "null.csv", "a/b.csv", "auxiliary", "con-tracts.csv"]
)
def test_a_name_that_resembles_a_device_s_is_one_of_a_file(name):
    assert not names_device(name)


@pytest.mark.skipif(sys.platform != "win32", reason="elsewhere these are names of files")
@pytest.mark.parametrize("name", [r"C:\x", "C:x", r"\\server\share\x", r"\x", "//server/share/x"])
def test_no_path_of_windows_leads_out_of_a_folder(name, tmp_path):
    assert resolve_inside(tmp_path, name) is None


@pytest.mark.parametrize(
    "name",
    ["m.last-run.json", "M.LAST-RUN.JSON", "m.Lock.Json", "OpusMap-Journal.db-wal", "m.Sign-Off.json. "],
)
def test_what_opusmap_keeps_is_protected_in_any_spelling_of_its_name(name, tmp_path):
    with pytest.raises(SettingsError):
        check_output(tmp_path / name)


def test_rejects_are_protected_in_any_spelling_of_their_name(tmp_path):
    path = tmp_path / "M.Run-3.REJECTS.CSV"
    path.write_text("edited")
    with pytest.raises(SettingsError), write_whole(path):
        pass
    assert path.read_text() == "edited"


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii", "utf-8", "utf-8-sig"])
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_json_holds_each_character_whatever_standard_output_can_write(encoding, text):
    kept, raw = sys.stdout, io.BytesIO()
    sys.stdout = io.TextIOWrapper(raw, encoding=encoding, errors="strict", newline="\r\n")
    try:
        begin_streams()
        write_json({"value": text})
        sys.stdout.flush()
        assert json.loads(raw.getvalue().decode(encoding)) == {"value": text}
    finally:
        sys.stdout = kept


@given(st.floats(-1e10, 1e10))
def test_times_of_files_before_1970_are_known(seconds):
    assert as_time(seconds) == datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e300, -1e300, None])
def test_what_is_no_time_is_none(seconds):
    assert as_time(seconds) is None


def test_a_zone_is_known_by_its_own_spelling_alone():
    assert "Europe/Berlin" in zones._zone_names()
    assert "europe/berlin" not in zones._zone_names()
    with pytest.raises(ArgumentError):
        zones.time_zone("europe/berlin")


def test_there_are_no_more_workers_than_windows_can_wait_for():
    assert Workers(64).count <= 61


@pytest.mark.parametrize("suffix", [".csv?sig=a", ".a:b", ". ", "." + "x" * 300, ".c*v"])
def test_a_copy_of_a_source_has_a_name_that_every_system_takes(suffix):
    with ExitStack() as until:
        copy = Input("https://host/export" + suffix, io.BytesIO(b"1")).as_file(until)
        assert re.fullmatch(r"source(\.\w+)?", copy.name)
        assert copy.read_bytes() == b"1"
    assert not copy.exists()


def test_each_file_and_each_test_that_the_page_names_is_there():
    rows = table(PAGE.read_text("utf-8").partition("## What Windows")[2])
    assert len(rows) > 10
    source = Path(__file__).read_text("utf-8")
    for row in rows:
        for name in re.findall(r"opusmap/[a-z_/]+\.py", row[1]):
            assert (ROOT / name).is_file()
        for name in re.findall(r"test_[a-z0-9_]+", row[-1]):
            assert f"def {name}(" in source
