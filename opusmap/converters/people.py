"""Converters of people: e-mail addresses out of what systems write."""

from __future__ import annotations

import re

from opusmap.converters.registry import converter, wrong_kind
from opusmap.errors import ValueProblem
from opusmap.issues import quote_value

__all__ = ["email", "emails"]

# An address that needs no further look: the letters that everyone uses, in the shape that everyone uses.
_PLAIN = re.compile(
    r"[A-Za-z0-9_+-]+(?:[.'][A-Za-z0-9_+-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}"
)
_BRACKETED = re.compile(r"([^<>]*)<([^<>]*)>\s*")
_SEPARATOR = re.compile(r"[;,\n]")
_LENGTH_LIMIT = 320
"""Characters of an address at most: 64 for the mailbox, 255 for the domain (RFC 5321)."""
_LOCAL_LIMIT = 64


@converter(
    remember=True,
    examples={
        "'Ann Smith <Ann.Smith@Example.ORG>' | email": "Ann.Smith@example.org",
        "'mailto:ann@example.org' | email": "ann@example.org",
        "'i:0#.f|membership|ann@example.org' | email": "ann@example.org",
    },
)
def email(value: str) -> str:
    """Take the e-mail address out of `First Last <a@b.org>`, `mailto:a@b.org` or a SharePoint claim."""
    text = value.strip()
    if "<" in text and (bracketed := _BRACKETED.fullmatch(text)) is not None:
        name, text = bracketed[1].strip().strip("\"'").casefold(), bracketed[2].strip()
        if "@" in name and name != text.casefold():  # a second address would be lost in silence
            raise _no_address(value)
    if text[:7].lower() == "mailto:":
        text = text[7:].partition("?")[0]
    if "|" in text:
        text = text.rpartition("|")[2]
    if len(text) > _LENGTH_LIMIT:
        raise _no_address(value)
    mailbox, _, domain = text.rpartition("@")
    if _PLAIN.fullmatch(text) and len(mailbox) <= _LOCAL_LIMIT:
        return f"{mailbox}@{domain.lower()}"
    return _careful(value, text)


def _careful(value: str, text: str) -> str:
    """Let the library judge what is not plain: quoted mailboxes, international domains."""
    if "@" not in text:
        raise _no_address(value)
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - seldom needed, slow to load

    if any(char in text for char in '[],;"() '):  # Opus separates addresses with commas in brackets
        raise _no_address(value)
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise _no_address(value) from None
    return f"{text.rpartition('@')[0]}@{found.domain.lower()}"


@converter(
    examples={"'ann@example.org; Bob <bob@example.org>' | emails": ["ann@example.org", "bob@example.org"]}
)
def emails(value: str | list) -> list[str]:  # type: ignore[type-arg]
    """Take the e-mail addresses out of a list, or out of a text separated by `;`, `,` or line breaks."""
    items = _SEPARATOR.split(value) if isinstance(value, str) else value
    found: dict[str, str] = {}
    for item in items:
        if item is None or (isinstance(item, str) and not item.strip()):
            continue
        if not isinstance(item, str):
            raise wrong_kind("emails", (str,), item)
        address = email(item)
        found.setdefault(address.casefold(), address)
    return list(found.values())


def _no_address(value: str) -> ValueProblem:
    separated = _SEPARATOR.search(value) is not None and "@" in value
    wrong = "is not one e-mail address" if separated else "has no e-mail address"
    help_text = (
        'several addresses need `split: ";"`, or `convert: emails`'
        if separated
        else "mend the source, or look it up: `lookup:`"
    )
    return ValueProblem("no-email", f"{quote_value(value)} {wrong}", help_text)
