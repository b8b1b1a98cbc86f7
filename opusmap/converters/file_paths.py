"""Converters of file paths, with Windows' or POSIX's separators."""

from __future__ import annotations

from pathlib import PureWindowsPath

from opusmap.converters.registry import converter


@converter(
    examples={
        "'C:\\\\deeds\\\\7.final.pdf' | file_name": "7.final.pdf",
        "'/deeds/7.pdf' | file_name": "7.pdf",
    }
)
def file_name(value: str) -> str:
    """Return the file's name with its extension."""
    parts = value.replace("/", "\\").split("\\")
    if parts[-1] not in ("", ".") and ":" not in parts[-1] and (parts[0] or len(parts) == 1):
        return parts[
            -1
        ]  # the usual case, ten times as fast; a leading separator may belong to a server's name
    return PureWindowsPath(value).name


@converter(examples={"'/deeds/7.final.pdf' | file_stem": "7.final"})
def file_stem(value: str) -> str:
    """Return the file's name without its extension."""
    return PureWindowsPath(value).stem


@converter(examples={"'/deeds/7.final.PDF' | extension": "pdf"})
def extension(value: str) -> str:
    """Return the file's extension in lower case, without the dot; an empty text if there is none."""
    return PureWindowsPath(value).suffix[1:].lower()


@converter(examples={"'C:\\\\deeds\\\\2024\\\\7.pdf' | parent_folder": "2024", "'7.pdf' | parent_folder": ""})
def parent_folder(value: str) -> str:
    """Return the name of the folder that contains the file."""
    return PureWindowsPath(value).parent.name
