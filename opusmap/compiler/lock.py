"""The lock: what a mapping's orders and columns meant when they were last accepted.

Order numbers depend on the order of options, so a reordered list would file thousands of records
wrongly in silence. `opusmap lock` writes a fingerprint beside the mapping; whatever changes the meaning
of what it holds is refused until it is accepted. An addition is not a drift.

The connection file holds no options: a reordering inside Opus itself can't be seen here.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Literal

import msgspec

from opusmap.compiler.plan import Plan
from opusmap.issues import Issue, Span
from opusmap.kept_files import read_kept, write_kept
from opusmap.wording import quote_value


class LockedColumn(msgspec.Struct, frozen=True):
    """A column's display name and type."""

    name: str
    type: str


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """The fingerprint: the connection, its columns by internal name, the options in their order."""

    opusmap_lock: Literal[1]
    connection: str
    columns: dict[str, LockedColumn]
    choice_base: int = 1
    choices: dict[str, list[str]]


def lock_path(mapping: str | Path) -> Path:
    """Return the path of a mapping's lock: `mapping.lock.json` beside `mapping.yaml`."""
    return Path(mapping).with_suffix(".lock.json")


def make_lock(plan: Plan) -> Lock:
    """Return the fingerprint of a mapping as it is now."""
    columns, options = plan.connection.columns, plan.context.choices
    return Lock(
        opusmap_lock=1,
        connection=plan.connection.id,
        columns={one.internal_name: LockedColumn(one.display_name, one.type.value) for one in columns},
        choice_base=plan.spec.target.choice_base,
        choices={
            one.internal_name: [str(option).strip() for option in options[one.internal_name].options]
            for one in columns
            if one.internal_name in options
        },
    )


def write_lock(lock: Lock, path: Path) -> None:
    """Write a lock for people to read in a review: one option a line.

    Raises:
        SettingsError: the file can't be written.
    """
    write_kept(path, lock, mode=0o644)


def read_lock(path: Path) -> Lock | None:
    """Return the lock in a file, None if there is no such file.

    Raises:
        SettingsError: the file is not a lock of this version.
    """
    hint = "write it again with `opusmap lock`, after comparing the options with Opus"
    return read_kept(path, Lock, "lock", hint, unreadable="put the file itself beside the mapping")


def find_drift(lock: Lock, plan: Plan) -> tuple[Issue[Span], ...]:
    """Return what changed the meaning of something that is locked."""
    return tuple(_drift(lock, make_lock(plan), plan))


_ACCEPT = "if Opus shows it like this now, accept it: `opusmap lock`"
_ACCEPT_CONNECTION = "if you mean this one, compare its options with Opus and accept it: `opusmap lock`"


def _drift(old: Lock, new: Lock, plan: Plan) -> Iterator[Issue[Span]]:
    where = plan.spec.connection.span
    if old.connection != new.connection:
        message = f"this connection is not the locked one, {old.connection}"
        yield _error("drift-connection", message, where, _ACCEPT_CONNECTION)
    for name, column in old.columns.items():
        now = new.columns.get(name)
        if now is None:
            message = f"the column {quote_value(column.name)} ({name}) is no longer in the connection"
            yield _error("drift-column", message, where)
        elif now != column:
            changes = [
                f"{what} {before} → {after}"
                for what, before, after in (("name", column.name, now.name), ("type", column.type, now.type))
                if before != after
            ]
            message = f"the column {quote_value(column.name)} changed: {', '.join(changes)}"
            yield _error("drift-column", message, where)
    if old.choice_base != new.choice_base and old.choices:
        message = f"orders are counted from {new.choice_base}; when they were locked, from {old.choice_base}"
        span = plan.spec.target_spans.get("choice_base", where)
        yield _error("drift-choices", message, span)
        return
    spans = {plan.connection.find(one.column): one.column.span for one in plan.spec.choices}
    for name, options in old.choices.items():
        if name not in new.columns:
            continue
        now_options = new.choices.get(name, [])
        changed = [
            f"{order}: {quote_value(option)} → {quote_value('nothing' if found is None else found)}"
            for order, (option, found) in enumerate(
                zip_longest(options, now_options[: len(options)]), new.choice_base
            )
            if option != found
        ]
        if changed:
            shown = "; ".join(changed[:8]) + ("; …" if len(changed) > 8 else "")  # noqa: PLR2004 - one line's worth
            title = quote_value(new.columns[name].name)
            message = f"orders of {title} have another meaning than when they were locked: {shown}"
            yield _error("drift-choices", message, spans.get(plan.connection.find(name), where))


def _error(code: str, message: str, span: Span, help: str = _ACCEPT) -> Issue[Span]:
    return Issue(code, message, span, help)
