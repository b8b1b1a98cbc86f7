"""The command line: parse, call, print. No logic of its own; everything heavy is imported when needed."""

from opusmap.cli.main import main

__all__ = ["main"]
