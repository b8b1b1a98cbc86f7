"""Converters of people: e-mail addresses in the forms that systems write."""

from __future__ import annotations

import re

from opusmap.converters.registry import converter, wrong_kind
from opusmap.errors import ValueProblem
from opusmap.wording import quote_value

# An address of the usual letters in the usual shape, which needs no further check.
_PLAIN = re.compile(
    r"[A-Za-z0-9_+-]+(?:[.'][A-Za-z0-9_+-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}"
)
_BRACKETED = re.compile(r"([^<>]*)<([^<>]*)>\s*")
_SEPARATOR = re.compile(r"[;,\n]")
_LENGTH_LIMIT = 320
"""Characters of an address at most: 64 for the mailbox, 255 for the domain (RFC 5321)."""
_LOCAL_LIMIT = 64


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
    if "<" in text and (bracketed := _BRACKETED.fullmatch(text)) is not None:
        name, text = bracketed[1].strip().strip("\"'").casefold(), bracketed[2].strip()
        if "@" in name and name != text.casefold():  # a second address would be lost silently
            raise _no_address(value)
    if text[:7].lower() == "mailto:":
        text = text[7:].partition("?")[0]
    if "|" in text:
        text = text.rpartition("|")[2]
    mailbox, at, domain = text.rpartition("@")
    if not at or len(text) > _LENGTH_LIMIT:
        raise _no_address(value)
    if _PLAIN.fullmatch(text) and len(mailbox) <= _LOCAL_LIMIT:
        return f"{mailbox}@{domain.lower()}"

    # Quoted mailboxes, international domains.
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - rarely needed, slow to load

    if any(char in text for char in '[],;"() '):  # Opus separates addresses with commas in brackets
        raise _no_address(value)
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise _no_address(value) from None
    return f"{mailbox}@{found.domain.lower()}"


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


def _no_address(value: str) -> ValueProblem:
    if _SEPARATOR.search(value) and "@" in value:
        message = f"{quote_value(value)} is not a single e-mail address"
        return ValueProblem(
            "no-email", message, 'for several addresses use `split: ";"` or `convert: emails`'
        )
    message = f"{quote_value(value)} has no e-mail address"
    return ValueProblem("no-email", message, "correct the source, or use a table: `lookup:`")
