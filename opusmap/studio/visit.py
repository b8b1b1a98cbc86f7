"""What a screen is given: the studio, the open mapping, and what the address and the form say.

A screen is a template, what fills it (`view`), and its actions: each changes something by a form, after which
the view that the person was in is shown again. Every view has an address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode

from starlette.routing import BaseRoute

from opusmap.compiler import Plan
from opusmap.converters import Registry
from opusmap.converters.plugins import all_converters
from opusmap.errors import InvalidMapping, OpusmapError, SettingsError
from opusmap.language.source_sample import SourceSample
from opusmap.records import Mapped, Row
from opusmap.studio.arrivals import plan_loosely
from opusmap.studio.jobs import Job, Jobs
from opusmap.studio.opened_folder import Folder
from opusmap.studio.workbench import Workbench

_DIGITS = 10
_ISSUES_TOLD = 5


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence above the screen: `good`, `bad` or `attention`; `help` says what to do."""

    kind: str
    text: str
    help: str = ""
    diagnostic: str = ""
    """Its code, if it has one."""


@dataclass
class Studio:
    """All that is open.

    Attributes:
        folder: where files are read and written.
        converters: those that mappings may name; None for the built-in and the installed ones.
        converter_files: the files that declare some of them, for processes that map.
        allow_send: whether records may be sent to an Opus that is not on this machine.
        first: the mapping that is shown first, by its name in the folder; empty for the list.
        jobs: long work.
        closing: whether the server is about to end.
    """

    folder: Folder
    converters: Registry | None = None
    allow_send: bool = False
    first: str = ""
    jobs: Jobs = field(default_factory=Jobs)
    closing: bool = False
    converter_files: tuple[str, ...] = ()
    _open: dict[str, Workbench] = field(default_factory=dict)

    def open(self, name: str) -> Workbench:
        """Return the open mapping of this name; open it if it is not.

        Raises:
            InvalidMapping, SettingsError: it can't be read, or is not in the folder.
        """
        path = self.folder.resolve(name)
        name = self.folder.name_of(path)
        if name not in self._open:
            self._open[name] = Workbench(path, name, self.converters)
        return self._open[name]


@dataclass(frozen=True)
class Visit:
    """One look at a screen. `query` is what the address says after `?`, `form` what a person sent."""

    studio: Studio
    screen: str
    query: Mapping[str, str]
    form: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """All values of each field of the form, where one was given several times."""
    notices: list[Notice] = field(default_factory=list)

    @cached_property
    def bench(self) -> Workbench:
        """The open mapping.

        Raises:
            InvalidMapping, SettingsError: it can't be read, is not in the folder, or none is named.
        """
        name = self.query.get("mapping", "")
        if not name:
            raise SettingsError("mapping", "no mapping is open", "choose one from the list")
        return self.studio.open(name)

    @property
    def sample(self) -> SourceSample | None:
        """The first rows of the source, or None if there are none."""
        return self.bench.known.sample

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The rows of the sample that can be read."""
        return () if self.sample is None else tuple(one for one in self.sample.rows() if isinstance(one, Row))

    @cached_property
    def index(self) -> int:
        """The position of the selected row among `rows`, from 0."""
        wanted = read_number(self.query.get("row", "")) or 0
        return min(wanted, max(0, len(self.rows) - 1))

    @property
    def row(self) -> Row | None:
        """The selected row, or None if there is none that can be read."""
        return self.rows[self.index] if self.rows else None

    @property
    def mapped(self) -> Mapped | None:
        """What the selected row becomes."""
        row = self.row
        found = (one for one in self.bench.sample.mapped if row is not None and one.row == row.number)
        return next(found, None)

    @property
    def path(self) -> Path:
        """The mapping's file."""
        return self.bench.path

    def job(self, *kinds: str) -> Job | None:
        """Return the mapping's newest job of one of these kinds, as it is now.

        It may end while the page is made, which would then show it neither as done nor as going on.
        """
        return copy(self.studio.jobs.latest(self.bench.name, *kinds))

    def stop(self, kind: str) -> Job | None:
        """Ask the mapping's job of a kind to stop; return it, or None if none goes on."""
        job = self.studio.jobs.latest(self.bench.name, kind)
        if job is None or not job.running:
            return None
        job.stop()
        return job

    def plan(self) -> Plan | None:
        """Return the plan of the text that was last right, whatever is wrong in it; None without one."""
        registry = self.studio.converters
        with self.bench.lock:
            return plan_loosely(self.bench.known, all_converters() if registry is None else registry)

    def address(self, screen: str | None = None, **changes: Any) -> str:
        """Return the address of a view: this one, with another screen or other values; None removes one."""
        values: dict[str, Any] = {**self.query, **changes}
        if screen is not None and screen != self.screen:
            values = {
                name: one for name, one in values.items() if name in ("mapping", "row", "yaml", *changes)
            }
        kept = {name: str(one) for name, one in values.items() if one not in (None, "")}
        return f"/{self.screen if screen is None else screen}" + (f"?{urlencode(kept)}" if kept else "")

    def find_row(self, place: str, screen: str | None = None) -> str:
        """Return the address of a view with a row selected; empty if the row is not in the sample.

        Args:
            place: where it is, as messages name it, such as `row 7`.
            screen: the view's; by default the present one, where it shows the row.
        """
        at = self._places.get(place)
        return "" if at is None else self.address(screen, row=at)

    @cached_property
    def _places(self) -> dict[str, int]:
        work = self.bench.known.work
        if work is None:
            return {}
        return {work.source.place(row.number): at for at, row in enumerate(self.rows)}

    def announce(self, kind: str, text: str, help: str = "") -> None:
        """Say something above the screen that is shown next."""
        self.notices.append(Notice(kind, text, help))

    def announce_error(self, error: OpusmapError) -> None:
        """Say above the screen that is shown next what is wrong."""
        if not isinstance(error, InvalidMapping):
            self.announce("bad", *error.split())
            return
        for issue in error.diagnostics[:_ISSUES_TOLD]:
            file = Path(issue.place.file).name
            where = "" if self.query.get("mapping", "").endswith(file) else f"{file}, "
            message = f"{where}line {issue.place.line}: {issue.message}"
            self.notices.append(Notice("bad", message, issue.hint, issue.code))

    def field(self, name: str) -> str:
        """Return a field of the form.

        Raises:
            SettingsError: the form lacks it.
        """
        if name not in self.form:
            raise SettingsError(name, "the form lacks this field", "reload the page, and try again")
        return self.form[name]


def read_number(text: str) -> int | None:
    """Return the number (of nine digits at most) that an address or a form says; None if it says none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS else None


Action: TypeAlias = Callable[[Visit], str | None]
"""Does what a form asks for. Returns the address to show next, or None for the view that it came from."""


@dataclass(frozen=True, slots=True)
class Screen:
    """A screen: its name (the first part of its address), its label, what fills its template, its actions.

    `reads` and `writes` answer scripts of the page with plain data, at `/data/SCREEN/NAME`: `reads` to GET,
    `writes`, which may change something, to POST.
    """

    name: str
    label: str
    view: Callable[[Visit], Mapping[str, Any]]
    actions: Mapping[str, Action] = field(default_factory=dict)
    needs_mapping: bool = True
    routes: Sequence[BaseRoute] = ()
    """Further addresses; the studio is in `request.app.state.studio`."""
    reads: Mapping[str, Callable[[Visit], Any]] = field(default_factory=dict)
    writes: Mapping[str, Callable[[Visit], Any]] = field(default_factory=dict)
