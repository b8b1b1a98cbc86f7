"""The lock: what a mapping's orders and columns meant when a person last agreed to them.

Order numbers depend on the order of options, so a reordered list would file thousands of records
wrongly in silence. `opusmap lock` writes a fingerprint beside the mapping; whatever changes the meaning
of what it holds is refused until it is accepted. What is only added is no drift.

The connection file holds no options: a reordering inside Opus itself can't be seen here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opusmap.compiler.plan import Plan
from opusmap.errors import SettingsError
from opusmap.issues import Issue, Span
from opusmap.safe_files import UnreadableFile, read_text
from opusmap.wording import quote_value

__all__ = ["Lock", "find_drift", "lock_path", "make_lock", "read_lock", "write_lock"]

_VERSION = 1
_SIZE_LIMIT = 16 << 20


@dataclass(frozen=True, slots=True)
class Lock:
    """The fingerprint: the connection, its columns' names and types, the options in their order."""

    connection: str
    columns: dict[str, dict[str, str]]
    choices: dict[str, list[str]]
    choice_base: int = 1


def lock_path(mapping: str | Path) -> Path:
    """Return where a mapping's lock stands: `mapping.lock.json` beside `mapping.yaml`."""
    return Path(mapping).with_suffix(".lock.json")


def make_lock(plan: Plan) -> Lock:
    """Return the fingerprint of a mapping as it is now."""
    columns = {
        column.internal_name: {"name": column.display_name, "type": column.type.value}
        for column in plan.connection.columns
    }
    choices = {
        column.internal_name: [
            str(option).strip() for option in plan.context.choices[column.internal_name].options
        ]
        for column in plan.connection.columns
        if column.internal_name in plan.context.choices
    }
    return Lock(plan.connection.id, columns, choices, plan.spec.target.choice_base)


def write_lock(lock: Lock, path: Path) -> None:
    """Write a lock for people to read in a review: one option a line."""
    body = {
        "opusmap_lock": _VERSION,
        "connection": lock.connection,
        "columns": lock.columns,
        "choice_base": lock.choice_base,
        "choices": lock.choices,
    }
    if path.is_symlink():
        raise SettingsError(str(path), "this is a symbolic link", "put the lock itself beside the mapping")
    try:
        path.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise SettingsError(str(path), f"the lock can't be written: {error.strerror or error}") from None


def read_lock(path: Path) -> Lock | None:
    """Return the lock that stands at `path`, None where there is none.

    Raises:
        SettingsError: the file is not a lock of this version.
    """
    try:
        body: Any = json.loads(read_text(path, _SIZE_LIMIT, what="the lock"))
        _check_version(body["opusmap_lock"])
        columns = {
            str(name): {key: str(one[key]) for key in ("name", "type")}
            for name, one in body["columns"].items()
        }
        choices = {
            str(name): [str(option) for option in options] for name, options in body["choices"].items()
        }
        return Lock(str(body["connection"]), columns, choices, int(body.get("choice_base", 1)))
    except UnreadableFile as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        hint = error.hint or "put the lock itself beside the mapping"
        raise SettingsError(str(path), error.message, hint) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        help_text = "write it anew with `opusmap lock`, after comparing the options with Opus"
        raise SettingsError(str(path), "this is not a lock of this version of opusmap", help_text) from None


def _check_version(version: object) -> None:
    if version != _VERSION:
        raise ValueError(version)


def find_drift(lock: Lock, plan: Plan) -> tuple[Issue[Span], ...]:
    """Return what changed the meaning of something that is locked."""
    return tuple(_drift(lock, make_lock(plan), plan))


_ACCEPT = "if Opus shows it like this now, accept it: `opusmap lock`"
_ACCEPT_CONNECTION = "if you mean this one, compare its options with Opus and accept it: `opusmap lock`"


def _drift(old: Lock, new: Lock, plan: Plan) -> Iterator[Issue[Span]]:
    where = plan.spec.connection.span
    if old.connection != new.connection:
        message = f"this is another connection than the locked one, {old.connection}"
        yield _error("drift-connection", message, where, _ACCEPT_CONNECTION)
    for name, column in old.columns.items():
        now = new.columns.get(name)
        if now is None:
            message = f"the column {quote_value(column['name'])} ({name}) is no longer in the connection"
            yield _error("drift-column", message, where)
        elif now != column:
            change = ", ".join(
                f"{key} {column[key]} → {now[key]}" for key in ("name", "type") if column[key] != now[key]
            )
            yield _error("drift-column", f"the column {quote_value(column['name'])} changed: {change}", where)
    if old.choice_base != new.choice_base and old.choices:
        message = f"orders are counted from {new.choice_base}; when they were locked, from {old.choice_base}"
        span = plan.spec.target_spans.get("choice_base", where)
        yield _error("drift-choices", message, span)
        return
    for name, options in old.choices.items():
        yield from _drift_of_options(name, options, new, plan, where)


def _drift_of_options(name: str, old: list[str], new: Lock, plan: Plan, where: Span) -> Iterator[Issue[Span]]:
    if name not in new.columns:
        return
    now = new.choices.get(name, [])
    given = (choices.column for choices in plan.spec.choices)
    span = next((one.span for one in given if _internal_name(plan, one) == name), where)
    base = plan.spec.target.choice_base
    changed = [
        f"{base + index}: {quote_value(option)} → {quote_value((now[index : index + 1] or ['nothing'])[0])}"
        for index, option in enumerate(old)
        if index >= len(now) or now[index] != option
    ]
    if changed:
        shown = "; ".join(changed[:8]) + ("; …" if len(changed) > 8 else "")  # noqa: PLR2004 - one line's worth
        title = quote_value(new.columns[name]["name"])
        yield _error(
            "drift-choices",
            f"orders of {title} mean something else than when they were locked: {shown}",
            span,
        )


def _internal_name(plan: Plan, name: str) -> str | None:
    column = plan.connection.find(name)
    return None if column is None else column.internal_name


def _error(code: str, message: str, span: Span, help: str = _ACCEPT) -> Issue[Span]:
    return Issue(code, message, span, help)
