"""The how-to pages, and the sections of the pages on language, sources and command line, for a terminal.

The wheel has them as well.

Owns finding one by a word, and what a reader types for a page that another one links to.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from posixpath import normpath

_PACKAGED = Path(__file__).parent / "guides"
_FOLDER = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parent.parent / "docs"
_REFERENCE = ("language", "command-line", "sources")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#{1,3}) (.+)$", re.MULTILINE)
_SEARCHED = re.compile(r"<!-- searched: (.+?) -->")
_LINK = re.compile(r"\[(?:`[^`\n]*`|[^\]`])+\]\(([^)\s]+)\)")
_LINK_OR_CODE = re.compile(r"```.*?```|`[^`\n]*`|\[((?:`[^`\n]*`|[^\]`])+)\]\(([^)\s]+)\)", re.DOTALL)
"""A link, whose text and target are the groups; or code, in which nothing is a link."""


@dataclass(frozen=True, slots=True)
class Guide:
    """A how-to page, or a section of a page, as Markdown with its links.

    `name` is what is typed for it, `words` what it is found by in addition to its title, as the page says
    below its heading: `<!-- searched: PHRASE, PHRASE -->`. `page` is the name of the page that it is on.
    """

    name: str
    title: str
    text: str
    page: str
    words: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """The folder of the file that it is on."""
        return "docs" if self.page in _REFERENCE else "docs/howto"

    @property
    def is_page(self) -> bool:
        """Whether it is a whole page."""
        return self.name == self.page


def find_guides(word: str) -> list[Guide]:
    """Return the guides that a word, or several, are about, the best first.

    They have all the words in their title or in a phrase that they are found by (a word such as `where` only
    joins the others in a title, and does not count there alone); if none has, and there are several words,
    pages that have them in their headings or first paragraph. Of a question that no page has whole, its
    longest phrase that is among the words that pages are found by counts: of several with as many words, the
    one with the most letters, because short words (`from`, `where`) may be keys of a mapping. Blanks and
    punctuation make no difference to a name, nor to a phrase of `list_words`; a name that is written exactly
    as it is counts before a phrase that is only like it (`formats` and `format`).

    >>> [guide.name for guide in find_guides("excel")][0]
    'excel-register'
    >>> find_guides("12hour clock")[0] == find_guides("AM/PM")[0] == find_guides("ampm")[0]
    True
    """
    wanted = _normalise(word)
    if not wanted:
        return []
    named = None if word in list_words() else _read_guides().get(word)
    ranked = [(0 if guide is named else _rank(guide, wanted), guide) for guide in _read_guides().values()]
    ranked.sort(key=lambda one: one[0])
    found = [guide for rank, guide in ranked if rank < _UNFIT]
    if not found and len(wanted) > 1:
        found = [guide for _, guide in ranked if guide.is_page and set(wanted) <= _opening_words(guide)]
    return found or _find_by_phrase(wanted)


def _find_by_phrase(words: tuple[str, ...]) -> list[Guide]:
    for length in range(min(len(words) - 1, _LONGEST_PHRASE), 0, -1):
        phrases = [words[start : start + length] for start in range(len(words) - length + 1)]
        for phrase in sorted(phrases, key=lambda each: -sum(map(len, each))):
            ranked = [(_rank(guide, phrase), guide) for guide in _read_guides().values()]
            if found := [one for one in ranked if one[0] <= _BY_NAME and any(map(str.isalpha, phrase))]:
                return [guide for _, guide in sorted(found, key=lambda one: one[0])]
    return []


_LONGEST_PHRASE, _BY_NAME = 4, 2
"""Words of a phrase that is looked for within a question, at most, and the worst rank of what it finds."""


def find_mentions(word: str) -> list[Guide]:
    """Return the sections in whose text all of some words occur, the one with the most of them first.

    A section whose parts are found is left out, and so is one whose name finds another page.
    """
    wanted = set(_normalise(word))
    counted = list[tuple[int, Guide]]()
    for guide in _read_guides().values():
        words = Counter(_normalise(_remove_comments(guide.text)))
        if not guide.is_page and wanted and wanted <= words.keys() and find_guides(guide.name)[0] is guide:
            counted.append((sum(words[each] for each in wanted), guide))
    found = [guide for _, guide in sorted(counted, key=lambda one: -one[0])]
    return [guide for guide in found if not any(one.text in guide.text for one in found if one is not guide)]


def has_guide(name: str) -> bool:
    """Return whether a guide has this name."""
    return name in _read_guides()


def list_guides() -> list[Guide]:
    """Return the how-to pages, in the order of their index; none in a copy of the package without them."""
    order = re.findall(r"\((\w[\w-]*)\.md\)", _read("howto/index.md"))
    pages = {guide.name: guide for guide in _read_guides().values() if guide.is_page}
    return [pages[name] for name in order if name in pages]


def list_words() -> dict[str, str]:
    """Return the words that people type for pages and sections, each with the name of its guide.

    The pages list them, below the heading that each opens.
    """
    return {word: guide.name for guide in _read_guides().values() for word in guide.words}


def find_links(text: str) -> list[str]:
    """Return what a reader types after `opusmap help` for the pages that a page links to.

    It is the name of a guide or of a command, or a diagnostic code, whose pages end in `.md` as well.
    """
    names = map(_name_target, _LINK.findall(_FENCE.sub("", text)))
    return list(dict.fromkeys(filter(None, names)))


def _name_target(target: str) -> str:
    page, _, anchor = target.partition("#")
    name = page.rpartition("/")[2].removesuffix(".md")
    if anchor in _read_guides() or name == "command-line":
        name = anchor
    return name if page.endswith(".md") and "://" not in page else ""


def remove_links(text: str) -> str:
    """Return Markdown with the texts of its links, and without comments."""
    return _LINK_OR_CODE.sub(lambda found: found[1] or found[0], _remove_comments(text))


def _remove_comments(text: str) -> str:
    return re.sub(r"^<!--.*?-->\n+|<!--.*?-->", "", text, flags=re.DOTALL | re.MULTILINE)


def show_links(text: str, folder: str, is_page: Callable[[str], bool]) -> str:
    """Return Markdown without comments, and with where each link leads, once, behind the link's text.

    That is what to type for it; or the file, for a page that `opusmap help` does not have. A text that is the
    page's name already stays alone, and so does a link to what is in the text itself.

    Args:
        text: the Markdown.
        folder: of its file, from which links lead, such as `docs/howto`.
        is_page: whether `opusmap help` has a page of a name.
    """
    shown = set[str]()

    def show(found: re.Match[str]) -> str:
        label, target = found[1], found[2]
        if label is None:  # code
            return found[0]
        where = _locate(target, folder, text, is_page)
        is_named = where and _normalise(label) == _normalise(where.removeprefix("opusmap help "))
        if not where or is_named or where in shown:
            return label
        shown.add(where)
        return f"{label} (`{where}`)"

    return _LINK_OR_CODE.sub(show, _remove_comments(text))


def _locate(target: str, folder: str, text: str, is_page: Callable[[str], bool]) -> str:
    """Return what to type for the page that a link leads to, or its file; "" for what is in the text."""
    page, _, anchor = target.partition("#")
    if not page:
        guide = _read_guides().get(anchor)
        return "" if guide is None or guide.text in text else f"opusmap help {anchor}"
    if "://" in page:
        return target
    name = _name_target(target)
    if name == "index":
        return "opusmap help codes" if "diagnostics" in f"{folder}/{page}" else "opusmap help"
    named = (name, page.rpartition("/")[2].removesuffix(".md"))
    found = next((each for each in named if each and is_page(each)), "")
    return f"opusmap help {found}" if found else normpath(f"{folder}/{page}")


@cache
def _normalise(text: str) -> tuple[str, ...]:
    """Return the words of a text, without letter case and the plural's s."""
    words = re.findall(r"[^\W_]+", text.lower())
    return tuple(word.removesuffix("s") if len(word) > len("yes") else word for word in words)


@cache
def _spellings(text: str) -> set[str]:
    """Return a text without blanks and punctuation, as it is compared with what is typed."""
    return {"".join(_normalise(text)), "".join(_normalise(re.sub(r"[\W_]+", "", text)))}


def _opening_words(guide: Guide) -> set[str]:
    """Return the words of a page's headings and first paragraph."""
    text = remove_links(_FENCE.sub("", guide.text))
    headings = [heading[2] for heading in _HEADING.finditer(text)]
    first = next((part for part in text.split("\n\n")[1:] if part.strip()), "")
    return set(_normalise(" ".join((*headings, first, *guide.words))))


_UNFIT = 6
_JOINING = frozenset({"where", "from", "let", "each", "first", "last"})
"""Keys and converters that are in titles only as words of a sentence."""


def _rank(guide: Guide, wanted: tuple[str, ...]) -> int:
    """Return how well a guide fits some words, 0 best; `_UNFIT` if it lacks one of them."""
    typed = "".join(wanted)
    if guide.is_page and typed in _spellings(guide.name):
        return 0
    if any(typed in _spellings(word) for word in guide.words):
        return 1
    if typed in _spellings(guide.name):
        return 2
    if _JOINING.issuperset(wanted):
        return _UNFIT
    if set(wanted) <= {*_normalise(guide.name), *_normalise(guide.title)}:
        return 3 if guide.is_page else 4
    return 5 if any(set(wanted) <= set(_normalise(phrase)) for phrase in guide.words) else _UNFIT


@cache
def _read_guides() -> dict[str, Guide]:
    """Return all guides by their names; of several with the same name a page, or else that of a how-to."""
    reference = (_FOLDER / f"{name}.md" for name in _REFERENCE)
    files = [*sorted(_FOLDER.glob("howto/*.md")), *reference]
    read = [list(_split(path)) for path in files if path.stem != "index"]
    found = dict[str, Guide]()
    pages, sections = [guides[:1] for guides in read], [guides[1:] for guides in read]
    for guide in (one for guides in (*pages, *sections) for one in guides):
        found.setdefault(guide.name, guide)
    return found


def _split(path: Path) -> Iterator[Guide]:
    """Yield a file's page, then its sections."""
    text = _read(path.relative_to(_FOLDER).as_posix())
    masked = _FENCE.sub(lambda fence: re.sub(r"[^\n]", " ", fence[0]), text)  # a comment is not a heading
    headings = list(_HEADING.finditer(masked))
    for at, heading in enumerate(headings):
        level, title = len(heading[1]), heading[2].replace("`", "")
        if title[0].isdigit():  # a step of a page, of no use alone
            continue
        ends = (other.start() for other in headings[at + 1 :] if len(other[1]) <= level)
        part = text[heading.start() : next(ends, len(text))]
        name = re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") if at else path.stem
        below = headings[at + 1].start() if at + 1 < len(headings) else len(text)
        searched = _SEARCHED.search(text, heading.end(), below)
        words = tuple(searched[1].split(", ")) if searched is not None else ()
        yield Guide(name, title, part, path.stem, words)


def _read(name: str) -> str:
    try:
        return (_FOLDER / name).read_text("utf-8")
    except OSError:  # a copy of the package without them
        return ""
