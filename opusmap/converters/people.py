"""Converters of people: e-mail addresses in the forms that systems write."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from opusmap.converters.cache import Cache
from opusmap.converters.registry import converter, wrong_kind
from opusmap.errors import ValueProblem
from opusmap.wording import quote_value

if TYPE_CHECKING:
    from email_validator import ValidatedEmail

# An address of the usual letters in the usual shape, which needs no further check.
_PLAIN = re.compile(
    r"[A-Za-z0-9_+-]+(?:[.'][A-Za-z0-9_+-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}"
)
_WORDS = re.compile(r"[\w+-]+(?:[.'][\w+-]+)*")
"""A mailbox of letters and digits of any script, which is fine if it is composed (NFC) and not too long."""
_SEPARATING = re.compile(r'[\[\],;"() ]')
"""Opus separates addresses with commas in brackets."""
_BRACKETED = re.compile(r"([^<>]*)<([^<>]*)>\s*")
_SEPARATOR = re.compile(r"[;,\n]")
_ADDRESS = re.compile(r"""(?!#)[^\s<>()\[\]"|;,/&@]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+""")
"""What looks like an address in a text of several, bounded so that no long text takes long."""
_BETWEEN = re.compile(r" (?:and|und|et|og|och|en|y|e) |;#|[;,/|&\n]|^ (?= *$)")
"""What people and systems write between two addresses."""
_LENGTH_LIMIT = 320
"""Characters of an address at most: 64 for the mailbox, 255 for the domain (RFC 5321)."""
_LOCAL_LIMIT = 64
_BYTES_LIMIT = 254
"""Bytes of an address with other letters than those of ASCII (RFC 3696, errata 1690)."""


@converter(
    cache=True,
    examples={
        "'Ann Smith <Ann.Smith@Example.ORG>' | email": "Ann.Smith@example.org",
        "'mailto:ann@example.org' | email": "ann@example.org",
        "'i:0#.f|membership|ann@example.org' | email": "ann@example.org",
    },
)
def email(value: str) -> str:
    """Extract the e-mail address from `First Last <a@b.org>`, `mailto:a@b.org` or a SharePoint claim."""
    text = value.strip()
    if (found := _read_plain(text)) is not None:
        return found
    if "<" in text and (bracketed := _BRACKETED.fullmatch(text)) is not None:
        name, text = bracketed[1].strip().strip("\"'").casefold(), bracketed[2].strip()
        if "@" in name and name != text.casefold():  # a second address would be lost silently
            raise _no_address(value)
    if text[:7].lower() == "mailto:":
        text = text[7:].partition("?")[0]
    if "|" in text:
        claim, _, text = text.rpartition("|")
        if "@" in claim:  # as above: no claim has an address in front
            raise _no_address(value)
    found = _read_plain(text) or _read_unusual(text)
    if found is None:
        raise _no_address(value)
    return found


def _read_plain(text: str) -> str | None:
    """Return an address of the usual letters in the usual shape; None for other texts."""
    if len(text) > _LENGTH_LIMIT or _PLAIN.fullmatch(text) is None:
        return None
    mailbox, _, domain = text.partition("@")
    return f"{mailbox}@{domain.lower()}" if len(mailbox) <= _LOCAL_LIMIT else None


def _read_unusual(text: str) -> str | None:
    """Return an address of other letters or in another shape; None for anything else."""
    mailbox, at, domain = text.rpartition("@")
    if not at or len(text) > _LENGTH_LIMIT or _SEPARATING.search(text):
        return None
    if _WORDS.fullmatch(mailbox) and unicodedata.is_normalized("NFC", mailbox):
        known, room = _domains[domain]
        return f"{mailbox}@{known}" if len(mailbox.encode()) <= room else None
    checked = _validate(text)
    return None if checked is None else f"{mailbox}@{checked.domain.lower()}"


def _check_domain(domain: str) -> tuple[str, int]:
    """Return a domain as it is written, and how many bytes a mailbox there may have; -1 if it is none."""
    found = _validate(f"x@{domain}")
    if found is None:
        return domain, -1
    longest = max(len(one.encode()) for one in (domain, found.domain, found.ascii_domain))
    return found.domain.lower(), _BYTES_LIMIT - longest - 1


_domains = Cache(_check_domain)


def _validate(address: str) -> ValidatedEmail | None:
    # Only addresses of unusual letters come here, and it is slow to load.
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - see above

    try:
        return validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None


@converter(
    examples={"'ann@example.org; Bob <bob@example.org>' | emails": ["ann@example.org", "bob@example.org"]}
)
def emails(value: str | list) -> list[str]:  # type: ignore[type-arg]
    """Extract the e-mail addresses from a list, or from a text separated by `;`, `,` or line breaks."""
    found: dict[str, str] = {}
    for item in _SEPARATOR.split(value) if isinstance(value, str) else value:
        if item is None or (isinstance(item, str) and not item.strip()):
            continue
        if not isinstance(item, str):
            raise wrong_kind("emails", (str,), item)
        address = email(item)
        found.setdefault(address.casefold(), address)
    return list(found.values())


def find_separator(text: str) -> str | None:
    """Return what separates the addresses of a text: `/` in `a@b.org / c@d.org`, with a word its blanks.

    None if the text does not have several, or is not cut into one address each in this way.
    """
    found = [*_ADDRESS.finditer(text)] if text.count("@") > 1 else []
    if len(found) < 2:  # noqa: PLR2004 - several
        return None
    between = _BETWEEN.search(text[found[0].end() : found[1].start()])
    if between is None:
        return None
    parts = [part for part in text.split(between[0]) if part.strip()]
    return between[0] if all(len(_ADDRESS.findall(part)) == 1 for part in parts) else None


def take_first_address(hint: str) -> str:
    """Return the hint of `_no_address` on several addresses as it is for a column that takes one address."""
    if '`split: "' not in hint:
        return hint
    cut = _SPLIT_USE.search(hint)
    if cut is None:
        return "correct the cell: leave one address"
    return (
        f'the column takes one address; for the first write `"{{{{ Column | {cut[0]} | first | email }}}}"`'
    )


_SPLIT_USE = re.compile(r"split\('.*?'\)")


def _no_address(value: str) -> ValueProblem:
    found = _ADDRESS.findall(value) if "@" in value else []
    if len(found) > 1:
        message = f"{quote_value(value)} has {len(found)} e-mail addresses"
        way = 'correct the cell: write `;` between all of them, and use `split: ";"`'
        if (separator := find_separator(value)) is not None:
            cut = separator.replace("\n", "\\n")
            way = f"for several addresses use `split: \"{cut}\"` (in an expression `| split('{cut}')`)"
        return ValueProblem("no-email", message, way)
    if found and found[0] != value.strip():
        message = f"{quote_value(value)} is not a single e-mail address"
        return ValueProblem("no-email", message, "correct the cell: only the address, or `Name <address>`")
    message = f"{quote_value(value)} has no e-mail address"
    return ValueProblem("no-email", message, "correct the cell, or use a table: `lookup:`")
