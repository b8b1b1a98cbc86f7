"""Writes plain data as YAML in every style that people use: what an edit must leave as it is.

Independent of the package: what a text means is checked with `yaml.safe_load`.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

_NEVER_PLAIN = {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}
_COMMENTS = [
    "# a remark",
    "#",
    "#\ttabs\tinside",
    "# {not: yaml",
    "# é 中 😀 '",
    "# - x: y",
    "# " + "long " * 60,
]


@dataclass
class Styles:
    """How a file is written.

    Attributes:
        chance: where each decision comes from.
        aliases: whether values that occur again may become aliases.
        step: the blanks by which a block is indented.
        anchors: the anchors that values have.
        used: whether an alias was written.
    """

    chance: random.Random
    aliases: bool = False
    step: int = 2
    anchors: dict[str, str] = field(default_factory=dict)
    used: bool = False

    def sometimes(self, share: float = 0.3) -> bool:
        """Return a decision."""
        return self.chance.random() < share

    def comment(self, share: float = 0.25) -> str:
        """Return a comment beside a value, or blanks, or nothing."""
        if self.sometimes(share):
            return self.chance.choice([" ", " ", "   "]) + self.chance.choice(_COMMENTS)
        return self.chance.choice(["", "", "", " ", "  "])

    def between(self, indent: str) -> list[str]:
        """Return lines between entries: blank ones and comments."""
        lines = []
        while self.sometimes(0.2):
            lines.append(
                self.chance.choice(["", indent, indent + self.chance.choice(_COMMENTS), indent + "# TODO"])
            )
        return lines


def write_in_some_style(data: dict[str, Any], styles: Styles) -> str:
    """Return a YAML text of some data; `yaml.safe_load` gives the data back."""
    chance = styles.chance
    styles.step = chance.choice([1, 2, 2, 2, 3, 4])
    if styles.sometimes(0.12):
        lines = (
            styles.comment(0.2).lstrip() + "\n" + _flow(data, styles, "", multi=styles.sometimes(0.6))
        ).split("\n")
    else:
        lines = [*styles.between(""), *_block(data, styles, "")]
    if styles.sometimes(0.2):
        lines = [*styles.between(""), "---" + styles.comment(), *lines]
    lines += styles.between("")
    breaks = chance.choice([["\n"], ["\n"], ["\r\n"], ["\n", "\r\n"], ["\r"]])
    text = "".join(line + chance.choice(breaks) for line in lines)
    if styles.sometimes(0.3):
        text = text.removesuffix("\n").removesuffix("\r")
    text = "\ufeff" * styles.sometimes(0.2) + text
    loaded = yaml.safe_load(text)
    assert loaded == data, (text, loaded, data)
    return text


def _block(value: Any, styles: Styles, indent: str) -> list[str]:
    """Return the lines of a dict or list as a block."""
    lines: list[str] = []
    items = value.items() if isinstance(value, dict) else ((None, one) for one in value)
    for number, (key, one) in enumerate(items):
        head = indent + ("-" if key is None else _key(key, styles) + " " * styles.sometimes(0.05) + ":")
        if number:
            lines += styles.between(indent)
        lines += _value(one, styles, indent, head, in_list=key is None)
    return lines


def _value(value: Any, styles: Styles, indent: str, head: str, *, in_list: bool) -> list[str]:
    gap = " " * styles.chance.choice([1, 1, 1, 2, 4])
    known = json.dumps(value)
    if styles.aliases and known in styles.anchors and styles.sometimes(0.6):
        styles.used = True
        return [f"{head}{gap}*{styles.anchors[known]}{styles.comment()}"]
    anchor = ""
    if (styles.aliases and known not in styles.anchors and styles.sometimes(0.3)) or styles.sometimes(0.02):
        name = f"a{len(styles.anchors)}x{styles.chance.randrange(10**6)}"
        anchor = f"{gap}&{name}"
        if styles.aliases:
            styles.anchors.setdefault(known, name)
    if isinstance(value, dict | list) and value and styles.sometimes(0.6):
        deeper = indent + " " * styles.step
        if isinstance(value, list) and not in_list and styles.sometimes(0.4):
            deeper = indent
        first = styles.between(deeper) if not in_list else []
        if in_list and not anchor and isinstance(value, dict):
            deeper = indent + "  "
            lines = _block(value, styles, deeper)
            return [f"{head} {lines[0][len(deeper) :]}", *lines[1:]]
        return [f"{head}{anchor}{styles.comment()}", *first, *_block(value, styles, deeper)]
    if isinstance(value, dict | list):
        flow = _flow(value, styles, indent + " " * styles.step, multi=styles.sometimes(0.3))
        return [
            *f"{head}{anchor}{gap}{flow}".split("\n")[:-1],
            f"{head}{anchor}{gap}{flow}".split("\n")[-1] + styles.comment(),
        ]
    if isinstance(value, str) and _suits_block(value) and styles.sometimes(0.3):
        return _block_scalar(value, styles, f"{head}{anchor}{gap}", indent + " " * styles.step)
    return [f"{head}{anchor}{gap}{_scalar(value, styles, flow=False)}{styles.comment()}"]


def _suits_block(text: str) -> bool:
    lines = text.split("\n")
    return all(line == line.strip() and line for line in lines) and text.isprintable() | ("\n" in text)


def _block_scalar(text: str, styles: Styles, head: str, indent: str) -> list[str]:
    mark = "|-" if "\n" in text else styles.chance.choice(["|-", ">-"])
    if styles.sometimes(0.2):
        mark = mark[0] + str(styles.step) + mark[1]
    return [f"{head}{mark}{styles.comment()}".rstrip(" "), *(indent + line for line in text.split("\n"))]


def _flow(value: Any, styles: Styles, indent: str, *, multi: bool) -> str:
    """Return a dict, list or scalar between brackets."""
    if not isinstance(value, dict | list):
        return _scalar(value, styles, flow=True)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    parts = [
        (f"{_key(key, styles)}: " if key is not None else "")
        + _flow(one, styles, indent + "  ", multi=multi and styles.sometimes(0.3))
        for key, one in (value.items() if isinstance(value, dict) else ((None, one) for one in value))
    ]
    comma = "," * (bool(parts) and styles.sometimes(0.15))
    if not multi or not parts:
        blank = " " * styles.sometimes(0.2)
        return (
            f"{opening}{blank}{styles.chance.choice([', ', ', ', ',  ']).join(parts)}{comma}{blank}{closing}"
        )
    lines = [opening + styles.comment()]
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        mark = "," if not last else comma
        if (
            lines[-1].strip() != opening
            and not lines[-1].rstrip(" ").endswith(opening)
            and "#" not in lines[-1]
            and styles.sometimes(0.3)
            and number
        ):
            lines[-1] = lines[-1].rstrip(" ") + " " + part + mark
        else:
            if styles.sometimes(0.1):
                lines.append(indent + "# between")
            lines.append(indent + part + mark)
        if styles.sometimes(0.3):
            lines[-1] += styles.comment()
    if styles.sometimes(0.3) and "#" not in lines[-1]:
        lines[-1] += closing
    else:
        lines.append((indent or " ") + closing if indent else closing)
    return "\n".join(lines)


def _key(key: str, styles: Styles) -> str:
    return _scalar(key, styles, flow=True)


def _scalar(value: Any, styles: Styles, *, flow: bool) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    if _is_plain(value) and styles.sometimes(0.7):
        return value
    if value.isprintable() and value and styles.sometimes(0.5):
        return "'" + value.replace("'", "''") + "'"
    escaped = json.dumps(value, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in escaped)


def _is_plain(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z]([\w %/.-]*\w)?", text) is not None and text.casefold() not in _NEVER_PLAIN
