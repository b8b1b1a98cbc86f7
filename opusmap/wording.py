"""How messages show words, values and times: cut and quoted, hidden characters made visible, near names."""

from __future__ import annotations

import re
import shlex
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, lru_cache, partial
from itertools import chain, islice


def suggest(name: str, known: Iterable[str]) -> str:
    """Return `did you mean "…"?` for the nearest of the known names, or an empty text.

    A long name gets no suggestion, and one among thousands only a name that looks the same: a hint must not
    take longer than the check it explains. `Names` answers faster for many names against the same ones.
    """
    return _find(name, tuple(known))[1] if len(name) <= _NAME_LENGTH else ""


def find_nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the name that `suggest` suggests, None if it suggests none."""
    return _find(name, tuple(known))[0] if len(name) <= _NAME_LENGTH else None


@lru_cache(maxsize=256)
def _find(name: str, known: tuple[str, ...]) -> tuple[str | None, str]:
    """Return both; the keys that a table lacks come again and again."""
    return _names(known).find(name)


class Names:
    """Known names, prepared for comparison with others."""

    def __init__(self, known: Iterable[str]) -> None:
        self._names = sorted(name for name in known if len(name) <= _NAME_LENGTH)
        self._look: dict[str, list[str]] = {}
        for name in self._names:
            self._look.setdefault(_seen(name), []).append(name)
        self._folded = (
            [name.casefold() for name in self._names] if len(self._names) <= _NAMES_COMPARED else []
        )

    def suggest(self, name: str) -> str:
        """Return `did you mean "…"?` for the nearest name, or an empty text; see `suggest`."""
        return self.find(name)[1]

    def find(self, name: str) -> tuple[str | None, str]:
        """Return the nearest name and `did you mean "…"?`, or None and an empty text."""
        if len(name) > _NAME_LENGTH:
            return None, ""
        alike = next((one for one in self._look.get(_seen(name), ()) if one != name), None)
        if alike is not None:
            return alike, f'did you mean "{alike}"? {_describe_difference(name, alike)}'
        bare = strip_quotes(name)
        if bare != name and bare in self._look:
            return bare, f'did you mean "{bare}"? {_STRAY_QUOTE}'
        nearest = _find_nearest()(name.casefold(), self._folded) if self._folded else None
        if nearest is None:
            return None, ""
        found = self._names[nearest[2]]
        return found, f'did you mean "{found}"?'


def list_near(word: str, known: Iterable[str], *, least: int, most: int) -> list[str]:
    """Return the names that are most like a word, the nearest first, `most` at most.

    Args:
        word: what was typed.
        known: the names.
        least: how like it a name is at least, in percent.
        most: how many are returned at most.
    """
    from rapidfuzz.fuzz import ratio  # noqa: PLC0415 - loaded only where something is wrong
    from rapidfuzz.process import extract  # noqa: PLC0415

    return [one for one, *_ in extract(word, list(known), scorer=ratio, score_cutoff=least, limit=most)]


TYPOGRAPHIC_QUOTES = "“”„‟«»‘’‚‹›"  # noqa: RUF001 - the marks that word processors set
_QUOTES = f"\"'`{TYPOGRAPHIC_QUOTES}"
_STRAY_QUOTE = "write it without quotation marks, or with a straight one at both ends"


def _describe_difference(name: str, alike: str) -> str:
    """Return how two names differ that look the same."""
    if name.strip() == alike:
        return f"there is a space too many at its {'start' if name[0].isspace() else 'end'}"
    if alike.strip() == name:
        return f"that one has a space at its {'start' if alike[0].isspace() else 'end'}: write it in quotes"
    if name.isascii() and " ".join(name.split()) == alike:
        return "there is a space too many between its words"
    return "the two differ only in spaces, or in characters that look the same"


@cache
def _find_nearest() -> Callable[[str, Sequence[str]], tuple[str, float, int] | None]:
    """Return what finds the nearest of some names. It is loaded only where something is wrong, and once."""
    from rapidfuzz.fuzz import ratio  # noqa: PLC0415
    from rapidfuzz.process import extractOne  # noqa: PLC0415

    return partial(extractOne, scorer=ratio, score_cutoff=60)


_names = lru_cache(maxsize=4)(Names)
"""A mapping with many mistakes asks for the same names again and again."""

_NAME_LENGTH = 100
"""Characters of a name that is compared with others, at most."""
_NAMES_COMPARED = 2_000
"""Names that a name is compared with at most; of more, only those are found that look the same."""


def _seen(name: str) -> str:
    """Return a name as a reader sees it: accents composed, all kinds of spaces alike, edges stripped."""
    if not name.isascii():
        normal = unicodedata.normalize("NFKC", name)
        name = "".join(char for char in normal if unicodedata.category(char) != "Cf")
    return " ".join(name.split())


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, which agrees with it.

    >>> counted(1, "row"), counted(1200, "row"), counted(0, "entry", "entries")
    ('1 row', '1,200 rows', '0 entries')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def show_extra(extra: str) -> str:
    """Return the hint for what an extra installs: how that is done is written in one place."""
    return f"install the extra `{extra}`; `opusmap help extras` shows how"


def cut_text(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters; `…` replaces the rest."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def plain_breaks(text: str) -> str:
    """Return a text with LF as its line breaks, as an editor has it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def one_line(text: str) -> str:
    """Return a text with a blank for each character that is not printable, so for each line break."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def show_share(share: float) -> str:
    """Return a share (0 to 1) as a percentage; one of more than nothing is never shown as 0 %."""
    return "< 1 %" if 0 < share < 0.01 else f"{share:.0%}".replace("%", " %")  # noqa: PLR2004 - a hundredth


def split_spaces(text: str) -> Iterator[tuple[str, str]]:
    r"""Yield the parts of a text, each with what kind of space it is, or "" for what can be seen.

    Not seen are blanks at an end or beside another, and tabs and no-break spaces anywhere.

    >>> list(split_spaces("a  b\u00a0"))
    [('a', ''), (' ', 'space'), (' ', 'space'), ('b', ''), ('\xa0', 'no-break space')]
    """
    start = 0
    for found in _UNSEEN_SPACE.finditer(text):
        if found.start() > start:
            yield text[start : found.start()], ""
        for char in found.group():
            yield char, "tab" if char == "\t" else unicodedata.name(char).lower()
        start = found.end()
    if start < len(text):
        yield text[start:], ""


_UNSEEN_SPACE = re.compile(r"\A +| +\Z| {2,}|[\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")


def was(count: int) -> str:
    """Return the verb for so many: `was` or `were`."""
    return "was" if count == 1 else "were"


def them(count: int) -> str:
    """Return the pronoun for so many: `it` or `them`."""
    return "it" if count == 1 else "them"


def write_time(seconds: float) -> str:
    """Return a moment (seconds since 1970) as it is written in files: ISO 8601, in UTC, whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def show_minute(seconds: float) -> str:
    """Return a moment (seconds since 1970) for a person, to the minute and in UTC: `2026-06-30 09:05`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def strip_quotes(text: str) -> str:
    """Return a text without the quotation marks, of any kind, at its ends."""
    return text.strip(_QUOTES)


def show_command(*words: str) -> str:
    """Return a command of opusmap as it is typed in this system's shell."""
    line = ("opusmap", *words)
    if sys.platform == "win32":
        from subprocess import list2cmdline  # noqa: PLC0415 - slow to load

        return list2cmdline(line)
    return shlex.join(line)


def quote_value(value: object, limit: int = 60) -> str:
    """Return a value for a message, in quotes: one line, printable, cut to `limit` characters."""
    text = (
        value if isinstance(value, str) else "".join(islice(chain.from_iterable(_pieces(value)), limit + 1))
    )
    # As `cut_text`, whose call would cost more than the cut: each reject has such a message.
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    if cut.isprintable():
        return f'"{cut}"'
    return '"' + "".join([char if char.isprintable() else ascii(char)[1:-1] for char in cut]) + '"'


def quote_names(names: Iterable[str], most: int = 12, limit: int = 30) -> str:
    """Return the first names for a message, in quotes with commas between them, and `…` for the others.

    Each is cut to `limit` characters.
    """
    known = list(names)
    return ", ".join(quote_value(name, limit) for name in known[:most]) + (" …" if len(known) > most else "")


def _pieces(value: object) -> Iterator[str]:
    """Yield any value as a person would write it, not as Python prints it, piece by piece: it may be huge."""
    if isinstance(value, list):
        yield from _joined("[", (_pieces(item) for item in value), "]")
    elif isinstance(value, dict):
        members = (chain([f"{str(key)[:_LONG_KEY]}: "], _pieces(item)) for key, item in value.items())
        yield from _joined("{", members, "}")
    elif value is None:
        yield "nothing"
    elif isinstance(value, bool):
        yield str(value).lower()
    elif isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < _PLAIN_DIGITS:
        yield format(value, "f")
    elif isinstance(value, int) and value.bit_length() > _PLAIN_BITS:
        yield "a huge number"  # Python writes none of more than 4,300 digits
    else:
        yield str(value) if isinstance(value, str | int | Decimal | date) else repr(value)


def _joined(start: str, members: Iterable[Iterable[str]], end: str) -> Iterator[str]:
    yield start
    for index, member in enumerate(members):
        yield ", " if index else ""
        yield from member
    yield end


_PLAIN_DIGITS = 50
_PLAIN_BITS = 10_000
_LONG_KEY = 1_000

# Control characters (C0, DEL, C1), what reorders a line (bidi), what does not show, line separators, half
# surrogate pairs. Joiners (U+200C, U+200D) stay: some languages, and emoji, are written with them.
_ACTS = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_ACTS_IN_LINES = re.compile(_ACTS.pattern.replace("[\x00-\x1f", "[\x00-\x08\x0b-\x1f"))


def visible(text: str, *, lines: bool = False) -> str:
    r"""Return a text with escapes for characters that would act on a terminal or be invisible there.

    `lines` keeps line breaks and tabs, for a text whose lines are our own; without it the result is one line.

    >>> visible("a\x1b[31m\u202eb\n")
    'a\\x1b[31m\\u202eb\\n'
    """
    pattern = _ACTS_IN_LINES if lines else _ACTS
    return pattern.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)
