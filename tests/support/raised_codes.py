"""Finds every diagnostic code that the package can give, by reading its source.

A code is what a function or class takes as `code`. It must stand in the call as a literal, or be handed on:
from a parameter `code`, from a field `.code`, or in the tuples that a function of the module returns.
Anything else can't be followed and is refused, so that no code escapes. The command line, the emulator
and the settings give none.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXCLUDED = ("cli", "emulator", "settings.py")
HANDED_ABOUT = "warn"
"""A function that is handed about as a value, without its definition: `warn(…, code, message)`."""


@cache
def raised_codes() -> dict[str, str]:
    """Return each code of the package and the first place that gives it."""
    package = ROOT / "opusmap"
    paths = (path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in EXCLUDED)
    return codes_in({path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in sorted(paths)})


def codes_in(sources: dict[str, str]) -> dict[str, str]:
    """Return each code in some modules (name -> source) and the first place that gives it.

    Raises:
        AssertionError: somewhere a code can't be followed.
    """
    modules = [_Module(name, ast.parse(source)) for name, source in sources.items()]
    public = {name: place for module in modules for name, place in module.takers.items() if name[0] != "_"}
    public.pop(HANDED_ABOUT, None)  # one that a module defines for itself is called there
    found: dict[str, str] = {}
    for module in modules:
        for code, line in module.codes(public):
            found.setdefault(code, f"{module.name}:{line}")
    return found


@dataclass
class _Module:
    name: str
    tree: ast.Module
    takers: dict[str, int] = field(default_factory=dict)
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef):
                self._note(node.name, [part.target for part in node.body if isinstance(part, ast.AnnAssign)])
            elif isinstance(node, ast.FunctionDef):
                self.functions[node.name] = node
                self._note(node.name, [part for part in node.args.args if part.arg != "self"])

    def _note(self, name: str, parts: list[ast.expr] | list[ast.arg]) -> None:
        names = [ast.unparse(part).partition(":")[0] for part in parts]
        if "code" in names:
            place = names.index("code")
            assert self.takers.setdefault(name, place) == place, f"{self.name}: two kinds of {name}"

    def codes(self, public: dict[str, int]) -> Iterator[tuple[str, int]]:
        """Yield each code that the module gives, and its line."""
        takers = {**public, **self.takers}
        for call, around in _calls(self.tree, None):
            name = _called(call)
            if name in takers or name == HANDED_ABOUT:
                given = self._given(call, takers.get(name), around)
                yield from ((code, call.lineno) for code in given)

    def _given(self, call: ast.Call, place: int | None, around: ast.FunctionDef | None) -> Iterator[str]:
        if place is None:
            literals = [one for one in call.args if isinstance(one, ast.Constant) or _is_name(one, "code")]
            yield from self._follow(literals[0] if literals else call, around)
            return
        for keyword in call.keywords:
            if keyword.arg == "code":
                yield from self._follow(keyword.value, around)
                return
        for index, argument in enumerate(call.args[: place + 1]):
            if isinstance(argument, ast.Starred):
                yield from self._returned(argument.value, place - index)
                return
        assert len(call.args) > place, f"{self.name}:{call.lineno}: no code is given"
        yield from self._follow(call.args[place], around)

    def _follow(self, node: ast.expr, around: ast.FunctionDef | None) -> Iterator[str]:
        match node:
            case ast.Constant(value=str(code)):
                yield code
            case ast.IfExp():
                yield from self._follow(node.body, around)
                yield from self._follow(node.orelse, around)
            case ast.Attribute(attr="code"):
                pass  # of a problem that was given elsewhere
            case ast.Name(id=name):
                yield from self._assigned(name, around, node)
            case _:
                self._refuse(node)

    def _assigned(self, name: str, around: ast.FunctionDef | None, node: ast.expr) -> Iterator[str]:
        values = list(_assignments(name, around))
        if not values and name != "code":  # a parameter `code` is looked at where the function is called
            self._refuse(node)
        for value, index in values:
            if index is None:
                yield from self._follow(value, around)
            else:
                yield from self._returned(value, index)

    def _returned(self, node: ast.expr, index: int) -> Iterator[str]:
        """Yield the codes at a place of the tuples that a call of a function of the module returns."""
        function = self.functions.get(_called(node)) if isinstance(node, ast.Call) else None
        if function is None:
            self._refuse(node)
            return
        for part in ast.walk(function):
            if isinstance(part, ast.Return) and isinstance(part.value, ast.Tuple):
                yield from self._follow(part.value.elts[index], function)
            elif isinstance(part, ast.Return) and part.value is not None:
                yield from self._returned(part.value, index)

    def _refuse(self, node: ast.expr) -> None:
        raise AssertionError(f"{self.name}:{node.lineno}: write the code as a literal: {ast.unparse(node)}")


def _calls(
    node: ast.AST, around: ast.FunctionDef | None
) -> Iterable[tuple[ast.Call, ast.FunctionDef | None]]:
    """Yield each call with the function that it stands in."""
    inner = node if isinstance(node, ast.FunctionDef) else around
    if isinstance(node, ast.Call):
        yield node, around
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, inner)


def _called(call: ast.Call) -> str:
    name = call.func
    return (
        name.attr.lstrip()
        if isinstance(name, ast.Attribute)
        else name.id
        if isinstance(name, ast.Name)
        else ""
    )


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _assignments(name: str, around: ast.FunctionDef | None) -> Iterator[tuple[ast.expr, int | None]]:
    """Yield what a name is set to in a function: a value, or a place in the tuple that a call returns."""
    for node in ast.walk(around) if around is not None else ():
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if _is_name(target, name):
                    yield node.value, None
                elif isinstance(target, ast.Tuple):
                    yield from ((node.value, n) for n, one in enumerate(target.elts) if _is_name(one, name))
