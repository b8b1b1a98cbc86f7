"""The hierarchy of opusmap's errors, each with the exit code that it ends the process with.

Every error has its facts as fields, and its text is made from them, so errors compare, pickle and
print alike. What is wrong in a mapping or in a row is an `Issue` (see
`opusmap.issues`); errors are for what ends an action.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:  # loads a library that only issues need: `--help` does without it
    from opusmap.issues import Issue, Span

__all__ = [
    "DestructionRefused",
    "InvalidMapping",
    "JournalError",
    "NoJournal",
    "OpusUnavailable",
    "OpusmapError",
    "SettingsError",
    "SignInError",
    "SourceError",
    "StoppedEarly",
    "ValueProblem",
]


BUG_EXIT_CODE = 70
"""Exit code for any other error: a bug in opusmap."""


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

    def split(self) -> tuple[str, str]:
        """Return what is wrong and where, and apart from it what to do; empty if its text does not say."""
        problem, _, hint = self.describe().partition("\n  help: ")
        return problem, hint

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(getattr(self, field.name) for field in fields(self))


@dataclass(eq=True, unsafe_hash=True)
class InvalidMapping(OpusmapError):
    """A mapping, or the connection file it names, has errors; all of them are in `diagnostics`."""

    diagnostics: tuple[Issue[Span], ...]

    def describe(self) -> str:
        """Return one line for each."""
        return "\n".join(diagnostic.one_line() for diagnostic in self.diagnostics)


class _PlacedError(OpusmapError):
    """An error about one thing: the first field is its place, `help` says what to do."""

    problem: str
    help: str

    @property
    def place(self) -> str:
        """What the error is about."""
        return str(getattr(self, fields(self)[0].name))

    def describe(self) -> str:
        """Return `place: problem`, and the help on its own line."""
        return f"{self.place}: {self.problem}" + (f"\n  help: {self.help}" if self.help else "")


@dataclass(eq=True, unsafe_hash=True)
class SettingsError(_PlacedError):
    """A setting is missing or wrong. `setting` is its name (`OPUSMAP_…` or an option); never its value."""

    setting: str
    problem: str
    help: str = ""


@dataclass(eq=True, unsafe_hash=True)
class SourceError(_PlacedError):
    """A source can't be read (any further). `row` is the number a spreadsheet shows, or None."""

    path: str
    code: str
    problem: str
    row: int | None = None
    help: str = ""

    @property
    def place(self) -> str:
        """The file and the row, and the code as compilers print it."""
        row = "" if self.row is None else f", row {self.row}"
        return f"{self.path}{row}: error[{self.code}]"


@dataclass(eq=True, unsafe_hash=True)
class JournalError(_PlacedError):
    """The journal can't be opened, is of another version, or is in use by another run."""

    path: str
    problem: str
    help: str = ""


class NoJournal(JournalError):
    """There is no journal at a place that is read. The first run creates it."""


@dataclass(eq=True, unsafe_hash=True)
class DestructionRefused(_PlacedError):
    """Records may not be destroyed by this plan, or a file is not what its hashes say; nothing was sent."""

    plan: str
    problem: str
    help: str = ""


@dataclass(eq=True, unsafe_hash=True)
class OpusUnavailable(_PlacedError):
    """Opus could not be reached, or stayed away; a later run sends what is left."""

    exit_code: ClassVar[int] = 3
    url: str
    problem: str
    help: str = ""


@dataclass(eq=True, unsafe_hash=True)
class SignInError(OpusUnavailable):
    """The identity service refused the sign-in, or Opus refused the token it gave."""


@dataclass(eq=True, unsafe_hash=True)
class StoppedEarly(OpusmapError):
    """The run was stopped before its end (signal, `--max-errors`); the same command continues it."""

    exit_code: ClassVar[int] = 4
    reason: str
    help: str = "run the same command again to go on"

    def describe(self) -> str:
        """Return the reason, and the help on its own line."""
        return f"{self.reason}\n  help: {self.help}"


@dataclass(eq=True, unsafe_hash=True)
class ValueProblem(_PlacedError):
    """A value can't be converted. Converters raise it, and the mapper rejects the row with it.

    `code` is a stable diagnostic code such as `unknown-choice`; `problem` says what is wrong with the
    value, `help` what to do about it.
    """

    code: str
    problem: str
    help: str = ""

    def forget_frames(self) -> None:
        """Drop what Python keeps of where it was raised.

        The frames there hold the row, and often the problem itself: a cycle that waits for the collector.
        """
        self.__traceback__ = self.__context__ = None
