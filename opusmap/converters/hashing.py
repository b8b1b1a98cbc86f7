"""Converters that make keys: hashes, UUIDs, slugs."""

from __future__ import annotations

import hashlib
import re
import unicodedata
import uuid
from collections.abc import Callable
from typing import Literal

from opusmap.converters.limits import bounded_text
from opusmap.converters.registry import ArgumentError, converter

_NAMESPACES = {"url": uuid.NAMESPACE_URL, "dns": uuid.NAMESPACE_DNS, "oid": uuid.NAMESPACE_OID}


@converter(
    name="hash",
    examples={
        "'7' | hash(length=12)": "7902699be42c",
        "'7' | hash('md5')": "8f14e45fceea167a5a36dedd4bea2543",
    },
)
def hash_(
    value: str, algorithm: Literal["sha256", "sha1", "md5", "blake2b"] = "sha256", length: int | None = None
) -> str:
    """Return the hexadecimal hash of the text in UTF-8, cut to `length` characters."""
    # "replace": JSON can contain unpaired surrogates, which UTF-8 can't.
    digest = hashlib.new(algorithm, value.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
    return digest if length is None else digest[: max(0, length)]


@converter(
    factory=True, examples={"'https://example.org/7' | uuid5('url')": "8392c7cd-2235-53c8-b982-295ae9798d27"}
)
def uuid5(namespace: str = "url") -> Callable[[str], str]:
    """Return the name-based UUID (version 5) of the text; `namespace` is url, dns, oid or a UUID."""
    try:
        space = _NAMESPACES.get(namespace) or uuid.UUID(namespace)
    except ValueError:
        raise ArgumentError(f"the namespace of uuid5 is url, dns, oid or a UUID, not {namespace!r}") from None
    return lambda value: str(uuid.uuid5(space, value.encode("utf-8", "replace").decode("utf-8")))


@converter(examples={"'Café: Lease & Hall' | slug": "cafe-lease-hall"})
def slug(value: str) -> str:
    """Make a key of lower-case ASCII letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode("ascii")
    return bounded_text(re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-"))
