"""Columns that were planned before: of a mapping that changes, only what changed is planned again.

A column is known by what its binding says, wherever in the text that is, and by all else that its plan
depends on. Only columns without problems are kept, so every problem is found and placed in the text at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import is_
from typing import Any, TypeVar

from opusmap.compiler.plan import ColumnPlan, ConvertPlan, FormatList
from opusmap.connection import Column
from opusmap.expressions import nodes, walk
from opusmap.expressions.nodes import Type
from opusmap.issues import Issue, Span
from opusmap.mapping import Binding, ChoiceList, ConverterCall, FirstOf, SourcePart, Table, Text

_ENVIRONMENTS = 3
"""Environments that are kept: a mapping with `TODO` is also compiled without what is to do."""


Found = TypeVar("Found")


@dataclass(slots=True)
class _Known:
    """A column that has no problems of names, and none of kinds when variables have the types `checked`.

    `seen` is what rows have shown of it, at that `sight` of rows.
    """

    plan: ColumnPlan
    format_lists: tuple[FormatList, ...]
    variables: tuple[str, ...]
    checked: tuple[Type, ...] | None = None
    sight: int = 0
    seen: dict[Hashable, Any] = field(default_factory=dict)


class KnownColumns:
    """The columns of the last compilations of one mapping, and what their converters note.

    Attributes:
        notes: what converters note when a row is mapped.
        format_uses: see `Plan`.
    """

    def __init__(self) -> None:
        self.notes: list[Issue[str]] = []
        self.format_uses: dict[FormatList, int] = {}
        self._environments: list[tuple[tuple[Any, ...], dict[Any, _Known]]] = []
        self._before: dict[Any, _Known] = {}
        self._now: dict[Any, _Known] = {}
        self._by_name: dict[str, _Known] = {}
        self._rows: Sequence[Mapping[str, Any]] = ()
        self._around: tuple[Any, ...] = ()
        self._sight = 0
        self._seen: dict[Hashable, Any] = {}

    def warn(self, column: str, code: str, message: str) -> None:
        """Note that a column's value is unusual but no error."""
        self.notes.append(Issue(code, message, column))

    def begin(self, environment: tuple[Any, ...]) -> None:
        """Begin a compilation; `environment` is all but the binding that the plan of a column depends on."""
        known = [columns for one, columns in self._environments if one == environment]
        others = [entry for entry in self._environments if entry[0] != environment]
        self._before, self._now, self._by_name = known[0] if known else {}, {}, {}
        self._environments = [(environment, self._now), *others][:_ENVIRONMENTS]

    def find(self, binding: Binding, column: Column, tables: Mapping[str, Table]) -> ColumnPlan | None:
        """Return the plan of a column, with the places of this binding, if it is known.

        Its lists of formats are then those of `format_lists`.
        """
        key = (column, _content(binding))
        known = self._before.get(key)
        if known is None:
            return None
        converts = tuple(map(_place_convert, known.plan.converts, binding.convert))
        table = None if binding.lookup is None else tables[binding.lookup]
        known.plan = replace(known.plan, binding=binding, converts=converts, table=table)
        self._now[key] = self._by_name[column.internal_name] = known
        return known.plan

    def format_lists(self, column: Column) -> tuple[FormatList, ...]:
        """Return the lists of formats by which a column that was found reads dates."""
        return self._by_name[column.internal_name].format_lists

    def keep(self, plan: ColumnPlan, format_lists: tuple[FormatList, ...]) -> None:
        """Keep a column that has no problems, unless a pattern in its expressions knows its own place."""
        read = [node for tree in plan.trees() for node in walk(tree)]
        if not any(isinstance(node, nodes.Filter) and node.place is not None for node in read):
            names = tuple(dict.fromkeys(node.name for node in read if isinstance(node, nodes.VariableRef)))
            known = _Known(plan, format_lists, names)
            self._now[plan.column, _content(plan.binding)] = self._by_name[plan.column.internal_name] = known

    def is_checked(self, plan: ColumnPlan, type_of: Callable[[str], Type]) -> bool:
        """Return whether the kinds of a column have been checked, with variables of these types."""
        known = self._of(plan)
        return known is not None and known.checked == tuple(map(type_of, known.variables))

    def note_checked(self, plan: ColumnPlan, type_of: Callable[[str], Type]) -> None:
        """Note that nothing is wrong with the kinds of a column, with variables of these types."""
        known = self._of(plan)
        if known is not None:
            known.checked = tuple(map(type_of, known.variables))

    def see(self, rows: Sequence[Mapping[str, Any]], around: tuple[Any, ...]) -> None:
        """Look at some rows; `around` is what else their values depend on than environment and column.

        What other rows have shown is forgotten.
        """
        around = (*around, *(environment for environment, _ in self._environments[:1]))
        same = len(rows) == len(self._rows) and all(map(is_, rows, self._rows))
        if not same or around != self._around:
            self._rows, self._around, self._seen = rows, around, {}
            self._sight += 1

    def seen(self, what: Hashable, find: Callable[[], Found], plan: ColumnPlan | None = None) -> Found:
        """Return what the rows show, of a column or in all: `what` names it, and `find` finds it out once."""
        kept = self._seen
        if plan is not None:
            known = self._of(plan)
            if known is None:
                return find()
            if known.sight != self._sight:
                known.sight, known.seen = self._sight, {}
            kept = known.seen
        if what not in kept:
            kept[what] = find()
        found: Found = kept[what]
        return found

    def _of(self, plan: ColumnPlan) -> _Known | None:
        known = self._by_name.get(plan.column.internal_name)
        return known if known is not None and known.plan.parts is plan.parts else None


def describe_choices(choices: Mapping[str, ChoiceList]) -> tuple[Any, ...]:
    """Return what lists of options say, to be compared."""
    return tuple(
        (name, one.options, tuple(one.aliases.items()), one.ignore_case, one.by_order)
        for name, one in choices.items()
    )


def pattern_place(use: ConverterCall) -> Span:
    """Return the place of the pattern that a converter is given."""
    return use.places.get("pattern") or use.places.get(0) or use.name.span


def _place_convert(plan: ConvertPlan, use: ConverterCall) -> ConvertPlan:
    return replace(plan, span=use.name.span, place=None if plan.place is None else pattern_place(use))


def _content(binding: Binding) -> tuple[Any, ...]:
    """Return what a binding says, without its places, as a key."""
    const = binding.const
    return (
        tuple(map(_content_of_part, binding.sources)),
        binding.listed,
        _plain(binding.template),
        _plain(const) if const is None or isinstance(const, Text) else tuple(map(str, const)),
        _plain(binding.split),
        _plain(binding.join),
        _plain(binding.lookup),
        repr([(use.name, use.args, use.kwargs) for use in binding.convert]) if binding.convert else "",
        tuple(map(str, binding.format)),
        _plain(binding.century),
        _plain(binding.incomplete),
        _plain(binding.default),
        binding.required,
        binding.on_error,
    )


def _plain(text: Text | None) -> str | None:
    return None if text is None else str(text)


def _content_of_part(part: SourcePart) -> tuple[str, ...]:
    match part:
        case FirstOf():
            return ("first_of", *map(str, part.names))
        case Text():
            return ("column", str(part))
    return ("const", str(part.text))
