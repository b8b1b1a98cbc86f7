"""Explains what is wrong with a template that Jinja can't read, for people who do not know Jinja.

`jinja_reader` finds the place.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from jinja2 import Environment, TemplateError

from opusmap.mapping.typographic_quotes import show_marks, straighten_expressions
from opusmap.wording import TYPOGRAPHIC_QUOTES, find_nearest, quote_names, quote_value

_WORD = re.compile(r"\w+|==|\S", re.ASCII)
_FIRST_QUOTED = re.compile(r"'(\w*)'")
_TAGS = "only {% if %}, {% elif %}, {% else %} and {% endif %} are part of the language"
_ARGUMENT = re.compile(r"\|\s*(\w+)\s+\Z")
_BEFORE_COLON = re.compile(r"\|\s*(\w+)\s*\Z")
_AFTER_COLON = re.compile(r":\s*('[^'{}]*'|\"[^\"{}]*\"|[\w.]+)?")

_CHARACTERS = {
    "&": ("`&` is not an operator", "write `and`; `~` joins texts"),
    "!": ("`!` is not an operator", "write `not`, or `!=` for unequal"),
    "?": ("`?` is not an operator", "write `'this' if Status == 'Active' else 'that'`"),
    "'": ("the text that begins here is not closed", "close it with the same quotation mark: '…'"),
    '"': ("the text that begins here is not closed", 'close it with the same quotation mark: "…"'),
    "\\": ("unexpected `\\`", "put a path in quotes, with each \\ written twice"),
    **dict.fromkeys(
        "$@#", ("unexpected character before a name", "write a column's name as it is: `{{ Title }}`")
    ),
    **dict.fromkeys(
        f"{TYPOGRAPHIC_QUOTES}`\u00b4",
        ("this is not a straight quotation mark", "write ' at both ends of a text"),
    ),
}
"""Character that Jinja does not know -> what is wrong, what to do."""


def in_plain_words(message: str, text: str, at: int, columns: Collection[str]) -> tuple[str, str]:
    """Return what is wrong at an offset of a text that Jinja refused with a message, and what to do.

    `columns` are the source's, as far as they are known: one with blanks may be what was meant. Names that
    follow one another may be one; if columns are known, one that the source lacks.
    """
    name = odd_name(text, at, columns)
    if name:
        return _ODD_NAME.format(name), f"write row['{name}']"
    for mark in _QUOTES:
        last = text.rfind(mark, 0, at + 1)
        if last >= 0 and text.count(mark) % 2 and (meant := _quote_whole(text, last)):
            return f"a quotation mark ({mark}) is missing", f"write: `{meant}`"
    if message.startswith("unexpected char"):
        return _unknown_character(message, text, at)
    if message.startswith("invalid syntax for function call"):
        return "the arguments in these brackets can't be read", "`==` compares, `=` does not"
    if "tag" in message or "end of template. Jinja" in message:
        quoted = _FIRST_QUOTED.search(message)
        tag = quoted[1] if quoted else ""
        if message.startswith("Unexpected end"):
            return "an {% if %} is not closed", "close it with {% endif %}"
        if message.startswith("Missing end"):
            return "a comment or {% raw %} is not closed", "close it with #} or {% endraw %}"
        if tag in ("elif", "else", "endif"):
            return f"{{% {tag} %}} without an {{% if %}} before it", "begin with {% if … %}"
        return f"there is no tag {{% {tag} %}}", _TAGS
    return _token(message, text, at, columns)


_ODD_NAME = "a name with spaces or signs must be in row['…']: {}"
_QUOTES = ("'", '"')
_LENGTH_TRIED, _MOST_TRIED = 300, 20
"""Characters of a text that is read again, and how often at most: a hint must not take long."""
_ENVIRONMENT = Environment(autoescape=False)  # noqa: S701 - nothing is ever rendered


def _unknown_character(message: str, text: str, at: int) -> tuple[str, str]:
    if text[at : at + 1] in TYPOGRAPHIC_QUOTES and (meant := _straighten(text)):
        marks = show_marks(text)
        return f"typographic quotation marks ({marks}): expressions need straight ones", f"write: `{meant}`"
    return _CHARACTERS.get(text[at : at + 1], (message.partition(" at ")[0], "remove it"))


def _straighten(text: str) -> str:
    """Return the text with straight quotation marks in its expressions; "" if it can't be read so either."""
    if len(text) > _LENGTH_TRIED:
        return ""
    meant = (
        straighten_expressions(text) if _has_braces(text) else straighten_expressions(f"{{{{{text}}}}}")[2:-2]
    )
    return meant if _is_readable(meant) else ""


def _quote_whole(text: str, at: int) -> str:
    """Return the text with the quotation mark that the one at an offset lacks; "" if it is not clear."""
    if len(text) > _LENGTH_TRIED:
        return ""
    return next(filter(_is_readable, islice(_add_quote(text, at), _MOST_TRIED)), "")


def _has_braces(text: str) -> bool:
    return "{{" in text or "{%" in text


def _is_readable(text: str) -> bool:
    try:
        _ENVIRONMENT.parse(text if _has_braces(text) else f"{{{{ {text} }}}}")
    except (TemplateError, RecursionError):
        return False
    return True


def _add_quote(text: str, at: int) -> Iterator[str]:
    """Yield a text with a quotation mark more: behind one, or before the word that ends at an offset."""
    mark = text[at]
    for opened in range(at, -1, -1):
        if text[opened] == mark:
            for end in re.finditer(r"\s*(?:[\]),|~]|\}\}|%\}|$)", text[opened + 1 :]):
                place = opened + 1 + end.start()
                yield text[:place] + mark + text[place:]
    word = re.search(r"[\w.-]+$", text[:at])
    if word is not None:
        yield text[: word.start()] + mark + text[word.start() :]


def find_told_name(message: str, text: str, at: int, columns: Collection[str]) -> tuple[int, int] | None:
    """Return where the name of several words begins and ends that is at an offset, if a message names it."""
    name = odd_name(text, at, columns) or _joined_names(text, at)
    start = text.rfind(name, 0, at + len(name)) if name and name in message else -1
    return (start, start + len(name)) if 0 <= start <= at < start + len(name) else None


def odd_name(text: str, at: int, columns: Iterable[str]) -> str:
    """Return the column whose name is at an offset and must be in row[…], else an empty text."""
    found = [
        name
        for name in columns
        if not name.isidentifier()
        and "'" not in name
        and name.strip()
        and any(found.start() <= at < found.end() for found in re.finditer(re.escape(name), text))
    ]
    return max(found, key=len, default="")


def _joined_names(text: str, at: int) -> str:
    """Return the names around an offset that only blanks part, the first before it; "" if there are none.

    The words of the language end them: of `Opened By if Closed` it is `Opened By`.
    """
    for found in _NAMES.finditer(text):
        is_name = not text[: found.start()].rstrip().endswith(_AFTER_VALUE)
        if found.start() < at < found.end() and is_name and len(found[0]) <= _NAME_SHOWN:
            return found[0]
    return ""


_WORDS = r"(?:and|or|not|in|is|if|elif|else|endif|[Tt]rue|[Ff]alse|[Nn]one)\b"
_NAMES = re.compile(rf"\b(?!{_WORDS})[^\W\d]\w*(?: +(?!{_WORDS})\w+)+")
_AFTER_VALUE, _NAME_SHOWN = (".", "|", "'", '"', ")", "]"), 60
"""What no name follows, and the characters of names that are taken for one, at most."""


def _token(message: str, text: str, at: int, columns: Collection[str]) -> tuple[str, str]:
    """Return what is wrong with an unexpected token, and what to do."""
    word = _WORD.match(text, at)
    got, before = word[0] if word else "", text[:at].rstrip()
    if "end of print statement'." in message:
        return "the template is not closed", "a template is closed by }}"
    if got in ("}", "%", "-", "") or text.startswith(("}}", "%}"), at):
        return _ended(message, before)
    if got == "=" and "expected token" in message:
        return "`=` does not compare", "write `==`"
    if got == "|" and before.endswith("|"):
        return "`||` is not an operator", "write `or`; `~` joins texts"
    if got == ">" and before.endswith("<"):
        return "`<>` is not an operator", "write `!=`"
    if got in (")", "]"):
        return f"unmatched `{got}`", "remove it, or add the opening bracket"
    if got == ":" and (called := _BEFORE_COLON.search(before)) is not None:
        given = _AFTER_COLON.match(text, at)
        meant = f"| {called[1]}({(given and given[1]) or '…'})"
        return f'":" can\'t follow the converter {called[1]}', f"write arguments in brackets: `{meant}`"
    if "expected token" in message and (got[0].isalnum() or got in "_'\""):
        return _two_values(text, at, got, columns)
    return f'unexpected "{got}"', "look for an operator or a value that is missing before it"


def _ended(message: str, before: str) -> tuple[str, str]:
    bracket = re.search(r"expected '([)\]])'", message)
    if bracket:
        return f"a `{bracket[1]}` is missing", "close the bracket"
    if before.endswith("|"):
        return "a converter is missing after `|`", "`opusmap converters` lists them"
    if before.endswith(("{{", "{%", "{{-")):
        return "there is nothing between the braces", "write a column's name: `{{ Title }}`"
    if before.endswith("{") or ("':'" in message):
        return "braces within braces are not part of the language", "a template has two: `{{ Title }}`"
    return (
        "something is missing before the end of the expression",
        "look for a value, or a second `}`: a template is closed by }}",
    )


_BETWEEN = "between two values, write an operator: `~` joins texts"


def _two_values(text: str, at: int, got: str, columns: Collection[str]) -> tuple[str, str]:
    argument = _ARGUMENT.search(text, 0, at)
    if argument:
        return (
            f'"{got}" can\'t follow the converter {argument[1]} like this',
            f"write arguments in brackets: `| {argument[1]}(…)`",
        )
    if got == "if" and text[:at].rstrip().endswith("else"):
        return "`else if` is not part of the language", "write {% elif … %}"
    name = _joined_names(text, at)
    if name and not columns:
        return _ODD_NAME.format(name), f"write row['{name}']; {_BETWEEN}"
    if name and not set(name.split()) <= set(columns):
        near = find_nearest(name, columns)
        help_text = f"columns: {quote_names(sorted(columns))}; {_BETWEEN}"
        if near is not None:
            meant = near if near.isidentifier() else f"row['{near}']"
            help_text = f"did you mean `{meant}`? {_BETWEEN.capitalize()}"
        return f"there is no column {quote_value(name)} in the source", help_text
    return (
        f'an operator is missing before "{got}"',
        "write a column whose name has spaces as row['Contract No']; join texts with ~",
    )
