"""Converters of classification: full term paths such as `Connector/Connector-termset/Connector-term`."""

from __future__ import annotations

from collections.abc import Iterable

from opusmap.converters.coerce import text_of
from opusmap.converters.registry import converter
from opusmap.errors import ValueProblem
from opusmap.wording import quote_value

SEGMENT_LIMIT = 255
"""Characters of a term at most (SharePoint's limit for term labels)."""


def join_path(parts: Iterable[object]) -> str:
    """Join the terms into a path; spaces around terms are trimmed, empty terms dropped.

    Raises:
        ValueProblem: a term contains a `/` or is too long, or there is no term.
    """
    texts = [part if part.__class__ is str else text_of(part) for part in parts if part is not None]
    segments = [segment for text in texts if (segment := text.strip())]
    path = "/".join(segments)
    if segments and path.count("/") < len(segments) and len(path) <= SEGMENT_LIMIT:
        return path
    for segment in segments:
        if "/" in segment:
            message = f"the term {quote_value(segment)} contains a /, which separates terms"
            help_text = (
                'replace it in each term: `{from: [A, B], convert: {replace: ["/", "-"]}}` (in an expression '
                "`| replace('/', '-')`); if a column has the whole path, bind it alone, not in a list"
            )
            raise ValueProblem("bad-term-path", message, help_text)
        if len(segment) > SEGMENT_LIMIT:
            message = f"the term {quote_value(segment)} has more than {SEGMENT_LIMIT} characters"
            raise ValueProblem("bad-term-path", message, "shorten it")
    if not segments:
        raise ValueProblem("bad-term-path", "the term path has no term")
    return path


@converter(
    examples={"['HR', ' Leave '] | term_path": "HR/Leave", "'HR > Leave' | term_path('>')": "HR/Leave"}
)
def term_path(value: str | list, separator: str = "/") -> str:  # type: ignore[type-arg]
    """Make a full term path from a list of terms, or from a text of terms between separators."""
    if isinstance(value, list):
        return join_path(value)
    parts = value.split(separator) if separator else [value]
    if any(not part.strip() for part in parts):
        message = f"the path {quote_value(value)} has an empty term"
        raise ValueProblem("bad-term-path", message, "remove the extra separator")
    return join_path(parts)
