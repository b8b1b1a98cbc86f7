"""What a converter is: a typed Python function, its parameters, its examples; and sets of them.

Owns declaring converters (`@converter`), collecting them and binding their arguments. There is no
global registry: a `Registry` is a value that is made from modules and passed on.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, tzinfo
from decimal import Decimal
from functools import cache, partial
from types import ModuleType, UnionType
from typing import Any, Literal, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints, overload

from opusmap.converters.cache import Memo
from opusmap.errors import ValueProblem
from opusmap.issues import quote_value, suggest

__all__ = [
    "ArgumentError",
    "Context",
    "Converter",
    "Parameter",
    "Registry",
    "bind_converter",
    "bind_for_text",
    "converter",
    "kind_of",
]

Function = TypeVar("Function", bound=Callable[..., Any])
_MARK = "__opusmap_converter__"


class ChoiceOptions(Protocol):
    """The options of a choice column, as converters see them."""

    @property
    def options(self) -> tuple[str, ...]:
        """Options in Opus's order."""
        ...

    @property
    def aliases(self) -> Mapping[str, str]:
        """Other spelling -> option."""
        ...

    @property
    def ignore_case(self) -> bool:
        """Whether letter case is ignored."""
        ...

    @property
    def by_order(self) -> bool:
        """Whether the source gives order numbers."""
        ...


def _no_warning(_code: str, _message: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Context:
    """What a mapping tells its converters.

    `timezone` is the zone of times that carry none; `choices` the options by column name, and
    `column` the column that is being bound; `warn(code, message)` notes what is odd but no error.
    """

    timezone: tzinfo | None = None
    choices: Mapping[str, ChoiceOptions] = field(default_factory=dict)
    choice_base: int = 1
    column: str | None = None
    warn: Callable[[str, str], None] = _no_warning


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a converter, as a mapping gives it."""

    name: str
    type_name: str
    required: bool
    default: Any = None


@dataclass(frozen=True, slots=True)
class Converter:
    """A converter: what it is called, what it does, and how it is called.

    `prepared` functions take the arguments (and, where they have a parameter `context`, the mapping's
    `Context`) once and return the function of one value. `takes_list` ones get a whole list; others
    are applied to each element in a binding. What a `pure` one makes of a text may be remembered, and is
    where `remember` says that it is worth it.
    """

    name: str
    function: Callable[..., Any]
    summary: str
    parameters: tuple[Parameter, ...]
    examples: Mapping[str, Any]
    prepared: bool = False
    takes_list: bool = False
    pure: bool = True
    remember: bool = False


class ArgumentError(Exception):
    """The arguments of a converter do not fit its parameters; the text says how, `help` what to do."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.help = help


class MissingCentury(ArgumentError):
    """A format reads years of two digits, and nothing says in which hundred years they lie."""


@overload
def converter(function: Function, /) -> Function: ...
@overload
def converter(
    *,
    name: str | None = None,
    examples: Mapping[str, Any] | None = None,
    prepared: bool = False,
    takes_list: bool = False,
    pure: bool = True,
    remember: bool = False,
) -> Callable[[Function], Function]: ...
def converter(
    function: Function | None = None,
    /,
    *,
    name: str | None = None,
    examples: Mapping[str, Any] | None = None,
    prepared: bool = False,
    takes_list: bool = False,
    pure: bool = True,
    remember: bool = False,
) -> Function | Callable[[Function], Function]:
    """Declare a function to be a converter; it stays an ordinary function.

    The function takes the value first and its parameters by keyword; the first line of its docstring
    is its summary. A first parameter annotated `str`, `int`, `Decimal`, `bool`, `date`, `datetime` or
    `list` says what it takes; a value of another kind is a problem before the function is called.

    Args:
        function: the function, where the decorator is used without arguments.
        name: what mappings call it; the function's own name by default.
        examples: expression -> its result, shown in the reference and run as tests.
        prepared: the function takes parameters only, and returns the function of one value.
        takes_list: the function gets a list as a whole.
        pure: same value, same result, so that results may be remembered.
        remember: remember results for texts, a few thousand: for a pure converter that takes longer than a
            look-up (more than a microsecond), meets few different texts, and gives no list or object.
    """

    def mark(wanted: Function) -> Function:
        text = inspect.getdoc(wanted) or ""
        declared = Converter(
            name or wanted.__name__.rstrip("_"),
            wanted,
            text.partition("\n")[0],
            _parameters(wanted, prepared=prepared),
            dict(examples or {}),
            prepared,
            takes_list or (not prepared and list in _first_kinds(wanted)),
            pure,
            remember and pure,
        )
        setattr(wanted, _MARK, declared)
        return wanted

    return mark if function is None else mark(function)


def _parameters(function: Callable[..., Any], *, prepared: bool) -> tuple[Parameter, ...]:
    signature = inspect.signature(function)
    wanted = list(signature.parameters.values())[0 if prepared else 1 :]
    empty = inspect.Parameter.empty
    return tuple(
        Parameter(
            parameter.name,
            "any" if parameter.annotation is empty else _type_name(parameter.annotation),
            parameter.default is empty,
            None if parameter.default is empty else parameter.default,
        )
        for parameter in wanted
        if parameter.name != "context"
    )


def _type_name(annotation: object) -> str:
    """Return an annotation as it is written, whether or not the module postpones reading it."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation.__name__
    return str(annotation).replace("typing.", "")


def _first_kinds(function: Callable[..., Any]) -> list[Any]:
    """Return the types of a function's first parameter, each without its arguments: `str | list[str]`."""
    name = next(iter(inspect.signature(function).parameters), None)
    hint = _hints(function).get(name or "", object)
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return [get_origin(kind) or kind for kind in kinds]


@cache
def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except (NameError, TypeError):  # a custom converter's annotations may name what only a checker sees
        return {}


@dataclass(frozen=True, slots=True)
class Registry:
    """The converters that a mapping may name."""

    converters: Mapping[str, Converter]

    @classmethod
    def of(cls, *modules: ModuleType | Iterable[Callable[..., Any]]) -> Registry:
        """Collect the converters of modules (or of functions); two of one name are an error."""
        found: dict[str, Converter] = {}
        for module in modules:
            members = list(vars(module).values()) if isinstance(module, ModuleType) else list(module)
            for member in members:
                declared = getattr(member, _MARK, None)
                if isinstance(declared, Converter) and found.setdefault(declared.name, declared) != declared:
                    raise ValueError(f"two converters are called {declared.name!r}")
        return cls(found)

    def find(self, name: str) -> Converter | None:
        """Return the converter of this name, or None."""
        return self.converters.get(name)

    def suggest(self, name: str) -> str:
        """Return a question for a misspelt name, or an empty text."""
        return suggest(name, self.converters)

    def extended(self, other: Registry) -> Registry:
        """Return both together; a converter of the other one may not take a name that is taken."""
        taken = sorted(set(self.converters) & set(other.converters))
        if taken:
            raise ValueError(f"two converters are called {taken[0]!r}")
        return replace(self, converters={**self.converters, **other.converters})


def bind_converter(
    converter: Converter, args: Iterable[Any], kwargs: Mapping[str, Any], context: Context
) -> Callable[[Any], Any]:
    """Return the function of one value that a converter is with these arguments.

    Raises:
        ArgumentError: the arguments do not fit the converter's parameters.
    """
    function = _bound(converter, _fit_arguments(converter, tuple(args), kwargs), context)
    return _remembering(function) if converter.remember else function


def _bound(converter: Converter, given: dict[str, Any], context: Context) -> Callable[[Any], Any]:
    if converter.prepared:
        if "context" in inspect.signature(converter.function).parameters:
            given["context"] = context
        prepared: Callable[[Any], Any] = converter.function(**given)
        return prepared
    if not given and not _checked_kinds(converter):
        return converter.function
    return _with_arguments(converter, given)


def bind_for_text(
    converter: Converter, args: Iterable[Any], kwargs: Mapping[str, Any]
) -> Callable[[str], Any] | None:
    """Return the bare function for values that are texts, of a converter that takes texts and nothing else.

    Raises:
        ArgumentError: the arguments do not fit the converter's parameters.
    """
    if converter.prepared or converter.remember or _checked_kinds(converter) != (str,):
        return None
    given = _fit_arguments(converter, tuple(args), kwargs)
    return partial(converter.function, **given) if given else converter.function


def _remembering(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    memo = Memo(function)

    def recall(value: Any) -> Any:
        return memo[value] if value.__class__ is str else function(value)

    return recall


def _with_arguments(converter: Converter, given: Mapping[str, Any]) -> Callable[[Any], Any]:
    function, name, kinds = converter.function, converter.name, _checked_kinds(converter)

    def convert(value: Any) -> Any:
        if kinds and (not isinstance(value, kinds) or (value.__class__ is bool and bool not in kinds)):
            raise wrong_kind(name, kinds, value)
        return function(value, **given)

    return convert


_CHECKED = (str, int, Decimal, bool, date, list, dict)


def _checked_kinds(converter: Converter) -> tuple[type, ...]:
    kinds = tuple(_first_kinds(converter.function))
    return kinds if all(isinstance(kind, type) and issubclass(kind, _CHECKED) for kind in kinds) else ()


def wrong_kind(name: str, kinds: tuple[type, ...], value: object) -> ValueProblem:
    """Return the problem of a value whose kind a converter does not take."""
    wanted = " or ".join(_KIND_NAMES.get(kind, kind.__name__) for kind in kinds)
    help_text = "use `| string` before it" if str in kinds and not isinstance(value, list) else ""
    if isinstance(value, list) and list not in kinds:
        help_text = f"use `| map('{name}')` for each element, or `| first`"
    return ValueProblem(
        "wrong-kind", f"`{name}` takes {wanted}, not {kind_of(value)} {quote_value(value)}", help_text
    )


_KIND_NAMES: dict[type, str] = {
    str: "a text",
    bool: "a boolean",
    int: "a whole number",
    Decimal: "a number",
    date: "a date",
    list: "a list",
    dict: "an object",
}


def kind_of(value: object) -> str:
    """Return what a value is in words: the text, the number, the date …, an empty value."""
    if value is None:
        return "an empty value"
    name = next((name for kind, name in _KIND_NAMES.items() if isinstance(value, kind)), "the value")
    return "the number" if name == "a whole number" else name.replace("an ", "the ").replace("a ", "the ")


def _fit_arguments(converter: Converter, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    names = [parameter.name for parameter in converter.parameters]
    if len(args) > len(names):
        takes = f"takes at most {len(names)}: {', '.join(names)}" if names else "takes no arguments"
        raise ArgumentError(f"{converter.name} {takes}")
    given = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name not in names:
            near = suggest(name, names) or f"it takes {', '.join(names) or 'no arguments'}"
            raise ArgumentError(f"{converter.name} has no argument {quote_value(name)}; {near}")
        if name in given:
            raise ArgumentError(f"the argument {name} of {converter.name} is given twice")
        given[name] = value
    missing = [
        parameter.name
        for parameter in converter.parameters
        if parameter.required and parameter.name not in given
    ]
    if missing:
        raise ArgumentError(f"{converter.name} needs the argument {missing[0]}")
    hints = _hints(converter.function)
    for name, value in given.items():
        if name in hints and not _fits(value, hints[name]):
            kind = next(parameter.type_name for parameter in converter.parameters if parameter.name == name)
            wanted = _ARGUMENT_KINDS.get(kind.removesuffix(" | None"), kind)
            raise ArgumentError(
                f"the argument {name} of {converter.name} must be {wanted}, not {quote_value(value)}"
            )
    return given


_ARGUMENT_KINDS = {"str": "a text", "int": "a whole number", "bool": "true or false", "Decimal": "a number"}


def _fits(value: object, hint: Any) -> bool:
    """Tell whether an argument fits a parameter's annotation; annotations we can't judge fit anything."""
    origin = get_origin(hint)
    if origin is Literal:
        return value in get_args(hint)
    if origin is list:
        return isinstance(value, list) and all(_fits(item, get_args(hint)[0]) for item in value)
    if origin is not None and get_args(hint):
        return any(_fits(value, option) for option in get_args(hint))
    if not isinstance(hint, type):
        return True
    if hint is int and isinstance(value, bool):
        return False
    if hint is Decimal and isinstance(value, int):
        return not isinstance(value, bool)
    return isinstance(value, hint) if hint in (str, int, bool, list, dict, Decimal, type(None)) else True
