"""What the command line prints: diagnostics, reports, records, progress.

Results go to standard output, everything else to standard error; colours and bars only on a terminal,
and never where `NO_COLOR` is set.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opusmap.cli.logs import log, logs_as_json
from opusmap.cli.terminal import escape, make_console, write_error, write_json
from opusmap.safe_files import UnreadableFile, read_text
from opusmap.wording import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from opusmap.compiler import Mapper
    from opusmap.compiler.explain import Stage
    from opusmap.converters import Converter
    from opusmap.issues import Issue, Span
    from opusmap.journal import Run
    from opusmap.records import Mapped
    from opusmap.report import Reason, Report
    from opusmap.sources import FileChange, Source
    from opusmap.testing import TestResult

__all__ = [
    "describe_no_rows",
    "print_changes",
    "print_converter",
    "print_converters",
    "print_diagnostics",
    "print_json",
    "print_note",
    "print_preview",
    "print_reasons",
    "print_record",
    "print_replaced",
    "print_run",
    "print_runs",
    "print_stages",
    "print_table",
    "print_test",
    "print_totals",
    "stderr_console",
]

_SHOWN_LIMIT = 16 << 20
"""Bytes of a file in which the line of a problem is looked for."""
ROWS_SHOWN = 5
"""Row numbers that are printed for each reason."""
CHANGES_SHOWN = 5
"""Files that changed while they were read of which each is told."""

_STYLES = {"error": "bold red", "warning": "bold yellow", "place": "bold", "help": "cyan"}


def stderr_console() -> Console:
    """Return the console of what is shown beside the result."""
    return make_console(stderr=True)


def print_note(text: str) -> None:
    """Print one line for the person, beside the result."""
    log(visible(text))


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object, the result for a machine."""
    write_json(value)


def print_diagnostics(diagnostics: Iterable[Issue[Span]]) -> None:
    """Print what is wrong in a mapping, with the lines it is about."""
    from opusmap.issues import Severity, render

    found = list(diagnostics)
    if logs_as_json():
        for diagnostic in found:
            level = logging.getLevelNamesMapping()[diagnostic.severity.value.upper()]
            log(diagnostic.one_line(), level, diagnostic=diagnostic.as_json())
        return
    styled = make_console(stderr=True)

    def paint(text: str, style: str) -> str:
        return f"[{_STYLES[style]}]{escape(text)}[/]"

    read_lines = cache(_read_lines)  # a hostile file has thousands of problems
    for diagnostic in found:
        lines, number = read_lines(diagnostic.place.file), diagnostic.place.line
        line = lines[number - 1] or None if number <= len(lines) else None
        shown = _in_lines(diagnostic)
        plain = render([shown], lambda _file, _line, line=line: line)  # type: ignore[misc]
        styled.print(_painted(plain, shown, paint), soft_wrap=True)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for diagnostic in found:
            write_error(_annotation(diagnostic))
    errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in found)
    warnings = len(found) - errors
    counted = [_plural(count, word) for count, word in ((errors, "error"), (warnings, "warning")) if count]
    if counted:
        styled.print(escape(" and ".join(counted)))


def _annotation(diagnostic: Issue[Span]) -> str:
    """Return a diagnostic as GitHub Actions reads it (workflow commands), to stand in a pull request."""
    span = diagnostic.place
    places = {
        "file": span.file,
        "line": span.line,
        "col": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
        "title": diagnostic.code,
    }
    listed = ",".join(f"{name}={_escaped(str(value), ':,')}" for name, value in places.items())
    message = diagnostic.message + (f"\n{diagnostic.hint}" if diagnostic.hint else "")
    return f"::{diagnostic.severity} {listed}::{_escaped(message)}"


def _escaped(text: str, more: str = "") -> str:
    for char in "%\r\n" + more:
        text = text.replace(char, f"%{ord(char):02X}")
    return text


def _painted(plain: str, diagnostic: Issue[Span], paint: Callable[[str, str], str]) -> str:
    """Colour the head and the marks of a rendered diagnostic; nothing else in it is markup."""
    head, *rest = plain.split("\n")
    mark = f"{diagnostic.severity}[{diagnostic.code}]"
    place, _, message = head.partition(f": {mark}: ")
    lines = [f"{paint(place, 'place')}: {paint(mark, diagnostic.severity.value)}: {escape(message)}"]
    for line in rest:
        if set(line.strip()) == {"^"}:
            lines.append(paint(line, diagnostic.severity.value))
        elif line.startswith("     help: "):
            lines.append("     " + paint("help:", "help") + escape(line[10:]))
        else:
            lines.append(escape(line))
    return "\n".join(lines)


def _in_lines(diagnostic: Issue[Span]) -> Issue[Span]:
    """Return a diagnostic whose texts have no line breaks but our own."""
    place = replace(diagnostic.place, file=visible(diagnostic.place.file))
    message, hint = visible(diagnostic.message), visible(diagnostic.hint)
    return diagnostic.__class__(diagnostic.code, message, place, hint, diagnostic.severity)


def _read_lines(file: str) -> list[str]:
    """Return the lines of a file, as the YAML reader counts them; none if it can't be read."""
    try:
        text = read_text(file, _SHOWN_LIMIT, errors="replace")
    except UnreadableFile:
        return []
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")


def print_totals(report: Report, *, sent: bool) -> None:
    """Print what became of all rows."""
    from rich.table import Table

    names = ["read", "mapped", "filtered", "rejected"]
    names += (
        ["unchanged", "submitted", "failed", "uncertain", "not_sent", "requests", "retries"] if sent else []
    )
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="left")
    table.add_column(justify="right")
    for name in names:
        count = getattr(report, name)
        if count or name in ("read", "mapped", "rejected", "submitted"):
            table.add_row(name.replace("_", " "), f"{count:,}")
    table.add_row("seconds", f"{report.seconds:,.1f}")
    make_console().print(table)
    if report.trusted:
        print_note(_trusted(report.trusted))


def _trusted(count: int) -> str:
    return f"{count:,} of the submitted were taken by the HTTP status alone (OPUSMAP_TRUST_STATUS)"


def print_replaced(
    reasons: Iterable[Reason],
    place: Callable[[int, str], str] = lambda row, _: str(row),
    *,
    stderr: bool = False,
) -> None:
    """Print which wrong values `on_error` or a `default` replaced in records, as `print_reasons` does."""
    print_reasons("Wrong values replaced in records, by column and reason", reasons, place, stderr=stderr)


def print_reasons(
    title: str,
    reasons: Iterable[Reason],
    place: Callable[[int, str], str] = lambda row, _: str(row),
    *,
    stderr: bool = False,
) -> None:
    """Print why rows were rejected: by column and code, with counts, rows, an example and its way out.

    `place(row, column)` tells where a row, or a value in it, stands in the source.
    """
    from rich.table import Table

    rows = list(reasons)
    if not rows:
        return
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("rows", justify="right")
    for name in ("column", "code", "first rows"):
        table.add_column(name, no_wrap=True)
    table.add_column("example", overflow="fold")
    for reason in rows:
        places = [place(row, reason.column) for row in reason.rows[:ROWS_SHOWN]]
        # A number or a cell's name says enough; in several files it takes more words.
        compound = any("," in where for where in places)
        first = "; ".join(places) if compound else ", ".join(where.split(" ")[-1] for where in places)
        more = " …" if reason.count > ROWS_SHOWN else ""
        cells = [escape(cell) for cell in (reason.column, reason.code, first + more, reason.example)]
        cells[-1] += f"\n[cyan]{escape(reason.help)}[/]" if reason.help else ""
        table.add_row(f"{reason.count:,}", *cells)
    console = make_console(stderr=stderr)
    console.print()
    console.print(table)


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], ending: str = "") -> None:
    """Print a table whose first column is a count; nothing if it has no rows."""
    from rich.table import Table

    if not rows:
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in head:
        table.add_column(name, justify="right" if name in ("rows", "share") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(_shown(cell, 80)) for cell in row))
    console = make_console()
    console.print(f"\n[italic]{escape(title)}[/]", soft_wrap=True)
    console.print(table)
    if ending:
        console.print(ending)


def print_record(title: str, values: dict[str, Any], names: dict[str, str]) -> None:
    """Print a record: each column's display name and value."""
    from rich.table import Table

    table = Table(
        title=escape(title), title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0)
    )
    table.add_column(style="cyan")
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(escape(names.get(name, name)), escape(_shown(value)))
    console = make_console()
    console.print()
    console.print(table)


def _shown(value: Any, limit: int = 200) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    plain = "".join(char if char.isprintable() else " " for char in text)
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def print_preview(mapper: Mapper, rows: Iterable[tuple[dict[str, Any], Mapped]]) -> None:
    """Print rows side by side with what becomes of them."""
    from rich.table import Table

    names = {column.internal_name: column.display_name for column in mapper.connection.columns}
    console = make_console()
    for values, mapped in rows:
        sides = Table.grid(padding=(0, 3, 1, 0), expand=True)
        sides.add_column(ratio=1)
        sides.add_column(ratio=1)
        sides.add_row(_side(f"row {mapped.row}", values), _becomes(mapped, names))
        console.print(sides)


def _becomes(mapped: Mapped, names: dict[str, str]) -> Any:
    from opusmap.records import Record, Reject

    if isinstance(mapped, Record):
        shown = {names.get(name, name): value for name, value in mapped.values.items()}
        replaced = {
            f"{one.place} (replaced)": f"{one.code}: {one.message}" for one in reversed(mapped.replaced)
        }
        return _side(f"record {mapped.key}", {**shown, **replaced})
    if isinstance(mapped, Reject):
        return _side("rejected", {one.place: f"{one.code}: {one.message}" for one in mapped.problems})
    return _side("filtered: `where` does not want this row", {})


def _side(title: str, values: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table(
        title=escape(title), title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0)
    )
    table.add_column(style="cyan")
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(escape(str(name)), escape(_shown("" if value is None else value)))
    return table


def print_test(result: TestResult) -> None:
    """Print how a mapping's test ended, and what differs."""
    console = make_console()
    mark = "[green]passed[/]" if result.passed else "[bold red]FAILED[/]"
    console.print(f"{mark} {escape(result.name)}", soft_wrap=True)
    if not result.passed:
        console.print(f"       {escape(str(result.span))}", soft_wrap=True)
    for one in result.differences:
        console.print(f"       [cyan]{escape(one.column)}[/]", soft_wrap=True)
        console.print(f"         [green]+ expected[/] {escape(_shown(one.expected, 500))}", soft_wrap=True)
        console.print(f"         [red]- found   [/] {escape(_shown(one.found, 500))}", soft_wrap=True)


def print_stages(title: str, stages: Iterable[Stage]) -> None:
    """Print how a value comes about, a step a line."""
    from rich.table import Table

    table = Table(
        title=escape(title), title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0)
    )
    for _ in range(3):
        table.add_column(overflow="fold")
    for stage in stages:
        place = "" if stage.span is None else f"line {stage.span.line}"
        value = "" if stage.problem else f"[bold]{escape(_shown(stage.value))}[/]"
        what = f"[red]{escape(stage.what)}[/]" if stage.problem else escape(stage.what)
        table.add_row(f"[dim]{place}[/]", what, value)
    make_console().print(table)


def print_converters(converters: Iterable[Converter]) -> None:
    """Print all converters, a line each."""
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for converter in sorted(converters, key=lambda one: one.name):
        table.add_row(escape(_signature(converter)), escape(converter.summary))
    make_console().print(table)


def print_converter(converter: Converter) -> None:
    """Print all about one converter."""
    console = make_console()
    console.print(f"[cyan]{escape(_signature(converter))}[/]")
    console.print(f"  {escape(converter.summary)}")
    for parameter in converter.parameters:
        ending = "" if parameter.required else f" (default {parameter.default!r})"
        console.print(f"  {escape(f'{parameter.name}: {parameter.type_name}{ending}')}")
    for expression, result in converter.examples.items():
        console.print(f"  {{{{ {escape(expression)} }}}}  →  {escape(_shown(result))}", soft_wrap=True)


def _signature(converter: Converter) -> str:
    names = ", ".join(parameter.name for parameter in converter.parameters)
    return f"{converter.name}({names})" if names else converter.name


def print_runs(runs: Iterable[Run]) -> None:
    """Print the runs that a journal knows, the latest first."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("run", "started (UTC)", "ending"):
        table.add_column(name, no_wrap=True)
    for name in ("submitted", "unchanged", "failed", "rejected"):
        table.add_column(name, justify="right")
    table.add_column("mapping", overflow="fold")
    for run in runs:
        counts = [f"{run.counts.get(name, 0):,}" for name in ("submitted", "unchanged", "failed", "rejected")]
        started = datetime.fromtimestamp(run.started, UTC).isoformat(sep=" ", timespec="seconds")[:19]
        ending = run.ending or "unfinished"
        table.add_row(str(run.id), started, escape(ending), *counts, escape(run.mapping))
    make_console().print(table)


def print_run(run: Run, records: Iterable[dict[str, Any]], rejects: str = "", note: str = "") -> None:
    """Print one run's totals, the records that Opus did not take, where its rejects are, and what was odd."""
    from rich.markup import escape
    from rich.table import Table

    console = make_console()
    print_runs([run])
    table = Table(box=None, padding=(0, 2, 0, 0), title="Not taken", title_justify="left")
    for name in ("row", "key", "state", "reason"):
        table.add_column(name, overflow="fold")
    for record in records:
        table.add_row(*(escape(str(record[name])) for name in ("row", "key", "state", "reason")))
    console.print()
    if trusted := run.counts.get("trusted"):
        console.print(_trusted(trusted))
    console.print(table if table.row_count else _describe_open_records(run.counts))
    if rejected := run.counts.get("rejected", 0):
        where = f": see {rejects}" if rejects else ""
        console.print(escape(f"{_rows(rejected)} rejected, and not sent{where}"), soft_wrap=True)
    if note:
        console.print(f"\n{escape(note)}", soft_wrap=True)


def _describe_open_records(counts: Mapping[str, int]) -> str:
    """Return what became of a run's records if the journal has nothing open of it."""
    if "pruned" in counts:
        return "Its records were pruned, so only their counts are known."
    if not counts:
        return (
            "It did not come to its end. Every record that it sent was taken, or sent again by a later run."
        )
    if counts.get("not_sent"):
        rest = "Every other was taken, or sent again by a later run."
        return f"{counts['not_sent']:,} records were not sent. {rest}"
    if not counts.get("mapped"):
        return "It made no record."
    return "Every record that it made was taken, or sent again by a later run."


def _rows(count: int) -> str:
    return "1 row was" if count == 1 else f"{count:,} rows were"


def print_changes(changes: Sequence[FileChange]) -> None:
    """Tell, in quiet runs too, which files of the source changed while it was read."""
    from opusmap.sources.changes import describe_state

    for change in changes[:CHANGES_SHOWN]:
        log(
            f"{change.path}: it was changed while it was being read: rows may be of either version\n"
            f"  before: {describe_state(change.before)}\n"
            f"  after:  {describe_state(change.after)}",
            logging.WARNING,
        )
    if len(changes) > CHANGES_SHOWN:
        log(f"and {len(changes) - CHANGES_SHOWN:,} more files", logging.WARNING)
    if changes:
        log("  help: run the same command again when nobody writes to the source", logging.WARNING)


def describe_no_rows(source: Source) -> str:
    """Return that a source has no rows, so that totals of zero are not taken for a mistake."""
    what = "column names and no rows" if source.columns else "no rows"
    return f"{source.name}: the source has {what}, so there was nothing to do"


def describe_path(path: str | Path) -> str:
    """Return a path as a person would write it: relative to where she is, if it is below."""
    try:
        return str(Path(path).resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
