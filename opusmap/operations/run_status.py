"""A run as its operators see it: which one it is, how far it has come, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from opusmap import __version__
from opusmap.report import Report
from opusmap.wording import write_time

Outcome = Literal["running", "ok", "degraded", "failed"]

FATES = ("filtered", "rejected", "unchanged", "submitted", "failed", "uncertain", "not_sent")
"""The places in which a row ends, each in exactly one."""

_FINISHED = (0, 1)


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run of `submit` or `retry`. It holds no cell of the source, and no text that may quote one.

    Attributes:
        command: `submit` or `retry`.
        mapping: the mapping's path, as it was given.
        started: seconds since 1970.
        connection: the connection's id; "" while the mapping has not been read.
        ended: seconds since 1970, or None.
        exit_code: what the command ends with, or None.
        error: the kind of error that ended the run or kept it from beginning, such as `SignInError`; or "".
        report: the newest totals.
    """

    command: str
    mapping: str
    started: float
    connection: str = ""
    ended: float | None = None
    exit_code: int | None = None
    error: str = ""
    report: Report = field(default_factory=Report)

    @property
    def outcome(self) -> Outcome:
        """How the run ended.

        `degraded`: it came to its end, but rows were rejected, refused or left open, the source changed while
        it was read, or the journal was odd.
        """
        if self.exit_code is None:
            return "running"
        if self.error or self.exit_code not in _FINISHED:
            return "failed"
        return "ok" if self.report.clean and not self.report.journal_note else "degraded"

    def describe(self) -> str:
        """Return the end in one sentence."""
        what = f"opusmap {self.command} {self.mapping}"
        if self.report.run is not None:
            what += f", run {self.report.run}"
        counts = self.report.counts()
        rows = ", ".join(f"{counts[name]:,} {name.replace('_', ' ')}" for name in FATES if counts[name])
        ending = {"ok": "finished", "degraded": "finished, but needs attention", "failed": "failed"}
        why = f" ({self.error})" if self.error else ""
        return f"{what}: {ending.get(self.outcome, 'running')}{why}, exit code {self.exit_code}. " + (
            f"Of {self.report.read:,} rows read: {rows}." if rows else "No row was read."
        )

    def as_json(self) -> dict[str, Any]:
        """Return the end of a run as plain data, as the webhook sends it."""
        report = self.report
        return {
            "event": "opusmap.run.ended",
            "text": self.describe(),
            "outcome": self.outcome,
            "exit_code": self.exit_code,
            "error": self.error or None,
            "command": self.command,
            "mapping": self.mapping,
            "connection": self.connection or None,
            "run": report.run,
            "started": write_time(self.started),
            "ended": None if self.ended is None else write_time(self.ended),
            "counts": report.counts(),
            "reasons": [
                {"column": reason.column, "code": reason.code, "count": reason.count}
                for reason in report.reasons
            ],
            "source_changed": len(report.source_changed),
            "journal_odd": bool(report.journal_note),
            "opusmap": __version__,
        }
