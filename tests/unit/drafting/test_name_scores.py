"""Column names are read as words, and those of other systems are known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.connection import BUILT_IN, Column, ColumnType, decode_name
from opusmap.drafting.name_scores import name_words, rate_name

NAMES = st.one_of(
    st.text(max_size=30), st.sampled_from(["Doc No.", "sys_created_on", "cm:title", "r_object_id"])
)
SURE, DOUBTFUL = 0.75, 0.5


def column(name):
    return Column(name, decode_name(name), ColumnType.SINGLE_TEXT)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Doc No.", "document number"),
        ("DocNo", "document number"),
        ("sys_created_on", "created date"),
        ("Modified_x0020_By", "modified by"),
        ("cm:created", "created"),
        ("r_modify_date", "modify date"),
        ("HTMLTitle", "html title"),
        ("Keywords", "keyword"),
        ("Agencies", "agency"),
        ("Status", "status"),
        ("Class2", "class 2"),
    ],
)
def test_a_name_is_read_as_words(name, words):
    assert " ".join(name_words(name)) == words


@given(NAMES)
def test_any_name_is_read(name):
    name_words(name)
    for internal_name in (*BUILT_IN, "_Doc_%20_Type"):
        assert 0 <= rate_name(column(internal_name), name) <= 1


@given(st.sampled_from([*BUILT_IN, "_Doc_%20_Type", "_Status"]))
def test_a_column_of_the_same_name_is_certain(name):
    assert rate_name(column(name), name) == 1
    assert rate_name(column(name), decode_name(name).upper()) == 1


@pytest.mark.parametrize(
    ("internal_name", "source"),
    [
        ("leafName", "Title"),
        ("leafName", "Subject"),
        ("rowKey", "Doc No"),
        ("rowKey", "Record Number"),
        ("timeCreated", "Created On"),
        ("timeCreated", "sys_created_on"),
        ("timeModified", "Last Modified Date"),
        ("createdBy", "Author"),
        ("modifiedBy", "Last updated by"),
        ("modifiedBy", "Editor"),
        ("_Doc_%20_Type", "Document type"),
        ("_Department", "Dept."),
        ("_Department", "Deprtment"),
        ("_Owners", "Responsible Officer"),
    ],
)
def test_synonyms_abbreviations_and_misspellings_are_known(internal_name, source):
    assert rate_name(column(internal_name), source) >= SURE


@pytest.mark.parametrize(
    ("internal_name", "source"),
    [
        ("timeCreated", "Created By"),
        ("createdBy", "Created On"),
        ("timeModified", "Modified By"),
        ("leafName", "Title Date"),
        ("_Doc_%20_Type", "Amount"),
    ],
)
def test_a_word_that_makes_another_thing_of_a_name_counts(internal_name, source):
    assert rate_name(column(internal_name), source) < DOUBTFUL
