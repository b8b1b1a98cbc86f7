"""Checks of a mapping's parts that need only the part and its column; each yields what is wrong."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from datetime import UTC, datetime

from opusmap.compiler.similar import find_similar
from opusmap.connection import CHOICE_TYPES, LIST_TYPES, Column, ColumnType
from opusmap.converters.format_parts import find_odd_parts
from opusmap.expressions.hints import RESERVED
from opusmap.issues import Issue, Severity, Span, fix_with
from opusmap.mapping import Binding, ChoiceList, ConstantPart, TargetOptions, Text, Variable
from opusmap.wording import find_nearest, quote_value, suggest


def is_placeholder(text: str) -> bool:
    """Return whether a text marks an open decision in a draft: `TODO`, `TODO: …`."""
    return text == "TODO" or text.startswith(("TODO:", "TODO "))


def to_do(what: str, span: Span, help: str) -> Issue[Span]:
    """Return the error for such a mark; `what` is to be decided."""
    return Issue("to-do", f"{what} is still TODO", span, help)


def check_datetime_format(target: TargetOptions, span: Span) -> Iterator[Issue[Span]]:
    """Check that times written in the target's format can be read again by it."""
    pattern = target.datetime_format
    if is_placeholder(pattern):
        help_text = 'write the format of Opus > Settings > General settings, such as "%Y-%m-%d %H:%M:%S"'
        yield to_do("target.datetime_format", span, help_text)
        return
    moment = datetime(1912, 12, 19, 18, 15, tzinfo=UTC)
    try:
        read = datetime.strptime(moment.strftime(pattern), pattern)  # noqa: DTZ007 - only the format is tried
    except (ValueError, re.error):  # the second where a directive occurs twice
        read = None
    if "%" not in pattern or read is None:
        message = f"{quote_value(pattern)} is not a date and time format"
        yield Issue("bad-format", message, span, 'for example "%Y-%m-%d %H:%M:%S"')
    elif read.date() != moment.date():
        short = read.year % 100 == moment.year % 100 and read.year != moment.year
        lost = "the century (1912 and 2012 are written alike)" if short else "a part of the date"
        message = f"a time written as {quote_value(pattern)} loses {lost}"
        help_text = (
            "choose a format with day, month and a year of four digits, in Opus's General settings too"
        )
        yield Issue("bad-format", message, span, help_text)
    elif odd := find_odd_parts(re.findall("%(.)", pattern)):
        message = f"a time written as {quote_value(pattern)} is ambiguous: {odd[0]}"
        help_text = "choose a format that names each part once, in Opus's General settings too"
        yield Issue("bad-format", message, span, help_text)


def check_variable_name(
    variable: Variable, columns: frozenset[str] | None, tables: frozenset[str]
) -> Iterator[Issue[Span]]:
    """Check that a variable can be read by its name, and that it hides nothing."""
    name = quote_value(variable.name)
    if not variable.name.isidentifier() or variable.name in RESERVED:
        message = f"{name} can't be the name of a variable"
        taken = f"{variable.name} is a word of the expression language" if variable.name in RESERVED else ""
        yield Issue("bad-step-name", message, variable.name.span, taken or "use letters, digits and _")
    elif columns is not None and variable.name in columns:
        message = f"the variable {name} has the name of a source column"
        yield Issue("step-hides-column", message, variable.name.span, "rename the variable")
    elif variable.name in tables:
        message = f"the variable {name} has the name of a table"
        yield Issue("step-hides-table", message, variable.name.span, "rename the variable")


def check_options(choices: ChoiceList, base: int, joined: Container[Span] = ()) -> Iterator[Issue[Span]]:
    """Check the options of one choice column (the first has the order `base`), and their other spellings.

    `joined` are the places of options that took in the next one: an alias of that is not reported as well.
    """
    seen: dict[str, Text] = {}
    orders = {str(base + index) for index in range(len(choices.options))}
    for order, option in enumerate(choices.options, base):
        plain = option.strip()
        folded = plain.casefold()
        if is_placeholder(plain):
            help_text = (
                "the list is Opus's: write its options in Opus's order, remove what Opus does not have, "
                "then delete this line"
            )
            yield to_do(f"the list of options of {quote_value(choices.column)}", option.span, help_text)
        elif not plain:
            yield Issue("empty-option", "an option is empty", option.span, "remove it")
        elif folded in seen and (seen[folded].strip() == plain or choices.ignore_case):
            first = seen[folded]
            message = f"duplicate option {quote_value(option)}; the first is at line {first.span.line}"
            help_text = "remove one of the two: orders are counted from this list"
            if plain != first.strip():
                message += f" as {quote_value(first)} (`ignore_case` is on)"
                help_text = "if Opus has both, remove `ignore_case`"
            yield Issue("duplicate-option", message, option.span, help_text)
        if choices.by_order and plain in orders and plain != str(order):
            message = f"the option {quote_value(option)} could be taken for the order of another option"
            yield Issue("ambiguous-option", message, option.span, "remove `by_order`, or the clash in Opus")
        seen.setdefault(folded, option)
    if choices.options:
        yield from _check_aliases(choices, joined)
    for option, other, difference in find_similar(choices.options, ignore_case=choices.ignore_case):
        message = f"the options {quote_value(other)} and {quote_value(option)} {difference}"
        help_text = "if Opus has both, leave them; else keep the one that Opus shows"
        if not (choices.ignore_case and option.strip().casefold() == other.strip().casefold()):
            help_text += ", and make the other one an alias of it"
        yield Issue("similar-options", message, option.span, help_text, Severity.WARNING)


def _check_aliases(choices: ChoiceList, joined: Container[Span]) -> Iterator[Issue[Span]]:
    fold = str.casefold if choices.ignore_case else str
    options = {fold(option.strip()): option.strip() for option in choices.options}
    taken: dict[str, str] = {}
    taken_in = {
        line.strip().lstrip("-").strip()
        for option in choices.options
        if option.span in joined
        for line in option.lines
    }
    for spelling, option in choices.aliases.items():
        wanted, written = options.get(fold(option.strip())), fold(spelling.strip())
        if wanted is None and option.strip() in taken_in:
            continue
        if wanted is None:
            message = f"alias {quote_value(spelling)}: {quote_value(option)} is not an option"
            help_text = suggest(option, options.values()) or "aliases are written `other spelling: option`"
            fix = fix_with(option.span, find_nearest(option, options.values()))
            yield Issue("unknown-option", message, option.span, help_text, fix=fix)
        elif options.get(written, wanted) != wanted:
            message = f"alias {quote_value(spelling)} is an option itself"
            yield Issue("alias-is-option", message, option.span, "remove the alias")
        elif taken.setdefault(written, wanted) != wanted:
            message = (
                f"duplicate alias {quote_value(spelling)}; the first is for {quote_value(taken[written])}"
            )
            yield Issue("duplicate-alias", message, option.span, "remove one of the two")


def _check_no_date(binding: Binding, column: Column) -> Iterator[Issue[Span]]:
    """Yield the keys of a binding that are for dates, of a column that is none."""
    for key, given in (("format", binding.format), ("incomplete", (binding.incomplete,))):
        if given and given[0] is not None:
            message = (
                f"`{key}` is for dates, and {quote_value(column.display_name)} is a {column.type} column"
            )
            help_text = "use `value: \"{{ … | datetime('%d/%m/%Y') | format_date('%Y') }}\"`"
            yield Issue("format-not-date", message, given[0].span, help_text)


def check_binding(
    binding: Binding, column: Column, *, required: bool, has_choices: bool, empty: tuple[str, ...]
) -> Iterator[Issue[Span]]:
    """Check what a binding says against its column. `empty` are the source's texts for "no value"."""
    span, name = binding.target.span, quote_value(column.display_name)
    if column.type in CHOICE_TYPES and not has_choices:
        message = f"the options of the choice column {name} are not given"
        hint = "list them under `choices:` in the order that Opus shows"
        yield Issue("missing-choices", message, span, hint)
    if required and binding.on_error == "omit":
        message = f"{name} is required, so it can't be omitted"
        yield Issue("omit-required", message, span, "use `on_error: default` with a `default`")
    if binding.required is False and column.required:
        message = f"the connection requires {name}"
        help_text = f"correct it: `columns: {{{column.display_name}: {{required: false}}}}`"
        yield Issue("required-column", message, span, help_text)
    constants = [part.text for part in binding.sources if isinstance(part, ConstantPart)]
    for text in [*constants, *([binding.const] if isinstance(binding.const, Text) else [])]:
        if text in empty or text == "":
            message = f"the constant {quote_value(text)} means no value, so it would never be sent"
            help_text = "remove it, or take the text out of `source.empty`"
            yield Issue("empty-constant", message, text.span, help_text)
    if column.type is not ColumnType.DATE_TIME:
        yield from _check_no_date(binding, column)
    if binding.split is not None and binding.listed:
        message = "`split` takes one source column, not a list of them"
        yield Issue("split-list", message, binding.split.span, "remove `split`")
    if binding.split is not None and not binding.split:
        help_text = (
            'write what separates the elements: `split: ";"`; for cells of one element, remove `split`'
        )
        yield Issue("wrong-value", "`split` has no separator", binding.split.span, help_text)
    if binding.join is not None and (not binding.listed or column.type in LIST_TYPES | {ColumnType.TAXONOMY}):
        message = (
            f"`join` joins several source columns into one text; {quote_value(column.display_name)} is a "
            f"{column.type} column, which takes them as they are"
            if binding.listed
            else "`join` joins several source columns into one text; there is only one here"
        )
        yield Issue("join-not-text", message, binding.join.span, "remove `join`")
