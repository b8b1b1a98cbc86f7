from hypothesis import given
from hypothesis import strategies as st

from opusmap.studio.typed_text import find_difference, patch_between, patch_typed

TEXTS = st.text("ab: \n{}'é𝄞", max_size=30)
BREAKS = st.sampled_from(["\n", "\r\n"])


@given(st.binary(max_size=12), st.binary(max_size=12), st.text("ab", max_size=9), st.text("ab", max_size=9))
def test_a_difference_is_one_span_and_as_short_as_can_be(one, other, text, changed):
    start, end, new = find_difference(one, other)
    assert one[:start] + new + one[end:] == other
    patch = patch_between(text, changed)
    assert patch.text == changed
    for edit in patch.edits:
        old = text[edit.start : edit.end]
        assert not old or not edit.new or (old[0] != edit.new[0] and old[-1] != edit.new[-1])


@given(start=TEXTS, old=TEXTS, end=TEXTS, new=TEXTS, newline=BREAKS, mark=st.sampled_from(["", "\ufeff"]))
def test_typing_changes_only_what_waspatch_typed(start, old, end, new, newline, mark):
    def written(text):
        return mark + text.replace("\n", newline)

    patch = patch_typed(written(start + old + end), start + new + end)
    assert patch.text.removeprefix("\ufeff").replace("\r\n", "\n") == start + new + end
    assert patch.undo.text == written(start + old + end)
    assert patch.text.startswith(mark)
    for edit in patch.edits:
        assert edit.end - edit.start <= len(written(old))


@given(st.lists(st.sampled_from("ab\r\n"), max_size=12).map("".join), st.integers(0, 12))
def test_mixed_line_breaks_stay_where_nothing_waspatch_typed(text, at):
    text = text.replace("\r\n", "\x00").replace("\r", "").replace("\x00", "\r\n")
    plain = text.replace("\r\n", "\n")
    at = min(at, len(plain))
    patch = patch_typed(text, plain[:at] + "X" + plain[at:])
    assert patch.text.replace("X", "") == text
