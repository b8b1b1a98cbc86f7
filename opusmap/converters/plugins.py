"""Custom converters: those of installed packages, and those in files named on the command line.

A mapping file alone never makes Python code run: only what the user installed, or named, is run.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Iterable
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from opusmap.converters import builtin_converters
from opusmap.converters.registry import Registry
from opusmap.errors import SettingsError

ENTRY_POINTS = "opusmap.converters"
"""The entry point group under which a package names a module with converters, or a single converter."""


@cache
def installed_converters() -> Registry:
    """Return the converters of installed packages.

    Raises:
        SettingsError: one of them can't be loaded, or two have the same name.
    """
    found = Registry({})
    for entry in entry_points(group=ENTRY_POINTS):
        where = f"the package {entry.dist.name if entry.dist else entry.value}"
        try:
            loaded: Any = entry.load()
        except Exception as error:
            raise _broken(where, error) from error
        found = _extended(found, loaded if isinstance(loaded, ModuleType) else [loaded], where)
    return found


def all_converters(files: Iterable[str | Path] = ()) -> Registry:
    """Return all converters that a mapping can use: built-in, installed, and those of the files.

    Raises:
        SettingsError: some can't be loaded, or two have the same name.
    """
    try:
        known = builtin_converters().extended(installed_converters())
        return known.extended(load_converters(files))
    except ValueError as error:
        raise SettingsError("--converters", str(error), "rename your converter") from None


def load_converters(files: Iterable[str | Path]) -> Registry:
    """Run Python files and return the converters that they declare with `@converter`.

    Raises:
        SettingsError: a file can't be run or declares no converter, or two converters have the same name.
    """
    found = Registry({})
    for file in files:
        path, where = Path(file), f"--converters {file}"
        name = f"opusmap_converters_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise SettingsError(
                "--converters", f"{path} is not a Python file", "name a file that ends in .py"
            )
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # as the import system does: dataclasses look their module up there
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise _broken(where, error) from error
        found = _extended(found, module, where)
    return found


def _extended(registry: Registry, module: Any, where: str) -> Registry:
    try:
        more = Registry.of(module)
        if not more.converters:
            raise SettingsError(where, "it declares no converter", "declare one with `@opusmap.converter`")
        return registry.extended(more)
    except ValueError as error:
        raise SettingsError(where, str(error), "rename one of the two") from None


def _broken(where: str, error: Exception) -> SettingsError:
    last = traceback.extract_tb(error.__traceback__)[-1]
    message = f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"
    return SettingsError(where, message, "fix the converter")
