"""Template text -> Jinja's syntax tree, every token with its offset, every problem with its place.

Jinja's own lexer and parser read the text, within limits; nothing is evaluated. `parse` says what the
language allows.
"""

from __future__ import annotations

import re
import warnings
from bisect import bisect_left
from collections.abc import Collection, Iterator
from decimal import Decimal, InvalidOperation

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from opusmap.converters.coerce import NUMBER_LIMIT, number_of
from opusmap.errors import ValueProblem
from opusmap.expressions.syntax_errors import find_told_name, in_plain_words
from opusmap.issues import Fix, Issue, Span
from opusmap.mapping.yaml_reader import Text
from opusmap.wording import plain_breaks

LENGTH_LIMIT = 8 * 1024
"""Bytes (UTF-8) of a template at most; longer ones are refused."""
DEPTH_LIMIT = 50
"""Levels of nesting of an expression at most."""
TOKEN_LIMIT = 1_000
"""Names, signs, texts and runs of blanks of a template at most."""

_ENVIRONMENT = Environment(autoescape=False, keep_trailing_newline=True)  # noqa: S701 - nothing is ever rendered
_TOKEN = re.compile(r"\w+|\"[^\"]*\"|'[^']*'|[^\w\s]+|\s+")
_AT_LINE = re.compile(r" at \d+$")
_TOO_MANY_DIGITS = f"a number may have {NUMBER_LIMIT} digits"


_ODD_NAME = re.compile(r"\.\w*[@:]")
_OPENING = re.compile(
    r"\{#.*?(?:#\}|\Z)|\{%[-+]?\s*raw\s*[-+]?%\}.*?(?:\{%[-+]?\s*endraw\s*[-+]?%\}|\Z)|\{\{|\{%", re.DOTALL
)
_PATHS = re.compile(
    r"\}\}|%\}|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|\[\*\]|[\[\]]|\.[\w@]+(?::[\w@]+)*", re.DOTALL
)
"""In an expression: its end, a text, `[*]`, brackets, and a dot with the name behind it."""


class SkipNode(Exception):
    """One node is refused; its neighbours are still looked at."""


class AbortParse(Exception):
    """The text is refused as a whole, and read no further."""


def is_template(text: str) -> bool:
    """Return whether a text holds anything of Jinja: `{{`, `{%` or `{#`."""
    return any(mark in text for mark in ("{{", "{%", "{#"))


class JinjaReader:
    """Reads one text. `problems` collects what is wrong in it.

    `decimals` holds the decimals, and `texts` the texts between quotes as they are written, by their offset;
    `unread` why Jinja could not read one of these: no problem where it is taken as it is written. `stars` are
    the offsets of `[*]`, and `names` the names with `@` or `:` behind a dot, by the dot's offset.
    """

    def __init__(self, text: Text, columns: Collection[str] = ()) -> None:
        """Take the text; nothing is read yet. `columns` are the source's, as far as they are known."""
        self._text = text
        self._columns = columns
        self._shift = 0
        self._returns: list[int] = []
        self.decimals: dict[int, Decimal] = {}
        self.texts: dict[int, str] = {}
        self.unread: dict[int, str] = {}
        self.stars: set[int] = set()
        self.names: dict[int, str] = {}
        self.problems: list[Issue[Span]] = []

    def read(self) -> list[nodes.Node] | None:
        """Return the statements of the text, None if it can't be read; a node's `lineno` is its offset.

        A text without `{{`, `{%` and `{#` is read as a bare expression.
        """
        if len(self._text.encode("utf-8", "replace")) > LENGTH_LIMIT:
            message = f"an expression may have {LENGTH_LIMIT} bytes, not more"
            self.problem("expression-too-long", 0, message, "split it into `let` variables, or use a table")
            return None
        bare = not is_template(self._text)
        # The blanks keep the sign of `-amount` from being Jinja's `{{-`, which eats white space.
        source = "{{ " + self._text + " }}" if bare else self._text.removesuffix("\n")
        self._shift = 3 if bare else 0
        # Jinja's lexer writes each line break as \n; `_place` counts with what gets lost.
        self._returns = [match.start() - nth for nth, match in enumerate(re.finditer("\r\n", source))]
        tokens = self._tokens(self._with_paths_hidden(plain_breaks(source)))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Jinja's decoding of '\d' warns of Python's own escapes
                parser = Parser(_ENVIRONMENT, "")
                parser.stream = TokenStream(_ENVIRONMENT.lexer.wrap(tokens), None, None)
                body = parser.parse().body
        except TemplateSyntaxError as error:
            at = self._place(error.lineno)
            message, help_text = in_plain_words(error.message or "", self._text, at, self._columns)
            told = find_told_name(message, self._text, at, self._columns)
            span = self.locate(at) if told is None else self._text.locate(*told)
            self.problems.append(Issue("template-syntax", message, span, help_text))
        except RecursionError:  # in Jinja's parser: brackets, signs and `not` in a row
            self.too_deep(0)
        else:
            if not bare or (len(body) == 1 and isinstance(body[0], nodes.Output) and len(body[0].nodes) == 1):
                return body
            self.problem("template-syntax", 0, "this is not an expression", "put a template in {{ … }}")
        return None

    def _with_paths_hidden(self, source: str) -> str:
        """Return the text with `[0]` for each `[*]`, and `_` for each `@` and `:` of a name behind a dot.

        Jinja has neither. No offset changes, and `stars` and `names` keep what was there.
        """
        if "[*]" not in source and _ODD_NAME.search(source) is None:
            return source
        chars, depth, inside, at = list(source), 0, False, 0
        while (found := (_PATHS if inside else _OPENING).search(source, at)) is not None:
            at, text = found.end(), found[0]
            if not inside:
                inside, depth = (
                    text in ("{{", "{%"),
                    0,
                )  # a comment, or what is raw, is passed over as a whole
            elif text in ("}}", "%}"):
                inside = False
            elif text == "[*]":
                chars[at - 2] = "0"
                self.stars.add(at - 2)
            elif text in "[]":
                depth += 1 if text == "[" else -1
            elif text[0] == ".":
                name = text[1:].partition(":")[0] if depth > 0 else text[1:]  # there a colon is a slice's
                at = found.start() + 1 + len(name)
                if set(name) & {"@", ":"}:
                    self.names[found.start()] = name
                    chars[found.start() + 1 : at] = name.replace("@", "_").replace(":", "_")
        return "".join(chars)

    def _tokens(self, source: str) -> Iterator[tuple[int, str, str]]:
        """Yield Jinja's tokens with their offset in place of their line."""
        position, before, first = 0, "", -1
        tokens = enumerate(_ENVIRONMENT.lexer.tokeniter(source, None))
        while True:
            try:
                count, (_, kind, value) = next(tokens)
            except StopIteration:
                return
            except TemplateSyntaxError as error:  # the lexer's own: it knows the line only
                message = _AT_LINE.sub("", error.message or "")
                raise TemplateSyntaxError(message, position) from None
            # Whitespace control makes Jinja leave out blanks: the next token is further on.
            position = source.index(value, position)
            self._check_token(position, before, kind, value, count)
            before = value if kind == "variable_begin" else ""
            if kind == "string":
                first = position if first < 0 else first  # texts side by side are one for Jinja
                yield position, kind, self._read_text(first, value)
            else:
                first = first if kind == "whitespace" else -1
                yield position, kind, value
            position += len(value)

    def _read_text(self, position: int, value: str) -> str:
        """Keep a text as it is written, without its quotes; return an empty one where Jinja can't read it."""
        self.texts[position] = self.texts.get(position, "") + value[1:-1]
        try:
            value.encode("ascii", "backslashreplace").decode("unicode-escape")
        except UnicodeDecodeError as error:
            self.unread.setdefault(position, str(error).rpartition(":")[2].strip())
            return "''"
        return value

    def _check_token(self, position: int, before: str, kind: str, value: str, count: int) -> None:
        at = self._place(position)
        if count > TOKEN_LIMIT:
            message = f"an expression may have {TOKEN_LIMIT} parts, not more"
            raise self.refuse("expression-too-long", at, message)
        if before.endswith("-") and kind != "whitespace":
            message = "`{{-` removes white space; it is not a minus sign"
            raise self.refuse("template-syntax", at - 1, message, "write `{{ -x` for a minus, else `{{- x`")
        if kind == "integer" and len(value) > NUMBER_LIMIT:
            raise self.refuse("number-too-large", at, _TOO_MANY_DIGITS)
        if kind == "float":
            try:  # just as it is written: a float would keep some 16 digits of it
                self.decimals[position] = Decimal(number_of(Decimal(value)))
            except (ValueProblem, InvalidOperation):
                raise self.refuse("number-too-large", at, _TOO_MANY_DIGITS) from None

    def too_deep(self, at: int) -> None:
        """Note that the nesting goes beyond the limit."""
        hint = "split it into `let` variables"
        self.problem("expression-too-deep", at, "the expression is nested too deep", hint)

    def at(self, node: nodes.Node) -> int:
        """Return the offset of a node's token in the text."""
        place: int | None = node.lineno
        if place is None:  # Jinja gives some of its wrappers none, as that of `{% autoescape %}`
            inner: Iterator[int | None] = (one.lineno for one in node.find_all(nodes.Node))
            place = next((one for one in inner if one is not None), self._shift)
        return self._place(place)

    def _place(self, position: int) -> int:
        """Return the offset in the text of a position in what Jinja reads."""
        return position - self._shift + bisect_left(self._returns, position)

    def refuse(self, code: str, at: int, message: str, help: str = "", fix: Fix | None = None) -> SkipNode:
        """Note a problem; return what to raise, so that its neighbours are still looked at."""
        self.problem(code, at, message, help, fix)
        return SkipNode()

    def problem(self, code: str, at: int, message: str, help: str = "", fix: Fix | None = None) -> None:
        """Note a problem at an offset of the text."""
        self.problems.append(Issue(code, message, self.locate(at), help, fix=fix))

    def locate(self, at: int) -> Span:
        """Return the place in the mapping of the token at an offset of the text."""
        at = min(max(at, 0), max(len(self._text) - 1, 0))
        token = _TOKEN.match(self._text, at)
        return self._text.locate(at, token.end() if token else at + 1)
