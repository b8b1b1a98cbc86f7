"""The files to download are those that the tutorial shows, at its beginning and at its end."""

from __future__ import annotations

import re

import pytest
from documentation import ROOT, blocks
from followed_pages import Reader

TUTORIAL = ROOT / "docs" / "tutorial.md"
SAMPLES = ROOT / "docs" / "samples" / "permits"
GIVEN = ("permits.csv", "permits.connection.json", "mapping.yaml")


@pytest.mark.parametrize("name", GIVEN)
def test_a_file_to_download_is_the_one_that_the_tutorial_shows(name):
    (shown,) = [block.text for block in blocks(TUTORIAL) if block.comment == f"file: {name}"]
    assert (SAMPLES / name).read_text("utf-8") == shown


def test_the_finished_mapping_is_what_the_changes_of_the_tutorial_lead_to(tmp_path):
    reader = Reader(tmp_path)
    for block in blocks(TUTORIAL):
        if re.fullmatch(r"(file|change|append): mapping\.yaml", block.comment):
            reader.follow(block)
    finished = (tmp_path / "mapping.yaml").read_text("utf-8")
    assert (SAMPLES / "finished.mapping.yaml").read_text("utf-8") == finished


def test_every_file_of_a_sample_can_be_downloaded():
    page = (ROOT / "docs" / "sample-files.md").read_text("utf-8")
    offered = set(re.findall(r"\]\(samples/permits/([^)]+)\)", page))
    assert offered == {path.name for path in SAMPLES.iterdir()}
