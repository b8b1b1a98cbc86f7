"""Edits of a mapping's text: an intent such as "bind this column" becomes a patch of the spans it concerns.

Everything outside these spans stays byte for byte. `apply` makes a patch, `MappingFile` writes its text.
"""

from opusmap.edits.apply import apply
from opusmap.edits.intents import (
    AddTest,
    Bind,
    Constant,
    FromColumn,
    FromColumns,
    InsertOption,
    Intent,
    MoveOption,
    RemoveBinding,
    RemoveOption,
    SetAlias,
    SetBindingKey,
    SetConnection,
    SetIgnoreCase,
    SetOptions,
    SetSourceOption,
    SetTableEntry,
    SetTableFile,
    SetTargetOption,
    SetTimezone,
    SetWhere,
    Template,
)
from opusmap.edits.mapping_file import MappingFile, read_mapping_file
from opusmap.edits.patches import Patch, TextEdit
from opusmap.edits.refusals import ChangedOnDisk, EditRefused

__all__ = [
    "AddTest",
    "Bind",
    "ChangedOnDisk",
    "Constant",
    "EditRefused",
    "FromColumn",
    "FromColumns",
    "InsertOption",
    "Intent",
    "MappingFile",
    "MoveOption",
    "Patch",
    "RemoveBinding",
    "RemoveOption",
    "SetAlias",
    "SetBindingKey",
    "SetConnection",
    "SetIgnoreCase",
    "SetOptions",
    "SetSourceOption",
    "SetTableEntry",
    "SetTableFile",
    "SetTargetOption",
    "SetTimezone",
    "SetWhere",
    "Template",
    "TextEdit",
    "apply",
    "read_mapping_file",
]
