"""Checks of a mapping's texts that may mean something else than they say; each yields warnings.

A source column's name that is taken as a text, and quotation marks that YAML does not read as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from opusmap.expressions import Scope
from opusmap.issues import Issue, Severity, Span, fix_with
from opusmap.mapping import Binding, ChoiceList, ConstantPart, MappingSpec, Text
from opusmap.mapping.typographic_quotes import EXPRESSION
from opusmap.mapping.yaml_writer import in_double_quotes, quoted
from opusmap.wording import TYPOGRAPHIC_QUOTES, quote_value


def check_constants(binding: Binding, scope: Scope, choices: ChoiceList | None) -> Iterator[Issue[Span]]:
    """Yield the constants of a binding that name a source column or a variable, and are not an option."""
    options = () if choices is None else (*choices.options, *choices.aliases)
    meant = {option.strip() for option in options}

    def is_name(text: Text) -> bool:
        return (text in scope.variables or text in (scope.columns or ())) and text not in meant

    if binding.default is not None and is_name(binding.default):
        template = f"{{{{ {scope.write(binding.default)} }}}}"
        written = f"`default: {in_double_quotes(template)}`"
        yield _constant_is_column(binding.default, scope, written, template)
    const = binding.const
    for text in () if const is None else (const,) if isinstance(const, Text) else const:
        if is_name(text):
            yield _constant_is_column(text, scope, f"`from: {quoted(text)}`")
    for part in binding.sources:
        if isinstance(part, ConstantPart) and is_name(part.text):
            yield _constant_is_column(part.text, scope, f"`{quoted(part.text)}` without `const`")
    for mixed in (binding.template, binding.default):
        yield from () if mixed is None else _single_braces(mixed, scope)


def check_quotes(spec: MappingSpec) -> Iterator[Issue[Span]]:
    """Yield the quotation marks of texts that YAML reads otherwise than they are meant."""
    for text in _texts(spec):
        yield from _odd_quotes(text)
        if text.span.file == spec.path:
            yield from _swallowed_lines(text, spec.text)


def check_commas(spec: MappingSpec) -> Iterator[Issue[Span]]:
    """Yield the options that end with a comma: in a list with dashes, it becomes part of the option."""
    for choices in spec.choices:
        for option in choices.options:
            if option.plain and option.endswith(","):
                bare = option.rstrip(", ")
                message = f"the comma at the end becomes part of the option {quote_value(option)}"
                hint = (
                    f"write: `- {quoted(bare)}`; if it belongs to the option: `- {in_double_quotes(option)}`"
                )
                place = option.locate(len(option) - 1, len(option))
                fix = fix_with(option.span, bare)
                yield Issue("quote-in-text", message, place, hint, Severity.WARNING, fix)


def check_joined_options(spec: MappingSpec) -> Iterator[Issue[Span]]:
    """Yield the options that take in the next line: YAML joins a line without a dash to the one above."""
    for choices in spec.choices:
        for option in choices.options:
            more = [line.strip() for line in option.lines[1:] if line.strip()] if option.plain else []
            if more:
                taken = next((line for line in more if line.startswith("- ")), more[0])
                yield _joined_option(option, taken)


def _joined_option(option: Text, taken: str) -> Issue[Span]:
    """Return the error of an option that took in the line `taken`."""
    shown, in_brackets = quote_value(taken), option.is_in_brackets
    if not in_brackets and taken.startswith("- "):
        message = f"the line {shown} is indented too far, so it became part of the option above"
        hint = f"write as many spaces before {shown} as before the `-` above it"
        return Issue("joined-options", message, option.span, hint)
    lacking = "comma before it" if in_brackets else "space after its dash" if taken[0] == "-" else "dash"
    message = f"the line {shown} has no {lacking}, so it became part of the option above"
    meant = f", {taken}" if in_brackets else f"- {taken.lstrip('-')}"
    where = "" if in_brackets else ", with as many spaces before it as before the `-` above it"
    one_line = quote_value(" ".join(option.split()))
    hint = f"write `{meant}`{where}; if it is one option, write it on one line: {one_line}"
    return Issue("joined-options", message, option.span, hint)


def _single_braces(text: Text, scope: Scope) -> Iterator[Issue[Span]]:
    """Yield a name within single braces, which is taken as text: "{ Title }: {{ Place }}"."""
    for found in _IN_BRACES.finditer(EXPRESSION.sub("", text)):
        name = found[1].strip()
        if name in scope.variables or name in (scope.columns or ()):
            named = "variable" if name in scope.variables else "source column"
            message = f"{quote_value(found[0])} is taken as this text, although a {named} has this name"
            hint = f"for the value of the {named} write two braces: `{{{{ {scope.write(name)} }}}}`"
            yield Issue("constant-is-column", message, text.span, hint, Severity.WARNING)


def _constant_is_column(text: Text, scope: Scope, written: str, fix: str | None = None) -> Issue[Span]:
    named = "variable" if text in scope.variables else "source column"
    message = f"{quote_value(text)} is taken as this text, although a {named} has this name"
    hint = f"for the value of the {named} write {written}"
    return Issue("constant-is-column", message, text.span, hint, Severity.WARNING, fix_with(text.span, fix))


def _texts(spec: MappingSpec) -> Iterator[Text]:
    """Yield the templates, constants, formats and options of a mapping."""
    yield from (variable.template for variable in spec.let)
    if spec.where is not None:
        yield spec.where
    for binding in spec.fields:
        const = binding.const
        yield from (one for one in (binding.template, binding.default) if one is not None)
        yield from () if const is None else (const,) if isinstance(const, Text) else const
        yield from (part.text for part in binding.sources if isinstance(part, ConstantPart))
        yield from binding.format
    for choices in spec.choices:
        yield from (*choices.options, *choices.aliases.values())


_IN_BRACES = re.compile(r"\{([^{}%#]+)\}")


def _odd_quotes(text: Text) -> Iterator[Issue[Span]]:
    """Yield the quotation mark at the end of a text that YAML takes for a part of it."""
    mark, own = text[-1:], EXPRESSION.sub("", text)
    if not text.plain or mark not in ('"', "'") or not own.endswith(mark) or not own.count(mark) % 2:
        return
    if text[0] in TYPOGRAPHIC_QUOTES:  # has been reported, with the other kind
        return
    message = f"the {mark} at the end becomes part of the value, for there is none where the text begins"
    bare = text[:-1]
    kept = quoted(text, quotes="'" if mark == '"' else '"')
    hint = f"write: `{in_double_quotes(bare)}`; if it belongs to the value: `{kept}`"
    place = text.locate(len(text) - 1, len(text))
    yield Issue("quote-in-text", message, place, hint, Severity.WARNING, fix_with(text.span, bare))


_KEY_LINE = re.compile(r"([ \t]*)[^\s:\"'#{}\[\],][^:\"'{}]*:(?=\s|$)")


def _swallowed_lines(text: Text, file: str) -> Iterator[Issue[Span]]:
    """Yield a text in quotes that takes in the next key, for its closing quotation mark is missing."""
    if text.style not in ("'", '"') or text.span.end_line == text.span.line:
        return
    first, *more = file.split("\n")[text.span.line - 1 : text.span.end_line]
    indent = len(first) - len(first.lstrip())
    for line in more:
        found = _KEY_LINE.match(line)
        if found is not None and len(found[1]) <= indent:
            taken = quote_value(line.strip())
            message = f"this text goes on until line {text.span.end_line}, and takes in {taken}"
            hint = f"close it with {text.style} at the end of its line"
            yield Issue("unclosed-quote", message, text.span, hint, Severity.WARNING)
            return
