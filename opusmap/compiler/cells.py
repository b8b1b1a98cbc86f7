"""Generated code that reads a row's cells: each once, an empty one as None.

Owns which local variable holds a cell, and where it stays unbound: code that reads it declines then. A cell
that is wanted as a text has a second variable, bound only where it is one.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

from opusmap.compiler import binding_runtime

if TYPE_CHECKING:
    from opusmap.compiler.codegen import Module


Cells: TypeAlias = Mapping[tuple[str, bool], str]
"""Name, and whether it may be a path -> the local variable that holds the cell."""
Wants: TypeAlias = Mapping[str, Mapping[str, str]]
"""Local variable of a cell -> those for its text (`text`), and for the text of any single value (`shown`)."""


def write_cells(module: Module, cells: Cells, wants: Wants) -> Iterator[str]:
    """Yield the lines that read cells."""
    plain = {name: local for (name, dotted), local in cells.items() if not dotted}
    strict = module.plan.source_columns is None
    if plain:
        names = tuple(plain)
        yield "try:"
        yield from _assigned(plain.values(), f"{module.named('take_cells', itemgetter(*names))}(row)")
        yield "except KeyError:"
        if strict:
            missing = module.named("missing_columns", binding_runtime.missing_columns(names))
            yield f"    return {missing}(row, problems)"
        else:
            many = f"map(row.get, {module.named('columns', names)})"
            yield from _assigned(plain.values(), many if len(names) > 1 else f"row.get({names[0]!a})")
        for local in plain.values():
            yield from _settled(module, local, wants)
    deep = {name: local for (name, dotted), local in cells.items() if dotted and name.count(".") >= _DEEP}
    for name, local in deep.items():
        yield "try:"
        yield f"    {local} = dotted(row, {name!a}, {strict}, empty)"
        yield from ("    " + line for line in _settled(module, local, wants))
        yield "except Exception:"
        yield "    pass"
    paths = {name: local for (name, dotted), local in cells.items() if dotted and name not in deep}
    if paths:
        yield from _write_paths(module, paths, wants, strict=strict)


def _assigned(locals_: Iterable[str], python: str) -> Iterator[str]:
    """Yield the lines that assign what Python gives to local variables, to several at once."""
    lines = textwrap.wrap(", ".join(locals_), 96)
    if len(lines) == 1:
        yield f"    {lines[0]} = {python}"
        return
    yield "    ("
    yield from (f"        {line}" for line in lines)
    yield f"    ) = {python}"


_DEEP = 8
"""Names of a path from which it is followed by a function: generated code would be indented too far."""


def _settled(module: Module, local: str, wants: Wants) -> Iterator[str]:
    """Yield what makes None of an empty value, and what binds its text; most values pass after a look."""
    empty = module.empty_texts
    texts = tuple(text for text in empty if text)
    yield f"if not {local} or {local} in {texts!a}:" if texts else f"if not {local}:"
    if "" in empty:  # what is falsy may be a number, too
        yield f"    if {local}.__class__ in nothing:"
        yield f"        {local} = None"
    else:
        yield f"    {local} = empty({local})"
    wanted = wants.get(local, {})
    if wanted:
        yield f"elif {local}.__class__ is str:"
        yield f"    {' = '.join(wanted.values())} = {local}"
    if "shown" in wanted:  # a whole number
        yield f"elif {local}.__class__ is int:"
        yield f"    if -LARGEST < {local} < LARGEST:"
        yield f"        {wanted['shown']} = str({local})"


def _write_paths(module: Module, paths: Mapping[str, str], wants: Wants, *, strict: bool) -> Iterator[str]:
    """Yield the lines that follow paths into nested values. A column of the whole name comes first."""
    names = module.named("paths", frozenset(paths))
    tree: dict[str, dict[str, str]] = {}
    locals_of: dict[str, str] = {}
    for path, local in paths.items():
        root, *rest = path.split(".")
        for name in rest[:-1]:
            locals_of.setdefault(f"{root}.{name}", "")
            tree.setdefault(root, {})[name] = f"{root}.{name}"
            root = f"{root}.{name}"
        tree.setdefault(root, {})[rest[-1]] = path
        locals_of[path] = local
    yield f"if {names}.isdisjoint(row):"
    for root in [name for name in tree if "." not in name]:
        holder = module.fresh(f"{local_name(root)}_object")
        default = ", ABSENT" if strict else ""
        yield f"    {holder} = row.get({root!a}{default})"
        yield from ("    " + line for line in _settled(module, holder, {}))
        yield from ("    " + line for line in _follow(module, holder, root, tree, locals_of, wants))
    yield "else:"
    for path, local in paths.items():
        yield f"    if {path!a} in row:"
        yield f"        {local} = row[{path!a}]"
        yield from ("        " + line for line in _settled(module, local, wants))


def _follow(
    module: Module,
    holder: str,
    path: str,
    tree: Mapping[str, Mapping[str, str]],
    locals_of: Mapping[str, str],
    wants: Wants,
) -> Iterator[str]:
    """Yield the lines that read paths from an object; any other value leaves the variables unbound."""
    below = [name for name in _below(path, tree) if locals_of[name]]
    yield f"if {holder}.__class__ is dict:"
    for name, full in tree[path].items():
        local = locals_of[full]
        inner = full in tree
        target = local or module.fresh(f"{local_name(name)}_object")
        yield f"    {target} = {holder}.get({name!a})"
        yield from ("    " + line for line in _settled(module, target, wants))
        if inner:
            yield from ("    " + line for line in _follow(module, target, full, tree, locals_of, wants))
    yield f"elif {holder} is None:"
    yield f"    {' = '.join(locals_of[name] for name in below)} = None"


def _below(path: str, tree: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for full in tree.get(path, {}).values():
        yield full
        yield from _below(full, tree)


def local_name(name: str) -> str:
    """Return a part of a path in a form that fits a variable's name."""
    return (
        "".join(char if char.isascii() and char.isalnum() else "_" for char in name).strip("_").lower() or "c"
    )
