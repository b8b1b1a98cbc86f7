"""Values: what the source has beside the numbered options of Opus; aliases, the options' order, the lock."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opusmap.compiler.mapping_checks import is_placeholder
from opusmap.compiler.plan import ColumnPlan, Plan
from opusmap.connection import CHOICE_TYPES, Column
from opusmap.converters.choices import order_lookup
from opusmap.converters.plugins import all_converters
from opusmap.edits import InsertOption, MoveOption, RemoveOption, SetAlias, SetIgnoreCase, SetOptions
from opusmap.errors import SettingsError, ValueProblem
from opusmap.mapping import ChoiceList, Text
from opusmap.report.forecast import Forecast
from opusmap.studio.arrivals import Arrivals, count_arrivals, plan_loosely
from opusmap.studio.locking import state_of_lock, write_lock_of
from opusmap.studio.lookups import find_lookups
from opusmap.studio.screens import tables_part
from opusmap.studio.spellings import find_clusters
from opusmap.studio.visit import Screen, Visit
from opusmap.wording import counted, find_nearest, quote_value

_VALUES_SHOWN = 200
_SELECT_AT_MOST = 100
"""Options up to which they are offered in a select; of more, one is typed with suggestions."""
_NAMED = 6


@dataclass(frozen=True, slots=True)
class Choices:
    """A choice column: its names, its options (without a TODO) and aliases, its plan if it is bound."""

    column: Column
    written: str
    options: tuple[str, ...]
    aliases: Mapping[str, str]
    ignore_case: bool
    by_order: bool
    undecided: bool
    elsewhere: str
    """The file that the options come from, if it is another one than the mapping."""
    plan: ColumnPlan | None

    @property
    def list(self) -> ChoiceList:
        """The options as values are looked up in them."""
        options = tuple(Text(one, self.place) for one in self.options)
        aliases = {spelling: Text(option, self.place) for spelling, option in self.aliases.items()}
        return ChoiceList(Text(self.written, self.place), options, aliases, self.ignore_case, self.by_order)


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the source: how often, and which option it is. `kind` is option, alias, order or open."""

    text: str
    count: int
    kind: str
    words: str
    help: str = ""
    nearest: str = ""
    in_all: int | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """An option of the list: its number as it is sent, its aliases, and rows of the sample that have it."""

    text: str
    number: int
    position: int
    aliases: tuple[str, ...]
    count: int
    id: str


@dataclass(frozen=True, slots=True)
class ListLine:
    """A choice column or a table in the list on the left."""

    label: str
    address: str
    current: bool
    open: int
    mark: str
    words: str
    id: str
