"""The one hierarchy of opusmap's errors, and the process exit code that each stands for.

Every error holds its facts as fields; its text is made from them, so errors compare, pickle and
print alike. What is wrong in a mapping or in a row is an `Issue` (see
`opusmap.issues`); errors are for what ends an action.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from opusmap.issues import Issue, Span

__all__ = [
    "InvalidMapping",
    "JournalError",
    "OpusUnavailable",
    "OpusmapError",
    "SettingsError",
    "SignInError",
    "SourceError",
    "StoppedEarly",
    "ValueProblem",
]


def _rebuild(cls: type[OpusmapError], values: dict[str, Any]) -> OpusmapError:
    return cls(**values)


@dataclass(eq=True, unsafe_hash=True)
class OpusmapError(Exception):
    """Base of all errors that opusmap raises on purpose.

    `exit_code` is what the command line ends with when the error reaches it.
    """

    exit_code: ClassVar[int] = 2

    def __str__(self) -> str:
        return self.describe()

    def describe(self) -> str:
        """Return what is wrong, where, and what to do, as text for a person."""
        return ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in fields(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), {field.name: getattr(self, field.name) for field in fields(self)})


@dataclass(eq=True, unsafe_hash=True)
class InvalidMapping(OpusmapError):
    """A mapping, or the connection file it names, has errors; all of them are in `diagnostics`."""

    diagnostics: tuple[Issue[Span], ...]

    def describe(self) -> str:
        """Return one line a diagnostic."""
        return "\n".join(diagnostic.one_line() for diagnostic in self.diagnostics)


@dataclass(eq=True, unsafe_hash=True)
class SettingsError(OpusmapError):
    """A setting is missing or wrong. `setting` is its name (`OPUSMAP_…` or an option); never its value."""

    setting: str
    problem: str
    help: str = ""

    def describe(self) -> str:
        """Return `setting: problem`, and the way out on its own line."""
        return f"{self.setting}: {self.problem}" + (f"\n  help: {self.help}" if self.help else "")


@dataclass(eq=True, unsafe_hash=True)
class SourceError(OpusmapError):
    """A source can't be read (any further). `row` is the number a spreadsheet shows, or None."""

    path: str
    code: str
    problem: str
    row: int | None = None
    help: str = ""

    def describe(self) -> str:
        """Return `path, row N: error[code]: problem`, and the way out on its own line."""
        place = self.path if self.row is None else f"{self.path}, row {self.row}"
        return f"{place}: error[{self.code}]: {self.problem}" + (
            f"\n  help: {self.help}" if self.help else ""
        )


@dataclass(eq=True, unsafe_hash=True)
class JournalError(OpusmapError):
    """The journal can't be opened, is of another version, or is in use by another run."""

    path: str
    problem: str
    help: str = ""

    def describe(self) -> str:
        """Return `path: problem`, and the way out on its own line."""
        return f"{self.path}: {self.problem}" + (f"\n  help: {self.help}" if self.help else "")


@dataclass(eq=True, unsafe_hash=True)
class OpusUnavailable(OpusmapError):
    """Opus could not be reached, or stayed away; what was not sent is resumable."""

    exit_code: ClassVar[int] = 3
    url: str
    problem: str
    help: str = ""

    def describe(self) -> str:
        """Return `url: problem`, and the way out on its own line."""
        return f"{self.url}: {self.problem}" + (f"\n  help: {self.help}" if self.help else "")


@dataclass(eq=True, unsafe_hash=True)
class SignInError(OpusUnavailable):
    """The identity service refused the sign-in, or Opus refused the token it gave."""


@dataclass(eq=True, unsafe_hash=True)
class StoppedEarly(OpusmapError):
    """The run was stopped before its end (signal, `--max-errors`); the same command goes on."""

    exit_code: ClassVar[int] = 4
    reason: str
    help: str = "run the same command again to go on"

    def describe(self) -> str:
        """Return the reason, and the way on on its own line."""
        return f"{self.reason}\n  help: {self.help}"


@dataclass(eq=True, unsafe_hash=True)
class ValueProblem(OpusmapError):
    """A value can't become what is asked of it. Converters raise it; the mapper makes a reject of it.

    `code` is a stable diagnostic code such as `unknown-choice`; `problem` says what is wrong with the
    value; `help` what to do about it.
    """

    code: str
    problem: str
    help: str = ""

    def describe(self) -> str:
        """Return `code: problem`, and the way out on its own line."""
        return f"{self.code}: {self.problem}" + (f"\n  help: {self.help}" if self.help else "")
