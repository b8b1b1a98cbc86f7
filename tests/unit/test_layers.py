"""A module imports only from its own package, a lower layer, or a package named before it in its row."""

import ast
from pathlib import Path

import pytest

import opusmap

PACKAGE = Path(opusmap.__file__).parent
LAYERS = (
    ("issues", "errors", "records", "safe_files"),
    ("connection", "converters", "mapping", "expressions"),
    ("compiler",),
    ("sources", "profile", "env_file", "settings", "journal", "submission"),
    (
        *("emulator", "mapped_parts", "report", "work", "seen_keys", "duplicates", "workers", "offline"),
        *("drafting", "inquiry"),
        *("pipeline", "rehearsal", "testing"),
    ),
    ("cli",),
)
# A bug that both shared would cancel out.
STRANGERS = {("emulator", "submission"), ("submission", "emulator")} | {
    ("emulator", name) for name in ("converters", "expressions", "mapping", "compiler")
}
RANK = {name: (layer, place) for layer, row in enumerate(LAYERS) for place, name in enumerate(row)}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem in RANK)


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


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_below(path):
    own = home(path)
    for name in set(imported(path)) - {own}:
        assert RANK[name] < RANK[own], f"{own} imports {name}"
        assert (own, name) not in STRANGERS


def test_only_the_client_its_wire_and_the_rehearsals_know_the_http_library():
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
        "submission/client.py",
        "submission/quick_wire.py",
        "submission/wire.py",
        "pipeline.py",
        "rehearsal.py",
        "cli/runs.py",
    }
