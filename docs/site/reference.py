"""The reference that is generated from the code: commands, keys of the language, converters, library.

Each function returns Markdown; `conf.py` puts it where a page says `<!-- generated: NAME -->`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import click

import opusmap
from opusmap import spark, testing
from opusmap.cli.entry import opusmap as program
from opusmap.converters import Converter, builtin_converters
from opusmap.mapping.schema import load_schema

__all__ = ["PARTS"]


def commands() -> str:
    """Return each command: what it does, how it is called, its arguments and options."""
    return "\n".join(line for name in sorted(program.commands) for line in _command(name))


def _command(name: str) -> Iterator[str]:
    command = program.commands[name]
    context = click.Context(command, info_name=f"opusmap {name}")
    yield f"## {name}\n"
    yield f"```console\n$ {command.get_usage(context).removeprefix('Usage: ')}\n```\n"
    yield _plain(command.help or "") + "\n"
    options = [
        each for each in command.get_params(context) if isinstance(each, click.Option) and not each.hidden
    ]
    yield "| Option | Does | Default |\n|---|---|---|"
    for option in options:
        names = ", ".join(f"`{each}`" for each in (*option.opts, *option.secondary_opts))
        kind = "" if option.is_flag or option.count else f" {option.make_metavar(context)}"
        yield f"| {names}{_cell(kind)} | {_cell(option.help or '')} | {_default(option)} |"
    yield ""


def _default(option: click.Option) -> str:
    if isinstance(option.show_default, str):
        return _cell(option.show_default)
    return f"`{option.default}`" if option.show_default and option.default is not None else ""


def _plain(text: str) -> str:
    """Return a help text as Markdown: click's marks for kept lines go."""
    return text.replace("\b", "").strip()


def keys() -> str:
    """Return each key of a mapping file, as the schema describes it, section by section."""
    schema = load_schema()
    found = ["## Keys of the file\n", *_table(schema["properties"], set(schema["required"]))]
    for title, properties in _sections(schema):
        found += [f"\n## {title}\n", *_table(properties, set())]
    return "\n".join(found)


def _sections(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, part in schema["properties"].items():
        inner = part
        for step in ("items", "additionalProperties"):
            candidate = inner.get(step)
            if isinstance(candidate, dict) and "properties" in candidate:
                inner = candidate
        if "properties" in inner:
            yield f"Keys of `{name}`", inner["properties"]
    yield "Keys of a binding", schema["$defs"]["binding_object"]["properties"]
    yield "Keys of columns of which one is enough", schema["$defs"]["first_of"]["properties"]
    yield "Keys of a list of options", schema["$defs"]["choice_list"]["properties"]


def _table(properties: Mapping[str, Any], required: set[str]) -> Iterator[str]:
    yield "| Key | What it says | One of | For example |\n|---|---|---|---|"
    for name, part in properties.items():
        values = ", ".join(f"`{value}`" for value in part.get("enum", ()) if isinstance(value, str))
        examples = "; ".join(f"`{_cell(_yaml(example))}`" for example in part.get("examples", ())[:2])
        needed = " (required)" if name in required else ""
        yield f"| `{name}`{needed} | {_cell(part.get('description', ''))} | {values} | {examples} |"


def _yaml(value: Any) -> str:
    """Return a value as a mapping's author writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if value in ("", "\t") else str(value)


def converters() -> str:
    """Return each converter: what it does, its arguments, its examples."""
    known = builtin_converters().converters
    return "\n".join(line for name in sorted(known) for line in _converter(known[name]))


def _converter(converter: Converter) -> Iterator[str]:
    yield f"## {converter.name}\n"
    yield f"{converter.summary}\n"
    if converter.parameters:
        yield "| Argument | Kind | Default |\n|---|---|---|"
        for each in converter.parameters:
            default = "required" if each.required else f"`{_cell(_value(each.default))}`"
            yield f"| `{each.name}` | {_cell(each.type_name)} | {default} |"
        yield ""
    if converter.examples:
        shown = [
            f"{{{{ {example} }}}}  →  {_value(result)}" for example, result in converter.examples.items()
        ]
        yield "```text\n" + "\n".join(shown) + "\n```\n"


def _value(value: Any) -> str:
    """Return a value without a trace of Python."""
    return json.dumps(value, ensure_ascii=False, default=str)


def library() -> str:
    """Return the directives that document the public names, from their docstrings."""
    modules = ((opusmap, "opusmap"), (testing, "opusmap.testing"), (spark, "opusmap.spark"))
    parts = (_directive(module, name, home) for module, home in modules for name in module.__all__)
    return "```{eval-rst}\n" + "\n".join(part for part in parts if part) + "\n```"


def _directive(module: ModuleType, name: str, home: str) -> str:
    found = getattr(module, name)
    if name.startswith("__"):
        return ""
    if isinstance(found, type):
        kind = "autoexception" if issubclass(found, BaseException) else "autoclass"
        return f".. {kind}:: {home}.{name}\n   :members:\n"
    return f".. autofunction:: {home}.{name}\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


PARTS: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "converters": converters,
    "keys": keys,
    "library": library,
}
"""What a page may ask for, by name."""
