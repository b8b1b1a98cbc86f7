"""Standard error: log lines and notes for the person, as text or as JSON, one object a line.

Owns the handler of the log, and both forms. No line holds a secret: what is logged never had one.
"""

from __future__ import annotations

import logging
import traceback
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from opusmap.cli.terminal import dump_json, write_error
from opusmap.errors import OpusmapError, SourceError
from opusmap.wording import visible

_NAME = "opusmap"


class _JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the facts that the line is about."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": time,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return dump_json(line)


class _Stderr(logging.Handler):
    """Writes lines to what standard error is when they come."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            write_error(self.format(record))
        except Exception:  # noqa: BLE001 - logging's own way
            self.handleError(record)


def begin_logs(form: str) -> None:
    """Send log lines to standard error as `text` or `json`: warnings, until `set_level` asks for more."""
    handler = _Stderr()
    handler.name = _NAME
    plain = logging.Formatter("%(levelname)s %(name)s: %(message)s")
    handler.setFormatter(_JsonLines() if form == "json" else plain)
    root = logging.getLogger()
    root.handlers = [*(other for other in root.handlers if other.name != _NAME), handler]
    root.setLevel(logging.WARNING)


def set_level(verbose: int) -> None:
    """Log warnings, or more with -v and -vv."""
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.getLogger(_NAME).setLevel(level)


def logs_as_json() -> bool:
    """Return whether standard error is JSON lines, so that nothing else may be written there."""
    return any(isinstance(handler.formatter, _JsonLines) for handler in logging.getLogger().handlers)


def log(text: str, level: int = logging.INFO, **facts: Any) -> None:
    """Write a line for the person, whatever the log's level is; `facts` are in the JSON alone."""
    if logs_as_json():
        line = logging.makeLogRecord(
            {"name": "opusmap", "levelno": level, "levelname": logging.getLevelName(level), "msg": text}
        )
        line.facts = facts
        text = _JsonLines().format(line)
    write_error(text)


def log_error(error: OpusmapError) -> None:
    """Log what ended an action. Line breaks are our own: none comes from what an error quotes."""
    texts = {field.name: getattr(error, field.name) for field in fields(error)}
    plain = {name: visible(text) for name, text in texts.items() if isinstance(text, str)}
    said = "" if isinstance(error, SourceError) else "error: "  # its place has the word
    log(f"{said}{replace(error, **plain)}", logging.ERROR)


def log_bug(message: str) -> None:
    """Show the traceback of the error that is being handled: lines of code, and no values of variables."""
    log(f"{traceback.format_exc()}\n{message}", logging.ERROR)
