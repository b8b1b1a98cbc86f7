"""Reads the project's Markdown for tests: its fenced blocks, sections, tables and links.

Also completes the mappings that the documentation shows only in part. The rules:

- a `yaml` block that begins with `opusmap:` is a whole mapping;
- any other one says in an HTML comment above it how it is completed: `<!-- fields -->` and
  `<!-- fields, each -->` (each line alone) hold entries of `fields`, `<!-- mapping -->` holds top-level
  keys, `<!-- file: NAME -->` is a file beside the mapping;
- `# → value` behind an entry of `fields` says what Opus is sent, and `# cell → value` what it is sent for a
  cell of the column that the entry reads, where the row of the examples has another one; `(empty)` is an
  empty cell. `expression → value` in a `jinja` block
  says what an expression gives.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = tuple(
    sorted(
        [
            ROOT / "README.md",
            ROOT / "CONTRIBUTING.md",
            *DOCS.glob("*.md"),
            *(page for part in ("explanation", "howto", "reference") for page in (DOCS / part).glob("*.md")),
        ]
    )
)
"""The pages of the documentation but those of diagnostics, which have tests of their own."""

BASE = """\
opusmap: 1
connection: contracts.connection.json
source: {path: contracts.csv, empty: ["", "N/A"]}
timezone: Australia/Sydney
choices:
  Doc Type: [Contract, Deed, Lease, NDA]
  Tags: {options: [Legal, Finance, HR], ignore_case: true}
  Access: [Open, Restricted]
tables:
  departments: {FIN: Finance, IT: Technology}
  staff: {path: staff.csv, key: login, value: email}
fields:
  rowKey: "CT-{{ ContractNo }}"
  Name: Title
  timeCreated: CreatedUtc
  timeModified: {from: Modified, format: "%d/%m/%Y %H:%M"}
  createdBy: CreatedBy
  modifiedBy: {from: ModifiedBy, default: "{{ CreatedBy }}"}
"""
"""The mapping that completes the parts shown in the documentation."""

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\s*$")
_COMMENT = re.compile(r"^\s*<!-- (.+?) -->\s*$")
_PROMISE = re.compile(r"\s# (?:(?P<cell>.+?) )?→ (?P<outcome>.+)$")
_SECTION = re.compile(r"^([A-Za-z_]+):")
_ENTRY = re.compile(r"""^\s*(?:"([^"]+)"|([^\s#"{\[-][^:]*)):\s""")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: where it begins (the fence's line), its language, text, and the comment above it."""

    page: Path
    line: int
    language: str
    text: str
    comment: str = ""

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path, *languages: str) -> list[Block]:
    """Return a page's fenced blocks, of these languages if any are named."""
    return [block for block in _blocks(page) if not languages or block.language in languages]


def _blocks(page: Path) -> Iterator[Block]:
    lines = iter(enumerate(page.read_text("utf-8").splitlines(), 1))
    comment = ""
    for number, line in lines:
        fence = _FENCE.match(line)
        if fence is None:
            comment = found[1] if (found := _COMMENT.match(line)) else comment if not line.strip() else ""
            continue
        body = []
        for _, inner in lines:
            if inner.strip() == "```":
                break
            body.append(inner)
        else:
            raise AssertionError(f"{page.name}:{number}: this fence is never closed")
        yield Block(page, number, fence["language"], textwrap.dedent("\n".join(body)) + "\n", comment)
        comment = ""


def section(page: Path, title: str) -> str:
    """Return a section's text without its heading, up to the next heading."""
    pattern = rf"(?ms)^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,6}} |\Z)"
    found = re.search(pattern, page.read_text("utf-8"))
    assert found, f"{page.name} has no section {title!r}"
    return found[2]


def table(text: str) -> list[list[str]]:
    """Return the cells of all table rows in a text, without head and rule; code marks are taken off."""
    rows = [
        [cell.strip().strip("`").replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    rules = [index for index, row in enumerate(rows) if all(set(cell) <= set("-: ") and cell for cell in row)]
    return [row for index, row in enumerate(rows) if index not in rules and index + 1 not in rules]


def sample_row(page: Path) -> dict[str, str]:
    """Return the row that the examples of a page read: the table under `<!-- row -->`."""
    after = page.read_text("utf-8").partition("<!-- row -->\n")[2]
    assert after, f"{page.name} has no <!-- row -->"
    return dict(table(after.strip().partition("\n\n")[0]))


def complete(block: Block) -> list[tuple[int, str]]:
    """Return the whole mappings that a block stands for, each with the line of the page it begins at."""
    if block.text.startswith("opusmap:"):
        return [(block.line + 1, block.text)]
    match block.comment:
        case "mapping":
            return [(block.line + 1, _merge(BASE, block.text))]
        case "fields":
            return [(block.line + 1, _merge(BASE, "fields:\n" + textwrap.indent(block.text, "  ")))]
        case "fields, each":
            return [
                (number, _merge(BASE, f"fields:\n  {line}\n"))
                for number, line in enumerate(block.text.splitlines(), block.line + 1)
            ]
        case _:
            raise AssertionError(f"{block}: say above the block how it becomes a whole mapping")


def _merge(base: str, part: str) -> str:
    """Return a mapping with the keys of a part in place of its own; `fields` are put together."""
    whole, given = _sections(base), _sections(part)
    if "fields" in given:
        bound = {name for line in given["fields"] if (name := _entry_name(line))}
        kept = [line for line in whole["fields"] if _entry_name(line) not in bound]
        given["fields"] = [kept[0], *kept[1:], *given["fields"][1:]]
    if "include" in given:  # the shared file brings the tables
        del whole["tables"]
    return "\n".join(line for lines in {**whole, **given}.values() for line in lines) + "\n"


def _sections(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if start := _SECTION.match(line):
            name = start[1]
        found.setdefault(name, []).append(line)
    return found


def _entry_name(line: str) -> str | None:
    found = _ENTRY.match(line) if line.startswith("  ") and line[2:3] != " " else None
    return found and (found[1] or found[2]).strip()


def expectations(mapping: str) -> list[tuple[str, str]]:
    """Return target column and expected outcome of each `# → …` or `# cell → …` in a mapping."""
    return [(target, outcome) for target, _, _, outcome in _promises(mapping)]


def given_cells(mapping: str) -> dict[str, str]:
    """Return the cells that the comments `# cell → …` of a mapping give, by source column."""
    found: dict[str, str] = {}
    for target, column, cell, _ in _promises(mapping):
        if cell:
            assert column, f"{target}: a cell is given, so the entry has to read one column"
            assert found.setdefault(column, cell) == cell, f"{column} is given two cells"
    return {column: "" if cell == "(empty)" else cell for column, cell in found.items()}


def _promises(mapping: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield target column, the source column that it reads ("" if not one), given cell and outcome."""
    for line in mapping.splitlines():
        if promise := _PROMISE.search(line):
            target = _entry_name(line)
            assert target, f"an expectation stands behind an entry of `fields`: {line}"
            yield target, _read_column(line), promise["cell"] or "", promise["outcome"].strip()


def _read_column(line: str) -> str:
    """Return the one source column that an entry of `fields` reads; "" if it reads none, or several."""
    try:
        (binding,) = yaml.safe_load(line).values()
    except yaml.YAMLError:  # which the example shows
        return ""
    source = binding.get("from", binding.get("value")) if isinstance(binding, dict) else binding
    named = [one for one in (source if isinstance(source, list) else [source]) if isinstance(one, str)]
    if len(named) == 1 and "{{" in named[0]:
        outside_quotes = re.sub(r"'[^']*'|\"[^\"]*\"", "", named[0])
        named = sorted(set(re.findall(r"\b[A-Z]\w+", outside_quotes)))
    return named[0] if len(named) == 1 else ""
