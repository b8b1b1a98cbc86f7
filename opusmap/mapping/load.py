"""Reads a mapping file into a `MappingSpec`: YAML, schema, fragments, lookup tables.

A mapping may name only files in its own folder tree; no others are opened.
"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from opusmap.errors import InvalidMapping
from opusmap.issues import Fix, Issue, Severity, Span, fix_with
from opusmap.mapping.model import (
    Binding,
    ChoiceList,
    ColumnOverride,
    ConstantPart,
    ConverterCall,
    FirstOf,
    MappingSpec,
    MappingTest,
    SourcePart,
    Table,
    TargetOptions,
    Variable,
)
from opusmap.mapping.schema import fits, lacks_key, load_schema, validate
from opusmap.mapping.tables import read_table
from opusmap.mapping.yaml_reader import (
    Entries,
    Items,
    Node,
    Text,
    YamlFile,
    as_boolean,
    as_integer,
    is_null,
    parse_yaml,
    plain_data,
    read_yaml,
)
from opusmap.safe_files import UnreadableFile, resolve_inside
from opusmap.source_options import FORMATS, SourceOptions, installed_formats
from opusmap.wording import find_nearest, quote_value, suggest

TABLE_KEYS = (
    "path",
    "key",
    "value",
    *(field.name for field in fields(SourceOptions) if field.name != "path"),
)
"""Keys of a lookup table that is a file or a query: those of `source`, and which columns it is made of."""
_INTEGERS = ("header_row", "choice_base")
INCLUDABLE = {"tables": "the table", "choices": "the options of", "let": "the variable"}
"""Sections of a fragment, and what one entry of each is."""
_FILE_MISSING = "name an existing file, relative to the mapping's folder"
_FRAGMENT_HELP = "a shared file may contain `tables`, `choices` and `let`, each with `key: value` lines"
RECOVERABLE = frozenset({"repeated-key", "unknown-key", "missing-choices"})
"""Problems that do not prevent reading the rest of a file, so that all problems are shown at once."""


class Reader:
    """Reads YAML, and the entries of lookup tables. An editor's reads only what has changed."""

    def parse(self, text: str, name: str) -> YamlFile:
        """Read a YAML text; see `parse_yaml`."""
        return parse_yaml(text, name)

    def read(self, path: Path, name: str) -> YamlFile:
        """Read a YAML file; see `read_yaml`."""
        return read_yaml(path, name)

    def table(
        self,
        path: Path | None,
        options: SourceOptions,
        key: str | None,
        value: str | None,
        inside: Path | None,
    ) -> dict[str, Any]:
        """Read the entries of a lookup table; see `read_table`."""
        return read_table(path, options, key, value, inside)


_READER = Reader()


def load_spec(path: str | Path) -> MappingSpec:
    """Read a mapping file, the fragments it includes and its lookup tables.

    The spec's `problems` are those that did not prevent reading it.

    Raises:
        InvalidMapping: it can't be read; with every problem found, each located.
    """
    return _Builder(str(path), Path(path).parent, _READER).build(read_yaml(Path(path), str(path)))


def parse_spec(
    text: str, path: str = "<mapping>", folder: Path | None = None, reader: Reader = _READER
) -> MappingSpec:
    """Build a spec from a mapping's text; `folder` is where the files it names are looked for."""
    return _Builder(path, folder, reader).build(reader.parse(text, path))


class _Builder:
    """Builds the model and collects what is wrong on the way."""

    def __init__(self, path: str, folder: Path | None, reader: Reader) -> None:
        self._path = path
        self._folder = folder
        self._reader = reader
        self._diagnostics: list[Issue[Span]] = []
        self._files: list[str] = []

    def build(self, file: YamlFile) -> MappingSpec:
        data = file.data
        self._diagnostics += file.problems
        self._diagnostics += validate(data, self._path)
        errors = {found.code for found in self._diagnostics if found.severity is Severity.ERROR}
        if not isinstance(data, Entries) or errors - RECOVERABLE:
            raise InvalidMapping(tuple(self._diagnostics))
        if errors and lacks_key(data):  # a misspelt key is shown, but what it is for is not there
            raise InvalidMapping(tuple(self._diagnostics))
        merged = self._merge(data)
        source, target = data.get_entries("source"), data.get_entries("target")
        self._check_options(source, target)
        last = data.get("duplicates") == "last"  # `reject` is an old name of `first`
        if last and data.get("conflict") == "skip":
            message = "`duplicates: last` can't be used with `conflict: skip`: Opus would keep the first"
            hint = "use `first`, or `conflict: overwrite`"
            self._error("wrong-value", message, data["duplicates"].span, hint)
        spec = MappingSpec(
            path=self._path,
            connection=_text(data["connection"]),
            fields=tuple(self._binding(key, node) for key, node in data.get_entries("fields").pairs()),
            fields_span=data.key("fields").span,
            source=SourceOptions(**_options(source, SourceOptions)),
            source_spans={str(key): node.span for key, node in source.items()},
            conflict="skip" if data.get("conflict") == "skip" else "overwrite",
            duplicates="last" if last else "first",
            timezone=data.get_text("timezone"),
            target=TargetOptions(**_options(target, TargetOptions)),
            target_spans={str(key): node.span for key, node in target.items()},
            columns=tuple(_column(key, node) for key, node in data.get_entries("columns").pairs()),
            choices=tuple(_choices(key, node) for key, node in merged["choices"].items()),
            tables=tuple(self._table(key, node) for key, node in merged["tables"].items()),
            let=tuple(Variable(key, _text(node)) for key, node in merged["let"].items()),
            where=data.get_text("where"),
            tests=tuple(self._test(node, number) for number, node in enumerate(data.get_items("tests"), 1)),
            files=tuple(dict.fromkeys(self._files)),
            text=file.text,
        )
        return replace(spec, problems=tuple(self._diagnostics))

    def _merge(self, data: Entries) -> dict[str, dict[Text, Node]]:
        """Return what each section of `INCLUDABLE` has, in the shared files and in the mapping itself."""
        own = {section: dict(data.get_entries(section).pairs()) for section in INCLUDABLE}
        shared: dict[str, dict[Text, Node]] = {section: {} for section in INCLUDABLE}
        for name in data.get_items("include"):
            for section, part in self._fragment(_text(name)).pairs():
                if section not in INCLUDABLE or not isinstance(part, Entries):
                    message = f'"{section}" is not allowed in a shared file, or not in this form'
                    self._error("fragment-form", message, section.span, _FRAGMENT_HELP)
                    continue
                for key, node in part.pairs():
                    first = next((one for one in (*shared[section], *own[section]) if one == key), None)
                    if first is not None:
                        message = f'{INCLUDABLE[section]} "{key}" is defined here and at {first.span}'
                        self._error("included-twice", message, key.span, "rename or remove one of the two")
                    shared[section][key] = node
        return {section: {**shared[section], **own[section]} for section in INCLUDABLE}

    def _fragment(self, name: Text) -> Entries:
        """Read a file under `include`; nothing of it where it has problems."""
        path = self._inside(name)
        if path is None:
            return Entries()
        try:
            file = self._reader.read(path, str(Path(self._path).parent / name))
        except InvalidMapping as error:
            (found,) = error.diagnostics
            if found.code == "file-unreadable":
                found = Issue(found.code, found.message, name.span, _FILE_MISSING)
            self._diagnostics.append(found)
            return Entries()
        if isinstance(file.data, Entries):
            problems = (*file.problems, *validate(file.data, str(path), whole=False))
            self._diagnostics += problems
            is_sound = all(found.severity is Severity.WARNING for found in problems)
            return file.data if is_sound else Entries()
        message = f"{quote_value(name)} contains no `key: value` lines"
        self._error("fragment-form", message, name.span, _FRAGMENT_HELP)
        return Entries()

    def _inside(self, name: Text) -> Path | None:
        path = resolve_inside(self._folder, name) if self._folder is not None else None
        if path is None:
            message = f"{quote_value(name)} is not in the mapping's folder"
            help_text = "a mapping reads only files beside or below itself, named by a relative path"
            self._error("outside-folder", message, name.span, help_text)
        else:
            self._files.append(str(Path(self._path).parent / name))
        return path

    def _check_options(self, source: Entries, target: Entries) -> None:
        """Check what the schema can't say of the values under `source` and `target`."""
        self._check_source(source, "source")
        base = as_integer(target.get("choice_base"))
        if base not in (None, 0, 1):
            span = target["choice_base"].span
            self._error("wrong-value", "target.choice_base is 0 or 1", span, "1 is usual")

    def _check_source(self, source: Entries, what: str) -> None:
        """Check what the schema can't say of the keys of a source, or of a table that has them."""
        stated = source.get_text("format")
        if stated is not None and stated.lower() not in FORMATS:  # few look for packages
            if stated.lower() not in installed_formats():
                allowed = ", ".join(FORMATS)
                hint = f"allowed: {allowed}, and the formats of installed packages"
                message = f"{what}.format can't be {quote_value(stated)}"
                fix = fix_with(stated.span, find_nearest(stated, FORMATS))
                self._error("unknown-format", message, stated.span, suggest(stated, FORMATS) or hint, fix)
                del source["format"]  # the source shows its other problems
        elif "options" in source:
            message = f"{what}.options is for the format of an installed package"
            self._error("wrong-option", message, source["options"].span, "remove `options`")
        header_row = as_integer(source.get("header_row"))
        if header_row is not None and header_row < 1:
            span = source.pop("header_row").span  # with the default, the source shows its other problems
            self._error("wrong-value", f"{what}.header_row counts from 1", span, "1 is the first row")
        for key, example in (("delimiter", '";" or "\\t" (a tab)'), ("quote", '"\'"')):
            text = source.get_text(key)
            if text is not None and len(text) != 1 and not (key == "quote" and text == ""):
                message = f"{what}.{key} must be one character"
                self._error("wrong-value", message, text.span, f"for example {example}")
                del source[key]  # the source would report it again, without a place

    def _table(self, name: Text, node: Node) -> Table:
        assert isinstance(node, Entries)
        if not self._is_file(name, node):
            return Table(name, self._trimmed(name, plain_data(node), "repeated-key", name.span))
        place = _text(node["path" if "path" in node else "database"])
        path = self._inside(place) if "path" in node else None
        before = len(self._diagnostics)
        self._check_source(node, f"tables.{name}")
        if len(self._diagnostics) > before or ("path" in node and path is None):
            return Table(name, {}, plain_data(node))
        options = SourceOptions(**_options(node, SourceOptions))
        entries: dict[str, Any] = {}
        try:
            names = node.get_text("key"), node.get_text("value")
            entries = self._reader.table(path, options, *names, self._folder)
        except UnreadableFile as error:
            hint = _FILE_MISSING if error.code == "file-unreadable" else error.hint
            self._error("table-unreadable", f"table {name}: {error}", place.span, hint)
        return Table(name, self._trimmed(name, entries, "table-unreadable", place.span), plain_data(node))

    def _trimmed(self, name: Text, entries: dict[str, Any], code: str, span: Span) -> dict[str, Any]:
        """Return a table's entries by their keys, without the blanks around them, which do not count."""
        if all(key == key.strip() for key in entries):  # as nearly always
            return entries
        found: dict[str, Any] = {}
        for key, value in entries.items():
            if found.setdefault(key.strip(), value) != value:
                message = f"table {name}: duplicate key {quote_value(key.strip())} with different values"
                self._error(code, message, span, "spaces around a key are ignored: remove one of the two")
        return found

    def _is_file(self, name: Text, table: Entries) -> bool:
        """Return whether a table is a file or a query; what looks like one with a wrong key is an error."""
        origin = table.get("path", table.get("database"))
        if not isinstance(origin, Text) or is_null(origin):
            return False
        named = bool({"key", "value"} & set(table))
        if "path" not in table and not named and "sql" not in table:
            return False
        odd = [key for key, _ in table.pairs() if key not in TABLE_KEYS]
        if named and len(odd) == 1:
            message = f'"{odd[0]}" is not a key of a table in a file (table {name})'
            hint = suggest(odd[0], TABLE_KEYS) or "it has `path`, `key`, `value`, and the keys of `source`"
            self._error(
                "unknown-key",
                message,
                odd[0].span,
                hint,
                fix_with(odd[0].span, find_nearest(odd[0], TABLE_KEYS)),
            )
        if odd:
            return False
        kinds = load_schema()["properties"]["source"]["properties"]
        for key, value in table.pairs():
            if not fits(value, kinds.get(key, kinds["path"])):
                message = f"tables.{name}.{key} has the wrong kind of value"
                hint = str(kinds[key]["description"]) if key in kinds else "the name of a column"
                self._error("wrong-type", message, value.span, hint)
                return False
        return True

    def _binding(self, target: Text, node: Node) -> Binding:
        if isinstance(node, Text):
            if "{{" in node or "{%" in node:
                return Binding(target, node.span, template=node)
            return Binding(target, node.span, sources=(node,))
        if isinstance(node, Items):
            return Binding(target, node.span, sources=_parts(node), listed=True)
        on_error: Any = str(node.get("on_error", "reject"))
        if on_error == "default" and "default" not in node:
            message = "`on_error: default` needs a `default`"
            self._error("missing-default", message, node["on_error"].span, "add `default: …`, or use omit")
        origin, const, convert = node.get("from"), node.get("const"), node.get("convert")
        if convert is not None and not isinstance(convert, Items):
            convert = Items([convert])
        return Binding(
            target,
            node.span,
            sources=() if origin is None else _parts(origin),
            listed=isinstance(origin, Items),
            template=node.get_text("value"),
            const=_texts(const) if isinstance(const, Items) else node.get_text("const"),
            split=node.get_text("split"),
            join=node.get_text("join"),
            lookup=node.get_text("lookup"),
            convert=tuple(map(_converter_call, convert or ())),
            format=() if (formats := node.get("format")) is None else _texts(formats),
            century=node.get_text("century"),
            incomplete=node.get_text("incomplete"),
            default=node.get_text("default"),
            required=as_boolean(node.get("required")),
            on_error=on_error,
        )

    def _test(self, test: Node, number: int) -> MappingTest:
        assert isinstance(test, Entries)
        expect, exact, reject = (test.get_entries(key) for key in ("expect", "expect_exact", "reject"))
        filtered = as_boolean(test.get("filtered")) or False
        if sum(key in test for key in ("expect", "expect_exact", "reject")) + filtered != 1:
            message = "a test needs exactly one of `expect`, `expect_exact`, `reject` and `filtered: true`"
            self._error("test-form", message, test.pairs()[0][0].span)
        return MappingTest(
            name=str(test.get("name", f"test {number}")),
            span=test.pairs()[0][0].span,
            row={str(key): _cell(value) for key, value in test.get_entries("row").items()},
            expect={key: _cell(value) for key, value in expect.pairs()} if "expect" in test else None,
            expect_exact={key: _cell(value) for key, value in exact.pairs()}
            if "expect_exact" in test
            else None,
            reject={key: _text(code) for key, code in reject.pairs()} if "reject" in test else None,
            filtered=filtered,
        )

    def _error(self, code: str, message: str, span: Span, help: str = "", fix: Fix | None = None) -> None:
        self._diagnostics.append(Issue(code, message, span, help, fix=fix))


def _options(section: Entries, model: type[SourceOptions | TargetOptions]) -> dict[str, Any]:
    """Return the values of a model that a section gives; other keys are errors of the schema."""
    found: dict[str, Any] = {}
    for field in fields(model):
        value = section.get(field.name)
        if isinstance(value, Items):
            found[field.name] = tuple(map(str, value))
        elif isinstance(value, Entries):
            found[field.name] = plain_data(value)
        elif value is not None:
            found[field.name] = as_integer(value) if field.name in _INTEGERS else str(value)
    return found


def _column(name: Text, node: Node) -> ColumnOverride:
    assert isinstance(node, Entries)
    return ColumnOverride(name, node.get_text("type"), as_boolean(node.get("required")))


def _choices(column: Text, node: Node) -> ChoiceList:
    if isinstance(node, Text):
        return ChoiceList(column, ())  # the schema says that its options are missing
    if isinstance(node, Items):
        return ChoiceList(column, _texts(node))
    options = node.get("options")
    return ChoiceList(
        column,
        _texts(options) if isinstance(options, Items) else (),
        {str(spelling): _text(option) for spelling, option in node.get_entries("aliases").items()},
        ignore_case=as_boolean(node.get("ignore_case")) or False,
        by_order=as_boolean(node.get("by_order")) or False,
    )


def _converter_call(node: Node) -> ConverterCall:
    if isinstance(node, Text):
        return ConverterCall(node)
    assert isinstance(node, Entries)
    name, argument = node.pairs()[0]
    if isinstance(argument, Entries):
        return ConverterCall(
            name, (), plain_data(argument), {str(key): value.span for key, value in argument.items()}
        )
    if isinstance(argument, Items):
        places: dict[int | str, Span] = {at: value.span for at, value in enumerate(argument)}
        return ConverterCall(name, tuple(plain_data(argument)), {}, places)
    return ConverterCall(name, () if is_null(argument) else (plain_data(argument),))


def _cell(node: Node) -> Any:
    """A test's cell: the text as written, as a CSV cell would be; lists and objects as JSON has them."""
    if isinstance(node, Text):
        return None if is_null(node) and node != "" else str(node)
    return plain_data(node)


def _text(node: Node) -> Text:
    assert isinstance(node, Text)
    return node


def _parts(node: Node) -> tuple[SourcePart, ...]:
    return tuple(map(_part, node if isinstance(node, Items) else (node,)))


def _part(node: Node) -> SourcePart:
    if isinstance(node, Entries):
        if "first_of" in node:
            return FirstOf(_texts(node["first_of"]), node.span)
        return ConstantPart(_text(node["const"]))
    return _text(node)


def _texts(node: Node) -> tuple[Text, ...]:
    return tuple(map(_text, node if isinstance(node, Items) else (node,)))
