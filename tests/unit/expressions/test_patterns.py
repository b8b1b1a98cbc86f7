"""Regular expressions are written as they are: in expressions as in bindings a backslash is a backslash."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import jinja2
import pytest
from evaluation import evaluate
from hypothesis import given
from hypothesis import strategies as st
from one_expression import problem, refused
from small_mapping import compiled, mapping_text, problems, record

from opusmap.converters import ArgumentError, builtin_tests
from opusmap.converters.patterns import regex_replace
from opusmap.errors import InvalidMapping


def replaced(pattern: str, new: str, text: str) -> list[Any]:
    """Return what a pattern makes of a text in every way that a mapping can write it."""
    quoted = f"{{{{ A | regex_replace('{pattern}', '{new}') }}}}"
    named = f'{{{{ A | regex_replace(new="{new}", pattern="{pattern}") }}}}'
    each = f"{{{{ [A] | map('regex_replace', '{pattern}', '{new}') | first }}}}"
    fields = [
        f"Line: {json.dumps(quoted)}",  # JSON's texts are YAML's between double quotes
        "Line: '" + quoted.replace("'", "''") + "'",
        f"Line: |-\n  {quoted}",
        "Line: '" + named.replace("'", "''") + "'",
        f"Line: {json.dumps(each)}",
        f"Line: {{from: A, convert: {{regex_replace: ['{pattern}', '{new}']}}}}",
        f"Line: {{from: A, convert: {{regex_replace: {{pattern: '{pattern}', new: '{new}'}}}}}}",
        f"Line: {{from: A, convert: {{regex_replace: [{json.dumps(pattern)}, {json.dumps(new)}]}}}}",
    ]
    return [record(binding, {"A": text}).get("_Line") for binding in fields]


@pytest.mark.parametrize(
    ("pattern", "new", "text", "expected"),
    [
        (r"\bno\b", "yes", "no noise no", "yes noise yes"),
        (r"\d+", "#", "a12b3", "a#b#"),
        (r"(\w+), (\w+)", "$2 $1", "Smith, Ann", "Ann Smith"),
        (r"(?P<y>\d{4})-(?P<m>\d\d)", "${m}/${y}", "2024-05", "05/2024"),
        (r"(?<y>\d{4})", "${y}", "in 2024", "in 2024"),
        (r"(\d)", "${1}0000", "7", "70000"),
        (r"(\d)", "$$$1.00", "7", "$7.00"),
        (r"\d+", "<$0>", "a12", "a<12>"),
        (r"(a)|b", "[$1]", "ab", "[a][]"),
        (r"\x5C", "/", "C:\\temp", "C:/temp"),
        (r"[\t\n]+", " ", "a\t\nb", "a b"),
        (r"\x41\u".removesuffix(r"\u"), "B", "A", "B"),
        (r"\N".replace("N", "pL"), "l", "é1", "l1"),
        (r"\QA.B\E", "x", "A.B AxB", "x AxB"),
        (r"\$", "", "$5", "5"),
    ],
)
def test_a_pattern_is_taken_as_it_is_written(pattern: str, new: str, text: str, expected: str) -> None:
    assert replaced(pattern, new, text) == [expected] * 8


@given(st.text(st.sampled_from("abc.*+?()[]$^|\\ 1"), max_size=6))
def test_every_text_can_be_matched_by_its_escapes(text: str) -> None:
    pattern = "".join(rf"\x{ord(char):02X}" for char in text)
    assert regex_replace(f"^{pattern}$", "found")(text) == "found"


@pytest.mark.parametrize(
    "pattern", [r"\\d+", r"a\\", r"\\\\server", "\b", "a\tb", "a\nb", "\x01", "\x7f", "\x85"]
)
@pytest.mark.parametrize("where", ["pattern", "replacement"])
def test_one_escape_too_many_or_too_few_is_an_error_that_shows_both_spellings(
    pattern: str, where: str
) -> None:
    args = [pattern, ""] if where == "pattern" else ["x", pattern]
    with pytest.raises(ArgumentError, match=f"the {where} of regex_replace contains") as caught:
        regex_replace(*args)
    for word in ("single-quoted", "double-quoted", r"\x5C"):
        assert word in caught.value.help
    found = problems(f"Line: {{from: A, convert: {{regex_replace: {json.dumps(args)}}}}}")
    assert [one.code for one in found] == ["wrong-argument"]
    assert "double-quoted" in found[0].help


def test_the_spellings_are_those_of_what_was_written() -> None:
    found = problems(r"""Line: "{{ A | regex_replace('\bno\b', '') }}" """)
    assert [one.code for one in found] == ["wrong-argument"]
    assert "U+0008" in found[0].message
    assert r"`\b`" in found[0].help
    assert r"`\\b`" in found[0].help
    found = problems(r"""Line: '{{ A | regex_replace("\\d+", "") }}' """)
    assert r"write `\d`" in found[0].help


@pytest.mark.parametrize(
    ("new", "word"),
    [
        (r"\1", "backslash"),
        (r"\g<1>", "backslash"),
        (r"\n", "backslash"),
        ("$", "without a group after it"),
        ("5 $", "without a group after it"),
        ("$name", "without a group after it"),
        ("${name", "without a group after it"),
        ("${}", "without a group after it"),
        ("${a b}", "without a group after it"),
        ("$&", "without a group after it"),
        ("$$$", "without a group after it"),
        ("$2", '"2"'),
        ("$10", '"10"'),
        ("$1000", '"1000"'),
        ("$" + "9" * 5000, "which the pattern does not have"),
        ("${2}", '"2"'),
        ("${name}", '"name"'),
    ],
)
def test_a_replacement_knows_groups_and_nothing_else(new: str, word: str) -> None:
    with pytest.raises(ArgumentError, match=word.replace("\\", "\\\\")) as caught:
        regex_replace("(a)", new)
    assert "$" in caught.value.help


def test_more_than_nine_groups_have_numbers_of_two_digits() -> None:
    assert regex_replace("(.)" * 11, "$11$10$1")("abcdefghijk") == "kja"


@pytest.mark.parametrize("pattern", ["(?=a)", "(?!a)", "(?<=a)", "(?<!a)", r"(a)\1", "a++", r"a\Z", "(?>a)"])
def test_what_re2_leaves_out_is_said(pattern: str) -> None:
    found = problems(f"Line: {{from: A, convert: {{regex_replace: ['{pattern}', '']}}}}")
    assert [one.code for one in found] == ["wrong-argument"]
    assert "RE2 has no look-around" in found[0].help


def test_a_semicolon_in_a_pattern_does_not_cut_the_message() -> None:
    found = problems("Line: {from: A, convert: {regex_replace: ['[a; b', '']}}")
    assert found[0].message.endswith("missing ]: [a; b")


@pytest.mark.parametrize("argument", ["Code", "'a' ~ 'b'", "'a' if Flag else 'b'", "'a' | trim"])
def test_a_pattern_is_a_text_that_stands_in_the_mapping(argument: str) -> None:
    assert refused(f"Title | regex_replace({argument}, '')").code == "wrong-argument"


@pytest.mark.parametrize("argument", ["12", "none", "['a']", "true"])
def test_a_pattern_is_no_value_of_another_kind(argument: str) -> None:
    assert refused(f"Title | regex_replace({argument}, '')").code == "wrong-argument"


WRITTEN = st.text(st.sampled_from("\\\\nxu014Neé\t "), max_size=5)


@given(st.lists(WRITTEN, min_size=1, max_size=3))
def test_all_other_texts_keep_jinjas_escapes(written: list[str]) -> None:
    quoted = " ".join(f"'{text}'" for text in written)  # texts side by side are one
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python, about its own escapes
            meant = jinja2.Environment().compile_expression(f"[{quoted}]")()
    except jinja2.TemplateSyntaxError:
        with pytest.raises(InvalidMapping) as caught:
            evaluate(f"[{quoted}]", {})
        # What stands after a text that an escaped quote did not end may be a number, and too large a one.
        assert {one.code for one in caught.value.diagnostics} <= {"template-syntax", "number-too-large"}
    else:
        assert evaluate(f"[{quoted}]", {}) == meant


def test_each_text_that_jinja_can_not_read_is_told_with_its_place() -> None:
    binding = 'Line: \'{{ A | replace("x", "\\x") ~ (A | regex_replace("\\pL", "")) ~ "\\u1" }}\''
    found = problems(binding)
    assert [one.code for one in found] == ["template-syntax"] * 2
    line = mapping_text(binding).splitlines()[found[0].span.line - 1]
    assert [one.span.column - 1 for one in found] == [line.index('"\\x"'), line.index('"\\u1"')]


def unmatched(
    fields: str, rows: list[dict[str, Any]], more: str = "", folder: Path | None = None
) -> list[str]:
    """Return what stands at the places of the patterns that match in none of some rows."""
    mapper = compiled(fields, more, folder=folder)
    for row in rows:
        mapper.map_row({"Key": "k", **row})
    found = mapper.unmatched_patterns()
    assert {one.code for one in found} <= {"unmatched-pattern"}
    lines = (
        (folder / "shared.yaml").read_text("utf-8") if folder else mapping_text(fields, more)
    ).splitlines()
    spans = [one.span for one in found]
    assert {Path(span.file).name for span in spans} <= {"shared.yaml" if folder else "m.yaml"}
    return [lines[span.line - 1][span.column - 1 : span.end_column - 1].strip("'\"") for span in spans]


FIELDS = """\
Line: {from: A, convert: [trim, {regex_replace: ['x+', '']}]}
Text: '{{ A | regex_replace("y", "") | regex_replace(new="", pattern="z") }}'
Number: {from: B, default: '{{ A | regex_replace("[^0-9]", "") }}', on_error: default}"""


@pytest.mark.parametrize(
    ("values", "patterns"),
    [
        ([], ["x+", "y", "z", "[^0-9]"]),
        (["x1"], ["y", "z"]),
        (["1", "xx", "zy"], []),
        (["zx"], ["y"]),
        (["1"], ["x+", "y", "z", "[^0-9]"]),
    ],
)
def test_a_pattern_that_matched_in_no_row_is_known_by_its_place(
    values: list[str], patterns: list[str]
) -> None:
    assert unmatched(FIELDS, [{"A": value, "B": ""} for value in values]) == patterns


def test_a_match_is_forgotten_when_another_source_comes() -> None:
    mapper = compiled('Line: \'{{ A | regex_replace("x", "") }}\'')
    mapper.map_row({"Key": "k", "A": "x"})
    assert mapper.unmatched_patterns() == ()
    mapper.forget_matches()
    assert len(mapper.unmatched_patterns()) == 1


def test_the_pattern_of_a_shared_step_is_known_by_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "shared.yaml").write_text('let:\n  s: \'{{ A | regex_replace("x", "") }}\'\n', "utf-8")
    assert unmatched("Line: s", [{"A": "y"}], "include: [shared.yaml]", tmp_path) == ["x"]


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        ("^abc$", "abc", True),
        (r"\d{4}", "CT-2024/7", True),
        (r"\bno\b", "noise", False),
        ("(?i)LEASE", "lease", True),
        ("", "", True),
        (r"\x5C", "C:\\temp", True),
        ("é", "Café", True),
    ],
)
def test_matching_looks_for_a_pattern_anywhere_in_a_text(pattern: str, text: str, matches: bool) -> None:  # noqa: FBT001
    assert evaluate(f"A is matching('{pattern}')", {"A": text}, empty=()) is matches
    assert evaluate(f"A is not matching('{pattern}')", {"A": text}, empty=()) is not matches


@pytest.mark.parametrize(
    ("value", "code"),
    [
        *((None, "empty-operand"), ("", "empty-operand")),
        *((5, "wrong-kind"), (["a"], "wrong-kind"), ({"a": "a"}, "wrong-kind")),
        *(("\ud800", "control-character"), ("a" * 200_000, "text-too-long")),
    ],
)
def test_matching_takes_texts_within_bounds(value: Any, code: str) -> None:
    assert problem("A is matching('.{0,999}x')", {"A": value}).code == code


@pytest.mark.parametrize(
    "argument", ["A", "12", "none", "", "'a', 'b'", "pattern='a'", r"'\\d'", "'('", "'(?=a)'", r"'(a)\1'"]
)
def test_matching_takes_one_pattern_that_stands_in_the_mapping(argument: str) -> None:
    found = refused(f"A is matching({argument})", {"A": "a"})
    assert found.code == "wrong-argument"


def test_the_place_of_a_pattern_of_a_test_is_known() -> None:
    (found,) = problems("Line: '{{ A is not  matching(\"(\") }}'")
    line = "  Line: '{{ A is not  matching"
    assert (found.place.column, found.place.end_column) == (line.index("matching") + 1, len(line) + 1)
    assert unmatched('Line: \'{{ "y" if A is matching("b+") else "n" }}\'', [{"A": "a"}]) == ["b+"]
    assert unmatched('Line: \'{{ "y" if A is matching("b+") else "n" }}\'', [{"A": "ab"}]) == []


@pytest.mark.parametrize("test", ["match", "search", "regex", "like"])
def test_other_names_of_the_test_are_answered_with_it(test: str) -> None:
    assert "is matching" in refused(f"A is {test}('x')", {"A": "a"}).hint


def test_the_examples_of_tests_are_true() -> None:
    for test in builtin_tests().converters.values():
        assert test.examples
        for expression, expected in test.examples.items():
            assert evaluate(expression) == expected
