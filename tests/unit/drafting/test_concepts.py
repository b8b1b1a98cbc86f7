"""The words of a name are read in its language: compounds, words written together, phrases, no blanks."""

import tomllib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.drafting.concepts import concept_table, languages_of, read_name, words_of

FOLDER = files("opusmap.drafting").joinpath("vocabulary")
LANGUAGES = {"en", "de", "fr", "es", "pt", "it", "nl", "sv", "pl", "ja", "zh"}


def read(name, *others):
    return " ".join(read_name(name, languages_of([name, *others])))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Doc No.", "doc no"),
        ("DocNo", "doc no"),
        ("Modified_x0020_By", "modified by"),
        ("cm:created", "created"),
        ("r_modify_date", "modify date"),
        ("HTMLTitle", "html title"),
        ("Größe", "grosse"),
        ("企業ID", "企業 id"),
    ],
)
def test_a_name_is_read_as_words(name, words):
    assert " ".join(words_of(name)) == words


@pytest.mark.parametrize(
    ("name", "concepts"),
    [
        ("Vertragsbeginn", "contract start"),
        ("VERTRAGSBEGINN", "contract start"),
        ("empfaenger", "recipient"),
        ("Empfänger", "recipient"),
        ("Aktenzeichen", "case reference"),
        ("registratiedatum", "registered date"),
        ("Kostnadsställe", "centre"),
        ("datenotification", "date registered"),
        ("tipoContrato", "type contract"),
        ("Mots clés", "keyword"),
        ("Data ultima modifica", "date modified"),
        ("Termin płatności", "due"),
        ("最終更新日時", "modified date"),
        ("合同编号", "contract number"),
        ("Deprtment", "department"),
        ("Zyxwvut", "?zyxwvut"),
    ],
)
def test_words_are_read_as_concepts(name, concepts):
    assert read(name) == concepts


def test_a_word_means_what_it_does_in_the_language_of_the_others():
    assert read_name("Data", languages_of(["Data", "Oggetto", "Importo"])) == ("date",)
    assert read_name("Data", languages_of(["Data", "Title", "Amount"])) == ("data",)


@given(st.text(max_size=60))
def test_any_name_is_read(name):
    assert all(read_name(name, languages_of([name])))


def test_there_are_as_many_languages_as_are_told():
    assert set(languages_of(["x"])) == LANGUAGES


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_a_table_names_no_concept_that_only_it_has_and_nothing_twice(code):
    data = tomllib.loads(FOLDER.joinpath(f"{code}.toml").read_text("utf-8"))
    assert set(data) == {"endings", "links", "empty", "words"}
    for concepts, words in data["words"].items():
        assert len(words) == len(set(words)), concepts


def test_what_concepts_are_compared_by_is_known_to_some_language():
    known = set()
    for code in LANGUAGES:
        data = tomllib.loads(FOLDER.joinpath(f"{code}.toml").read_text("utf-8"))
        known |= {concept for key in data["words"] for concept in key.split()}
    table = concept_table()
    compared = {*table["alike"], *(one for near in table["alike"].values() for one in near)}
    phrases = [phrase for one in table["builtin"].values() for phrase in one]
    said = {concept for phrase in phrases for concept in phrase.split()}
    assert compared | said <= known
