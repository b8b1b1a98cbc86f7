"""Each diagnostic has a page, and each page is true: its example gives the code, its way out does not."""

from __future__ import annotations

import re

import pytest
import yaml
from diagnostic_pages import FOLDER, INDEX, Page, examine, listed, read_page, scaffold
from raised_codes import codes_in, raised_codes

from opusmap.compiler import compile_mapping
from opusmap.connection import parse_connection
from opusmap.errors import InvalidMapping
from opusmap.issues import render
from opusmap.mapping import parse_spec

PATHS = sorted(path for path in FOLDER.glob("*.md") if path != INDEX)
PAGES = {path.stem: read_page(path) for path in PATHS}
SHOWN = [
    code for code, page in PAGES.items() if not any(part.kind.startswith("none:") for part in page.parts)
]
EVERY = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)


def test_each_code_has_a_page_and_each_page_a_code():
    codes = raised_codes()
    missing = {code: place for code, place in codes.items() if code not in PAGES}
    assert not missing, "\n".join(f"{code} ({place}) has no page" for code, place in missing.items())
    assert not PAGES.keys() - codes.keys(), "pages of codes that nothing gives"


def test_each_page_is_in_the_index_once_with_what_it_means():
    rows = listed()
    assert [link for link, _ in rows] == [f"[`{name}`]({name}.md)" for name in _names(rows)]
    assert sorted(_names(rows)) == sorted(PAGES)
    assert all(meaning for _, meaning in rows)


def _names(rows):
    return [re.sub(r"\W*([\w-]+).*", r"\1", link) for link, _ in rows]


@EVERY
def test_each_page_has_its_parts(page: Page):
    assert list(page.sections) == ["What", "Why", "Example", "Fix"]
    assert page.places
    assert all(text.strip() for text in page.sections.values())
    assert page.stage("example"), "there is no example"
    assert page.stage("fixed"), "there is no fix"
    assert not re.findall(r"<!-- (?!(?:locked|example|fixed): )", "".join(page.sections.values()))
    assert 25 <= len(page.prose.split()) <= 140


@EVERY
def test_each_text_shown_says_above_it_where_it_is(page: Page):
    text = (FOLDER / f"{page.code}.md").read_text("utf-8")
    above = re.findall(r"(?m)^(.*)\n+(?:<!-- .* -->\n+)?```\w+\n", text)
    assert above
    assert [line for line in above if not line.endswith(":")] == []


@EVERY
def test_each_page_has_its_code_for_a_title(page: Page):
    assert PAGES[page.code] is page


@pytest.mark.parametrize("code", SHOWN)
def test_each_example_gives_its_code_and_no_other(code, tmp_path):
    page = PAGES[code]
    found = examine(page, "example", tmp_path)
    assert {one.place for one in found if one.code == code} <= set(page.places)
    assert {one.code for one in found if _is_bad(one) or one.code == code} == {code}


@pytest.mark.parametrize("code", SHOWN)
def test_each_fix_removes_the_problem(code, tmp_path):
    found = examine(PAGES[code], "fixed", tmp_path)
    assert not {one for one in found if _is_bad(one) or one.code == code}


def _is_bad(finding):
    return finding.place.startswith(("Error", "Reject"))


def test_the_message_shown_in_the_index_is_what_is_said_of_that_mistake():
    shown = re.search(r"(?ms)^```text\n(.*?)^```$", INDEX.read_text("utf-8"))[1]
    mapping = scaffold()["mapping.yaml"].replace("Name: Title", "Name: Titel")
    connection = parse_connection(scaffold()["contracts.connection.json"])
    columns = frozenset(yaml.safe_load(scaffold()["row"]))
    with pytest.raises(InvalidMapping) as raised:
        compile_mapping(parse_spec(mapping, "mapping.yaml"), connection, columns=columns)
    lines = mapping.splitlines()
    assert render(raised.value.diagnostics, lambda _, line: lines[line - 1]) + "\n" == shown


def test_few_pages_can_show_no_example():
    assert len(PAGES) - len(SHOWN) <= 17


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ("class P:\n  column: str\n  code: str\nP('a', 'x')\nP(code='y', column='a')", {"x", "y"}),
        (
            "def _error(code): _tell('a', code)\ndef _tell(what, code): ...\n_error('x' if a else 'y')",
            {"x", "y"},
        ),
        (
            "def f(): return 'x', 1\ndef g(code, n): ...\ng(*f())\ndef h():\n  code, n = f()\n  g(code, n)",
            {"x"},
        ),
        ("def f(warn): warn('x', 'message')", {"x"}),
    ],
)
def test_codes_are_found_wherever_they_are_handed_on(source, codes):
    assert codes_in({"module.py": source}).keys() == codes


def test_a_warn_that_is_handed_about_is_not_taken_for_one_that_another_module_defines():
    sources = {"a.py": "def warn(column, code): ...", "b.py": "def f(warn): warn('x', 'message')"}
    assert codes_in(sources) == {"x": "b.py:1"}


@pytest.mark.parametrize(
    "call", ["give(table[1])", "give(name)", "give(f'a-{b}')", "give()", "give(*elsewhere())"]
)
def test_a_code_that_can_not_be_followed_is_refused(call):
    with pytest.raises(AssertionError, match=r"module\.py:2"):
        codes_in({"module.py": f"def give(code): ...\n{call}"})
