"""Check: what becomes of each row of the whole file, why rows are rejected, and their cells to be fixed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opusmap.errors import SettingsError
from opusmap.records import Reject
from opusmap.report import Report
from opusmap.studio.cell_text import cell_text
from opusmap.studio.fixed_rows import Fixes
from opusmap.studio.jobs import Job
from opusmap.studio.kept_rejects import ReasonKey
from opusmap.studio.row_tests import make_test
from opusmap.studio.visit import Screen, Visit, read_number
from opusmap.studio.whole_check import (
    FixState,
    Judged,
    WholeCheck,
    current_check,
    mapper_of,
    read_fixes,
    start_check,
    write_fixes,
)

_PAGE = 200
"""Rows of one answer to the grid, at most."""
_LONG = 10_000
"""Characters of a cell that is shown cut, and can't be edited."""
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Facet:
    """A reason: how many rows it rejects, its sentence, and what can be done about it."""

    key: str
    column: str
    code: str
    count: int
    kept: int
    share: float
    sentence: str
    help: str
    address: str
    rule: str
    current: bool
    left: str
    fixed: int
    values: tuple[tuple[str, int], ...]
    other: int


@dataclass(frozen=True, slots=True)
class Decision:
    """A fix that waits for a person: its row, what was corrected, and what the source has there now."""

    row: int
    state: str
    cells: tuple[tuple[str, str, str, str], ...]
    can_apply: bool


def _view(visit: Visit) -> Mapping[str, Any]:
    bench = visit.bench
    job = current_check(visit.studio.jobs, bench)
    running = (
        job is not None and job.running
    )  # before its totals: it may end at any time, and asks again then
    check = _check_of(job)
    if job is None or check is None:
        return {
            "job": job,
            "running": running,
            "check": None,
            "stale": False,
            "report": Report(),
            "facets": (),
        }
    with bench.lock:
        fixes, judged = _fixes(visit, check)
    report = check.report
    facets = tuple(_facets(visit, check, report, fixes, judged))
    return {
        "job": job,
        "running": running,
        "check": check,
        "stale": check.version != bench.version,
        "report": report,
        "facets": facets,
        "chosen": next((one for one in facets if one.current), None),
        "decisions": tuple(_decisions(check, fixes, judged)),
        "ready": sum(one.state is FixState.READY for one in judged.values()),
        "wrong": sum(one.state in (FixState.WRONG, FixState.FILTERED) for one in judged.values()),
        "all_address": visit.address(reason=None),
        "grid_address": f"/data/check/rejects?{_grid_query(visit)}",
        "fix_address": f"/data/check/fix?{_grid_query(visit)}",
        "kept": check.kept.kept_of(_reason(visit)),
        "rejected": report.rejected
        if _reason(visit) is None
        else check.kept.rows_of(_reason(visit) or ("", "")),
        "send_address": visit.address("send"),
        "file": fixes.file,
    }


def _check_of(job: Job | None) -> WholeCheck | None:
    return job.result if job is not None and isinstance(job.result, WholeCheck) else None


def _fixes(visit: Visit, check: WholeCheck) -> tuple[Fixes, Mapping[int, Judged]]:
    """Return the fixes and what each comes to; as far as that can be said now."""
    if visit.bench.known.work is None:
        return Fixes(visit.bench.path), {}
    return read_fixes(visit.bench, check)


def _reason(visit: Visit) -> ReasonKey | None:
    """Return the reason that an address names as `CODE:COLUMN`."""
    code, colon, column = visit.query.get("reason", "").partition(":")
    return (column, code) if colon else None


def _grid_query(visit: Visit) -> str:
    return visit.address("check", row=None, column=None, yaml=None).partition("?")[2]


def _facets(
    visit: Visit, check: WholeCheck, report: Report, fixes: Fixes, judged: Mapping[int, Judged]
) -> Iterator[Facet]:
    why = {one.reason: one.why for one in fixes.left}
    fixed: dict[ReasonKey, int] = {}
    for one in judged.values():
        if one.state is FixState.READY and one.row is not None:
            for key in {(problem.place, problem.code) for problem in one.row.problems}:
                fixed[key] = fixed.get(key, 0) + 1
    for reason in report.reasons:
        key, name = (reason.column, reason.code), f"{reason.code}:{reason.column}"
        column, current = check.column_of(reason.column), _reason(visit) == (reason.column, reason.code)
        values, other = check.kept.top_values(key) if current else ([], 0)
        screen = "values" if reason.code == "unknown-choice" else "columns"
        yield Facet(
            key=name,
            column=reason.column,
            code=reason.code,
            count=reason.count,
            kept=check.kept.kept_of(key),
            share=reason.count / max(1, report.rejected),
            sentence=reason.example,
            help=reason.help,
            address=visit.address(reason=name),
            rule="" if column is None else visit.address(screen, column=column.internal_name),
            current=current,
            left=why.get(key, ""),
            fixed=fixed.get(key, 0),
            values=tuple(values),
            other=other,
        )


def _decisions(check: WholeCheck, fixes: Fixes, judged: Mapping[int, Judged]) -> Iterator[Decision]:
    for row, one in judged.items():
        if one.state not in (FixState.CHANGED, FixState.NOT_NEEDED):
            continue
        now = {} if one.row is None else one.row.values
        cells = tuple(
            (name, cell.was, cell_text(now.get(name)) if now else "", cell.now)
            for name, cell in fixes.rows[row].cells.items()
        )
        can_apply = one.row is not None and check.can_fix(one.row)
        yield Decision(row, one.state, cells, can_apply)


def _read_rejects(visit: Visit) -> Any:
    """Answer the grid: some rows of a reason, from `start` on, at most `count`."""
    check, reason = _require_check(visit), _reason(visit)
    start, count = (read_number(visit.query.get(name, "")) for name in ("start", "count"))
    columns = _columns(check, reason)
    with visit.bench.lock:
        fixes, judged = _fixes(visit, check)
    rows = check.kept.page(reason, start or 0, _PAGE if count is None else min(_PAGE, count))
    concerned = set() if reason is None else set(check.sources_of(reason[0]))
    return {
        "total": check.kept.kept_of(reason),
        "columns": [{"name": name, "concerned": name in concerned} for name in columns],
        "rows": [_row(one, columns, check, fixes, judged.get(one.row), reason) for one in rows],
    }


def _columns(check: WholeCheck, reason: ReasonKey | None) -> tuple[str, ...]:
    """Return the columns of the grid: those that a reason is about first."""
    known = check.work.source.columns if check.work is not None else None
    names = (*(known or ()), *check.kept.columns)
    first = () if reason is None else tuple(one for one in check.sources_of(reason[0]) if one in names)
    return tuple(dict.fromkeys((*first, *names)))


def _row(
    reject: Reject,
    columns: tuple[str, ...],
    check: WholeCheck,
    fixes: Fixes,
    judged: Judged | None,
    reason: ReasonKey | None,
) -> dict[str, Any]:
    """Return a row as the grid shows it: its cells as they are now, and what corrected ones were."""
    fix = fixes.rows.get(reject.row)
    corrected = reject.values if judged is None or judged.row is None else judged.row.values
    texts = [cell_text(corrected.get(name)) for name in columns]
    state, problems = "rejected", reject.problems
    if judged is not None:
        state = str(judged.state)
        problems = judged.mapped.problems if isinstance(judged.mapped, Reject) else ()
    problems = tuple(sorted(problems, key=lambda one: (one.place, one.code) != reason))
    changed = judged is not None and judged.state is FixState.CHANGED
    was = {} if fix is None or changed else {name: cell.was for name, cell in fix.cells.items()}
    locked = ""
    if changed:
        locked = "The source has changed since this row was fixed. Decide above the grid."
    elif not check.can_fix(reject):
        locked = "Not all cells of this row are known. Correct it in the source."
    return {
        "row": reject.row,
        "key": reject.key or "",
        "state": state,
        "problems": [
            {"text": f"{one.place}: {one.message}" if one.place else one.message, "help": one.hint}
            for one in problems
        ],
        "cells": [text if len(text) <= _LONG else text[:_SHOWN] + "…" for text in texts],
        "long": [at for at, text in enumerate(texts) if len(text) > _LONG],
        "was": {at: was[name] for at, name in enumerate(columns) if name in was},
        "locked": locked,
    }


def _fix(visit: Visit) -> Any:
    """Correct cells: the form's `edits` are `[row, column, text]`, as JSON. Returns the rows."""
    check, reason = _require_check(visit), _reason(visit)
    try:
        edits = [(int(row), str(column), str(text)) for row, column, text in json.loads(visit.field("edits"))]
    except (ValueError, TypeError):
        raise SettingsError("edits", "the edits can't be read", "reload the page, and try again") from None
    by_row: dict[int, dict[str, str]] = {}
    columns = _columns(check, reason)
    for row, column, text in edits:
        if column not in columns:
            raise SettingsError(column, "the source has no such column", "reload the page, and try again")
        by_row.setdefault(row, {})[column] = text
    bench = visit.bench
    with bench.lock:
        mapper_of(bench)
        fixes, judged = read_fixes(bench, check)
        rejects = {row: check.kept.find(row) for row in by_row}
        for row, texts in by_row.items():
            reject, before = rejects[row], judged.get(row)
            if reject is None or not check.can_fix(reject):
                raise SettingsError(f"row {row}", "this row can't be fixed here", "correct it in the source")
            if before is not None and before.state is FixState.CHANGED:
                problem = "the source has changed since this row was fixed"
                raise SettingsError(f"row {row}", problem, "decide about its fix first")
            fixes.set_cells(reject, texts)
        judged = write_fixes(bench, check, fixes)
    rows = [
        _row(one, columns, check, fixes, judged.get(row), reason)
        for row, one in rejects.items()
        if one is not None
    ]
    ready = sum(one.state is FixState.READY for one in judged.values())
    wrong = sum(one.state in (FixState.WRONG, FixState.FILTERED) for one in judged.values())
    return {"rows": rows, "ready": ready, "wrong": wrong}


def _require_check(visit: Visit) -> WholeCheck:
    check = _check_of(visit.job("check"))
    if check is None:
        raise SettingsError("check", "the file was not checked yet", "open the screen Check")
    return check


def _start(visit: Visit) -> None:
    visit.bench.refresh()
    start_check(visit.studio.jobs, visit.bench)


def _stop(visit: Visit) -> None:
    if (job := visit.stop("check")) is not None:
        job.wait(_STOP_SECONDS)
        visit.announce("attention", "The check was stopped. The counts are those of the rows up to there.")


_STOP_SECONDS = 5.0


def _leave(visit: Visit) -> None:
    why = visit.field("why")
    with visit.bench.lock:
        fixes = Fixes(visit.bench.path)
        fixes.leave_rejected((visit.field("column"), visit.field("code")), why)
        fixes.save()
    visit.announce(
        "good", "The rows stay rejected, and the report says why." if why.strip() else "Taken back."
    )


def _decide(visit: Visit) -> None:
    """Apply a fix to the row as it is now, or forget it."""
    check, row = _require_check(visit), visit.field("number")
    number = read_number(row) or 0
    with visit.bench.lock:
        fixes, judged = read_fixes(visit.bench, check)
        if number not in fixes.rows:
            raise SettingsError(f"row {row}", "this row has no fix any more", "reload the page")
        reject = judged[number].row if number in judged else None
        if visit.field("use") != "yes":
            fixes.drop(number)
        elif reject is None:
            raise SettingsError(f"row {row}", "the source does not reject this row", "forget its fix")
        else:
            fixes.confirm(reject)
        write_fixes(visit.bench, check, fixes)


def _keep_test(visit: Visit) -> None:
    """Keep a row as test: of the sample, or of the grid (`grid`), as it is with its fixes."""
    number, bench = read_number(visit.field("number")) or 0, visit.bench
    with bench.lock:
        mapper, name = mapper_of(bench), f"row {number} of the source"
        row = next((one for one in visit.rows if one.number == number), None)
        values = None if row is None else row.values
        if values is None or "grid" in visit.form:
            check = _require_check(visit)
            reject, fixes = check.kept.find(number), Fixes(bench.path)
            corrected = None if reject is None else fixes.corrected(reject)
            values = corrected if corrected is not None else None if reject is None else reject.values
            name += "" if corrected is None else ", as fixed"
        if values is None:
            raise SettingsError(f"row {number}", "there is no such row", "select another one")
        test, before = make_test(mapper, values, name), bench.version
        bench.apply(test)
        found = _check_of(visit.job("check"))
        if found is not None and found.version == before:
            found.version = bench.version  # a test changes nothing of what becomes of rows
    becomes = (
        "it becomes this record" if test.expect else "it is rejected" if test.reject else "it is filtered"
    )
    visit.announce("good", f"Row {number} is kept as a test: {becomes}. `opusmap test` runs it.")


SCREEN = Screen(
    "check",
    "Check",
    _view,
    {"start": _start, "stop": _stop, "leave": _leave, "decide": _decide, "keep-test": _keep_test},
    reads={"rejects": _read_rejects},
    writes={"fix": _fix},
)
