import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.report import page_templates
from opusmap.report.page_templates import read_templates, shown


def test_the_examples_hold():
    assert doctest.testmod(page_templates).failed == 0


@given(st.text(max_size=30), st.booleans())
def test_all_that_is_shown_can_be_seen_but_for_the_breaks_that_are_kept(text, lines):
    found = shown(text, lines=lines)
    joiners = "\u200c\u200d"
    kept = joiners + ("\n\t" if lines else "")
    assert all(char.isprintable() or char in kept for char in found)
    if text.isprintable():
        assert found == text


@given(st.text(st.characters(categories=("L", "Nd")), min_size=1, max_size=90), st.integers(1, 80))
def test_a_cut_is_marked(text, limit):
    found = shown(text, limit)
    assert found == text if len(text) <= limit else found == text[: limit - 1] + "…"


@pytest.mark.parametrize("template", ["{{ value }}", "{{ value | shown }}", "{{ value | coded }}"])
def test_no_value_becomes_markup(template, tmp_path):
    (tmp_path / "page.html").write_text(template, "utf-8")
    page = read_templates(tmp_path, {}).get_template("page.html").render(value="<b>`<i>`</b>")
    assert "<b>" not in page
    assert "<i>" not in page


def test_a_template_that_names_what_it_is_not_given_fails(tmp_path):
    (tmp_path / "page.html").write_text("{{ vlaue }}", "utf-8")
    with pytest.raises(Exception, match="vlaue"):
        read_templates(tmp_path, {}).get_template("page.html").render(value=1)
