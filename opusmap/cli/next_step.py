"""The line that ends a command's notes: what to do next, as a command that can be run as it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opusmap.cli.options import Output, read_settings
from opusmap.cli.output import print_note
from opusmap.errors import OpusmapError
from opusmap.wording import show_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opusmap.records import Mapped
    from opusmap.report import Report
    from opusmap.run.open import Work


@dataclass(frozen=True, slots=True)
class Given:
    """What a person named on the command line, and so names again in the next command."""

    mapping: str
    source: str | None = None
    converters: tuple[str, ...] = ()

    def command(self, name: str, *words: str, source: bool = True) -> str:
        """Return a command about the same mapping and, unless `source` is false, the same source."""
        return self._show(name, *words, source=self.source if source else None)

    def explain(self, column: str, *words: str) -> str:
        """Return the command that explains a column of Opus, which is named before the source."""
        return self._show("explain", *words, column=column, source=self.source)

    def _show(self, name: str, *words: str, column: str | None = None, source: str | None) -> str:
        named = [one for one in (self.mapping, column, source) if one is not None]
        own = [word for file in self.converters for word in ("--converters", file)]
        return show_command(name, *named, *words, *own)


def print_next(out: Output, why: str, command: str) -> None:
    """Print the next step, unless the output is for a machine or quiet."""
    if not out.silent:
        print_note(f"Next, {why}: {command}")


def print_next_of_check(out: Output, given: Given, work: Work, report: Report, *, online: bool) -> None:
    """Print what to do after `check`: decide, explain the most frequent problem, send a few, or look."""
    if work.to_do:
        why = f"decide each TODO in {given.mapping}, and check again"
        print_next(out, why, given.command("check"))
        return
    if report.all_filtered and work.source.rereadable:
        print_next(out, *next_of_filtered(given))
        return
    bound = {plan.column.display_name for plan in work.mapper.plan.columns}
    about_values = (one for one in report.reasons if one.column in bound and one.code != "duplicate-key")
    reason = next(about_values, None)
    if reason is not None and work.source.rereadable:
        why = "see what causes the most frequent problem"
        print_next(out, why, given.explain(reason.column, "--row", str(reason.rows[0])))
    elif online:
        print_next(out, "send the first records", given.command("submit", "--limit", "20"))
    else:
        print_next(out, "compare rows with their records", given.command("preview"))


def next_of_filtered(given: Given) -> tuple[str, str]:
    """Return what to do where `where` excludes every row, and the command."""
    from opusmap.compiler.plan import KEY_COLUMN

    return f"look at `where` in {given.mapping}, and at what it reads of a row", given.explain(KEY_COLUMN)


def next_of_rehearsal(given: Given) -> tuple[str, str]:
    """Return what to do once sending was rehearsed, and the command; missing settings come first."""
    command = given.command("check", "--no-source", "--online", source=False)
    why = "verify the settings, without sending a record"
    try:
        read_settings(given.mapping)
    except OpusmapError:
        folder = Path(given.mapping).parent
        why = f"write the settings into {folder / '.env'} (`opusmap help settings`), and verify them"
    return why, command


def print_next_of_preview(out: Output, given: Given, work: Work, becomes: Sequence[Mapped]) -> None:
    """Print what to do after `preview`, by what becomes of the rows: explain the first that is rejected."""
    from opusmap.records import Filtered, Reject

    bound = {plan.column.display_name for plan in work.mapper.plan.columns}
    rejects = [one for one in becomes if isinstance(one, Reject)]
    wrong = [(one.row, issue.place) for one in rejects for issue in one.problems if issue.place in bound]
    if work.to_do:
        why = f"decide each TODO in {given.mapping}, and look again"
        print_next(out, why, given.command("preview"))
    elif becomes and all(isinstance(one, Filtered) for one in becomes) and work.source.rereadable:
        print_next(out, *next_of_filtered(given))
    elif wrong and work.source.rereadable:
        row, column = wrong[0]
        print_next(out, "see what causes the first problem", given.explain(column, "--row", str(row)))
    elif becomes:
        print_next(out, "rehearse sending", given.command("submit", "--to", "emulator"))
    else:
        print_next(out, "check the mapping", given.command("check"))
