"""Applies an intent to a mapping's text: a patch, or a refusal that says why.

A patch is given only after its text was read again and says what was meant, nothing more and nothing less.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from opusmap.edits.intents import (
    InsertOption,
    Intent,
    MoveOption,
    NotPossible,
    RemoveOption,
    SetAlias,
    SetIgnoreCase,
    SetOptions,
    SetTableEntry,
    SetTableFile,
    find_steps,
)
from opusmap.edits.patches import Patch, TextEdit, chain, replace_spans
from opusmap.edits.refusals import EditRefused
from opusmap.edits.steps import change_data, change_text, same_data
from opusmap.edits.yaml_edits import NotWritable
from opusmap.errors import InvalidMapping
from opusmap.issues import Issue, Span
from opusmap.mapping.schema import validate
from opusmap.mapping.yaml_reader import SIZE_LIMIT, Entries, Node, Text, parse_yaml, plain_data, read_yaml
from opusmap.safe_files import resolve_inside
from opusmap.wording import quote_value

_BY_HAND = "make this edit by hand: write out aliases, and put each entry into its own line"


def apply(text: str, intent: Intent, *, file: str = "<mapping>", folder: Path | None = None) -> Patch:
    """Return the patch of a mapping's text that an intent asks for.

    Args:
        text: the text of the file as it is, with its line breaks and byte-order mark.
        intent: what the mapping is to say.
        file: the file's name in messages.
        folder: the mapping's folder, where files under `include` are looked for. Without it, they are not.

    Returns:
        the patch; without edits if the mapping says so already.

    Raises:
        InvalidMapping: the text is not YAML, or goes beyond the reader's limits.
        EditRefused: what is to be changed is not there, is shared with other places or comes from another
            file, or the mapping would not be valid or not say what is meant.
    """
    before = _read(text, file)
    data = plain_data(before)
    _check_included(intent, before, file, folder)
    edits: list[TextEdit] = []
    changed, meant = text, data
    try:
        for step in find_steps(intent, data):
            meant = change_data(meant, step)
            more = change_text(changed, step, file)
            edits = chain(text, edits, more)
            changed = replace_spans(changed, more)
    except NotPossible as error:
        raise EditRefused(_nearest(before, error.path), "edit-target", error.problem, error.hint) from None
    except NotWritable:
        raise EditRefused(
            before.span, "edit-by-hand", "this is written in a form that can't be edited here", _BY_HAND
        ) from None
    patch = Patch.of(text, edits)
    _check_result(patch, meant, before, file)
    return patch


def _read(text: str, file: str) -> Entries:
    found = parse_yaml(text.removeprefix("\ufeff"), file).data
    if not isinstance(found, Entries):
        raise InvalidMapping(validate(found, file))
    return found


def _check_result(patch: Patch, meant: dict[str, Any], before: Entries, file: str) -> None:
    """Refuse a patch whose text is not what is meant, or has problems of the schema that the text had not."""
    where = Span.between(file, patch.before, *(_first_span(patch)))
    if len(patch.text.encode("utf-8", "surrogatepass")) > SIZE_LIMIT:
        problem = f"the mapping would have more than {SIZE_LIMIT >> 20} MB"
        raise EditRefused(
            where, "edit-not-valid", problem, "put long lists into a CSV file beside the mapping"
        )
    try:
        after = _read(patch.text, file)
    except InvalidMapping as error:
        _refuse_form(where, error.diagnostics[0])
    if not same_data(plain_data(after), meant):
        _refuse_form(where, None)
    known = {(issue.code, issue.message) for issue in validate(before, file)}
    for issue in validate(after, file):
        if (issue.code, issue.message) not in known:
            problem = f"the mapping would not be valid: {issue.message}"
            raise EditRefused(where, "edit-not-valid", problem, issue.hint or "give another value")


def _first_span(patch: Patch) -> tuple[int, int]:
    first = patch.edits[0] if patch.edits else TextEdit(0, 0, "")
    return first.start, max(first.end, first.start + 1)


def _refuse_form(where: Span, issue: Issue[Span] | None) -> NoReturn:
    reason = f" ({issue.message})" if issue else ""
    problem = f"the mapping is written in a form that can't be edited here{reason}"
    raise EditRefused(where, "edit-by-hand", problem, _BY_HAND)


def _nearest(data: Entries, path: tuple[str, ...]) -> Span:
    """Return the place of the last part of a path that is there."""
    node: Node = data
    span = Span(data.span.file, data.span.line, data.span.column, data.span.line, data.span.column + 1)
    for name in path:
        if not isinstance(node, Entries) or name not in node:
            break
        span, node = node.key(name).span, node[name]
    return span


def _check_included(intent: Intent, data: Entries, file: str, folder: Path | None) -> None:
    """Refuse to edit a table or options that come from a file under `include`."""
    match intent:
        case SetTableEntry(table=name) | SetTableFile(table=name):
            section = "tables"
        case (
            SetOptions(column=name)
            | InsertOption(column=name)
            | MoveOption(column=name)
            | RemoveOption(column=name)
            | SetAlias(column=name)
            | SetIgnoreCase(column=name)
        ):
            section = "choices"
        case _:
            return
    own, include = data.get(section), data.get("include")
    if folder is None or not isinstance(include, list) or (isinstance(own, Entries) and name in own):
        return
    for shared in include:
        path = resolve_inside(folder, shared) if isinstance(shared, Text) else None
        if path is None:
            continue
        found = read_yaml(path, str(Path(file).parent / str(shared))).data
        part = found.get(section) if isinstance(found, Entries) else None
        if isinstance(part, Entries) and name in part:
            there = part.key(name).span
            problem = (
                f"`{section}.{name}` comes from {quote_value(str(shared))}, which other mappings may share"
            )
            raise EditRefused(shared.span, "edit-elsewhere", problem, f"edit it at {there}", there)
