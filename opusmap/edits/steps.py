"""Steps of an edit: what each does to a mapping's data, and to its text.

An intent is one step or several. The data say what is meant; the text is read again and must say the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from opusmap.edits.patches import TextEdit, chain, replace_spans
from opusmap.edits.refusals import EditRefused
from opusmap.edits.yaml_edits import NotWritable, Value, YamlEditor
from opusmap.edits.yaml_tree import Entry, Node, YamlTree
from opusmap.issues import Span
from opusmap.mapping.schema import load_schema
from opusmap.mapping.yaml_reader import Text, plain_data
from opusmap.wording import plain_breaks

Path: TypeAlias = tuple[str, ...]
"""The keys that lead to a map of a mapping file; the empty one is the file itself."""


@dataclass(frozen=True, slots=True)
class SetKey:
    """Gives a key of a map a value. Maps that are missing on the way are made."""

    path: Path
    key: str
    value: Value


@dataclass(frozen=True, slots=True)
class RemoveKey:
    """Removes a key of a map, and the map with it if nothing else is left in it."""

    path: Path
    key: str


@dataclass(frozen=True, slots=True)
class RenameKey:
    """Gives a pair of a map another key, in the same place."""

    path: Path
    key: str
    new: str


@dataclass(frozen=True, slots=True)
class WrapValue:
    """Makes the value of a key a map in which `name` has that value."""

    path: Path
    key: str
    name: str


Step: TypeAlias = SetKey | RemoveKey | RenameKey | WrapValue


# -- data ------------------------------------------------------------------------------------------------


def change_data(data: dict[str, Any], step: Step) -> dict[str, Any]:
    """Return a mapping's data after a step."""
    return _changed(data, step.path, step, top=True)


def _changed(data: dict[str, Any], path: Path, step: Step, *, top: bool = False) -> dict[str, Any]:
    if path:
        inner = data.get(path[0])
        changed = _changed(inner if isinstance(inner, dict) else {}, path[1:], step)
        if not changed and isinstance(step, RemoveKey):
            return {key: value for key, value in data.items() if key != path[0]}
        return _put(data, path[0], changed, top=top)
    match step:
        case SetKey(key=key, value=value):
            return _put(data, key, value, top=top)
        case RemoveKey(key=key):
            return {name: value for name, value in data.items() if name != key}
        case RenameKey(key=key, new=new):
            return {new if name == key else name: value for name, value in data.items()}
        case WrapValue(key=key, name=name):
            return {**data, key: {name: data[key]}}


def _put(data: dict[str, Any], key: str, value: Value, *, top: bool) -> dict[str, Any]:
    if key in data:
        return {**data, key: value}
    pairs = list(data.items())
    pairs.insert(_position(list(data), key, top=top), (key, value))
    return dict(pairs)


def _position(keys: list[str], key: str, *, top: bool) -> int:
    """Return where a new key goes: to the end; a section behind the one that it follows in the language."""
    order = list(load_schema()["properties"])
    if not top or key not in order:
        return len(keys)
    before = [one for one in order[: order.index(key)] if one in keys]
    return keys.index(before[-1]) + 1 if before else 0


# -- text ------------------------------------------------------------------------------------------------


def change_text(text: str, step: Step, file: str) -> list[TextEdit]:
    """Return the edits of a mapping's text for a step.

    Raises:
        EditRefused: the place is shared with others, or is there twice.
        NotWritable: it is written in a form that can't be edited.
    """
    tree = YamlTree(text)
    return _Placed(tree, YamlEditor(tree), file).edits(step)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A step's way to its place in a tree."""

    tree: YamlTree
    editor: YamlEditor
    file: str

    def edits(self, step: Step) -> list[TextEdit]:
        node = self.tree.root
        above: list[tuple[Node, Entry]] = []
        self._check_shared(node, ())
        for depth, name in enumerate(step.path):
            path = step.path[: depth + 1]
            entry = self._entry(node, name, path)
            if isinstance(step, SetKey) and (entry is None or entry.value.is_null):
                value = step.value
                for key in (step.key, *reversed(step.path[depth + 1 :])):
                    value = {key: value}
                return self._set(node, name, value, path)
            if entry is None:
                raise NotWritable
            above.append((node, entry))
            self._check_shared(entry.value, path)
            node = entry.value
        if node.kind != "map":
            raise NotWritable
        if isinstance(step, SetKey):
            return self._set(node, step.key, step.value, (*step.path, step.key))
        return self._change(node, step, above)

    def _change(
        self, node: Node, step: RemoveKey | RenameKey | WrapValue, above: list[tuple[Node, Entry]]
    ) -> list[TextEdit]:
        whole = (*step.path, step.key)
        entry = self._entry(node, step.key, whole)
        if entry is None:
            raise NotWritable
        if isinstance(step, RenameKey):
            return self.editor.rename(entry, step.new)
        if isinstance(step, WrapValue):
            if entry.value.kind == "list" and entry.value.is_block:  # its anchor would become the map's
                self._check_removed(entry.value, whole)
            return self.editor.wrap(node, entry, step.name)
        while len(node.entries) == 1 and above:
            node, entry = above.pop()
        self._check_removed(entry.value, whole)
        return self.editor.remove(node, entry)

    def _set(self, node: Node, key: str, value: Value, path: Path) -> list[TextEdit]:
        entry = self._entry(node, key, path)
        if entry is None:
            names = list(dict.fromkeys(one.name for one in node.entries))
            at = _position(names, key, top=node is self.tree.root)
            place = len(node.entries) if at == len(names) else node.entries.index(node.find(names[at])[0])
            return self.editor.insert(node, place, key, value)
        old = entry.value
        if same_data(_data_of(self.tree.text, old), value):
            return []
        if old.kind == "list" and old.entries and isinstance(value, list) and value:
            self._check_shared(old, path)
            return self._set_items(old, value, path)
        self._check_removed(old, path)
        return self.editor.replace(node, entry, value)

    def _set_items(self, node: Node, values: list[Value], path: Path) -> list[TextEdit]:
        """Give a list these items; those that it has keep their text, and the comment beside it."""
        old = [_data_of(self.tree.text, item.value) for item in node.entries]
        sources = _match(old, values)
        stay = _longest_rise([at for at in sources if at is not None])
        gaps: dict[int, list[Value | Entry]] = {}
        place = 0
        for value, source in zip(values, sources, strict=True):
            if source in stay:
                place = source + 1
            else:
                gaps.setdefault(place, []).append(value if source is None else node.entries[source])
        gone = [at for at in range(len(old)) if at not in stay]
        for at in gone:
            if at not in sources:
                self._check_removed(node.entries[at].value, path)
        # First the new items, so that the list is never empty.
        added = self.editor.insert_items(node, gaps)
        if not gone:
            return added
        text = replace_spans(self.tree.text, added)
        tree = YamlTree(text)
        found = tree.root
        for name in path:
            found = found.find(name)[0].value
        numbers = {at: at + sum(len(items) for gap, items in gaps.items() if gap <= at) for at in gone}
        moved = {number for at, number in numbers.items() if at in sources}
        if len(found.entries) != len(old) + sum(map(len, gaps.values())):
            raise NotWritable
        return chain(
            self.tree.text, added, YamlEditor(tree).remove_items(found, list(numbers.values()), moved)
        )

    def _entry(self, node: Node, key: str, path: Path) -> Entry | None:
        found = node.find(key)
        if len(found) > 1:
            first = self._span(found[0].start)
            problem = f"`{'.'.join(path)}` is there twice, first in line {first.line}"
            hint = "remove or rename one of the two"
            raise EditRefused(self._span(found[1].start), "edit-target", problem, hint, first)
        return found[0] if found else None

    def _check_shared(self, node: Node, path: Path) -> None:
        """Refuse to edit a part that others share."""
        name = ".".join(path) or "the mapping"
        if node.kind == "alias":
            assert node.target is not None
            there = self._span(node.target.start)
            problem = (
                f"`{name}` is the alias `*{node.value}`: an edit here would change each place that uses it"
            )
            self._refuse(node.start, problem, there)
        user = next((one for one in self.tree.aliases if one.target is node), None)
        if user is not None:
            there = self._span(user.start)
            problem = f"`{name}` is used in line {there.line} as well, by the alias `*{user.value}`"
            self._refuse(node.start, problem, there)

    def _check_removed(self, node: Node, path: Path) -> None:
        """Refuse to remove or replace an anchor that an alias elsewhere needs."""
        for alias in self.tree.aliases:
            target = alias.target
            inside = target is not None and node.start <= target.start and target.end <= node.end
            if inside and node.kind != "alias" and not node.start <= alias.start < node.end:
                there = self._span(alias.start)
                problem = (
                    f"`{'.'.join(path)}` has the anchor `&{alias.value}`, which line {there.line} refers to"
                )
                self._refuse(node.start, problem, there)

    def _refuse(self, at: int, problem: str, there: Span) -> NoReturn:
        hint = f"edit {there} by hand, or write the value out in both places"
        raise EditRefused(self._span(at), "edit-elsewhere", problem, hint, there)

    def _span(self, at: int) -> Span:
        return span_at(self.tree.text, at, self.file)


def span_at(text: str, at: int, file: str) -> Span:
    """Return the place of an offset in a file's text."""
    before = plain_breaks(text[:at]).removeprefix("\ufeff")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return Span(file, line, column, line, column + 1)


def _data_of(text: str, node: Node) -> Any:
    """Return a node's data, as the reader makes it."""
    node = node.target or node
    if node.kind == "list":
        return [_data_of(text, one.value) for one in node.entries]
    if node.kind == "map":
        return {one.name: _data_of(text, one.value) for one in node.entries}
    return plain_data(Text(node.value, Span("", 1, 1, 1, 1), node.style, text, node.body))


def _match(old: list[Any], new: list[Any]) -> list[int | None]:
    """Return which old item each new one is: the first equal one that is not taken yet."""
    free: dict[str, list[int]] = {}
    for at, value in reversed(list(enumerate(old))):
        free.setdefault(repr(value), []).append(at)
    return [places.pop() if (places := free.get(repr(value))) else None for value in new]


def _longest_rise(numbers: list[int]) -> set[int]:
    """Return the most numbers that are in rising order where they are: these items need not move."""
    tails: list[int] = []
    before: dict[int, int | None] = {}
    for number in numbers:
        at = bisect_left(tails, number)
        before[number] = tails[at - 1] if at else None
        tails[at : at + 1] = [number]
    kept: set[int] = set()
    last = tails[-1] if tails else None
    while last is not None:
        kept.add(last)
        last = before[last]
    return kept


def same_data(one: Any, other: Any) -> bool:
    """Return whether two data are equal: types and the order of keys count."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return list(one) == list(other) and all(same_data(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_data, one, other))
    return type(one) is type(other) and one == other
