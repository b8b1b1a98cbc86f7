"""Summaries of many rows: totals, and sections of findings that fit the terminal's width and height.

On a terminal of at least `SIDES_WIDTH` columns a section is a table, on a narrower one each finding is
stacked: a headline, then sentences at full width. In a pipe a finding is one line. No word is broken, and
nothing is cut within a line. What does not fit the screen is counted, and `--all` shows it: sentences first,
then whole findings.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from opusmap.cli.output import describe_trusted, print_note
from opusmap.cli.terminal import (
    SIDES_WIDTH,
    escape,
    make_console,
    make_table,
    measure,
    text_width,
    wrap_words,
)
from opusmap.wording import counted, show_share, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from opusmap.report import Reason, Report
    from opusmap.report.forecast import EmptyCells

LEAST_HEIGHT = 24
"""Lines that a screen is taken to have at least."""
ROWS_SHOWN = 5
"""Row numbers that are shown for each finding."""
REJECTED_ROWS = "Rejected rows, by column and reason (a row can have several)"
"""The title of the reasons, whose counts may come to more than the rejected rows."""
_FIRST_ROWS = "first rows"
_INDENT = "  "
_NARROW = 60
"""Columns of a terminal below which sentences are not indented behind the counts."""
_PADDING = 2
"""Blanks between the columns of a table."""

Place = Callable[[int, str], str]
"""Returns where in the source a row is, or a value of it: `place(row, column)`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How often (`count`), the cells that tell which, and sentences: what is wrong, and the way out.

    `code` is its diagnostic code; below the findings, one line names the page of the first.
    `row_numbers`: the last cell has numbers alone, and no sheet's cells or files, which need no word before.
    `more` are other examples of what is wrong, each with its place; `helped` those with a separate hint.
    """

    count: int
    cells: tuple[str, ...]
    message: str = ""
    hint: str = ""
    code: str = ""
    row_numbers: bool = False
    more: tuple[tuple[str, str], ...] = ()
    helped: tuple[tuple[str, str, str], ...] = ()

    def sentences(self) -> list[tuple[str, bool]]:
        """Return what is wrong, an example a sentence, and what to do; and whether it is what to do."""
        found = [(self.message, False), *((f"{place}: {text}", False) for place, text in self.more)]
        found.append((self.hint, True))
        for place, text, hint in self.helped:
            found += [(f"{place}: {text}", False), (hint, True)]
        return [(text, is_hint) for text, is_hint in found if text]

    def headline(self) -> Finding:
        """Return it without what is wrong and what to do."""
        return replace(self, message="", hint="", more=(), helped=())

    def without_others(self) -> Finding:
        """Return it without other examples of what is wrong."""
        return replace(self, more=(), helped=())


@dataclass(frozen=True, slots=True)
class Section:
    """Findings of one kind. `head` names the count and the cells; `more` tells what is not kept at all.

    `numbered` findings are about one row each: their `count` is its number. `what` one of them is called.
    """

    title: str
    head: tuple[str, ...]
    findings: tuple[Finding, ...]
    more: str = ""
    numbered: bool = False
    what: str = "reason"


def make_reasons(
    title: str, reasons: Iterable[Reason], place: Place = lambda row, _column: f"row {row}"
) -> Section:
    """Return why rows were rejected, or values replaced, as a section.

    Rows of a DataFrame that Spark mapped have no numbers, so where no reason has any, none are named.
    """
    kept = tuple(reasons)
    findings = tuple(_tell(one, place) for one in kept)
    head: tuple[str, ...] = ("rows", "column", "code", _FIRST_ROWS)
    if not any(reason.rows for reason in kept):
        head, findings = head[:-1], tuple(replace(one, cells=one.cells[:-1]) for one in findings)
    return Section(title, head, findings)


def _tell(reason: Reason, place: Place) -> Finding:
    places = [place(row, reason.column) for row in reason.rows[:ROWS_SHOWN]]
    shown = group_places(places) + (" …" if reason.count > ROWS_SHOWN else "")
    cells = (reason.column or "whole row", reason.code, shown)
    are_numbers = bool(places) and not any(", " in one or one.startswith("cell ") for one in places)
    others = [(place(one.row, reason.column), one.example, one.help) for one in reason.others]
    more = tuple((where, text) for where, text, hint in others if not hint)
    helped = tuple(one for one in others if one[2])
    return Finding(reason.count, cells, reason.example, reason.help, reason.code, are_numbers, more, helped)


def reject_reasons(report: Report, place: Place) -> Section:
    """Return why rows of a run were rejected."""
    return make_reasons(REJECTED_ROWS, report.reasons, place)


def replaced_reasons(reasons: Iterable[Reason], place: Place = lambda row, _column: f"row {row}") -> Section:
    """Return which wrong values `on_error` or a `default` replaced in records."""
    return make_reasons("Wrong values replaced in records by `on_error` or `default`", reasons, place)


def empty_cells(title: str, columns: Iterable[EmptyCells]) -> Section:
    """Return how often columns have nothing in them."""
    found = tuple(Finding(one.empty, (show_share(one.rate), one.column)) for one in columns if one.empty)
    return Section(title, ("rows", "share", "column"), found, what="column")


def group_places(places: Iterable[str]) -> str:
    """Return places in one text: a word such as `row` is left out, a file named once.

    >>> group_places(["row 3", "row 7"])
    '3, 7'
    >>> group_places(["a.csv, row 3", "a.csv, row 7", "b.csv, row 2"])
    'a.csv, row 3, 7; b.csv, row 2'
    """
    split = [place.rpartition(", ") for place in places]
    groups = [(before, [last for *_, last in group]) for before, group in groupby(split, lambda one: one[0])]
    texts = []
    for before, last in groups:
        word = last[0].partition(" ")[0] if before else ""
        numbers = ", ".join(one.rpartition(" ")[2] for one in last)
        texts.append(f"{before}, {word} {numbers}" if before else numbers)
    return "; ".join(texts)


def print_summary(
    report: Report,
    sections: Iterable[Section],
    *,
    sent: bool,
    every: bool,
    stderr: bool = False,
    below: int = 0,
    explained: bool = False,
) -> None:
    """Print the results of all rows, and the sections; `below` is how many lines are still to come.

    `explained`: what each total means is shown beside it.
    """
    above = print_totals(report, sent=sent, stderr=stderr, explained=explained)
    print_sections(sections, every=every, stderr=stderr, taken=above + below)


def print_totals(report: Report, *, sent: bool, stderr: bool = False, explained: bool = False) -> int:
    """Print the results of all rows; return how many lines that took."""
    from opusmap.report.summary import MEANINGS

    names = ["read", "mapped", "filtered", "rejected"]
    names += (
        ["unchanged", "submitted", "failed", "uncertain", "not_sent", "requests", "retries"] if sent else []
    )
    table = make_table()
    table.add_column(justify="left")
    table.add_column(justify="right")
    for name in names:
        count = getattr(report, name)
        if count or name in ("read", "mapped", "rejected", "submitted"):
            meaning = (MEANINGS[name],) if explained else ()
            table.add_row(name.replace("_", " "), f"{count:,}", *meaning)
    table.add_row("seconds", f"{report.seconds:,.1f}")
    console = make_console(stderr=stderr)
    console.print(table)
    if report.trusted:
        print_note(describe_trusted(report.trusted))
    told = _tell_total_row(report, console)
    return table.row_count + bool(report.trusted) + told


def _tell_total_row(report: Report, console: Console) -> int:
    """Print that the last row looks like a total; return how many lines that took."""
    from rich.text import Text

    if not report.total_row:
        return 0
    text = report.total_row[:1].upper() + report.total_row[1:]
    lines = wrap_words(Text(visible(text)), text_width(console), 0)
    for line in lines:
        console.print(line, soft_wrap=True)
    return len(lines)


def print_sections(sections: Iterable[Section], *, every: bool, stderr: bool = False, taken: int = 0) -> None:
    """Print sections; on a terminal, without `every`, as much as fits a screen beside `taken` lines."""
    stream = sys.stderr if stderr else sys.stdout
    console = make_console(stderr=stderr)
    found = [section for section in sections if section.findings]
    drawn = [_Drawn(section, console) for section in found]
    terminal = stream.isatty()
    screen = max(console.height, LEAST_HEIGHT) - taken - _OWN_LINES if terminal and not every else None
    for one, shown in zip(drawn, _share(drawn, screen), strict=True):
        one.print(shown)
    codes = [one.code for section in found for one in section.findings if one.code]
    if codes and console.is_terminal:
        console.print(f"\nWhat a code means: opusmap help {codes[0]}", soft_wrap=True)


_OWN_LINES = 4
"""Lines of a screen for the command, what a code means, the next step, and the prompt below."""


def _share(drawn: Sequence[_Drawn], screen: int | None) -> list[_Shown]:
    """Return how much of each section is shown: in each round, they grow in turn while there is room."""
    if screen is None:
        return [one.whole for one in drawn]
    shown = [_Shown(0)] * len(drawn)
    full = set[int]()
    for number in range(_ROUNDS):
        pending = {at: one.rounds[number] for at, one in enumerate(drawn) if at not in full}
        while pending:
            for at, steps in list(pending.items()):
                others = sum(one.height(shown[each]) for each, one in enumerate(drawn) if each != at)
                if steps and others + drawn[at].height(steps[0]) <= screen:
                    shown[at], pending[at] = steps[0], steps[1:]
                    continue
                if steps and steps[0].told and not shown[at].findings:
                    pending[at] = drawn[at].headlines  # the first finding is too long to be whole
                    continue
                del pending[at]
                if steps:
                    full.add(at)
    return shown


_ROUNDS = 3
"""Rounds in which sections grow: headlines of findings with sentences, first rows of lists, all the rest."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """How many findings of a section are shown, and how many of these with their sentences (`told`).

    `whole` ones among these have their other examples as well.
    """

    findings: int
    told: int = 0
    whole: int = 0


class _Drawn:
    """A section on a terminal, drawn with its first findings, as a table where that fits."""

    def __init__(self, section: Section, console: Console) -> None:
        self.section, self._console = section, console
        self.height = cache(self._height)
        self._told = any(one.message for one in section.findings)
        count = len(section.findings)
        self.whole = _Shown(count, count, count)
        self.rounds = self._rounds(count)
        wide = not self._told or (console.is_terminal and console.width >= SIDES_WIDTH)
        others = measure(console, _make_table(section, section.findings, 0))[1]
        self._room = max(1, console.width - others - _PADDING)
        table = _make_table(section, section.findings, self._room)
        self._table = wide and measure(console, table)[1] <= console.width

    def _rounds(self, count: int) -> tuple[Sequence[_Shown], ...]:
        """Return by how much more of it may be shown in each round.

        Findings with sentences begin with those of the first one and the headlines of the others.
        """
        numbers = range(1, count + 1)
        if self._told:
            told = [_Shown(count, shown) for shown in numbers[1:]]
            whole = [_Shown(count, count, shown) for shown in numbers]
            return [_Shown(shown, 1) for shown in numbers], (), [*told, *whole]
        first, *others = [_Shown(shown, shown, shown) for shown in numbers]
        return (), [first], others

    @property
    def headlines(self) -> Sequence[_Shown]:
        """More and more of its findings, none with its sentences."""
        return [_Shown(shown) for shown in range(1, self.whole.findings + 1)]

    def _height(self, shown: _Shown) -> int:
        if not shown.findings:
            return 1
        rest = bool(self._rest(shown))
        if self._table:
            table = _make_table(self.section, self._findings(shown), self._room)
            return 2 + rest + len(self._console.render_lines(table, pad=False))
        return 2 + rest + sum(len(self._stack(one)) for one in self._findings(shown))

    def _findings(self, shown: _Shown) -> list[Finding]:
        """Return the findings that are shown, the last ones without their sentences."""
        found = self.section.findings[: shown.findings]
        return [
            *found[: shown.whole],
            *(one.without_others() for one in found[shown.whole : shown.told]),
            *(one.headline() for one in found[shown.told :]),
        ]

    def _rest(self, shown: _Shown) -> str:
        """Return what is left out, for the line below the findings; empty if nothing is."""
        left, untold = len(self.section.findings) - shown.findings, shown.findings - shown.told
        rest = [f"{left:,} more (--all)"] if left else []
        rest += [f"what is wrong in {untold:,} of these (--all)"] if untold and not left else []
        others = any(one.more or one.helped for one in self.section.findings[shown.whole :])
        rest += ["other examples (--all)"] if others and not left and not untold else []
        rest += [self.section.more] if self.section.more else []
        return "and " + ", and ".join(rest) if rest else ""

    def _stack(self, finding: Finding) -> list[Text]:
        """Return a finding as a headline and its sentences, wrapped between words; as one line in a pipe.

        All but the counts is indented behind them, so that a finding's beginning is seen.
        """
        from rich.text import Text

        cells = list(zip(self.section.head[1:], map(visible, finding.cells), strict=True))
        count = self._say_count(finding)
        below = [
            Text.assemble(("help:", "cyan"), " ", visible(text)) if is_hint else Text(visible(text))
            for text, is_hint in finding.sentences()
        ]
        width = text_width(self._console)
        named = [cell if self._told or not at else f"{name}: {cell}" for at, (name, cell) in enumerate(cells)]
        if width is None:
            head = Text.assemble((count, "bold"), "  ", "  ".join(filter(None, named)))
            return [Text("  ").join([head, *below])]
        if self._told and finding.row_numbers:
            kept = "rows" if finding.count <= ROWS_SHOWN else _FIRST_ROWS
            named[-1] = f"{'row' if finding.count == 1 else kept}: {named[-1]}"
        gutter = max(len(self._say_count(one)) for one in self.section.findings)
        indent = gutter + 2 * len(_INDENT) if width >= _NARROW else 2 * len(_INDENT)
        start = f"{_INDENT}{count:>{gutter if width >= _NARROW else 0}}"
        first, *others = filter(None, named)
        head = Text.assemble((first, "bold"), "".join(f"  {one}" for one in others))
        lines = wrap_words(head, width, indent, start)
        lines[0].stylize("bold", 0, indent)
        return lines + [line for part in below for line in wrap_words(part, width, indent)]

    def _say_count(self, finding: Finding) -> str:
        return f"row {finding.count:,}" if self.section.numbered else counted(finding.count, "row")

    def print(self, shown: _Shown) -> None:
        """Print the first findings, and how many are left; if there is room for none, a line that counts."""
        section, console = self.section, self._console
        if not shown.findings:
            kinds = counted(len(section.findings), "row" if section.numbered else section.what)
            if not section.numbered and (cases := sum(one.count for one in section.findings)):
                kinds += f", in {counted(cases, 'case')}"
            console.print(f"[italic]{escape(section.title)}:[/] {kinds} (--all)", soft_wrap=True)
            return
        console.print(f"\n[italic]{escape(section.title)}[/]", soft_wrap=True)
        if self._table:
            console.print(_make_table(section, self._findings(shown), self._room))
        else:
            for one in self._findings(shown):
                for line in self._stack(one):
                    console.print(line, soft_wrap=True)
        if rest := self._rest(shown):
            console.print(escape(rest), soft_wrap=True)


def _make_table(section: Section, findings: Sequence[Finding], room: int) -> Table:
    """Return findings as a table, sentences wrapped to `room` columns: rich may cut a wide character."""
    from rich.text import Text

    table = make_table(titles=True)
    for name in section.head:
        table.add_column(name, justify="right" if name in ("rows", "row", "share") else "left", no_wrap=True)
    told = room > 0 and any(one.message for one in section.findings)
    if told:
        table.add_column("reason" if section.numbered else "example", no_wrap=True)
    for one in findings:
        cells = [Text(f"{one.count:,}"), *(Text(visible(cell)) for cell in one.cells)]
        if told:
            lines = [
                line
                for text, is_hint in one.sentences()
                for line in wrap_words(Text(visible(text), "cyan" if is_hint else ""), room, 0)
            ]
            cells.append(Text("\n").join(lines))
        table.add_row(*cells)
    return table
