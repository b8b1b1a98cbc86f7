"""Known exports are recognised by their headers, and by nothing less."""

import tomllib
from importlib.resources import files

import pytest

from opusmap.connection import BUILT_IN
from opusmap.drafting.concepts import read_name
from opusmap.drafting.presets import find_preset

PRESETS = [
    tomllib.loads(one.read_text("utf-8"))
    for one in files("opusmap.drafting").joinpath("known_exports").iterdir()
]


@pytest.mark.parametrize("data", PRESETS, ids=lambda data: data["name"])
def test_an_export_is_recognised_by_all_of_its_headers(data):
    headers = data["recognised_by"]
    assert find_preset([*headers, "Another"]).name == data["name"]
    found = find_preset(headers[1:])
    assert found is None or found.name != data["name"]


@pytest.mark.parametrize("data", PRESETS, ids=lambda data: data["name"])
def test_what_a_preset_says_is_about_opus_and_in_known_words(data):
    assert set(data) <= {"name", "documentation", "recognised_by", "builtin", "means", "format"}
    assert set(data["builtin"]) <= set(BUILT_IN)
    assert data["documentation"].startswith("https://")
    for meaning in data["means"].values():
        assert not any(one.startswith("?") for one in read_name(meaning, ("en",))), meaning


def test_a_register_of_its_own_is_no_known_export():
    assert find_preset(["Title", "Created", "Modified"]) is None
