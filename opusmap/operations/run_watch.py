"""Watches a run and reports it: its totals to a file of metrics now and then, its end to a webhook."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from opusmap.errors import OpusmapError
from opusmap.operations.run_status import RunStatus
from opusmap.report import Report
from opusmap.settings import Outlets, Secret

_EVERY = 15.0
"""Seconds between two versions of the metrics; Prometheus asks every 15 to 60 seconds."""
_POST_SECONDS = 10.0
_log = logging.getLogger("opusmap.operations")


class RunWatch:
    """Reports one run of `submit` or `retry`: call `start`, `begin`, `note` for each report, and `end` once.

    None of its methods raises for what happens outside: a file that can't be written,
    a host that does not answer.
    """

    def __init__(self, clock: Callable[[], float] = time.time, every: float = _EVERY) -> None:
        """Make it.

        Args:
            clock: seconds since 1970.
            every: seconds between two versions of the metrics while the run goes on.
        """
        self._outlets, self._clock, self._every = Outlets(), clock, every
        self.status = RunStatus("", "", clock())
        self._written = 0.0
        self._warned = False

    def start(self, outlets: Outlets, command: str, mapping: str) -> None:
        """Begin to watch a command over a mapping, and report it there."""
        self._outlets = outlets
        self.status = RunStatus(command, mapping, self._clock())

    def begin(self, connection: str) -> None:
        """Note that the mapping could be read, and which connection it fills."""
        self.status = replace(self.status, connection=connection)
        self._write_metrics()

    def note(self, report: Report) -> None:
        """Take the newest totals."""
        self.status = replace(self.status, report=report)
        if self._clock() - self._written >= self._every:
            self._write_metrics()

    def end(self, exit_code: int, error: str = "") -> None:
        """Report the end: with what exit code, and by which kind of error if it was one."""
        self.status = replace(self.status, ended=self._clock(), exit_code=exit_code, error=error)
        self._write_metrics()
        if self._outlets.telemetry:
            from opusmap.operations.telemetry import export_run  # noqa: PLC0415 - few runs need it

            export_run(self.status)
        if self._outlets.webhook is not None and self.status.outcome != "ok":
            self._post(self._outlets.webhook)

    def _write_metrics(self) -> None:
        if self._outlets.metrics is None:
            return
        from opusmap.operations.metrics_file import write_metrics  # noqa: PLC0415 - few runs need it

        self._written = self._clock()
        try:
            write_metrics(self._outlets.metrics, self.status)
        except (OpusmapError, OSError) as error:
            if not self._warned:  # once is enough
                _log.warning("OPUSMAP_METRICS: %s", str(error).partition("\n")[0])
            self._warned = True

    def _post(self, webhook: Secret) -> None:
        from opusmap.operations.one_request import NoContact, send_request  # noqa: PLC0415 - httpx is slow to load

        url, body = webhook.reveal(), json.dumps(self.status.as_json()).encode()
        try:
            answer = send_request("POST", url, body, proxy=self._outlets.proxy, seconds=_POST_SECONDS)
            problem = "" if 200 <= answer.status < 300 else f"it answered {answer.status}"  # noqa: PLR2004 - HTTP
        except NoContact as error:
            problem = str(error)
        except KeyboardInterrupt:  # the run has ended: there is nothing to stop but this
            problem = "not waited for"
        if problem:
            host = urlsplit(url).hostname
            _log.warning("OPUSMAP_WEBHOOK: the end of the run could not be reported to %s: %s", host, problem)
