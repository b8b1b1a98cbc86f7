"""Why an edit is not made."""

from __future__ import annotations

from dataclasses import dataclass

from opusmap.errors import OpusmapError
from opusmap.issues import Span


@dataclass(eq=True, unsafe_hash=True)
class EditRefused(OpusmapError):
    """An edit is not made, and nothing has changed.

    Attributes:
        span: the place in the mapping that the edit is about.
        code: what kind of refusal it is; each has a page in docs/diagnostics.
        problem: what is wrong.
        help: what to do.
        elsewhere: the place, perhaps in another file, where the edit can be made by hand, or None.
    """

    span: Span
    code: str
    problem: str
    help: str
    elsewhere: Span | None = None

    def describe(self) -> str:
        """Return `place: error[code]: problem`, and the help on its own line."""
        return f"{self.span}: error[{self.code}]: {self.problem}\n  help: {self.help}"


@dataclass(eq=True, unsafe_hash=True)
class ChangedOnDisk(OpusmapError):
    """A mapping's file has changed since it was read, so nothing was written to it."""

    path: str
    code: str
    problem: str
    help: str = "read the file again, and make the edit in its new text"

    def describe(self) -> str:
        """Return `path: error[code]: problem`, and the help on its own line."""
        return f"{self.path}: error[{self.code}]: {self.problem}\n  help: {self.help}"
