"""Messages, help texts, docstrings, comments and pages are in plain English.

The words below are those that style guides for developers (Google, Microsoft) leave out because they are
formal, old or hard to translate, and those that only this project would use. Only prose is read: code between
backticks or in a block, names, and texts of one word, such as keys, can't fail.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from documentation import ROOT

SAY = {
    r"afresh|anew|once more": "again",
    r"as yet": "so far, yet",
    r"at all events": "in any case",
    r"besides": "also, in addition",
    r"e\.g\.": "for example",
    r"easily|please": "(leave it out)",
    r"etc": "and so on, or name them",
    r"hence|thereby|thus": "so",
    r"i\.e\.": "that is",
    r"in order to": "to",
    r"in vain": "without effect",
    r"lest": "so that … not",
    r"likewise": "also, in the same way",
    r"mend(?:s|ed|ing)?": "fix, correct",
    r"nobody": "no one, no user, or who does not",
    r"of (?:its|our|their|your) own": "its own, separate",
    r"(?:by|of) (?:itself|themselves)": "automatically, alone",
    r"prior to": "before",
    r"seldom": "rarely",
    r"shall": "must, will, or the present tense",
    r"somebody": "someone, or who does",
    r"stand(?:s|ing)?": "is, appears, is written, replaces, represents",
    r"stood": "was, appeared",
    r"tells? of": "reports, mentions",
    r"therein": "in it",
    r"thereof": "of it",
    r"told": "reported, shown, known, found out",
    r"upon": "on",
    r"utili[sz]es?": "use",
    r"what (?:are|is) no": "what is not a …, or name the thing that is wrong",
    r"(?<!there\s)(?:are|is|was|were) no(?! longer| more)": "is not a",
    r"whence": "from where",
    r"wherein": "where, in which",
    r"who(?:so)?ever": "anyone who, the person who",
}
"""Regular expression of a word to leave out -> what to write in its place."""

WORD = re.compile(rf"\b(?:{'|'.join(SAY)})(?!\w)".replace(" ", r"\s+"), re.IGNORECASE)


def advise(found: str) -> str:
    return next(say for word, say in SAY.items() if re.search(rf"\b(?:{word})(?!\w)", found, re.IGNORECASE))


def python_prose(text: str) -> Iterator[tuple[int, str]]:
    comments = ""
    start = last = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            line = token.start[0]
            if line != last + 1:
                yield start, comments
                comments, start = "", line
            comments += token.string.removeprefix("#") + "\n"
            last = line
    yield start, comments
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, re.sub(r"(?m)^\s*(>>>|\.\.\.) .*$", "", node.value)


def json_prose(text: str) -> Iterator[tuple[int, str]]:
    def descriptions(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            yield from (each for key, each in value.items() if key == "description" and isinstance(each, str))
        if isinstance(value, dict | list):
            for each in value.values() if isinstance(value, dict) else value:
                yield from descriptions(each)

    for description in descriptions(json.loads(text)):
        yield text.count("\n", 0, text.find(json.dumps(description, ensure_ascii=False))) + 1, description


def blanked(*patterns: str):
    """Return a reader of prose that leaves out what the patterns match, and keeps its lines."""
    one = re.compile("|".join(patterns), re.DOTALL | re.MULTILINE)
    return lambda text: [(1, one.sub(lambda found: "|" + "\n" * found[0].count("\n"), text))]


def only(pattern: str):
    """Return a reader of nothing but what a pattern matches."""
    return lambda text: [
        (text.count("\n", 0, found.start()) + 1, found[0])
        for found in re.finditer(pattern, text, re.DOTALL | re.MULTILINE)
    ]


FORMATS = {
    ".py": python_prose,
    ".json": json_prose,
    ".md": blanked(r"^ *(```+|~~~+).*?^ *\1", r"<!--.*?-->", r"\]\([^)\s]*\)"),
    ".html": blanked(r"\{\{.*?\}\}", r"\{%.*?%\}", r"<(?:script|style)\b.*?</(?:script|style)>", r"<[^>]*>"),
    ".css": only(r"/\*.*?\*/"),
    ".js": only(r"/\*.*?\*/|^\s*//[^\n]*"),
    ".toml": only(r"^\s*#[^\n]*"),
}
CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)


def words(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield the line of each word to leave out, the word, and what to say."""
    for start, piece in FORMATS[path.suffix](path.read_text("utf-8")):
        prose = CODE.sub(
            lambda found: "`" + "\n" * found[0].count("\n") + "`", re.sub(r"\n[ \t]+", "\n", piece)
        )
        for found in WORD.finditer(prose):
            word = " ".join(found[0].split())
            yield start + prose.count("\n", 0, found.start()), word, advise(word)


def faults(path: Path) -> Iterator[str]:
    name = path.relative_to(ROOT).as_posix()
    return (f'{name}:{line}: "{word}"; say: {say}' for line, word, say in words(path))


def files(root: str) -> list[Path]:
    path = ROOT / root
    return (
        [path]
        if path.is_file()
        else sorted(
            one
            for one in path.rglob("*")
            if one.suffix in FORMATS
            and not one.name.endswith(".connection.json")
            and "node_modules" not in one.parts
            and one
            != ROOT / "opusmap" / "studio" / "static" / "studio.js"  # is built, mostly of others' code
        )
    )


@pytest.mark.parametrize("root", ["opusmap", "docs", "mappings", "README.md", "CONTRIBUTING.md"])
def test_prose_has_no_word_that_a_style_guide_leaves_out(root):
    found = [fault for path in files(root) for fault in faults(path)]
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.parametrize(
    ("suffix", "text", "lines"),
    [
        (".py", '"""One line.\n\nA key stands here.\n"""\n', [3]),
        (".py", "x = 1\n# it is written once\n# more than once\n", [2]),
        (".py", "f'{told} is no\\n number'\n", [1]),
        (".py", "told = {'stand': 'told', 'a `told` b': r'x'}  # noqa: E501\n", []),
        (".md", "Title\n\nOf its\nown, e.g. a key.\n", [3, 4]),
        (".md", "```text\nnobody\n```\n`nobody` <!-- nobody --> [x](nobody.md)\n", []),
        (".html", '<p class="told">{{ told }}</p>\n<p>is told</p>', [2]),
        (".json", '{"told": 1,\n"description": "what is told"}', [2]),
        (".toml", "# is told\nwords = ['told of']\n", [1]),
    ],
)
def test_only_prose_is_read_and_each_word_is_placed(suffix, text, lines, tmp_path):
    file = tmp_path / f"file{suffix}"
    file.write_text(text, "utf-8")
    assert [line for line, _, _ in words(file)] == lines


def test_there_is_no_is_plain():
    assert WORD.search("the file is no workbook")
    assert not WORD.search("There is no file, there\nis no folder, and it is no longer open")
