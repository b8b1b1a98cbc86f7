"""An edit that can't be made, or would change other places, is refused: with the place, and where to go."""

import pickle

import pytest

from opusmap.diagnostic_pages import summarise
from opusmap.edits import (
    Bind,
    EditRefused,
    FromColumn,
    MoveOption,
    RemoveBinding,
    RemoveOption,
    SetAlias,
    SetBindingKey,
    SetOptions,
    SetSourceOption,
    SetTableEntry,
    SetTimezone,
    apply,
)
from opusmap.errors import InvalidMapping

HEAD = "opusmap: 1\nconnection: c.json\n"
FIELDS = "fields:\n  Name: Title\n"


def refuse(text, intent, **options):
    with pytest.raises(EditRefused) as raised:
        apply(text, intent, file="mapping.yaml", **options)
    error = raised.value
    assert error.help
    assert str(error).startswith("mapping.yaml:")
    assert f": error[{error.code}]: " in str(error)
    assert summarise(error.code)
    assert pickle.loads(pickle.dumps(error)) == error
    return error


def test_what_an_alias_repeats_is_edited_at_its_anchor():
    text = f"{HEAD}choices:\n  A: &colours\n    options: [Red]\n  B: *colours\n{FIELDS}"
    error = refuse(text, SetAlias("B", "rot", "Red"))
    assert (error.span.line, error.elsewhere.line) == (6, 4)
    assert "`*colours`" in error.problem
    assert str(error.elsewhere) in error.help


def test_an_anchor_that_an_alias_repeats_is_not_edited():
    text = f"{HEAD}choices:\n  A: &colours [Red]\n  B: *colours\n{FIELDS}"
    for intent in (SetOptions("A", ("Blue",)), SetOptions("A", ("Red", "Blue"))):
        error = refuse(text, intent)
        assert (error.span.line, error.elsewhere.line) == (4, 5)


def test_an_anchor_without_an_alias_is_edited_and_stays():
    text = f"{HEAD}choices:\n  A: &colours [Red]\n{FIELDS}"
    assert "A: &colours [Red, Blue]\n" in apply(text, SetOptions("A", ("Red", "Blue"))).text
    assert "Name: &n X\n" in apply(f"{HEAD}fields:\n  Name: &n Title\n", Bind("Name", FromColumn("X"))).text


def test_an_alias_is_replaced_as_a_whole_and_its_anchor_stays():
    text = f"{HEAD}fields:\n  A: &a Title\n  B: *a  # as A\n"
    assert apply(text, Bind("B", FromColumn("X"))).text == text.replace("*a", "X")


def test_an_anchor_is_not_removed_while_an_alias_needs_it():
    text = f"{HEAD}fields:\n  A: {{from: &a Title}}\n  B: *a\n"
    assert refuse(text, RemoveBinding("A")).elsewhere.line == 5


@pytest.mark.parametrize(
    ("intent", "part"),
    [
        (SetOptions("Licence", ("A",)), "choices:\n  Licence: [A, B]\n"),
        (MoveOption("Licence", "A", 2), "choices:\n  Licence: [A, B]\n"),
        (SetTableEntry("t", "a", "b"), "tables:\n  t: {a: c}\n"),
    ],
)
def test_what_comes_from_a_shared_file_is_edited_there(tmp_path, intent, part):
    (tmp_path / "shared.yaml").write_text(f"# shared\n{part}", "utf-8")
    error = refuse(f"{HEAD}include: [shared.yaml]\n{FIELDS}", intent, folder=tmp_path)
    assert (error.elsewhere.file, error.elsewhere.line, error.span.line) == ("shared.yaml", 3, 3)


def test_a_table_in_a_file_is_edited_there():
    text = f"{HEAD}tables:\n  staff: {{path: staff.csv, key: a, value: b}}\n{FIELDS}"
    assert "staff.csv" in refuse(text, SetTableEntry("staff", "a", "b")).problem


def test_a_duplicate_key_is_not_edited():
    text = f"{HEAD}fields:\n  Name: Title\n  Name: Subject\n"
    error = refuse(text, Bind("Name", FromColumn("X")))
    assert (error.span.line, error.elsewhere.line) == (5, 4)


@pytest.mark.parametrize(
    ("intent", "words"),
    [
        (RemoveBinding("Gone"), "no `fields.Gone`"),
        (SetBindingKey("Gone", "format", "%d"), "no `fields.Gone`"),
        (SetBindingKey("Name", "format", None), "no `fields.Name.format`"),
        (SetBindingKey("Name", "from", "X"), "bind the column again"),
        (SetSourceOption("sheet", None), "no `source.sheet`"),
        (SetTimezone(None), "no `timezone`"),
        (SetAlias("Gone", "a", "b"), "no `choices.Gone`"),
        (RemoveOption("Colour", "Gone"), "not one of the options"),
        (MoveOption("Colour", "Red", 3), "from 1 to 2"),
        (RemoveOption("Twice", "Red"), "there twice"),
    ],
)
def test_what_is_missing_is_named(intent, words):
    text = f"{HEAD}choices:\n  Colour: [Red, Blue]\n  Twice: [Red, Red]\n{FIELDS}"
    assert words in str(refuse(text, intent))


@pytest.mark.parametrize(
    ("intent", "words"),
    [
        (RemoveBinding("Name"), "fields"),
        (RemoveOption("Colour", "Red"), "choices.Colour is empty"),
        (SetSourceOption("header_row", "third"), "header_row must be a whole number"),
        (SetSourceOption("heading", "x"), '"heading" is not a key of source'),
        (SetBindingKey("Name", "formt", "x"), '"formt"'),
    ],
)
def test_an_edit_after_which_the_mapping_is_not_valid_is_refused(intent, words):
    text = f"{HEAD}choices:\n  Colour: [Red]\n{FIELDS}"
    assert words in str(refuse(text, intent))


def test_problems_that_a_mapping_has_already_are_no_obstacle():
    text = f"{HEAD}sourec: x\nfields:\n  Name: {{frm: Title}}\n"
    assert (
        apply(text, SetTimezone("UTC")).text
        == f"{HEAD}sourec: x\ntimezone: UTC\n".replace(
            "sourec: x\ntimezone: UTC\n", "timezone: UTC\nsourec: x\n"
        )
        + text.partition("sourec: x\n")[2]
    )


@pytest.mark.parametrize(
    "text", ["fields: [", "a: b: c\n", "<<: {a: b}\n", "- a\n", "", "x: !!int 1\n", "a: *b\n"]
)
def test_what_is_not_a_mapping_file_is_refused_with_its_problem(text):
    with pytest.raises(InvalidMapping) as raised:
        apply(text, SetTimezone("UTC"))
    assert raised.value.diagnostics


def test_a_form_that_is_not_known_is_refused_rather_than_guessed():
    assert "by hand" in refuse(f"{HEAD}source: x\n{FIELDS}", SetSourceOption("sheet", "x")).help


def test_a_mapping_that_would_be_too_large_is_refused():
    assert "CSV file" in refuse(f"{HEAD}{FIELDS}", SetTableEntry("t", "a", "long" * (1 << 18))).help
