"""Converters as they are declared, and registries of them.

There is no global registry: a `Registry` is a value that is made from modules and passed on.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, tzinfo
from decimal import Decimal
from functools import cache, partial
from types import ModuleType, UnionType
from typing import Any, Literal, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints, overload

from opusmap.errors import ValueProblem
from opusmap.wording import quote_value, suggest

Function = TypeVar("Function", bound=Callable[..., Any])
_MARK = "__opusmap_converter__"


class ChoiceOptions(Hashable, Protocol):
    """The options of a choice column, as converters see them."""

    @property
    def options(self) -> tuple[str, ...]:
        """Options in Opus's order."""

    @property
    def aliases(self) -> Mapping[str, str]:
        """Other spelling -> option."""

    @property
    def ignore_case(self) -> bool:
        """Whether letter case is ignored."""

    @property
    def by_order(self) -> bool:
        """Whether the source may give order numbers."""


@dataclass(frozen=True, slots=True)
class Context:
    """What converters know of the mapping.

    `timezone` is the zone of times that name none; `choices` the options by column name; `column` the column
    that is being bound; `warn(code, message)` reports what is unusual but not wrong; `used(formats, index)`
    which of its formats (none: ISO) a reader has read a date by.
    """

    timezone: tzinfo | None = None
    choices: Mapping[str, ChoiceOptions] = field(default_factory=dict)
    choice_base: int = 1
    column: str | None = None
    warn: Callable[[str, str], None] = lambda _code, _message: None
    used: Callable[[tuple[str, ...], int], None] = lambda _formats, _index: None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a converter, as a mapping gives it."""

    name: str
    type_name: str
    required: bool
    default: Any = None


@dataclass(frozen=True, slots=True)
class Converter:
    """A converter as it was declared: see `converter` for `factory`, `takes_list`, `pure` and `cache`.

    `kinds` are the types of the values that it takes, empty if it takes any. `takes_context` says whether it
    has a parameter `context`.
    """

    name: str
    function: Callable[..., Any]
    summary: str
    parameters: tuple[Parameter, ...]
    examples: Mapping[str, Any]
    kinds: tuple[type, ...]
    takes_context: bool
    factory: bool
    takes_list: bool
    pure: bool
    cache: bool

    @property
    def signature(self) -> str:
        """How it is called: `truncate(length)`."""
        names = ", ".join(parameter.name for parameter in self.parameters)
        return f"{self.name}({names})" if names else self.name

    @property
    def takes_empty(self) -> bool:
        """Whether an expression may give it an empty value: its annotation has `None`."""
        return type(None) in self.kinds

    @property
    def is_cacheable(self) -> bool:
        """Whether it gives the same for the same value, and notes nothing."""
        return self.pure and not self.takes_context


class ArgumentError(Exception):
    """Arguments that do not fit a converter's parameters: what is wrong, and what to do (`help`)."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.help = help


class MissingCentury(ArgumentError):
    """A format has years of two digits, and there is no `century`."""


@overload
def converter(function: Function, /) -> Function: ...
@overload
def converter(
    *,
    name: str | None = None,
    examples: Mapping[str, Any] | None = None,
    factory: bool = False,
    takes_list: bool = False,
    pure: bool = True,
    cache: bool = False,
    **old: bool,
) -> Callable[[Function], Function]: ...
def converter(
    function: Function | None = None,
    /,
    *,
    name: str | None = None,
    examples: Mapping[str, Any] | None = None,
    factory: bool = False,
    takes_list: bool = False,
    pure: bool = True,
    cache: bool = False,
    **old: bool,
) -> Function | Callable[[Function], Function]:
    """Declare a function to be a converter; it can still be called as an ordinary function.

    The function takes the value first, then its parameters. The first line of its docstring is its summary.
    If the value is annotated with `str`, `int`, `Decimal`, `bool`, `date`, `datetime`, `list`, `dict` or a
    union of these, a value of another type is a problem of the row, and the function is not called. An empty
    value is one, too, unless the union has `None`. A
    parameter named `context` receives the mapping's `Context`.

    Args:
        function: the function, where the decorator is used without arguments.
        name: the name in mappings; default: the function's own name.
        examples: expression -> its result; shown in the reference, and run as tests.
        factory: the function takes only parameters and returns the function of one value.
        takes_list: a binding passes a list as a whole, not each element; implied where the value may be a
            `list` by its annotation.
        pure: the same value always gives the same result.
        cache: keep the results for a few thousand texts. Use it for a pure converter that takes longer than
            a look-up (more than a microsecond), gets few different texts, and returns no lists or objects.
            One with a `context` is called each time, because it may warn.
        old: `prepared` and `remember` are the old names of `factory` and `cache`, read for one release.

    Raises:
        TypeError: there is no such parameter.
    """
    is_factory = old.pop("prepared", False) or factory
    is_cached = old.pop("remember", False) or cache
    if old:
        raise TypeError(f"converter() got an unexpected keyword argument {next(iter(old))!r}")

    def declare(function: Function) -> Function:
        signature = inspect.signature(function).parameters
        kinds = _value_types(function, factory=is_factory)
        declared = Converter(
            name or function.__name__.rstrip("_"),
            function,
            (inspect.getdoc(function) or "").partition("\n")[0],
            tuple(_parameters(signature, factory=is_factory)),
            dict(examples or {}),
            kinds if all(isinstance(kind, type) and issubclass(kind, _CHECKED) for kind in kinds) else (),
            "context" in signature,
            is_factory,
            takes_list or list in kinds,
            pure,
            pure and "context" not in signature and is_cached,
        )
        setattr(function, _MARK, declared)
        return function

    return declare if function is None else declare(function)


def _parameters(signature: Mapping[str, inspect.Parameter], *, factory: bool) -> Iterable[Parameter]:
    empty = inspect.Parameter.empty
    for name, parameter in list(signature.items())[0 if factory else 1 :]:
        if name == "context":
            continue
        kind = parameter.annotation  # a text where the module postpones its evaluation
        type_name = kind.__name__ if isinstance(kind, type) and not get_origin(kind) else str(kind)
        type_name = "any" if kind is empty else type_name.replace("typing.", "")
        required = parameter.default is empty
        yield Parameter(name, type_name, required, None if required else parameter.default)


def _type_hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except (NameError, TypeError):  # annotations may use names that only a type checker knows
        return {}


_known_type_hints = cache(_type_hints)


def _value_types(function: Callable[..., Any], *, factory: bool) -> tuple[Any, ...]:
    """Return the types of the value that a converter takes: `str | list[str]` is `str` and `list`."""
    hint: Any = object
    hints = _type_hints(function)  # not kept: a name in them may be defined further down
    if not factory:
        hint = hints.get(next(iter(inspect.signature(function).parameters), ""), object)
    elif (arguments := get_args(hints.get("return"))) and isinstance(arguments[0], list):
        hint = arguments[0][0]  # of Callable[[hint], …]
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return tuple(get_origin(option) or option for option in options)


@dataclass(frozen=True, slots=True)
class Registry:
    """The converters that a mapping can use."""

    converters: Mapping[str, Converter]

    @classmethod
    def of(cls, *modules: ModuleType | Iterable[Callable[..., Any]]) -> Registry:
        """Collect the converters of modules, or of functions.

        Raises:
            ValueError: two of them have the same name.
        """
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
        """Return `did you mean "…"?` for a misspelt name, or an empty text."""
        return suggest(name, self.converters)

    def extended(self, other: Registry) -> Registry:
        """Return a registry with the converters of both.

        Raises:
            ValueError: both have a converter of the same name.
        """
        if taken := self.converters.keys() & other.converters.keys():
            raise ValueError(f"two converters are called {min(taken)!r}")
        return replace(self, converters={**self.converters, **other.converters})


def bind_converter(
    converter: Converter, args: Iterable[Any], kwargs: Mapping[str, Any], context: Context
) -> Callable[[Any], Any]:
    """Return the function of one value that a converter is with these arguments.

    Raises:
        ArgumentError: the arguments do not fit the converter's parameters.
    """
    given = _fit_arguments(converter, tuple(args), kwargs)
    if converter.takes_context:
        given["context"] = context
    if converter.factory:
        return _checked(converter, converter.function(**given))
    return _checked(converter, partial(converter.function, **given) if given else converter.function)


def _checked(converter: Converter, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a converter's function behind the check of the value's kind."""
    name, kinds = converter.name, converter.kinds
    if not kinds:
        return function
    takes_text = str in kinds

    def convert(value: Any) -> Any:
        if takes_text and value.__class__ is str:
            return function(value)
        if not isinstance(value, kinds) or (value.__class__ is bool and bool not in kinds):
            raise wrong_kind(name, kinds, value)
        return function(value)

    if takes_text:
        convert.for_text = function  # type: ignore[attr-defined]
    return convert


def for_text(convert: Callable[[Any], Any]) -> Callable[[str], Any] | None:
    """Return a bound converter without the check of the value's kind, for values that are known to be texts.

    None if there is no such check, or if it refuses texts.
    """
    return getattr(convert, "for_text", None)


_KIND_NAMES: dict[type, str] = {
    str: "a text",
    bool: "a boolean",
    int: "a whole number",
    Decimal: "a number",
    date: "a date",
    list: "a list",
    dict: "an object",
}
_CHECKED = (*_KIND_NAMES, type(None))


def wrong_kind(name: str, kinds: tuple[type, ...], value: object) -> ValueProblem:
    """Return the problem of a value whose kind a converter does not take."""
    takes = " or ".join(_KIND_NAMES.get(kind, kind.__name__) for kind in kinds if kind is not type(None))
    given = next((noun for kind, noun in _KIND_NAMES.items() if isinstance(value, kind)), "the value")
    given = "the number" if given == "a whole number" else f"the {given.split(' ', 1)[1]}"
    if value is None:
        given = "an empty value"
    help_text = "use `| string` before it" if str in kinds and not isinstance(value, list) else ""
    if isinstance(value, list) and list not in kinds:
        help_text = f"use `| map('{name}')` for each element, or `| first`"
    return ValueProblem("wrong-kind", f"`{name}` takes {takes}, not {given} {quote_value(value)}", help_text)


_SEPARATOR = re.compile(r" ?[;,/|&+#:-]{1,2} ?")
"""A text that separates others, rather than an argument of a converter that takes none."""


def _fit_arguments(converter: Converter, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments by name."""
    name = converter.name
    known = {parameter.name: parameter for parameter in converter.parameters}
    names = ", ".join(known)
    if len(args) > len(known):
        takes = f"takes at most {len(known)}: {names}" if names else "takes no arguments"
        first = args[0]
        help_text = ""
        if not names and isinstance(first, str) and _SEPARATOR.fullmatch(first):
            help_text = f"`('{first}')` belongs to `split`: `| split('{first}') | {name}`"
        raise ArgumentError(f"{name} {takes}", help_text)
    given = dict(zip(known, args, strict=False))
    for argument in kwargs:
        if argument not in known:
            near = suggest(argument, known) or f"it takes {names or 'no arguments'}"
            raise ArgumentError(f"{name} has no argument {quote_value(argument)}", near)
        if argument in given:
            raise ArgumentError(f"the argument {argument} of {name} is given twice")
    given |= kwargs
    hints = _known_type_hints(converter.function)
    for argument, parameter in known.items():
        if argument not in given:
            if parameter.required:
                raise ArgumentError(f"{name} needs the argument {argument}")
        elif not _fits(value := given[argument], hints.get(argument)):
            kind = describe_kind(parameter.type_name)
            raise ArgumentError(f"the argument {argument} of {name} must be {kind}, not {quote_value(value)}")
    return given


def describe_kind(type_name: str) -> str:
    """Return the type of a parameter in the words of a mapping's author; `None` is not mentioned.

    >>> describe_kind("str | list[str] | None"), describe_kind("Literal['s', 'ms']")
    ('a text or a list of texts', '"s" or "ms"')
    """
    if type_name.startswith("Literal["):
        values, _, others = type_name.removeprefix("Literal[").partition("]")
        kinds = [value.strip().replace("'", '"') for value in values.split(",")]
        kinds += [describe_kind(others.lstrip(" |"))] if others.strip(" |") not in ("", "None") else []
    else:
        names = [name.strip() for name in type_name.split("|")]
        kinds = [_ARGUMENT_KINDS.get(name, name) for name in names if name != "None"]
    return ", ".join(kinds[:-1]) + (" or " if kinds[1:] else "") + kinds[-1]


_ARGUMENT_KINDS = {
    "str": "a text",
    "int": "a whole number",
    "bool": "true or false",
    "Decimal": "a number",
    "list[str]": "a list of texts",
    "any": "any value",
}


def _fits(value: object, hint: Any) -> bool:
    """Return whether an argument fits a parameter's annotation; one that can't be checked accepts all."""
    origin, options = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in options
    if origin is list:
        return isinstance(value, list) and all(_fits(item, options[0]) for item in value)
    if options:
        return any(_fits(value, option) for option in options)
    if hint in (int, Decimal):
        return isinstance(value, int | hint) and not isinstance(value, bool)
    return isinstance(value, hint) if hint in (str, bool, list, dict, type(None)) else True
