"""A word finds the how-to page or the section about it, and a link says what to type."""

from __future__ import annotations

import re

import pytest
from documentation import ROOT

from opusmap.guide_pages import (
    find_guides,
    find_links,
    find_mentions,
    has_guide,
    list_guides,
    list_words,
    remove_links,
    show_links,
)


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("dates", "dates"),
        ("filtered", "send"),
        ("not sent", "send"),
        ("date format", "dates"),
        ("Excel", "excel-register"),
        ("windows", "on-windows"),
        ("choice", "choices"),
        ("people", "people"),
        ("own converter", "custom-converter"),
        ("templates", "templates-with-if"),
        ("lookup tables", "lookup-tables"),
        ("exit code", "exit-codes"),
        ("exit codes", "exit-codes"),
        ("xlsx", "excel-register"),
        ("spreadsheet", "excel-register"),
        ("excel file", "excel-register"),
        ("am/pm", "say-how-your-export-writes-dates"),
        ("century", "years-of-two-digits"),
        ("task scheduler", "windows-task-scheduler"),
        ("cron", "linux-cron"),
        ("aliases", "choices"),
        ("alias", "choices"),
        ("nightly", "scheduled-runs"),
        ("schedule", "scheduled-runs"),
        ("two people", "several-people"),
        ("people several", "several-people"),
        ("rejects", "correcting-rejects"),
        ("constant", "bindings"),
        ("const", "bindings"),
        ("default", "bindings"),
        ("required", "bindings"),
        ("duplicates", "rows-with-the-same-row-key"),
        ("csv", "csv"),
        ("delimiter", "csv"),
        ("password", "settings"),
        ("delete", "if-a-record-should-not-be-there"),
        ("delete a record", "if-a-record-should-not-be-there"),
        ("how do I delete records", "if-a-record-should-not-be-there"),
        ("mapping", "keys-of-the-file"),
        ("mapping.yaml", "keys-of-the-file"),
        ("file encoding", "csv"),
        ("quotes", "yaml-in-one-minute"),
        ("boolean", "converters-of-numbers-and-yesno"),
        ("row key", "names-of-columns"),
        ("rowKey", "names-of-columns"),
        ("leafName", "names-of-columns"),
        ("termFullPath", "names-of-columns"),
        ("column names", "names-of-columns"),
        ("createdBy", "created-by-and-modified-by"),
        ("split", "bindings"),
        ("format", "times-and-zones"),
        ("truncate", "converters-of-texts"),
        ("journal", "the-journal"),
        ("classification", "classification"),
        ("3", "exit-codes"),
        ("70", "exit-codes"),
        ("can it read my excel file", "excel-register"),
        ("run it each night on windows", "scheduled-runs"),
        ("crosswalk", "prove"),
        ("who signed, is there a signature?", "prove"),
        ("submitted", "prove"),
        ("rehearsal", "check-before-sending"),
        ("does it read from excel", "excel-register"),
        ("from which row is the journal", "the-journal"),
        ("repeated number", "rows-with-the-same-row-key"),
        ("duplicate number", "rows-with-the-same-row-key"),
        ("tab", "csv"),
        ("thousands separator", "numbers"),
        ("comma in number", "numbers"),
        ("currency", "numbers"),
        ("euro sign", "numbers"),
        ("date without century", "years-of-two-digits"),
        ("two-digit year", "years-of-two-digits"),
        ("reordered choices", "lock-the-order"),
        ("proof for an auditor", "prove"),
        ("filter rows", "where"),
        ("total row", "where"),
        ("leading zero", "text"),
        ("leading zeros", "text"),
        ("empty cells", "what-empty-is"),
        ("trailing spaces", "converters-of-texts"),
        ("merged cells", "workbooks"),
        ("encoding umlauts", "csv"),
        ("time zone", "dates"),
        ("wrong column", "check-before-sending"),
        ("rename column", "when-the-export-or-the-connection-changes"),
        ("renamed columns", "when-the-export-or-the-connection-changes"),
        ("password secret", "settings"),
        ("proxy", "settings"),
        ("schedule nightly", "scheduled-runs"),
        ("duplicate", "rows-with-the-same-row-key"),
        ("duplicate keys", "rows-with-the-same-row-key"),
        ("choice order", "choices"),
        ("order", "choices"),
        ("reordered options", "lock-the-order"),
        ("decimal", "numbers"),
        ("percent", "numbers"),
        ("total", "where"),
        ("sign", "make-the-page-of-a-run"),
        ("remove a record", "if-a-record-should-not-be-there"),
        ("delete records", "if-a-record-should-not-be-there"),
        ("missing", "what-empty-is"),
        ("wrong", "check-before-sending"),
        ("error", "check-before-sending"),
        ("slow", "find-out-how-long-a-run-takes"),
        ("backup", "the-journal"),
        ("restart", "send"),
        ("stop", "send"),
        ("resume", "send"),
        ("upgrade", "install"),
        ("update", "install"),
        ("folder", "file-share"),
        ("file", "formats"),
        ("key", "rows-with-the-same-row-key"),
        ("user", "people"),
        ("uppercase", "converters-of-texts"),
        ("merge", "bindings"),
        ("checkbox", "converters-of-numbers-and-yesno"),
        ("docker", "container"),
        ("export", "first-mapping"),
        ("approval", "have-it-approved"),
        ("log", "options-of-most-commands"),
        ("print", "make-the-page-of-a-run"),
        ("environment", "settings"),
        ("formats", "formats"),
        ("workbooks", "workbooks"),
        ("keys", "rows-with-the-same-row-key"),
        ("secrets", "settings"),
        ("million", "speed-and-memory"),
    ],
)
def test_a_word_finds_what_is_about_it_first(word: str, name: str) -> None:
    guide = find_guides(word)[0]
    assert guide.name == name
    assert guide.text.lstrip("#").replace("`", "").strip().startswith(guide.title[:5])


def test_a_part_of_a_listed_phrase_finds_its_page_after_those_with_the_word_itself() -> None:
    for word, first, later in (
        ("total", "where", "send"),
        ("sign", "make-the-page-of-a-run", "certificate-sign-in"),
        ("hash", "converters-of-keys", "show-that-a-file-is-the-one-that-was-read"),
    ):
        names = [guide.name for guide in find_guides(word)]
        assert names[0] == first
        assert later in names


def test_one_word_of_a_first_paragraph_finds_no_page_but_the_sections_that_mention_it() -> None:
    assert find_guides("sharepoint") == []
    assert [guide.name for guide in find_mentions("SharePoint")] == ["what-each-column-type-takes"]
    named = [guide.name for guide in find_mentions("tenant")]
    assert "converters-of-lists" in named
    assert "converters" not in named  # which has that section
    for word in ("tenant", "row", "zone", "file"):
        for guide in find_mentions(word):
            assert find_guides(guide.name)[0] == guide, "what is named can be typed"
    for absent in ("xyzzy", "", "-"):
        assert find_mentions(absent) == []


def test_words_of_headings_and_first_paragraphs_find_a_page_if_no_title_has_them() -> None:
    assert find_guides("repository mapping lock")[0].name == "github-actions"
    assert find_guides("service accounts")[0].name in (
        "people",
        "people-who-left-service-accounts-empty-cells",
    )


def _write_otherwise(phrase: str) -> list[str]:
    """Return a phrase as other people type it."""
    return [
        phrase,
        phrase.upper(),
        re.sub(r"[\W_]+", "", phrase),
        re.sub(r"[\W_]+", "-", phrase),
        f"{phrase}?",
    ]


def test_each_word_of_the_table_finds_what_lists_it_however_it_is_typed() -> None:
    words = list_words()
    assert len(words) > 150
    for phrase, name in words.items():
        for typed in _write_otherwise(phrase):
            assert find_guides(typed)[0].name == name, typed


def test_no_two_pages_list_the_same_word() -> None:
    listed = [
        re.sub(r"[\W_]+", "", word.lower())
        for path in (ROOT / "docs").rglob("*.md")
        for found in re.findall(r"<!-- searched: (.+?) -->", path.read_text("utf-8"))
        for word in {re.sub(r"[\W_]+", "", each.lower()) for each in found.split(", ")}
    ]
    assert len(listed) == len(set(listed)), sorted(word for word in set(listed) if listed.count(word) > 1)


def test_a_word_that_joins_a_title_finds_only_what_lists_it() -> None:
    for word in ("where", "from", "let", "each", "first"):
        assert [guide.name for guide in find_guides(word)] == [list_words()[word]]
    assert "where-it-runs" in [guide.name for guide in find_guides("where it runs")]


@pytest.mark.parametrize("word", ["", "-", "no-such-thing", "../../etc/passwd"])
def test_what_no_title_has_finds_nothing(word: str) -> None:
    assert find_guides(word) == []


def test_the_pages_are_listed_in_the_order_of_their_index() -> None:
    names = [guide.name for guide in list_guides()]
    assert set(names) == {path.stem for path in (ROOT / "docs" / "howto").glob("*.md")} - {"index"}
    assert names[0] == "install"


def test_each_page_and_section_is_found_by_its_name() -> None:
    for guide in list_guides():
        assert find_guides(guide.name)[0] == guide
        assert has_guide(guide.name)


def test_a_comment_in_code_is_not_a_heading() -> None:
    (guide,) = (one for one in find_guides("whole file") if one.name == "a-whole-file")
    assert guide.text.count("```") % 2 == 0


def test_a_link_gives_what_is_typed_for_its_page() -> None:
    text = (
        "[a](bad-date.md) [`b`](../language.md#times-and-zones) [c](../command-line.md#check)\n"
        "[d](https://x.org/y.md) [e](../howto/dates.md) [f](picture.svg)\n```\n[g](g.md)\n```\n"
    )
    assert find_links(text) == ["bad-date", "times-and-zones", "check", "dates"]
    assert remove_links(text).startswith("a `b` c\n")
    assert remove_links("## A\n\n<!-- searched: a -->\n<!-- b -->\n\nText.<!-- c -->\n") == "## A\n\nText.\n"


def test_a_link_shows_where_it_leads_once_unless_its_text_does_or_it_leads_to_the_text_itself() -> None:
    text = (
        "# A\n[a](bad-date.md) [b](bad-date.md) [`bad-date`](bad-date.md) [c](#d) `[e](e.md)` "
        "[f](../explanation/f.md#g) [h](../command-line.md#no-heading) [i](https://x.org/y)\n"
    )
    shown = show_links(text, "docs/howto", lambda name: name in ("bad-date", "command-line"))
    assert shown == (
        "# A\na (`opusmap help bad-date`) b `bad-date` c `[e](e.md)` f (`docs/explanation/f.md`) "
        "h (`opusmap help command-line`) i (`https://x.org/y`)\n"
    )


def test_no_name_of_a_page_has_to_be_quoted() -> None:
    assert all(re.fullmatch(r"[a-z0-9-]+", guide.name) for guide in list_guides())
