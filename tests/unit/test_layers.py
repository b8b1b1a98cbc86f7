"""A module imports only from its own package, a lower layer, or a package named before it in its row.

CONTRIBUTING.md has the rows, and what imports nothing from what.
"""

import ast
import re
from pathlib import Path

import pytest
from documentation import ROOT

import opusmap

PACKAGE = Path(opusmap.__file__).parent


def names_in(heading):
    """Return the names in the cells of a table of CONTRIBUTING.md, a list for each cell of each row."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    rows = text.partition(f"| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[re.findall(r"`([a-z_]+)`", cell) for cell in row.strip("| ").split("|")] for row in rows]


RANK = {
    name: (layer, place)
    for layer, (_, names) in enumerate(names_in("layer"))
    for place, name in enumerate(names)
}
STRANGERS = {(name, other) for (name,), others in names_in("package") for other in others}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def home(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("opusmap."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("opusmap."))


def test_every_module_has_a_layer():
    assert {home(path) for path in MODULES} == set(RANK)
    assert ("emulator", "opus") in STRANGERS
    assert {name for pair in STRANGERS for name in pair} <= set(RANK)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_below(path):
    own = home(path)
    for name in set(imported(path)) - {own}:
        assert RANK[name] < RANK[own], f"{own} imports {name}"
        assert (own, name) not in STRANGERS


def test_a_module_s_name_occurs_once_outside_the_command_line():
    names = [path.stem for path in MODULES if home(path) != "cli" and path.stem != "__init__"]
    assert sorted(names) == sorted(set(names))


def test_a_public_function_takes_at_most_eight_parameters():
    """A command does not count: its parameters are the options that its user sees."""
    taken = {
        f"{path.stem}.{node.name}": len([*args.posonlyargs, *args.args, *args.kwonlyargs]) - is_method(args)
        for path in MODULES
        if home(path) != "cli"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
        for args in (node.args,)
    }
    assert len(taken) > 1_000
    assert {name: count for name, count in taken.items() if count > 8} == {}


def is_method(args):
    return bool(args.args) and args.args[0].arg in {"self", "cls"}


def test_only_the_client_its_wire_the_rehearsals_and_one_request_know_the_http_library():
    knows = {
        str(path.relative_to(PACKAGE).as_posix())
        for path in PACKAGE.rglob("*.py")
        if any(
            isinstance(node, ast.Import | ast.ImportFrom)
            and "httpx" in [getattr(node, "module", None), *(alias.name for alias in node.names)]
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
        )
    }
    assert knows == {
        "operations/one_request.py",
        "opus/client.py",
        "opus/transport_aiohttp.py",
        "opus/transport_httpx.py",
        "run/submit.py",
        "run/rehearsal.py",
    }
