"""Edits of mappings: outside their spans no byte changes, the text says what was meant, undo restores it."""

import contextlib
import json
import shutil
from random import Random

import pytest
import yaml
from documentation import ROOT
from edit_intents import Impossible, intents, mapping_data, mean
from generated_specs import mappings
from hypothesis import given, settings
from hypothesis import strategies as st
from likely_specs import likely_mappings
from yaml_styles import Styles, write_in_some_style

from opusmap.cli import main
from opusmap.edits import EditRefused, Patch, apply

BUNDLED = sorted(path for path in ROOT.glob("mappings/*/*.yaml") if "fields:" in path.read_text("utf-8"))
RANDOM = st.integers(0, 1 << 32).map(Random)


def check_patch(text: str, patch: Patch) -> None:
    """See that a patch is what its edits do, that nothing else changes, and that undo restores the text."""
    at, parts = 0, []
    for start, end, new in patch.edits:
        assert at <= start <= end <= len(text)
        parts += [text[at:start], new]
        at = end
    assert "".join([*parts, text[at:]]) == patch.text
    assert patch.before == text
    assert patch.undo.text == text
    assert patch.undo.undo.text == patch.text
    assert patch.text.encode("utf-8").decode("utf-8") == patch.text


def check_meaning(before, after, meant) -> None:
    """See that data are what was meant, and that what was there keeps its order."""
    assert after == meant
    assert json.dumps(after, default=str, sort_keys=True) == json.dumps(meant, default=str, sort_keys=True)
    for old, new in [(before, after), *((before[key], after[key]) for key in before if key in after)]:
        if isinstance(old, dict) and isinstance(new, dict):
            assert [key for key in new if key in old] == [key for key in old if key in new]


def try_edit(text, data, intent, *, may_refuse=False):
    """Return the patch of an intent after all checks, or None where it is refused as it should be."""
    try:
        meant = mean(data, intent)
    except Impossible:
        with pytest.raises(EditRefused):
            apply(text, intent)
        return None
    try:
        patch = apply(text, intent)
    except EditRefused as refused:
        if not may_refuse or refused.elsewhere is None:
            raise
        return None
    check_patch(text, patch)
    check_meaning(data, yaml.safe_load(patch.text), meant)
    return patch


@given(st.data(), mapping_data(), RANDOM)
def test_an_edit_of_a_mapping_in_any_style_says_what_was_meant(data, mapping, chance):
    text = write_in_some_style(mapping, Styles(chance))
    try_edit(text, mapping, data.draw(intents(mapping)))


@given(st.data(), mapping_data(), RANDOM)
def test_a_file_with_aliases_is_edited_in_the_meant_place_alone_or_refused(data, mapping, chance):
    styles = Styles(chance, aliases=True)
    text = write_in_some_style(mapping, styles)
    try_edit(text, mapping, data.draw(intents(mapping)), may_refuse=styles.used)


@given(st.data(), mapping_data(), RANDOM)
def test_edits_come_after_one_another_and_are_one_patch(data, mapping, chance):
    text = write_in_some_style(mapping, Styles(chance))
    first = try_edit(text, mapping, data.draw(intents(mapping)))
    if first is None:
        return
    between = yaml.safe_load(first.text)
    later = try_edit(first.text, between, data.draw(intents(between)))
    if later is not None:
        whole = first.then(later)
        assert whole.text == later.text
        check_patch(text, whole)
        assert later.undo.then(first.undo).text == text


@given(st.data(), mapping_data(), RANDOM)
def test_an_edit_made_again_changes_nothing(data, mapping, chance):
    text = write_in_some_style(mapping, Styles(chance))
    intent = data.draw(intents(mapping))
    try:
        once = mean(mapping, intent)
        if mean(once, intent) != once:
            return
    except Impossible:
        return
    patch = apply(text, intent)
    assert apply(patch.text, intent).edits == ()


@given(st.data(), st.one_of(mappings(), likely_mappings()))
def test_generated_mappings_are_edited(data, text):
    mapping = yaml.safe_load(text)
    try_edit(text, mapping, data.draw(intents(mapping)))


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: f"{path.parent.name}/{path.name}")
@settings(max_examples=settings.default.max_examples // 5)  # each is read several times, by PyYAML
@given(data=st.data())
def test_bundled_mappings_are_edited(path, data):
    text = path.read_bytes().decode("utf-8")
    mapping = yaml.safe_load(text)
    try_edit(text, mapping, data.draw(intents(mapping)))


@pytest.fixture(scope="module")
def draft(tmp_path_factory):
    """The draft that `opusmap init` writes for the bundled register."""
    folder = tmp_path_factory.mktemp("draft")
    for name in ("contracts.connection.json", "contracts.csv"):
        shutil.copy(ROOT / "mappings" / "contracts" / name, folder)
    with contextlib.chdir(folder):
        assert main(["init", "contracts.connection.json", "contracts.csv"]) == 0
    return (folder / "mapping.yaml").read_text("utf-8")


@settings(max_examples=settings.default.max_examples // 5)
@given(data=st.data())
def test_a_draft_is_edited(draft, data):
    mapping = yaml.safe_load(draft)
    try_edit(draft, mapping, data.draw(intents(mapping)))
