"""Reads the pages of diagnostics (docs/diagnostics/CODE.md) and runs what they show.

A page's blocks change files of a scaffold that stands on docs/diagnostics/index.md. The comment above a
block says how: `<!-- example: KIND -->` for the mistake, `<!-- fixed: KIND -->` for its fix, which
changes the example's files further, `<!-- locked: KIND -->` for how things were when they were locked.
KIND is one of:

- `mapping`, `connection`, `csv`, `jsonl`: a whole file (the mapping then reads that source);
- `file NAME`: a whole file beside the mapping;
- `sqlite NAME`: the same, an SQLite database that the script makes;
- `bytes NAME`: a whole file, where `\\xE9` stands for that byte and `\\n` for a line break;
- `top`: top-level keys of the mapping; each replaces the scaffold's;
- `fields`: entries of the mapping's `fields`; each replaces the scaffold's binding of that name;
- `expression`: a template, bound to the column Notes;
- `row`: cells of the scaffold's row;
- `edit`: an intent of `opusmap.edits`, applied to the mapping; the last one counts;
- `meanwhile`: as `top`, by another program; behind the last edit, between reading and writing the file;
- `staged`: commands that harm the staged run `run-7` of the mapping (`rm`, `cp`, `sed`, `opusmap stage`);
- `staging`: a program that writes `run-7` itself; of the two kinds the last block counts;
- `lock`: the mapping is locked as it is now; a block is not looked at;
- `none: REASON`: a page can't show it; a block is not looked at.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import shutil
import sqlite3
import textwrap
from collections.abc import Iterator
from contextlib import chdir, closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from documentation import ROOT, table

from opusmap import edits
from opusmap.compiler.lock import lock_path, make_lock, write_lock
from opusmap.compiler.mapper import load_mapping
from opusmap.errors import InvalidMapping, SourceError
from opusmap.issues import Issue, Span
from opusmap.run.map import MapStream
from opusmap.run.open import find_warnings, open_work
from opusmap.staging import StagedWriter, open_staged, read_rules

FOLDER = ROOT / "docs" / "diagnostics"
INDEX = FOLDER / "index.md"

PLACES = {
    "an error in the mapping": "Error in a mapping",
    "a warning in the mapping": "Warning in a mapping",
    "an error in the connection file": "Error in a connection file",
    "a warning in the connection file": "Warning in a connection file",
    "an error when the mapping is compared with its lock": "Error against the lock",
    "an error in the source": "Error in a source",
    "an error in a staged run": "Error in a staged run",
    "the reason why a row is rejected": "Reject of a row",
    "a note on a row": "Note on a row",
    "the reason why a change of the mapping is refused": "Edit of a mapping",
}
"""What the line below a page's title may say that a diagnostic appears as, and the place that this is."""

MAPPING, CONNECTION, SOURCE = "mapping.yaml", "contracts.connection.json", "contracts.csv"

_PART = re.compile(
    r"<!-- (?P<stage>locked|example|fixed): (?P<kind>.+?) -->\n(?:\n?```\w*\n(?P<text>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Part:
    """A block of a page: the stage that it belongs to, how it changes the files, and its text."""

    stage: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its title, the places that its diagnostic shows at, its sections and its blocks."""

    code: str
    places: tuple[str, ...]
    sections: dict[str, str]
    parts: tuple[Part, ...]

    def stage(self, name: str) -> list[Part]:
        """Return the blocks of a stage."""
        return [part for part in self.parts if part.stage == name]

    @property
    def prose(self) -> str:
        """The page's text without title, headings, comments and blocks."""
        return re.sub(r"(?ms)<!--.*?-->|^```.*?^```$", "", "\n".join(self.sections.values()))


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A code, and the place that it showed at."""

    place: str
    code: str


def read_page(path: Path) -> Page:
    """Read a page; what is missing in it is empty."""
    head, *sections = re.split(r"(?m)^## ", path.read_text("utf-8"))
    title, _, places = head.partition("\n")
    parts = tuple(
        Part(found["stage"], found["kind"], found["text"] or "")
        for found in _PART.finditer(path.read_text("utf-8"))
    )
    bodies = dict(section.split("\n", 1) for section in sections)
    said = re.fullmatch(r"It appears as (.+)\.", places.strip())
    kinds = tuple(PLACES[kind] for kind in re.split(r",(?: or)? as ", said[1])) if said else ()
    return Page(title.removeprefix("# "), kinds, bodies, parts)


def listed() -> list[list[str]]:
    """Return the rows of the index's tables: link and meaning."""
    return table(INDEX.read_text("utf-8").partition("## Mapping\n")[2])


@cache
def scaffold() -> dict[str, str]:
    """Return the text of each file of the scaffold, and of its `row`."""
    pattern = r"(?ms)^<!-- scaffold: (\S+) -->\n```\w*\n(.*?)^```$"
    found = dict(re.findall(pattern, INDEX.read_text("utf-8")))
    assert {MAPPING, CONNECTION, "row"} <= found.keys()
    return found


class _Files:
    """The files of a mapping, as a page's blocks change them."""

    def __init__(self) -> None:
        self.files: dict[str, bytes | str] = {name: scaffold()[name] for name in (MAPPING, CONNECTION)}
        self._row = _cells(scaffold()["row"])

    def change(self, part: Part) -> None:
        """Change the files as a block says."""
        kind, _, argument = part.kind.partition(" ")
        if kind in _WHOLE:
            self.files[_WHOLE[kind]] = part.text
        elif kind == "jsonl":
            self.files["contracts.jsonl"] = part.text
            self._mapping = self._mapping.replace(SOURCE, "contracts.jsonl")
        elif kind in ("file", "bytes"):
            self.files[argument] = part.text if kind == "file" else _bytes(part.text)
        elif kind == "sqlite":
            self.files[argument] = _database(part.text)
        elif kind == "row":
            self._row |= _cells(part.text)
        elif kind in _CHANGES:
            self._mapping = _CHANGES[kind](self._mapping, part.text)
        else:
            assert kind in ("lock", "none:", "edit", *_STAGED), f"there is no kind {part.kind!r} of block"

    @property
    def _mapping(self) -> str:
        return str(self.files[MAPPING])

    @_mapping.setter
    def _mapping(self, text: str) -> None:
        self.files[MAPPING] = text

    def write(self, folder: Path) -> None:
        """Write the files; the row becomes a CSV file unless there is one already."""
        rows = io.StringIO(newline="")
        csv.writer(rows).writerows([self._row.keys(), self._row.values()])
        for name, content in {SOURCE: rows.getvalue(), **self.files}.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))


def _cells(text: str) -> dict[str, object]:
    cells: dict[str, object] = yaml.load(text, yaml.BaseLoader)
    return cells


def _bytes(text: str) -> bytes:
    """Return the bytes that a block's escapes stand for; its own line breaks do not count."""
    return text.replace("\n", "").encode("ascii").decode("unicode_escape").encode("latin-1")


def _database(script: str) -> bytes:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(script)
        return database.serialize()


_Entries = list[tuple[str, str]]


def _entries(text: str, indent: str) -> _Entries:
    """Return the keys that stand at an indentation, each with its lines."""
    pieces = re.split(rf"(?m)^(?={indent}[^\s#-])", text)
    return [(piece.strip().partition(":")[0], piece) for piece in pieces if piece]


def _merged(base: _Entries, changes: _Entries) -> _Entries:
    changed = {name for name, _ in changes}
    return [*(entry for entry in base if entry[0] not in changed), *changes]


def _joined(entries: _Entries) -> str:
    return "".join(text for _, text in entries)


def _with_top(mapping: str, text: str) -> str:
    return _joined(_merged(_entries(mapping, ""), _entries(text, "")))


def _with_fields(mapping: str, text: str) -> str:
    """Return the mapping with bindings in place of its own of the same names."""
    entries = dict(_entries(mapping, ""))
    head, _, bindings = entries["fields"].partition("\n")
    merged = _merged(_entries(bindings, "  "), _entries(textwrap.indent(text, "  "), "  "))
    return _with_top(mapping, f"{head}\n{_joined(merged)}")


def _with_expression(mapping: str, text: str) -> str:
    return _with_fields(mapping, f"Notes: {json.dumps(text.removesuffix(chr(10)), ensure_ascii=False)}\n")


_WHOLE = {"mapping": MAPPING, "connection": CONNECTION, "csv": SOURCE}
_CHANGES = {"top": _with_top, "meanwhile": _with_top, "fields": _with_fields, "expression": _with_expression}


def examine(page: Page, stage: str, folder: Path) -> set[Finding]:
    """Make a page's files in a folder and return all that is found in them: `example` or `fixed`."""
    locked = page.stage("locked")
    if locked:
        _write(locked, folder)
        _lock(folder)
    parts = [*page.stage("example"), *(page.stage("fixed") if stage == "fixed" else [])]
    edit = max((at for at, part in enumerate(parts) if part.kind == "edit"), default=len(parts))
    _write(parts[: edit + 1], folder)
    if any(part.kind == "lock" for part in parts):
        _lock(folder)
    found = set(_findings(folder))
    staged = [part for part in parts if part.kind in _STAGED][-1:]
    return found | set(_edit(parts[edit:], folder)) | {one for part in staged for one in _stage(part, folder)}


_STAGED = ("staged", "staging")


def _stage(part: Part, folder: Path) -> Iterator[Finding]:
    """Stage the mapping and do to the staged run what a block says; yield what is said of it then."""
    with chdir(folder):
        run = "run-7"
        try:
            if part.kind == "staging":
                exec(part.text, {"rules": read_rules(load_mapping(MAPPING))})
            else:
                _stage_mapping(run)
                for line in part.text.splitlines():
                    run = _do(shlex.split(line.removeprefix("$ ")), run)
            staged = open_staged(run)
            assert sum(1 for one in staged.parts for _ in staged.read(one)) == staged.counts.staged
        except SourceError as error:
            yield Finding("Error in a staged run", error.code)


def _stage_mapping(run: str) -> None:
    work = open_work(MAPPING)
    with work.source, StagedWriter(run, work.mapper, parts=1) as writer:
        for chunk in MapStream(work):
            writer.write(chunk)
        writer.finish()


def _do(words: list[str], run: str) -> str:
    """Do what a command says; return the staged run that it is about."""
    match words:
        case ["rm", name]:
            Path(name).unlink()
        case ["rm", "-r", name]:
            shutil.rmtree(name)
        case ["cp", name, copy]:
            shutil.copy(name, copy)
        case ["sed", "-i", script, name]:
            _, before, after, _ = script.split("/")
            assert before in Path(name).read_text("utf-8")
            Path(name).write_text(Path(name).read_text("utf-8").replace(before, after), "utf-8")
        case ["opusmap", "stage", _, "-o", run]:
            _stage_mapping(run)
        case _:
            raise AssertionError(words)
    return run


def _edit(parts: list[Part], folder: Path) -> Iterator[Finding]:
    """Read the mapping, make the edit of the first block, and write it; other blocks come in between."""
    if not parts:
        return
    intent = eval(parts[0].text, vars(edits).copy())
    try:
        file = edits.read_mapping_file(folder / MAPPING)
        patch = edits.apply(file.text, intent, file=str(file.path), folder=folder)
        for part in parts[1:]:
            file.path.write_text(_with_top(file.text, part.text), "utf-8")
        file.write(patch)
    except (edits.EditRefused, edits.ChangedOnDisk) as error:
        yield Finding("Edit of a mapping", error.code)


def _write(parts: list[Part], folder: Path) -> None:
    files = _Files()
    for part in parts:
        files.change(part)
    files.write(folder)


def _lock(folder: Path) -> None:
    path = folder / MAPPING
    write_lock(make_lock(load_mapping(path).plan), lock_path(path))


def _findings(folder: Path) -> Iterator[Finding]:
    """Do as `opusmap check` does, and yield what it would say."""
    try:
        work = open_work(folder / MAPPING)
    except InvalidMapping as error:
        yield from map(_finding, error.diagnostics)
        return
    except SourceError as error:
        yield Finding("Error in a source", error.code)
        return
    problems: list[Issue[str]] = []
    notes: list[Issue[str]] = []
    with work.source:
        try:
            yield from map(_finding, find_warnings(work))
            work.mapper.forget_matches()
            stream = MapStream(work)
            for chunk in stream:
                notes += [note for told in chunk.notes.values() for note in told]
                problems += [problem for reject in chunk.rejects() for problem in reject.problems]
            if stream.report().read:
                yield from map(_finding, work.mapper.unmatched_patterns())
        except SourceError as error:
            yield Finding("Error in a source", error.code)
    yield from (Finding("Reject of a row", problem.code) for problem in problems)
    yield from (Finding("Note on a row", note.code) for note in notes)


def _finding(diagnostic: Issue[Span]) -> Finding:
    if diagnostic.code.startswith("drift-"):
        return Finding("Error against the lock", diagnostic.code)
    where = "connection file" if diagnostic.span.file.endswith(CONNECTION) else "mapping"
    return Finding(f"{diagnostic.severity.value.capitalize()} in a {where}", diagnostic.code)
