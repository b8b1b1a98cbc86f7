"""A review holds a decision about each due record; signing writes what a plan is made with."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.disposal.due import DueEntry, DueList, DueState
from opusmap.disposal.holds import read_hold
from opusmap.disposal.signed_review import DueReview
from opusmap.errors import DestructionRefused, SettingsError
from opusmap.studio.due_review import (
    Choice,
    choice_of,
    choose,
    count_choices,
    draft_declaration,
    list_reviews,
    look_up_review,
    next_command,
    open_review,
    read_review,
    review_path,
    sign_review,
    write_review_file,
)
from opusmap.studio.sign_off import read_signer

DAY = date(2026, 6, 30)
NEW = DueReview(opus="https://opus.example.com", connection="c-1", until=str(DAY))
WHO = {"name": "Ana Pérez", "role": "Records manager", "declaration": "I have looked at each."}
SIGNER = read_signer(**WHO)
NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def entry(key, state=DueState.KNOWN, content="aa"):
    times = ("2020-01-02 00:00:00", "2020-01-03 00:00:00")
    return DueEntry(key, f"Name of {key}", "Records/Permits", *times, "Ann", "Bob", state, content=content)


def due_of(*entries):
    return DueList(DAY, entries)


A, B, C = entry("a"), entry("b"), entry("c", DueState.CHANGED)
ALL = due_of(A, B, C)


@pytest.fixture
def mapping(tmp_path):
    (tmp_path / "m.yaml").write_text("opusmap: 1\n", "utf-8")
    (tmp_path / "m.lock.json").write_text("{}", "utf-8")  # it is none of a review's files
    return tmp_path / "m.yaml"


def decided():
    return choose(choose(NEW, [B], Choice.KEEP, "  an access \n request "), ALL.entries, Choice.DESTROY)


def test_each_record_has_one_choice_and_the_counts_are_of_all():
    review = decided()
    assert [choice_of(review, one).value for one in ALL.entries] == ["destroy", "keep", "left-out"]
    assert count_choices(review, ALL) == {
        Choice.DESTROY: 1, Choice.KEEP: 1, Choice.LEFT_OUT: 1, Choice.OPEN: 0,
    }  # fmt: skip
    assert review.kept == {"b": "an access request"}
    assert choice_of(NEW, A) is Choice.OPEN


STEP = st.tuples(
    st.sampled_from([Choice.DESTROY, Choice.KEEP, Choice.OPEN]),
    st.sets(st.sampled_from("abcdef"), min_size=1),
)
STATES = st.lists(st.sampled_from(DueState), min_size=6, max_size=6)


@given(STATES, st.lists(STEP, max_size=12))
def test_no_way_of_deciding_agrees_to_what_is_kept_or_not_known(states, steps):
    entries = {key: entry(key, state) for key, state in zip("abcdef", states, strict=True)}
    due, review, model = due_of(*entries.values()), NEW, dict.fromkeys("abcdef", Choice.OPEN)
    for choice, keys in steps:
        review = choose(review, [entries[key] for key in keys], choice, "why")
        for key in keys:
            may_agree = entries[key].state is DueState.KNOWN and model[key] is not Choice.KEEP
            if choice is not Choice.DESTROY or may_agree:
                model[key] = choice
    for key, one in entries.items():
        unplanned = model[key] is Choice.OPEN and one.state is not DueState.KNOWN
        assert choice_of(review, one) is (Choice.LEFT_OUT if unplanned else model[key])
    assert sum(count_choices(review, due).values()) == len(entries)


def test_an_agreement_is_of_the_content_that_was_seen():
    assert choice_of(decided(), replace(A, content="bb")) is Choice.OPEN
    assert choice_of(decided(), replace(A, state=DueState.CHANGED)) is Choice.LEFT_OUT


def test_no_one_has_agreed_to_a_record_that_is_known_only_later():
    assert choice_of(choose(NEW, [C], Choice.DESTROY), replace(C, state=DueState.KNOWN)) is Choice.OPEN


@pytest.mark.parametrize(("reason", "problem"), [(" ", "no reason"), ("x" * 501, "longer than 500")])
def test_a_record_is_kept_for_a_reason(reason, problem):
    with pytest.raises(SettingsError, match=problem):
        choose(NEW, [A], Choice.KEEP, reason)


def test_it_comes_back_as_it_was_written_and_another_opus_is_refused(mapping):
    path = write_review_file(decided(), mapping)
    assert path == review_path(mapping, DAY)
    assert read_review(mapping, DAY) == decided()
    assert open_review(mapping, DAY, opus=NEW.opus, connection="C-1") == decided()
    assert open_review(mapping, date(2026, 7, 1), opus="o", connection="c").agreed == {}
    with pytest.raises(SettingsError, match="another Opus or connection"):
        open_review(mapping, DAY, opus="https://other.example.com", connection="c-1")
    with pytest.raises(SettingsError, match="another Opus or connection"):
        open_review(mapping, DAY, opus=NEW.opus, connection="c-2")
    path.write_text('{"opusmap_due_review": 9}', "utf-8")
    with pytest.raises(SettingsError, match="not a review of this version"):
        read_review(mapping, DAY)
    (mapping.parent / "m.due-x.review.json").write_text("{}", "utf-8")
    assert list_reviews(mapping) == (str(DAY),)


def test_signing_writes_holds_with_all_that_was_not_agreed_to_and_a_page(mapping):
    signed = sign_review(decided(), ALL, mapping, SIGNER, now=NOW)
    assert read_review(mapping, DAY) == signed
    holds = mapping.parent / "m.due-2026-06-30.holds.txt"
    assert read_hold(holds).reasons == {"b": "an access request", "c": ""}
    page = (mapping.parent / "m.due-2026-06-30.html").read_text("utf-8")
    for words in ("must be kept: an access request", "Ana Pérez", "Records manager", WHO["declaration"]):
        assert words in page
    assert signed.signed.counts == {"destroy": 1, "keep": 1, "left-out": 1, "open": 0}
    assert signed.signed.files[0].sha256 in page
    plain = json.loads(review_path(mapping, DAY).read_text("utf-8"))
    assert (plain["signed"]["name"], plain["signed"]["agreed"]) == ("Ana Pérez", {"a": "aa"})
    assert next_command(signed, "sub dir/m.yaml").split()[-1] == "dir/m.due-2026-06-30.review.json'"
    assert next_command(decided(), "m.yaml") == ""


def test_what_is_kept_stays_held_when_opus_no_longer_lists_it(mapping):
    sign_review(decided(), due_of(A), mapping, SIGNER)
    assert read_hold(mapping.parent / "m.due-2026-06-30.holds.txt").reasons == {"b": "an access request"}


def test_a_hold_that_someone_added_to_the_file_is_not_signed_away(mapping):
    signed = sign_review(decided(), ALL, mapping, SIGNER)
    holds = mapping.parent / "m.due-2026-06-30.holds.txt"
    holds.write_text(holds.read_text("utf-8") + "a\taccess request 7\nx\n", "utf-8")
    before = {path: path.read_bytes() for path in mapping.parent.iterdir()}
    for review in (signed, choose(signed, [B], Choice.DESTROY), decided()):
        with pytest.raises(DestructionRefused, match='2 records that the review does not keep: "a", "x"'):
            sign_review(review, ALL, mapping, SIGNER)
    assert {path: path.read_bytes() for path in mapping.parent.iterdir()} == before
    kept = choose(signed, [A, entry("x")], Choice.KEEP, "access request 7")
    sign_review(kept, ALL, mapping, SIGNER)
    assert read_hold(holds).reasons.keys() == {"a", "b", "c", "x"}


def test_what_was_kept_is_released_also_if_someone_added_to_the_file(mapping):
    signed = sign_review(decided(), ALL, mapping, SIGNER)
    holds = mapping.parent / "m.due-2026-06-30.holds.txt"
    holds.write_text(holds.read_text("utf-8") + "x\n", "utf-8")
    released = choose(choose(signed, [B], Choice.OPEN), [A, B], Choice.DESTROY)
    sign_review(choose(released, [entry("x")], Choice.KEEP, "why"), ALL, mapping, SIGNER)
    assert read_hold(holds).reasons.keys() == {"c", "x"}


def test_what_the_review_itself_held_is_released_by_signing_again(mapping):
    signed = sign_review(decided(), ALL, mapping, SIGNER)
    cleared_up = due_of(A, B, entry("c"))
    released = choose(choose(signed, [B], Choice.OPEN), cleared_up.entries, Choice.DESTROY)
    sign_review(released, cleared_up, mapping, SIGNER)
    assert not read_hold(mapping.parent / "m.due-2026-06-30.holds.txt").reasons


@pytest.mark.parametrize(
    ("review", "due", "fields", "problem"),
    [
        (choose(NEW, [A], Choice.DESTROY), ALL, {}, "1 record is not decided yet"),
        (NEW, due_of(), {}, "nothing is due"),
        (decided(), ALL, {"role": " "}, "this field is empty"),
        (decided(), ALL, {"declaration": "x" * 4001}, "longer than 4000"),
    ],
)
def test_what_is_not_complete_is_not_signed_and_writes_nothing(mapping, review, due, fields, problem):
    before = sorted(mapping.parent.iterdir())
    with pytest.raises(SettingsError, match=problem):
        sign_review(review, due, mapping, read_signer(**{**WHO, **fields}))
    assert sorted(mapping.parent.iterdir()) == before


def test_what_changes_after_the_signature_is_said(mapping):
    signed = sign_review(decided(), ALL, mapping, SIGNER)
    assert look_up_review(None, mapping, ALL) is None
    assert look_up_review(decided(), mapping, ALL) is None
    now = look_up_review(signed, mapping, ALL)
    assert (now.is_valid, now.unseen, now.missing) == (True, (), ())
    newly = look_up_review(signed, mapping, due_of(A, B, entry("new")))
    assert (newly.is_valid, newly.unseen, newly.missing) == (True, ("new",), ())
    sent_again = look_up_review(signed, mapping, due_of(replace(A, content="bb"), B, C))
    assert (sent_again.is_valid, sent_again.unseen, sent_again.missing) == (True, ("a",), ("a",))
    cleared_up = look_up_review(signed, mapping, due_of(A, B, entry("c")))
    assert (cleared_up.is_valid, cleared_up.unseen) == (True, ("c",))
    no_longer = look_up_review(signed, mapping, due_of(B))
    assert (no_longer.is_valid, no_longer.missing) == (True, ("a",))
    assert not look_up_review(choose(signed, [B], Choice.OPEN), mapping, ALL).is_valid
    (mapping.parent / "m.due-2026-06-30.holds.txt").unlink()
    gone = look_up_review(signed, mapping, ALL)
    assert ([one.what for one in gone.changes], gone.is_valid) == (["gone"], False)


def test_the_declaration_has_the_counts():
    text = draft_declaration(count_choices(decided(), ALL))
    assert "the 3 records of this list. 1 record may be destroyed" in text
    assert "1 record must be kept" in text
    assert "1 record can't be planned yet" in text
