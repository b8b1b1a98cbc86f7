"""The pytest plugin: collects the tests in mapping files, and gives rehearsals as fixtures.

Active where opusmap is installed: `pytest` collects every `mapping.yaml` and `*.mapping.yaml` file. Paths
that a fixture is given are relative to the folder of the test's own file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from opusmap.wording import visible

if TYPE_CHECKING:
    from opusmap.testing import Rehearsal, ServedOpus, TestResult


@pytest.fixture
def opusmap_rehearse(request: pytest.FixtureRequest) -> Callable[..., Rehearsal]:
    """Map a source and submit its records to an emulator of Opus in this process.

    A function like `opusmap.testing.rehearse`: of a mapping's path, and a source's path or rows.
    """
    folder = request.path.parent

    def rehearse_here(
        mapping: str | Path, source: str | Path | Iterable[Mapping[str, Any]] | None = None, **options: Any
    ) -> Rehearsal:
        from opusmap.testing import rehearse  # noqa: PLC0415 - pytest loads the plugin always

        named = folder / source if isinstance(source, str | Path) else source
        return rehearse(folder / mapping, named, **options)

    return rehearse_here


@pytest.fixture
def opusmap_serve(request: pytest.FixtureRequest) -> Iterator[Callable[..., ServedOpus]]:
    """Serve an emulator of Opus on a free port until the test ends.

    A function like `opusmap.testing.serve_opus`: of a mapping's path.
    """
    folder = request.path.parent
    with ExitStack() as stack:

        def serve_here(mapping: str | Path, **options: Any) -> ServedOpus:
            from opusmap.testing import serve_opus  # noqa: PLC0415 - as above

            return stack.enter_context(serve_opus(folder / mapping, **options))

        yield serve_here


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
            yield MappingItem.from_parent(self, name=visible(result.name), result=result)


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
            lines += [f"  help: {self._result.hint}"] if self._result.hint else []
            return "\n".join(lines)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the test is."""
        return self.path, self._result.span.line - 1, self.name


class MappingTestFailure(Exception):
    """A mapping's test found a difference."""
