"""The tests and functions of the language, and what to use instead of others."""

from __future__ import annotations

FUNCTIONS = ("coalesce",)
"""Functions that may be called: `coalesce(a, b, …)` is the first value that is not empty."""

RESERVED = frozenset(
    [
        "and",
        "elif",
        "else",
        "false",
        "False",
        "if",
        "in",
        "is",
        "none",
        "None",
        "not",
        "or",
        "row",
        "true",
        "True",
    ]
)
"""Words of the expression language: a variable of such a name could never be read."""

COMPARISONS = {
    "in": "in",
    **dict.fromkeys(("eq", "equalto", "=="), "eq"),
    **dict.fromkeys(("ne", "!="), "ne"),
    **dict.fromkeys(("lt", "lessthan", "<"), "lt"),
    **dict.fromkeys(("le", "<="), "lteq"),
    **dict.fromkeys(("gt", "greaterthan", ">"), "gt"),
    **dict.fromkeys(("ge", ">="), "gteq"),
}
"""Test that compares -> its operator in the tree."""

TESTS: dict[str, int] = {
    **dict.fromkeys(("none", "string", "number", "integer", "boolean", "mapping"), 0),
    **dict.fromkeys(("true", "false", "even", "odd", "lower", "upper"), 0),
    **dict.fromkeys(("divisibleby", "matching", *COMPARISONS), 1),
}
"""Test -> how many arguments it takes."""

NODE_ADVICE = {
    "Pow": "multiply instead, or compute the value in the source",
    "For": "`split`, `| map('trim')` and `| join(', ')` work on lists",
    **dict.fromkeys(("Assign", "Block"), "define a variable under `let:`"),
    "Dict": "put the pairs into `tables:` and use `lookup:` or table[key]",
    "Call": "only coalesce(a, b, …) can be called; values are changed by `value | converter`",
    "Macro": "define a variable under `let:`, or write a custom converter",
    **dict.fromkeys(
        ("Import", "FromImport", "Include", "Extends"), "share parts with `include:` in the mapping"
    ),
    "Scope": "values are sent as they are; leave out {% autoescape %}",
    "FilterBlock": "use `{{ value | converter }}`",
    **dict.fromkeys(
        ("is defined", "is undefined"), "a name is always defined here; test whether it is empty: `is none`"
    ),
    **dict.fromkeys(("is empty", "is blank", "is null"), "use `is none`"),
    "is float": "use `is number`",
    "is callable": "values can't be called",
    **dict.fromkeys(("is match", "is search", "is regex", "is like"), "use `is matching('…')`"),
}
"""Jinja's node (or test) -> what to use instead."""

NAME_ADVICE = {
    **dict.fromkeys(("null", "nil", "none"), "the empty value is `none`"),
    "true": "it is written `true`, in small letters",
    "false": "it is written `false`, in small letters",
    "row": "take a column of it, row['Contract No'], or its row.number or row.file",
}
"""Name that is not a column, in small letters -> what may have been meant."""

FUNCTION_ADVICE = {
    **dict.fromkeys(("if", "iif"), "write `'this' if Status == 'Active' else 'that'`"),
    **dict.fromkeys(("concat", "concatenate"), "join texts with `~`"),
    "left": "write `Title[:5]` for the first five characters",
    "right": "write `Title[-5:]` for the last five characters",
    **dict.fromkeys(("mid", "substring"), "write `Title[2:5]` for the third to the fifth character"),
    "len": "write `Title | length`",
    "isblank": "write `Title is none`",
    **dict.fromkeys(("vlookup", "lookup"), "put the pairs into `tables:` and use `lookup:` or table[key]"),
    "substitute": "write `Title | replace('old', 'new')`",
    "text": "write `Date | datetime | format_date('%d/%m/%Y')`",
    **dict.fromkeys(
        ("now", "today"), "a row must give the same record each time; put the date into the source"
    ),
}
"""Function that is not here, in small letters (spreadsheets have capitals) -> what to use instead."""

FILTER_ADVICE = {
    "int": "use `integer`, which refuses anything but a number",
    "float": "use `number`, which is exact and refuses anything but a number",
    "format": "join texts with `~`, dates with `| format_date('…')`",
    "tojson": "records are written as JSON anyway",
    "select": "use `where('field')`, `unique`, `first` or a custom converter",
    "reject": "use `unique`, `first` or a custom converter",
    "selectattr": "use `where('field')` or `where('field', value)`",
    "rejectattr": "use a custom converter",
    "attr": "use `.name` for dates' fields, or row['…']",
    "random": "a mapping must give the same record each time",
    **dict.fromkeys(("e", "escape", "safe"), "records are not HTML"),
    "striptags": "use `strip_html`",
    "wordcount": "use `| split(' ') | length`",
    "strftime": "use `format_date`",
    "todate": "use `datetime` or `date`",
    "to_number": "use `number`",
    "str": "use `string`",
    "strip": "use `trim`",
}
"""Filter that is not here -> what to use instead."""
