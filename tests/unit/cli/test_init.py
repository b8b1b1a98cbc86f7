"""The command `init`: what its options offer."""

from opusmap.cli.init import complete_source_key
from opusmap.sources import all_formats


def test_a_key_of_the_source_completes_to_what_some_format_takes():
    assert complete_source_key("header") == ["header_row=", "headers="]
    assert complete_source_key("nothing") == []
    offered = complete_source_key("")
    assert len(set(offered)) == len(offered)
    assert {f"{option}=" for one in all_formats() for option in one.options} <= set(offered)


def test_the_key_format_completes_to_each_format():
    assert complete_source_key("format=") == [f"format={one.name}" for one in all_formats()]
