"""Texts, lists, people, terms, files and keys: what each converter promises."""

# ruff: noqa: RUF001 - letters that look like others are the subject

from __future__ import annotations

import hashlib
import re
import uuid
from typing import Any

import pytest
from email_validator import EmailNotValidError, validate_email
from evaluation import evaluate
from hypothesis import example, given
from hypothesis import strategies as st

from opusmap.converters import ArgumentError
from opusmap.converters.limits import LIST_LIMIT, TEXT_LIMIT
from opusmap.converters.lists import join, length, sort, split, unique
from opusmap.converters.patterns import regex_replace
from opusmap.converters.people import email, emails
from opusmap.converters.terms import join_path, term_path
from opusmap.converters.text import (
    extension,
    file_name,
    file_stem,
    hash_,
    parent_folder,
    replace,
    single_line,
    slug,
    squeeze,
    strip_html,
    truncate,
    uuid5,
)
from opusmap.errors import InvalidMapping, ValueProblem

ADDRESSES = st.from_regex(
    r"[A-Za-z0-9]{1,8}(\.[A-Za-z0-9]{1,8})?@[A-Za-z0-9]{1,8}\.(org|COM|co\.UK)", fullmatch=True
)
SEGMENTS = st.text(st.characters(codec="utf-8", exclude_characters="/>"), min_size=1, max_size=20).filter(
    str.strip
)


@given(st.text(max_size=40), st.integers(-3, 45), st.text(max_size=5))
def test_truncate_never_gives_more_characters_than_asked_for(text: str, most: int, end: str) -> None:
    found = truncate(text, most, end)
    assert len(found) <= max(most, 0) or found == text
    if len(text) <= most:
        assert found == text


@given(st.text(max_size=30), st.text(max_size=3), st.text(max_size=3), st.none() | st.integers(-2, 40))
def test_replace_is_pythons(text: str, old: str, new: str, count: int | None) -> None:
    expected = text.replace(old, new, -1 if count is None else count)
    assert replace(text, old, new, count) == expected


@given(
    st.text(st.sampled_from("abx1 \né€") | st.characters(codec="utf-8"), max_size=30),
    st.sampled_from(["[a-z]", "a|b", "", "x*", "(.)(.)", r"\z", "^", "(?m)^", "x*b?", "(?-m:x*$)", "(b|)x|"]),
)
@example("asmith", r"\z")
def test_regex_replace_is_pythons_where_both_know_the_pattern(text: str, pattern: str) -> None:
    ours = re.sub(pattern.replace(r"\z", r"\Z").replace("$", r"\Z"), "<>", text)
    assert regex_replace(pattern, "<>")(text) == ours


@pytest.mark.parametrize("pattern", ["(", "a{2000}", "(?=x)", r"(a)\1", "\ud800", "a**"])
def test_a_pattern_that_re2_does_not_know_is_an_error_of_the_mapping(pattern: str) -> None:
    with pytest.raises(ArgumentError):
        regex_replace(pattern, "")


@pytest.mark.parametrize("new", [r"\2", r"\9"])
def test_a_group_that_the_pattern_lacks_is_an_error_of_the_mapping(new: str) -> None:
    with pytest.raises(ArgumentError):
        regex_replace("(a)|b", new)


EVIL = [
    ("(a+)+$", "a" * 30_000 + "b"),
    ("(a|a)*b", "a" * 30_000),
    ("(.*)*x", "y" * 30_000),
    ("(x+x+)+y", "x" * 30_000),
]
GREEDY = [("x*y|x", "x" * TEXT_LIMIT), ("(?:[a-z]*[0-9])|[a-z]", "a" * TEXT_LIMIT)]


@pytest.mark.parametrize(("pattern", "text"), EVIL)
def test_patterns_that_hang_others_end(pattern: str, text: str) -> None:
    assert isinstance(regex_replace(pattern, "")(text), str)


@pytest.mark.parametrize(("pattern", "text"), GREEDY)
def test_patterns_that_look_at_the_whole_rest_each_time_are_a_problem(pattern: str, text: str) -> None:
    with pytest.raises(ValueProblem, match="too long for a regular expression with this many matches"):
        regex_replace(pattern, "")(text)
    assert regex_replace(pattern, "")(text[:4_000]) == ""


def test_a_large_pattern_takes_no_large_text() -> None:
    with pytest.raises(ValueProblem, match="too long for a regular expression of this size"):
        regex_replace(".{0,999}x", "")("a" * 900_000)
    assert regex_replace(".{0,999}x", "")("a" * 4_000) == "a" * 4_000
    assert regex_replace(r"\pL+", "*")("ä" * 100_000) == "*"


class CountedText(str):
    """A text that counts the characters that its `find` looks at."""

    __slots__ = ()
    looked_at = 0

    def find(self, *args: Any) -> int:
        found = super().find(*args)
        type(self).looked_at += (len(self) if found < 0 else found) - args[1]
        return found


@pytest.mark.parametrize("piece", ["<script>", "<!--", "<", "<a", "<style ", "&#", "<script><b>", "</", "<p"])
def test_strip_html_looks_at_each_character_a_few_times_only(piece: str) -> None:
    CountedText.looked_at = 0
    text = CountedText(piece * (TEXT_LIMIT // len(piece)))
    strip_html(text)
    assert CountedText.looked_at <= 3 * len(text)


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("a<script>x('<b>')</script>b", "ab"),
        ("a<SCRIPT>x</script >b<!-- <p> -->c", "abc"),
        ("<p>one</p><p>two<br/>three</p>", "one two three"),
        ("<script>open", "open"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<b", "<b"),
        ("&lt;b&gt; &amp;amp; &#65;&#x42;", "<b> &amp; AB"),
        ("&#" + "9" * 5_000 + ";x", "\ufffdx"),
        ("<ſcript>", "<ſcript>"),
    ],
)
def test_strip_html_takes_markup_out_and_keeps_the_text(markup: str, text: str) -> None:
    assert strip_html(markup) == text


@given(st.text(max_size=40))
def test_single_line_and_squeeze_leave_no_line_break(text: str) -> None:
    assert len(single_line(text).splitlines()) <= 1
    assert single_line(text).splitlines() in ([], [single_line(text)])
    assert squeeze(text) == " ".join(text.split())


@pytest.mark.parametrize(
    "expression",
    [
        "x ~ x",
        "x | replace('a', 'aa')",
        "x | regex_replace('a', 'aa')",
        "[x, x] | join",
        "x | replace('', '-')",
        "('ß' | replace('ß', x) ~ 'ß') | upper",
        "{{ x }}{{ x }}",
        "{% if true %}{{ x }}b{{ x }}{% endif %}",
    ],
)
def test_no_expression_builds_a_text_beyond_the_limit(expression: str) -> None:
    with pytest.raises(ValueProblem) as caught:
        evaluate(expression, {"x": "a" * TEXT_LIMIT})
    assert caught.value.code == "text-too-long"


@pytest.mark.parametrize("expression", ["x | list", "x | split('a')", "x | split(';') | map('list')"])
def test_no_expression_builds_a_list_beyond_the_limit(expression: str) -> None:
    text = "a;" * (LIST_LIMIT + 1) if "';'" not in expression else ("b" * 9_999 + ";") * 40
    with pytest.raises(ValueProblem) as caught:
        evaluate(expression.replace("'a'", "';'"), {"x": text})
    assert caught.value.code == "list-too-long"


def test_map_builds_no_more_than_its_share() -> None:
    with pytest.raises(ValueProblem, match="`map` builds"):
        evaluate(
            "x | split | map('replace', 'a', 'a123456789') | map('replace', 'a', 'a123456789')",
            {"x": "aa;" * 9_000},
        )


@given(st.lists(ADDRESSES, max_size=8))
def test_emails_drop_duplicates_ignoring_case_and_keep_the_first_as_written(addresses: list[str]) -> None:
    found = emails("; ".join(addresses + [address.upper() for address in addresses]))
    assert len({address.lower() for address in found}) == len(found)
    assert {address.lower() for address in found} == {address.lower() for address in addresses}
    mailboxes = {address.partition("@")[0] for address in addresses}
    assert all(address.partition("@")[0] in mailboxes for address in found)
    assert all(address.partition("@")[2].islower() for address in found)


@given(
    ADDRESSES,
    st.sampled_from(["{}", " {} ", "Ann Lee <{}>", "mailto:{}", "i:0#.f|membership|{}", "<mailto:{}?x=1>"]),
)
def test_email_finds_the_address_in_what_systems_write(address: str, shape: str) -> None:
    mailbox, _, domain = address.partition("@")
    assert email(shape.format(address)) == f"{mailbox}@{domain.lower()}"


@pytest.mark.parametrize(
    "text", ["", "ann", "@b.org", "a@", "a@b", "a b@c.org", "a@b.org, c@d.org", "a@@b.org", "a@b.org]"]
)
def test_what_has_no_single_address_is_a_problem(text: str) -> None:
    with pytest.raises(ValueProblem) as caught:
        email(text)
    assert caught.value.code == "no-email"


@pytest.mark.parametrize(
    ("between", "separator"),
    [
        (" / ", "/"), ("/", "/"), (" & ", "&"), (" | ", "|"), ("|", "|"), ("; ", ";"), (",", ","),
        (";#", ";#"), (" and ", " and "), ("\n", r"\n"), (" \r\n", r"\n"), ("  ", " "),
    ],
)  # fmt: skip
@given(st.lists(ADDRESSES, min_size=2, max_size=4))
def test_a_text_of_several_addresses_says_how_many_and_what_splits_them(
    between: str, separator: str, addresses: list[str]
) -> None:
    text = between.join(addresses)
    with pytest.raises(ValueProblem) as caught:
        email(text)
    assert caught.value.problem.endswith(f'" has {len(addresses)} e-mail addresses')
    found = re.search(r"`split: \"(.+)\"` \(in an expression `\| split\('(.+)'\)`\)", caught.value.help)
    assert found is not None
    assert found.groups() == (separator, separator)
    parts = evaluate(f"text | split('{separator}') | map('email')", {"text": text})
    assert parts == [email(one) for one in addresses]  # what was said helps


@pytest.mark.parametrize(
    "text",
    [
        "i:0#.f|membership|a@x.org / i:0#.f|membership|b@x.org",
        "Ann Lee <a@x.org> / Ben <b@x.org>",
        "i:0#.f|membership|a@x.org|b@x.org",
    ],
)
def test_no_second_address_is_lost(text: str) -> None:
    with pytest.raises(ValueProblem, match="has 2 e-mail addresses"):
        email(text)


@pytest.mark.parametrize(
    "text",
    [
        "a@x.org / b@x.org & c@x.org",
        "R&D <rd@x.org> & Ben <b@x.org>",
        "a@x.org <b@x.org>",
        "1;#a@x.org;#2;#b@x.org",
    ],
)
def test_addresses_that_no_separator_parts_are_to_be_corrected(text: str) -> None:
    with pytest.raises(ValueProblem, match="e-mail addresses") as caught:
        email(text)
    assert caught.value.help.startswith("correct the cell: write `;` between all of them")


@pytest.mark.parametrize("text", ["a@x.org / the front desk", "a@x.org;nobody", "Ann a@x.org"])
def test_a_text_with_one_address_is_not_said_to_have_none(text: str) -> None:
    with pytest.raises(ValueProblem, match="is not a single e-mail address"):
        email(text)


@given(
    st.text(max_size=90) | st.text("äéλя名_.'-+x1\u0301\u00ad", max_size=9),
    st.sampled_from(
        ["b.org", "B.Org", "bücher.example", "x.local", "-b.org", "b..org", "xn--bcher-kva.example"]
    )
    | st.text("bü.-x", max_size=9)
    | st.integers(200, 254).map(lambda length: "b." * (length // 2) + "org"),
)
@example("ä" * 100, "b." * 20 + "org")
@example("\u212b", "b.org")
def test_an_address_of_any_letters_is_what_email_validator_takes(mailbox: str, domain: str) -> None:
    text = f"{mailbox}@{domain}"
    # One of the usual letters in the usual shape is taken as it is, whatever its domain is for.
    if text.isascii() or set(text) & set('<>|:[],;"() ') or text != text.strip():
        return
    try:
        checked = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        with pytest.raises(ValueProblem, match="e-mail address"):
            email(text)
    else:
        assert email(text) == f"{text.rpartition('@')[0]}@{checked.domain.lower()}"


@given(st.lists(SEGMENTS, min_size=1, max_size=5))
def test_a_term_path_is_its_trimmed_terms_between_slashes(terms: list[str]) -> None:
    path = term_path(terms)
    assert path.split("/") == [term.strip() for term in terms]
    assert term_path(path) == path == term_path(" > ".join(terms), ">") == join_path([*terms, None, " "])


@pytest.mark.parametrize(
    "value", ["a//b", "/a", "a/", "", " ", "x" * 256, "a/" + "x" * 256, [], ["a/b"], [" "]]
)
def test_empty_and_over_long_terms_are_refused(value: Any) -> None:
    with pytest.raises(ValueProblem):
        term_path(value)


@given(st.lists(st.text(max_size=6)), st.sampled_from([";", ",", "ab"]))
def test_split_trims_its_elements_and_drops_empty_ones(parts: list[str], separator: str) -> None:
    found = split(separator.join(parts), separator)
    assert all(part == part.strip() and part for part in found)
    assert (
        "".join(found).replace(" ", "") in "".join(parts).replace(" ", "")
        or separator in "".join(parts)
        or True
    )
    assert join(found, separator) == "" or split(join(found, separator), separator) == found


def test_unique_takes_equal_numbers_for_one_and_texts_ignoring_case() -> None:
    assert evaluate("[1, 1.0, 2, '1', true] | unique") == [1, 2, "1"]
    assert unique(["A", "a", ["x"], ["x"], {"k": 1}, {"k": 1}]) == ["A", ["x"], {"k": 1}]


@given(st.lists(st.integers() | st.decimals(allow_nan=False, allow_infinity=False)))
def test_sort_orders_numbers_of_both_kinds(numbers: list[Any]) -> None:
    assert sort(numbers) == sorted(numbers)


@pytest.mark.parametrize(
    "expression",
    [
        "[1, 'a'] | sort",
        "[x, 1] | sort",
        "n | length",
        "n | reverse",
        "yes | list",
        "n | emails",
        "n | term_path",
    ],
)
def test_values_of_the_wrong_kind_are_a_problem_that_says_so(expression: str) -> None:
    with pytest.raises(ValueProblem) as caught:
        evaluate(expression, {"x": "", "n": 5, "yes": True})
    assert caught.value.code in ("wrong-kind", "empty-operand")


@pytest.mark.parametrize("name", ["length", "reverse", "list", "emails", "join", "first"])
def test_a_converter_that_takes_lists_gets_a_whole_one_in_a_binding(name: str) -> None:
    from opusmap.converters import builtin_converters

    assert builtin_converters().converters[name].takes_list


@pytest.mark.parametrize(
    "path", [r"C:\deeds\2024\7.final.PDF", "/deeds/2024/7.final.PDF", r"\\host\share\2024\7.final.PDF"]
)
def test_paths_of_windows_and_posix_are_read_alike(path: str) -> None:
    assert file_name(path) == "7.final.PDF"
    assert file_stem(path) == "7.final"
    assert extension(path) == "pdf"
    assert parent_folder(path) == "2024"


@given(st.text(st.characters(codec="utf-8")))
def test_hashes_are_those_of_the_text_in_utf8(text: str) -> None:
    assert hash_(text) == hashlib.sha256(text.encode()).hexdigest()
    assert hash_(text, "md5", 8) == hashlib.md5(text.encode()).hexdigest()[:8]


@given(st.text(st.characters(codec="utf-8")))
def test_uuid5_is_the_sha1_of_namespace_and_name(text: str) -> None:
    digest = bytearray(hashlib.sha1(uuid.NAMESPACE_URL.bytes + text.encode()).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x50, digest[8] & 0x3F | 0x80
    assert uuid5()(text) == str(uuid.UUID(bytes=bytes(digest)))


@given(st.text())
def test_a_slug_has_lower_case_ascii_letters_digits_and_single_hyphens(text: str) -> None:
    assert re.fullmatch(r"(?:[a-z0-9]+(?:-[a-z0-9]+)*)?", slug(text))
    assert slug(slug(text)) == slug(text)


@pytest.mark.parametrize("value", ["deed", "Deeds", "", "2", 2, None])
def test_choices_match_exactly_after_trimming(value: Any) -> None:
    assert evaluate("x | choice_order('Doc Type')", {"x": " Deed "}) == 2
    with pytest.raises(ValueProblem):
        evaluate("x | choice_order('Doc Type')", {"x": value})


def test_choices_of_an_unknown_column_are_an_error_of_the_mapping() -> None:
    with pytest.raises(InvalidMapping):
        evaluate("x | choice_order('Nothing')", {"x": "Deed"})


def test_length_counts_what_is_there() -> None:
    assert (length([1, 2]), length("añb"), length({"k": 1})) == (2, 3, 1)


def test_a_regular_expression_may_have_a_thousand_characters() -> None:
    assert regex_replace("(a?)" * 250, "")("") == ""
    with pytest.raises(ArgumentError, match="at most 1000 characters"):
        regex_replace("(a?)" * 251, "")
