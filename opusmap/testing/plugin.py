"""The pytest plugin: collects the tests that stand in mapping files.

Active where opusmap is installed: `pytest` collects every `mapping.yaml` and `*.mapping.yaml` file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from opusmap.testing.mapping_tests import TestResult

__all__ = ["pytest_collect_file"]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a mapping file's tests."""
    if file_path.name == "mapping.yaml" or file_path.name.endswith(".mapping.yaml"):
        collected: pytest.Collector = MappingFile.from_parent(parent, path=file_path)
        return collected
    return None


class MappingFile(pytest.File):
    """A mapping file; each of its tests is one test."""

    def collect(self) -> Iterator[pytest.Item]:
        """Compile the mapping once, and yield its tests."""
        from opusmap.compiler import load_mapping  # noqa: PLC0415 - pytest loads the plugin always
        from opusmap.testing.mapping_tests import run_tests  # noqa: PLC0415

        for result in run_tests(load_mapping(self.path)):
            yield MappingItem.from_parent(self, name=result.name, result=result)


class MappingItem(pytest.Item):
    """One test of a mapping."""

    def __init__(self, *, result: TestResult, **rest: Any) -> None:
        super().__init__(**rest)
        self._result = result

    def runtest(self) -> None:
        """Fail if anything differs."""
        if not self._result.passed:
            raise MappingTestFailure(self._result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show what differs, not a traceback."""
        if isinstance(excinfo.value, MappingTestFailure):
            lines = [f"{self._result.span}: {self._result.name}"]
            lines += [
                f"  {one.column}: expected {one.expected}, found {one.found}"
                for one in self._result.differences
            ]
            return "\n".join(lines)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Say where the test stands."""
        return self.path, self._result.span.line - 1, self.name


class MappingTestFailure(Exception):
    """A mapping's test found a difference."""
