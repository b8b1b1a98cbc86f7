"""A checked expression: its text and its tree."""

from __future__ import annotations

from dataclasses import dataclass

from opusmap.expressions.nodes.base import Node, walk
from opusmap.expressions.nodes.operands import Cell
from opusmap.mapping.yaml_reader import Text


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked template or expression."""

    text: Text
    tree: Node

    def columns(self) -> frozenset[str]:
        """Return the source columns it reads (dotted names whole)."""
        return frozenset(node.name for node in walk(self.tree) if isinstance(node, Cell))
