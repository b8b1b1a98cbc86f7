"""Warnings about the arguments of converters: two that are swapped, or a text that is never found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opusmap.compiler.plan import Plan, constant_arguments
from opusmap.converters import lists, text
from opusmap.expressions import has_constant_arguments, nodes, walk
from opusmap.issues import Issue, Severity, Span
from opusmap.wording import quote_value


def lint_arguments(plan: Plan) -> Iterator[Issue[Span]]:
    """Yield warnings about the arguments of a plan's converters."""
    for tree, span in plan.trees():
        for node in walk(tree):
            if not isinstance(node, nodes.Filter):
                continue
            if node.converter.function is lists.split:
                yield from _swapped(node, span)
            elif node.converter.function is text.replace and has_constant_arguments(node):
                yield from _nothing_replaced(*constant_arguments(node), "replace('{}', '')", span)
    for column in plan.columns:
        for call in column.binding.convert:
            if str(call.name) == "replace":
                yield from _nothing_replaced(call.args, call.kwargs, 'replace: ["{}", ""]', call.name.span)


def _swapped(node: nodes.Filter, span: Span) -> Iterator[Issue[Span]]:
    meant = nodes.show_swapped(node)
    if meant is not None:
        message = (
            "`split` cuts the value before `|` at the separator in the brackets: here, these are swapped"
        )
        yield _warning(message, span, f"write `{meant}`")


def _nothing_replaced(args: Any, kwargs: Any, meant: str, span: Span) -> Iterator[Issue[Span]]:
    """Yield that a `replace` looks for an empty text, so that it puts the other one around each character."""
    old, new = (
        {**dict(zip(("old", "new"), args, strict=False)), **kwargs}.get(key) for key in ("old", "new")
    )
    if old == "" and isinstance(new, str) and new:
        message = f"`replace` has nothing to search for, so it puts {quote_value(new)} around each character"
        yield _warning(
            message,
            span,
            f"write first what to search for; to remove {quote_value(new)}: `{meant.format(new)}`",
        )


def _warning(message: str, span: Span, help: str) -> Issue[Span]:
    return Issue("wrong-argument", message, span, help, Severity.WARNING)
