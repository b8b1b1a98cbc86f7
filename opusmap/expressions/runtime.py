"""The operations that compiled expressions call.

Each takes plain values (see `opusmap.converters.coerce`), checks them, and stays within bounds while
it builds its result. None is the empty value: only what says so below accepts it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Context, Decimal, DecimalException
from fractions import Fraction
from typing import Any, TypeAlias

from opusmap.converters.cache import Cache
from opusmap.converters.coerce import ARITHMETIC, NUMBER_LIMIT, number_of, text_of
from opusmap.converters.limits import (
    TEXT_LIMIT,
    WEIGHT_LIMIT,
    bounded_length,
    bounded_list,
    check_weight,
    weight,
)
from opusmap.errors import ValueProblem
from opusmap.wording import quote_value, suggest

Number = int | Decimal
EmptyValues: TypeAlias = Callable[[Any], Any]
"""What makes None of the values that the source says are empty."""


def require(value: Any, who: str) -> Any:
    """Return a value that is not empty."""
    if value is None:
        help_text = "give a default: `| default('…')`"
        raise ValueProblem("empty-operand", f"`{who}` is given an empty value", help_text)
    return value


def _calculated(operator: str, calculate: Callable[[Any, Any], Number]) -> Callable[[Any, Any], Number]:
    def operation(left: Any, right: Any) -> Number:
        if left.__class__ is str or right.__class__ is str:
            require(left, operator)
            require(right, operator)
            message = f"`{operator}` takes numbers, not {quote_value(left)} and {quote_value(right)}"
            raise ValueProblem("text-arithmetic", message, "use `~` to join texts, or `| number`")
        try:
            return number_of(calculate(number_of(left), number_of(right)))
        except ZeroDivisionError:  # decimal's DivisionByZero is one, too
            raise ValueProblem(
                "division-by-zero", f"{left} {operator} 0", "test for zero before it"
            ) from None
        except DecimalException:
            raise ValueProblem("number-too-large", f"the result of `{operator}` is too large") from None

    return operation


def _add(left: Number, right: Number) -> Number:
    return left + right if isinstance(left, int) and isinstance(right, int) else ARITHMETIC.add(left, right)


def _subtract(left: Number, right: Number) -> Number:
    return (
        left - right if isinstance(left, int) and isinstance(right, int) else ARITHMETIC.subtract(left, right)
    )


def _multiply(left: Number, right: Number) -> Number:
    return (
        left * right if isinstance(left, int) and isinstance(right, int) else ARITHMETIC.multiply(left, right)
    )


def _divide(left: Number, right: Number) -> Number:
    if right == 0:
        raise ZeroDivisionError
    return ARITHMETIC.divide(Decimal(left), Decimal(right))


def _floor_divide(left: Number, right: Number) -> Number:
    whole = Fraction(left) // Fraction(right)  # exact: a rounded quotient could lie above its floor
    return whole if isinstance(left, int) and isinstance(right, int) else Decimal(whole)


def _modulo(left: Number, right: Number) -> Number:
    if isinstance(left, int) and isinstance(right, int):
        return left % right
    return _EXACT.subtract(left, _EXACT.multiply(_floor_divide(left, right), right))


_EXACT = Context(prec=4 * NUMBER_LIMIT)
"""Wide enough for a product of numbers within the limits."""


def negative(value: Any) -> Number:
    """Return the number with its sign turned."""
    number = number_of(value)
    return -number if isinstance(number, int) else number.copy_negate()


def positive(value: Any) -> Number:
    """Return the number."""
    return number_of(value)


def concat(*parts: Any) -> str:
    """Put the texts of values together (`~`); an empty one is a problem."""
    texts = [part if part.__class__ is str else text_of(require(part, "~")) for part in parts]
    bounded_length(sum(map(len, texts)))
    return "".join(texts)


def template(*parts: Any) -> str:
    """Put a template's parts together; an empty one is a problem, because `CT-` is never a key."""
    if None in parts:
        help_text = "allow that: `{{ … | default('') }}`"
        raise ValueProblem("empty-in-template", "a value within a text is empty", help_text)
    try:  # texts all, as nearly always; what is none falls out of one of the two
        if (length := sum(map(len, parts))) > TEXT_LIMIT:
            bounded_length(length)
        return "".join(parts)
    except TypeError:
        return concat(*parts)


def make_list(*items: Any) -> list[Any]:
    """Return the list of values (`[a, b]`), if it is within bounds at every level."""
    total = 0
    for item in items:
        kind = item.__class__
        if kind is str:
            total += len(item)
        elif kind is list or kind is dict or total > TEXT_LIMIT:
            return check_weight([*items], "`[…]`")
    return [*items] if total <= TEXT_LIMIT else check_weight([*items], "`[…]`")


def _ordered(operator: str, compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def operation(left: Any, right: Any) -> bool:
        if left.__class__ is right.__class__ and left.__class__ in _ORDERED_KINDS:
            return compare(left, right)
        require(left, operator)
        require(right, operator)
        if _kind(left) != _kind(right) or _kind(left) is None:
            message = f"`{operator}` can't compare {quote_value(left)} with {quote_value(right)}"
            raise ValueProblem(
                "wrong-kind", message, "make both numbers (`| number`) or dates (`| datetime`)"
            )
        return compare(left, right)

    return operation


_ORDERED_KINDS = (int, str)
"""Kinds whose values can be compared without a further look, as nearly always."""


def _kind(value: Any) -> str | None:
    """Return the kind within which values have an order."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | Decimal):
        return "number"
    if isinstance(value, datetime):
        return "aware" if value.tzinfo is not None else "naive"
    return "date" if isinstance(value, date) else None


less = _ordered("<", lambda left, right: left < right)
less_equal = _ordered("<=", lambda left, right: left <= right)
greater = _ordered(">", lambda left, right: left > right)
greater_equal = _ordered(">=", lambda left, right: left >= right)


def contains(value: Any, container: Any) -> bool:
    """Return whether a list, a text or an object's keys hold a value; nothing is in an empty container."""
    if container is None:
        return False
    if isinstance(container, str):
        if value is None:
            return False
        if not isinstance(value, str):
            raise ValueProblem("wrong-kind", f"{quote_value(value)} can't be in a text", "use `| string`")
        return value in container
    if isinstance(container, list):
        return value in container
    if isinstance(container, Mapping):
        return isinstance(value, str) and value in container
    raise ValueProblem("wrong-kind", f"`in` looks into lists and texts, not {quote_value(container)}")


def item(value: Any, key: Any, empty: EmptyValues) -> Any:
    """Return `value[key]`: of a list or text by position (from 0), of an object by key (none if missing)."""
    if value.__class__ is list and key.__class__ is int and 0 <= key < len(value):
        return empty(value[key])
    if value is None and key.__class__ is str:  # a path through an empty value is empty
        return None
    require(value, "[…]")
    if isinstance(value, Mapping):
        return empty(value.get(text_of(require(key, "[…]"))))
    if isinstance(value, list | str) and isinstance(key, int) and not isinstance(key, bool):
        if not -len(value) <= key < len(value):
            raise ValueProblem("no-item", f"there is no element {key} in {quote_value(value)}")
        return empty(value[key]) if isinstance(value, list) else value[key]
    raise ValueProblem("wrong-kind", f"{quote_value(value)} has no element {quote_value(key)}")


def slice_(value: Any, start: Any, stop: Any) -> Any:
    """Return `value[start:stop]` of a list or text."""
    require(value, "[:]")
    for end in (start, stop):
        if end is not None and (not isinstance(end, int) or isinstance(end, bool)):
            raise ValueProblem("wrong-kind", f"a slice takes whole numbers, not {quote_value(end)}")
    if not isinstance(value, list | str):
        raise ValueProblem("wrong-kind", f"{quote_value(value)} can't be cut", "use `| string` before it")
    return value[start:stop]


_DATE_FIELDS = frozenset({"year", "month", "day"})
_TIME_FIELDS = frozenset({"hour", "minute", "second"})


def field(value: Any, name: str, empty: EmptyValues) -> Any:
    """Return a field of a date or time, or of a nested object (none if it is missing there)."""
    if value.__class__ is dict:
        return empty(value.get(name))
    if isinstance(value, date):
        if name in _DATE_FIELDS or (name in _TIME_FIELDS and isinstance(value, datetime)):
            return getattr(value, name)
        if name in _TIME_FIELDS:
            return 0
        if name == "weekday":
            return value.isoweekday()
    if isinstance(value, Mapping):
        return empty(value.get(name))
    require(value, f".{name}")
    raise _no_field(value, name)


def path_field(value: Any, name: str, empty: EmptyValues) -> Any:
    """Return the same of what a path leads to: a path through an empty value is empty."""
    return None if value is None else field(value, name, empty)


def element(value: Any, position: int, empty: EmptyValues) -> Any:
    """Return the element of a list at a position, none where it has no such element."""
    if value is None or (isinstance(value, list) and not -len(value) <= position < len(value)):
        return None
    return item(value, position, empty)


def _no_field(value: Any, name: str) -> ValueProblem:
    help_text = ""
    if isinstance(value, str) and name in _DATE_FIELDS | _TIME_FIELDS | {"weekday"}:
        help_text = "make it a date first: `| datetime`"
    elif isinstance(value, str | int | Decimal):
        kind = (
            "a text" if isinstance(value, str) else "true or false" if isinstance(value, bool) else "a number"
        )
        help_text = f"this row has {kind} where an object is expected; `is mapping` tells the two apart"
    elif isinstance(value, list):
        help_text = f"take it of each element, `[*].{name}`, or of one, `[0].{name}`"
    return ValueProblem("unknown-field", f"{quote_value(value)} has no field {quote_value(name)}", help_text)


def every(value: Any, steps: tuple[str | None, ...], empty: EmptyValues) -> list[Any]:
    """Return what a path finds in each element of lists, without what is empty or missing.

    A step is the name of a field, or None for each element (`[*]`); any other value counts as a list of one.
    """
    found: list[Any] = []

    def follow(value: Any, at: int) -> None:
        for place in range(at, len(steps)):
            if value is None:
                return
            step = steps[place]
            if step is None:
                for element in value if isinstance(value, list) else [value]:
                    follow(empty(element), place + 1)
                return
            if not isinstance(value, Mapping):
                raise _no_field(value, step)
            value = empty(value.get(step))
        if value is not None:
            found.append(value)
            bounded_list(found)

    follow(value, 0)
    return found


def dotted(row: Mapping[str, Any], name: str, strict: bool, empty: EmptyValues) -> Any:  # noqa: FBT001 - called by generated code
    """Return the column of this dotted name if there is one, else follow the path into nested values.

    A path that leads nowhere is empty; where `strict` (the columns are not known), its first name must
    be a column of the row.
    """
    if name in row:
        return empty(row[name])
    root, *path = name.split(".")
    if strict and root not in row:
        raise ValueProblem("unknown-column", f"the row has no column {quote_value(name)}")
    value = empty(row.get(root))
    for step in path:
        value = None if value is None else field(value, step, empty)
    return value


def look_up(table: Mapping[str, Any], name: str, key: Any) -> Any:
    """Return the value of a table's key: as it is, else trimmed.

    Raises:
        ValueProblem: the table has no such key.
    """
    text = text_of(require(key, "lookup"))
    found = table.get(text, _MISSING)
    if found is _MISSING:
        found = table.get(text.strip(), _MISSING)
    if found is _MISSING:
        help_text = suggest(text, table) if len(table) < _SUGGEST_LIMIT else ""
        message = f"the table {name} has no key {quote_value(text)}"
        raise ValueProblem("not-in-table", message, help_text or "add it to the table, or give a `default:`")
    return found


def make_refusals(table: Mapping[str, Any], name: str) -> Cache[ValueProblem | None]:
    """Return the problem of each key that a table lacks, None of one that it has; rows repeat them."""

    def refuse(text: str) -> ValueProblem | None:
        try:
            look_up(table, name, text)
        except ValueProblem as problem:
            help_text = problem.help.removesuffix(", or give a `default:`")
            return ValueProblem(problem.code, problem.problem, help_text)
        return None

    return Cache(refuse)


def make_finder(
    table: Mapping[str, Any], name: str, lacking: Callable[[ValueProblem], object]
) -> Callable[[Any], Any]:
    """Return `table[key] | default(…)` without the default: none for an empty key, and for one that lacks.

    `lacking` is called with each key that the table lacks, because the default replaces a wrong value.
    """
    refused = make_refusals(table, name)

    def find(key: Any) -> Any:
        if key is None:
            return None
        if (problem := refused[text_of(key)]) is None:
            return look_up(table, name, key)
        lacking(problem)
        return None

    return find


def has_key(table: Mapping[str, Any], key: Any) -> bool:
    """Return whether a table has a key, as `look_up` finds it; it has no empty one."""
    if key is None:
        return False
    text = text_of(key)
    return text in table or text.strip() in table


_MISSING = object()
_SUGGEST_LIMIT = 1_000
"""Keys of a table that are searched for a similar one at most."""


def coalesce(*values: Any) -> Any:
    """Return the first value that is not empty, else none."""
    for value in values:
        if value is not None and value != []:
            return value
    return None


def is_none(value: Any) -> bool:
    """Return whether a value is empty: none, or a list that has become so."""
    return value is None or value == []


def is_same(value: Any, wanted: Any) -> bool:
    """Return whether a value is the one wanted, true or false; Python warns of `1 is True` in code."""
    return value is wanted


def is_even(value: Any) -> bool:
    """Return whether a number is even."""
    return is_divisible(value, 2)


def is_odd(value: Any) -> bool:
    """Return whether a number is odd."""
    return OPERATIONS["modulo"](value, 2) == 1  # type: ignore[no-any-return]


def is_divisible(value: Any, by: Any) -> bool:
    """Return whether a number is a multiple of another."""
    return OPERATIONS["modulo"](value, by) == 0  # type: ignore[no-any-return]


def is_kind(value: Any, name: str) -> bool:
    """Return the kind of a value that is not empty, as Jinja's tests do."""
    require(value, f"is {name}")
    kinds: dict[str, Any] = {
        "string": str,
        "number": int | Decimal,
        "integer": int,
        "boolean": bool,
        "mapping": Mapping,
    }
    found = isinstance(value, kinds[name])
    return found and not (name == "integer" and isinstance(value, bool))


def is_case(value: Any, name: str) -> bool:
    """Return whether a text is all in `lower` or `upper` case."""
    text = text_of(require(value, f"is {name}"))
    return text.islower() if name == "lower" else text.isupper()


def each(convert: Callable[[Any], Any], value: Any, who: str) -> list[Any]:
    """Apply a converter to each element of a list."""
    if not isinstance(require(value, "map"), list):
        raise ValueProblem("wrong-kind", f"`map` takes a list, not {quote_value(value)}", f"use `| {who}`")
    found, total = [], 0
    for element in value:
        made = convert(require(element, who))
        found.append(made)
        total += 1 + len(made) if made.__class__ is str else weight(made)
        if total > WEIGHT_LIMIT:
            return check_weight(found, "`map`")
    return found


def where(value: Any, key: str | None, condition: str, wanted: Any, empty: EmptyValues) -> list[Any]:
    """Return the elements of a list whose field `key` (the element itself if None) meets a condition.

    Empty elements have no field, so they are dropped. A dotted key leads into nested values. An empty
    value is a list without elements.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        message = f"`where` takes a list, not {quote_value(value)}"
        raise ValueProblem("wrong-kind", message, "put it into a list: `[…] | where(…)`")
    if isinstance(wanted, list) and len(value) * len(wanted) > WEIGHT_LIMIT:
        message = f"`where` compares {len(value)} elements with {len(wanted)} values"
        raise ValueProblem("list-too-long", message, "take fewer elements, or fewer values")
    found = []
    for element in value:
        if empty(element) is None:
            continue
        part = element
        if key is not None and isinstance(element, Mapping):
            part = dotted(element, key, False, empty)
        elif key is not None:
            message = f"{quote_value(element)} has no field {quote_value(key)}"
            raise ValueProblem("unknown-field", message, "`where` with a field takes a list of objects")
        if _holds(condition, wanted, part):
            found.append(element)
    return found


def _holds(condition: str, wanted: Any, part: Any) -> bool:
    if condition == "contains":
        return contains(wanted, part)
    if condition == "equals":
        return part in wanted if isinstance(wanted, list) else bool(part == wanted)
    return bool(part)


OPERATIONS: dict[str, Any] = {
    "require": require,
    "add": _calculated("+", _add),
    "subtract": _calculated("-", _subtract),
    "multiply": _calculated("*", _multiply),
    "divide": _calculated("/", _divide),
    "floor_divide": _calculated("//", _floor_divide),
    "modulo": _calculated("%", _modulo),
    "negative": negative,
    "positive": positive,
    "concat": concat,
    "template": template,
    "make_list": make_list,
    "less": less,
    "less_equal": less_equal,
    "greater": greater,
    "greater_equal": greater_equal,
    "contains": contains,
    "item": item,
    "slice_": slice_,
    "field": field,
    "path_field": path_field,
    "element": element,
    "every": every,
    "dotted": dotted,
    "look_up": look_up,
    "has_key": has_key,
    "coalesce": coalesce,
    "is_none": is_none,
    "is_same": is_same,
    "is_even": is_even,
    "is_odd": is_odd,
    "is_divisible": is_divisible,
    "is_kind": is_kind,
    "is_case": is_case,
    "each": each,
    "where": where,
}
"""Name in generated code -> function."""
