"""A file of holds gives back each key with its reason, and never holds less than it was meant to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.disposal.holds import HoldWatch, encode_hold, read_hold
from opusmap.errors import DestructionRefused


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_a_file_of_holds_gives_back_the_keys_with_their_reasons_or_is_refused(tmp_path_factory, keys):
    path = tmp_path_factory.mktemp("holds") / "holds.txt"
    try:
        path.write_bytes(encode_hold(path, keys))
    except DestructionRefused:
        assert any(key != key.strip() or not key.isprintable() for key in keys)
        return
    found = read_hold(path)
    assert found.reasons.keys() == keys.keys()
    assert found.find(list(keys)).keys() == keys.keys()
    for key, reason in keys.items():
        words = " ".join(reason.split())
        assert found.reasons[key] == words.encode("utf-8", "backslashreplace").decode()


def test_a_reason_stands_after_a_tab_and_a_key_with_a_tab_is_held_all_the_same(tmp_path):
    path = tmp_path / "holds.txt"
    text = "\ufeffa\taccess request\r\n\r\n b \nc\td\n=e, f\n"
    path.write_text(text, "utf-8", newline="")
    found = read_hold(path)
    assert found.find(["b", "a", "other"]) == {"b": "", "a": "access request"}
    assert found.find(["c\td"]) == {"c\td": ""}
    assert found.find(["=e, f", "d", "e"]) == {"=e, f": ""}
    assert len(found.lines) == 4


@pytest.mark.parametrize("content", [b"\xff", None])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, content):
    path = tmp_path / "holds.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DestructionRefused):
        read_hold(path)


def test_a_watch_reads_a_file_again_when_it_changes_and_keeps_what_it_found(tmp_path):
    path = tmp_path / "holds.txt"
    path.write_text("other\n")
    watch = HoldWatch([str(path)], frozenset({"a", "b"}))
    assert watch.find_problem() == ""
    path.write_text("other\nb\n")
    assert watch.find_problem() == f'"b" is held by {path}'
    path.write_text("other\n")
    assert "is held" in watch.find_problem()
    gone = HoldWatch([str(path)], frozenset({"a"}))
    path.unlink()
    assert str(path) in gone.find_problem()
