"""Values: what the source has beside the numbered options of Opus; aliases, the options' order, the lock."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opusmap.compiler.mapping_checks import is_placeholder
from opusmap.edits import InsertOption, MoveOption, RemoveOption, SetAlias, SetIgnoreCase, SetOptions
from opusmap.errors import SettingsError
from opusmap.report.forecast import Forecast, UnmatchedChoice
from opusmap.studio.arrivals import Arrivals, count_arrivals
from opusmap.studio.choice_columns import ChoiceColumn, Value, find_choice_columns
from opusmap.studio.locking import state_of_lock, write_lock_of
from opusmap.studio.lookups import find_lookups
from opusmap.studio.screens import table_actions
from opusmap.studio.screens.table_actions import ListLine
from opusmap.studio.spellings import find_clusters
from opusmap.studio.visit import Screen, Visit, read_number
from opusmap.wording import counted, quote_names, quote_value

_VALUES_SHOWN = 200
_SELECT_AT_MOST = 100
"""Options up to which they are offered in a select; of more, one is typed with suggestions."""
_NAMED = 6


@dataclass(frozen=True, slots=True)
class OptionLine:
    """An option of the list: its number as it is sent, its aliases, how often it occurs in the sample."""

    text: str
    number: int
    position: int
    aliases: tuple[str, ...]
    count: int
    id: str


def _view(visit: Visit) -> Mapping[str, Any]:
    plan = visit.plan()
    lock = state_of_lock(visit.bench)
    known = visit.bench.known
    told = any(one.code.startswith("drift-") for one in visit.bench.problems)
    if known.work is not None and not known.work.to_do and told != (lock.kind == "stale"):
        visit.bench.refresh()  # the lock was written by `opusmap lock`
    if plan is None:
        return {"columns": (), "tables": (), "column": None, "table": None, "lock": lock, "lists": ()}
    columns = find_choice_columns(plan)
    rows = [] if visit.sample is None else list(visit.sample.rows())
    nodes = {one.column.internal_name: one.plan.tree for one in columns if one.plan is not None}
    arrivals = count_arrivals(plan, nodes, rows)
    tables = find_lookups(visit.bench, plan, rows)
    wanted, table_wanted = visit.query.get("column", ""), visit.query.get("table", "")
    table = next((one for one in tables if one.name == table_wanted), None)
    chosen = next(
        (one for one in columns if wanted in (one.column.internal_name, one.column.display_name)), None
    )
    if table is None and chosen is None:
        chosen = columns[0] if columns else None
        table = tables[0] if chosen is None and tables else None
    if table is not None:
        chosen = None
    by_name = {one.column.internal_name: one for one in columns}
    judged = {name: list(by_name[name].judge(found.values)) for name, found in arrivals.items()}
    return {
        "columns": tuple(
            _line(visit, one, judged.get(one.column.internal_name, []), chosen) for one in columns
        ),
        "tables": tuple(table_actions.describe_line(visit, one, table) for one in tables),
        "column": None if chosen is None else _detail(visit, chosen, arrivals, judged),
        "table": None if table is None else table_actions.describe(visit, table),
        "lock": lock,
        "lists": tuple((one.column.display_name, _options(one, {})) for one in columns if one.options),
    }


def _line(
    visit: Visit, column: ChoiceColumn, values: Sequence[Value], chosen: ChoiceColumn | None
) -> ListLine:
    open_ = sum(one.kind == "open" for one in values)
    mark, words = "✓", "each value has an option"
    if not column.options:
        mark, words = "!", "the list of Opus is missing"
    elif column.plan is None:
        mark, words = "\u2013", "not bound"
    elif open_:
        mark, words = "!", f"{counted(open_, 'value')} without an option"
    name = column.column.internal_name
    return ListLine(
        column.column.display_name,
        visit.address(column=name, table=None, new=None),
        column is chosen,
        open_,
        mark,
        words,
        f"values-{name}",
    )


def _detail(
    visit: Visit,
    column: ChoiceColumn,
    arrivals: Mapping[str, Arrivals],
    judged: Mapping[str, Sequence[Value]],
) -> dict[str, Any]:
    name = column.column.internal_name
    values = sorted(judged.get(name, ()), key=lambda one: (one.kind != "open", -one.count, one.text))
    whole, fresh = _whole_file(visit, column)
    seen = {one.text for one in values}
    later = [one for one in whole if one.value not in seen]
    extra = list(column.judge({one.value: one.count for one in later}))
    in_all = {one.value: one.count for one in whole}
    open_ = {
        one.text: max(one.count, in_all.get(one.text, 0)) for one in [*values, *extra] if one.kind == "open"
    }
    counts: dict[str, int] = {}
    for one in values:
        if one.option:
            counts[one.option] = counts.get(one.option, 0) + one.count
    return {
        "name": name,
        "label": column.column.display_name,
        "type": str(column.column.type),
        "bound": column.plan is not None,
        "undecided": column.undecided or not column.options,
        "elsewhere": column.elsewhere,
        "ignore_case": column.choices.ignore_case,
        "values": values[:_VALUES_SHOWN],
        "more": max(0, len(values) - _VALUES_SHOWN),
        "extra": extra[:_VALUES_SHOWN],
        "in_all": in_all,
        "fresh": fresh,
        "failed": arrivals[name].failed if name in arrivals else 0,
        "open": len(open_),
        "clusters": tuple(one for one in find_clusters(open_, column.options) if len(one.members) > 1),
        "options": _options(column, counts),
        "names": column.options,
        "as_select": len(column.options) <= _SELECT_AT_MOST,
        "base": column.base,
        "new": visit.query.get("new", ""),
        "address": visit.address,
        "positions": tuple(_positions(column)),
    }


def _options(column: ChoiceColumn, counts: Mapping[str, int]) -> tuple[OptionLine, ...]:
    return tuple(
        OptionLine(
            option,
            position + column.base - 1,
            position,
            tuple(spelling for spelling, meant in column.aliases.items() if meant == option),
            counts.get(option, 0),
            hashlib.sha256(option.encode("utf-8", "surrogatepass")).hexdigest()[:12],
        )
        for position, option in enumerate(column.options, 1)
    )


def _positions(column: ChoiceColumn) -> Iterator[tuple[int, str]]:
    """Yield the positions that a new option may have, and what each changes, in words."""
    for position, option in enumerate(column.options, 1):
        later = len(column.options) - position
        others = f" and {counted(later, 'later option')}" if later else ""
        number = position + column.base - 1
        yield position, f"{number}, before {option}: {option}{others} get the next number"
    end = len(column.options) + 1
    yield end, f"{end + column.base - 1}, at the end: no other number changes"


def _whole_file(visit: Visit, column: ChoiceColumn) -> tuple[tuple[UnmatchedChoice, ...], bool]:
    """Return the values without an option in all rows, by the last check, and whether it is of this text."""
    job = visit.job("check")
    forecast = getattr(None if job is None else job.result, "forecast", None)
    if job is None or job.running or not isinstance(forecast, Forecast):
        return (), True
    found = tuple(one for one in forecast.unmatched if one.column == column.column.display_name)
    return found, getattr(job.result, "version", "") == visit.bench.version


# -- actions ---------------------------------------------------------------------------------------------


def _column(visit: Visit) -> ChoiceColumn:
    """Return the choice column that a form names.

    Raises:
        SettingsError: there is no such column.
    """
    name, plan = visit.field("column"), visit.plan()
    for column in () if plan is None else find_choice_columns(plan):
        if name == column.column.internal_name:
            return column
    raise SettingsError(name, "the mapping has no such choice column", "reload the page, and try again")


def _alias(visit: Visit) -> None:
    """Make spellings aliases of an option; of one that is an alias already, change it."""
    column, option = _column(visit), visit.form.get("option", "").strip()
    spellings = visit.lists.get("spelling", ())
    if option not in column.options:
        problem = "no option is chosen" if not option else f"{quote_value(option)} is not an option"
        raise SettingsError(column.column.display_name, problem, "choose the option that the value means")
    visit.bench.apply(*(SetAlias(column.written, one, option) for one in spellings))
    number = column.options.index(option) + column.base
    shown = quote_names(spellings, _NAMED, 60)
    visit.announce("good", f"{shown}: sent as {number}, {quote_value(option)}. Undo takes it back.")


def _unalias(visit: Visit) -> None:
    column, spelling = _column(visit), visit.field("spelling")
    visit.bench.apply(SetAlias(column.written, spelling, None))
    visit.announce("good", f"{quote_value(spelling)} is no longer an alias.")


def _paste(visit: Visit) -> None:
    """Take the list of options, one per line, in Opus's order."""
    column = _column(visit)
    options = tuple(line.strip() for line in visit.field("options").splitlines() if line.strip())
    label = column.column.display_name
    if not options:
        raise SettingsError(label, "the list is empty", "copy the options from Opus, one per line")
    twice = [one for number, one in enumerate(options) if one in options[:number]]
    if twice:
        raise SettingsError(label, f"{quote_value(twice[0])} is in the list twice", "leave one of the two")
    if any(map(is_placeholder, options)):
        raise SettingsError(label, "TODO is not an option", "remove this line")
    lost = [spelling for spelling, option in column.aliases.items() if option not in options]
    if lost:
        problem = f"the new list lacks the option that {quote_value(lost[0])} is an alias of"
        raise SettingsError(label, problem, "add the option to the list, or remove the alias first")
    visit.bench.apply(SetOptions(column.written, options))
    _tell_numbers(visit, column, options)


def _move(visit: Visit) -> None:
    """Move an option to a position, which counts from 1; beyond the ends nothing moves."""
    column, option = _column(visit), visit.field("option")
    position = _number(visit, column)
    if option not in column.options or not 1 <= position <= len(column.options):
        return
    moved = [one for one in column.options if one != option]
    moved.insert(position - 1, option)
    if tuple(moved) != column.options:
        visit.bench.apply(MoveOption(column.written, option, position))
        _tell_numbers(visit, column, moved)


def _insert(visit: Visit) -> str:
    """Add an option that Opus has, at the position that the person has named."""
    column, option = _column(visit), visit.field("option").strip()
    label = column.column.display_name
    if not option or is_placeholder(option):
        raise SettingsError(label, "the new option has no name", "write it as Opus shows it")
    if option in column.options:
        raise SettingsError(label, f"{quote_value(option)} is an option already", "use the one in the list")
    if not visit.form.get("position"):
        problem = f"no position is chosen for {quote_value(option)}"
        raise SettingsError(label, problem, "choose where Opus shows it in its list: numbers depend on it")
    position = _number(visit, column)
    options = [*column.options]
    if not 1 <= position <= len(options) + 1:
        raise SettingsError(
            label, f"there is no position {position}", f"name one from 1 to {len(options) + 1}"
        )
    options.insert(position - 1, option)
    taken = [SetAlias(column.written, option, None)] if option in column.aliases else []
    if column.undecided or not column.options:
        visit.bench.apply(*taken, SetOptions(column.written, tuple(options)))
    else:
        visit.bench.apply(*taken, InsertOption(column.written, option, position))
    _tell_numbers(visit, column, options)
    return visit.address(new=None)


def _remove(visit: Visit) -> None:
    """Remove an option with its aliases."""
    column, option = _column(visit), visit.field("option")
    aliases = [spelling for spelling, meant in column.aliases.items() if meant == option]
    left = [one for one in column.options if one != option]
    if not left:
        problem = "a choice column needs an option"
        raise SettingsError(column.column.display_name, problem, "paste the list from Opus instead")
    visit.bench.apply(
        *(SetAlias(column.written, one, None) for one in aliases), RemoveOption(column.written, option)
    )
    if aliases:
        gone = quote_names(aliases, _NAMED, 60)
        visit.announce("attention", f"With {quote_value(option)} its aliases are removed: {gone}.")
    _tell_numbers(visit, column, left)


def _set_case(visit: Visit) -> None:
    column = _column(visit)
    visit.bench.apply(SetIgnoreCase(column.written, "ignored" in visit.form))


def _lock(visit: Visit) -> None:
    """Write the lock: the person has compared all lists with Opus."""
    lock = write_lock_of(visit.bench, visit.studio.converters)
    lists = counted(len(lock.choices), "list")
    visit.announce(
        "good",
        f"Locked: {lists} of options. A change of their order is refused until you compare again.",
    )


def _number(visit: Visit, column: ChoiceColumn) -> int:
    text = visit.field("position")
    if (number := read_number(text)) is None:
        problem = f"{quote_value(text)} is not a position"
        raise SettingsError(column.column.display_name, problem, "choose one of the list")
    return number


def _tell_numbers(visit: Visit, column: ChoiceColumn, options: Sequence[str]) -> None:
    """Say which options have another number now."""
    before = {option: number for number, option in enumerate(column.options, column.base)}
    moved = [
        f"{option} {before[option]} → {number}"
        for number, option in enumerate(options, column.base)
        if before.get(option, number) != number
    ]
    last = len(options) + column.base - 1
    if not moved:
        numbers = f"numbered {column.base} to {last}"
        visit.announce(
            "good",
            f"{counted(len(options), 'option')}, {numbers}; no number of an earlier option has changed.",
        )
        return
    shown = "; ".join(moved[:_NAMED]) + ("; …" if len(moved) > _NAMED else "")
    visit.announce("attention", f"Numbers have changed: {shown}.", "compare the list with Opus, then lock it")


SCREEN = Screen(
    "values",
    "Values",
    _view,
    {
        "alias": _alias,
        "unalias": _unalias,
        "paste": _paste,
        "move": _move,
        "insert": _insert,
        "remove": _remove,
        "case": _set_case,
        "lock": _lock,
        "table": table_actions.set_table,
        "make-table": table_actions.make_table,
    },
)
