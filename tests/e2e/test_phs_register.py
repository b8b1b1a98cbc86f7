"""The register of Public Health Scotland, whole, through its mapping into the emulator: no row is left."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from opusmap.cli import main

MAPPING = Path(__file__).resolve().parents[2] / "mappings" / "phs_register"
DATA = Path(os.environ.get("OPUSMAP_TEST_DATA", "-")) / "phs_register.csv"


@pytest.fixture
def mapping(tmp_path):
    for name in ("mapping.yaml", "phs_register.connection.json"):
        shutil.copy(MAPPING / name, tmp_path)
    return str(tmp_path / "mapping.yaml")


@pytest.mark.skipif(not DATA.is_file(), reason="OPUSMAP_TEST_DATA names no folder with phs_register.csv")
def test_every_row_becomes_a_record_that_opus_takes(mapping, capsys):
    assert main(["submit", mapping, str(DATA), "--to", "emulator", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["read"], report["submitted"], report["requests"]) == (1_142, 1_142, 77)


@pytest.mark.skipif(not DATA.is_file(), reason="OPUSMAP_TEST_DATA names no folder with phs_register.csv")
def test_check_foresees_what_submitting_meets(mapping, capsys):
    assert main(["check", mapping, str(DATA), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["estimate"]["requests"] == 77
    assert found["unmatched"] == found["repeated"] == []
    empty = {one["column"]: one["empty"] for one in found["empty"]["source"]}
    assert empty | {"OriginalTags": 65, "NumRecords": 1_142, "Title": 0} == empty
    (tags,) = [one for one in found["empty"]["target"] if one["empty"]]
    assert tags == {"column": "Tags", "empty": 65, "of": 1_142, "rate": 0.0569}


@pytest.mark.skipif(not DATA.is_file(), reason="OPUSMAP_TEST_DATA names no folder with phs_register.csv")
def test_the_draft_that_it_began_as_is_made_again(tmp_path, capsys, monkeypatch):
    shutil.copy(MAPPING / "phs_register.connection.json", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["init", "phs_register.connection.json", str(DATA), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    given = {one["column"]: one["source"] for one in found["columns"]}
    # Nothing in the names tells the key, and who made a record: the mapping's author decided these.
    expected = {"rowKey": None, "leafName": "Title", "timeCreated": "DateCreated", "createdBy": None}
    assert given | expected == given
    (key,) = (one for one in found["columns"] if one["column"] == "rowKey")
    assert next(name for name, _ in key["candidates"]) == "AssetURL"
    assert [one["code"] for one in found["diagnostics"] if one["severity"] == "error"] == ["to-do"] * 7
