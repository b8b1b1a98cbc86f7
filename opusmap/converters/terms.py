"""Converters of classification: full term paths such as `Connector/Connector-termset/Connector-term`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from opusmap.converters.coerce import text_of
from opusmap.converters.registry import converter, wrong_kind
from opusmap.errors import ValueProblem
from opusmap.issues import quote_value

__all__ = ["SEGMENT_LIMIT", "join_path", "term_path"]

SEGMENT_LIMIT = 255
"""Characters of a term at most (SharePoint's limit for term labels)."""


def join_path(parts: Iterable[object]) -> str:
    """Join the non-empty parts into a term path, trimming blanks.

    Raises:
        ValueProblem: a part holds a `/` or is over-long, or no part is left.
    """
    segments = [text_of(part).strip() for part in parts if part is not None]
    segments = [segment for segment in segments if segment]
    for segment in segments:
        if "/" in segment:
            message = f"the term {quote_value(segment)} holds a /, which separates terms"
            raise ValueProblem(
                "bad-term-path",
                message,
                "replace it: `| replace('/', '-')`, or give the whole path as one text",
            )
        if len(segment) > SEGMENT_LIMIT:
            message = f"the term {quote_value(segment)} has more than {SEGMENT_LIMIT} characters"
            raise ValueProblem("bad-term-path", message, "shorten it")
    if not segments:
        raise ValueProblem("bad-term-path", "no term is left in the path")
    return "/".join(segments)


@converter(
    prepared=True,
    takes_list=True,
    examples={"['HR', ' Leave '] | term_path": "HR/Leave", "'HR > Leave' | term_path('>')": "HR/Leave"},
)
def term_path(separator: str = "/") -> Callable[[object], str]:
    """Make a full term path of a list of terms, or of a text whose terms are separated."""

    def convert(value: object) -> str:
        if isinstance(value, list):
            return join_path(value)
        if not isinstance(value, str):
            raise wrong_kind("term_path", (str, list), value)
        parts = value.split(separator) if separator else [value]
        if any(not part.strip() for part in parts):
            raise ValueProblem(
                "bad-term-path",
                f"the path {quote_value(value)} has an empty term",
                "remove the extra separator",
            )
        return join_path(parts)

    return convert
