"""Names are alike by the concepts that their words mean, in any of the known languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.connection import BUILT_IN, Column, ColumnType, decode_name
from opusmap.drafting.name_scores import NameScores

NAMES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["Doc No.", "sys_created_on", "cm:title", "Vertragsbeginn", "最后修改者"]),
)
SURE, DOUBTFUL = 0.75, 0.5


def rate(internal_name, source, kind=ColumnType.SINGLE_TEXT, among=()):
    column = Column(internal_name, decode_name(internal_name), kind)
    return NameScores([column], [source, *among]).rate(column, source)


@given(NAMES)
def test_any_name_is_rated(name):
    for internal_name in (*BUILT_IN, "_Doc_%20_Type"):
        assert 0 <= rate(internal_name, name) <= 1


@given(st.sampled_from([*BUILT_IN, "_Doc_%20_Type", "_Status"]))
def test_a_column_of_the_same_name_is_certain(name):
    assert rate(name, name) == 1
    assert rate(name, decode_name(name).upper()) == 1


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
        ("timeCreated", "Erstellungsdatum"),
        ("createdBy", "Créé par"),
        ("timeModified", "Última actualización"),
        ("rowKey", "zaaknummer"),
        ("leafName", "Ärendemening"),
        ("modifiedBy", "更新者"),
        ("_Supplier", "Lieferantenname"),
        ("_Contract_%20_Start", "Vertragsbeginn"),
        ("_Contract_%20_End", "data fine contratto"),
        ("_Kündigungsfrist", "Kündigungsfrist"),
        ("_Currency", "waluta"),
        ("_Retention_%20_Period", "保管期限"),
    ],
)
def test_synonyms_languages_and_misspellings_are_known(internal_name, source):
    assert rate(internal_name, source) >= SURE


@pytest.mark.parametrize(
    ("internal_name", "source"),
    [
        ("timeCreated", "Created By"),
        ("createdBy", "Created On"),
        ("modifiedBy", "Modified"),
        ("rowKey", "Supplier number"),
        ("leafName", "Vendor name"),
        ("leafName", "First name"),
        ("timeCreated", "Fälligkeitsdatum"),
        ("rowKey", "Postleitzahl"),
        ("_Net_%20_Amount", "Bruttobetrag"),
        ("_Start", "Vertragsende"),
    ],
)
def test_what_sounds_alike_and_is_another_thing_is_not_taken(internal_name, source):
    assert rate(internal_name, source) < DOUBTFUL


def test_a_word_that_every_column_says_counts_less():
    others = ["Contract title", "Contract owner", "Contract value", "Contract status"]
    alone, among = rate("_Status", "Contract phase"), rate("_Status", "Contract phase", among=others)
    assert among > alone


def test_a_date_need_not_say_that_it_is_one():
    assert rate("_Signed_%20_Date", "Firma", ColumnType.DATE_TIME, ["Oggetto", "Stato"]) >= SURE
