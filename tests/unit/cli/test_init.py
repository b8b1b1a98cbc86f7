"""The command `init`: what its options offer."""

from pathlib import Path

import pytest

from opusmap.cli import main
from opusmap.cli.init import complete_source_key
from opusmap.sources import all_formats

PERMITS = Path(__file__).resolve().parents[3] / "docs" / "samples" / "permits"


def test_a_key_of_the_source_completes_to_what_some_format_takes():
    assert complete_source_key("header") == ["header_row=", "headers="]
    assert complete_source_key("nothing") == []
    offered = complete_source_key("")
    assert len(set(offered)) == len(offered)
    assert {f"{option}=" for one in all_formats() for option in one.options} <= set(offered)


def test_the_key_format_completes_to_each_format():
    assert complete_source_key("format=") == [f"format={one.name}" for one in all_formats()]


@pytest.mark.parametrize(("given", "code"), [("19/12/2024", 2), ("%d/%m/%Y", 0), ("19/12/2024 18:15", 0)])
def test_a_date_without_its_time_is_not_taken_for_a_format(given, code, tmp_path, capsys):
    for name in (files := ["permits.connection.json", "permits.csv"]):
        (tmp_path / name).write_bytes((PERMITS / name).read_bytes())
    words = [str(tmp_path / name) for name in (*files, "draft.yaml")]
    assert main(["init", *words[:2], "-o", words[2], "--datetime-format", given]) == code
    shown = capsys.readouterr().err
    assert ("has no time of day, so 18:15 would be lost" in shown) is bool(code)
    assert ('such as "19/12/2024 18:15"; if Opus shows none, write "%d/%m/%Y"' in shown) is bool(code)
