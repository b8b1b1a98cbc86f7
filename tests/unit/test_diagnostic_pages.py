"""What a code means is a line of the pages' index, as plain text."""

from raised_codes import raised_codes

import opusmap.diagnostic_pages
from opusmap.diagnostic_pages import find_code, list_codes, locate_page, read_page, summarise


def test_every_code_has_a_sentence_without_markup():
    for code in raised_codes():
        sentence = summarise(code)
        assert sentence.endswith("."), code
        assert not set(sentence) & set("`#|\n"), code


def test_code_in_a_sentence_stands_in_quotation_marks():
    assert "“" in summarise("where-not-boolean")


def test_what_is_no_code_has_none():
    assert summarise("no-such-code") == summarise("") == ""


def test_a_code_has_an_address_once_the_documentation_has_one():
    site = "https://docs.example/"
    assert locate_page("bad-date", site) == "https://docs.example/docs/diagnostics/bad-date.html"
    assert locate_page("no-such-code", site) == ""
    assert not opusmap.diagnostic_pages.DOCUMENTATION or opusmap.diagnostic_pages.DOCUMENTATION.endswith("/")


def test_a_page_for_the_terminal_has_the_texts_of_links_and_brackets_in_code_as_they_are():
    page = read_page("yaml-syntax")
    assert "See YAML in one minute" in page
    assert "`[`" in page
    assert "](" not in page


def test_a_code_is_found_without_its_hyphens_and_in_any_letter_case() -> None:
    for code in (code for codes in list_codes().values() for code in codes):
        for typed in (
            code,
            code.upper(),
            code.replace("-", " "),
            code.replace("-", ""),
            code.replace("-", "_"),
        ):
            assert find_code(typed) == code
    assert find_code("") == find_code("dates") == find_code("bad-dates") == ""
