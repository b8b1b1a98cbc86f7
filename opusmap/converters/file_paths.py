"""Converters of file paths, Windows' and POSIX's alike."""

from __future__ import annotations

from pathlib import PureWindowsPath

from opusmap.converters.registry import converter

__all__ = ["extension", "file_name", "file_stem", "parent_folder"]


@converter(
    examples={
        "'C:\\\\deeds\\\\7.final.pdf' | file_name": "7.final.pdf",
        "'/deeds/7.pdf' | file_name": "7.pdf",
    }
)
def file_name(value: str) -> str:
    """Take the name of the file, suffix included."""
    parts = value.replace("/", "\\").split("\\")
    if parts[-1] not in _NO_NAME and ":" not in parts[-1] and (parts[0] or len(parts) == 1):
        return parts[-1]  # as nearly always; what begins with a slash may name a server
    return PureWindowsPath(value).name


_NO_NAME = ("", ".")


@converter(examples={"'/deeds/7.final.pdf' | file_stem": "7.final"})
def file_stem(value: str) -> str:
    """Take the name of the file without its last suffix."""
    return PureWindowsPath(value).stem


@converter(examples={"'/deeds/7.final.PDF' | extension": "pdf"})
def extension(value: str) -> str:
    """Take the suffix in lower case, without the dot; an empty text where there is none."""
    return PureWindowsPath(value).suffix[1:].lower()


@converter(examples={"'C:\\\\deeds\\\\2024\\\\7.pdf' | parent_folder": "2024", "'7.pdf' | parent_folder": ""})
def parent_folder(value: str) -> str:
    """Take the name of the folder that holds the file."""
    return PureWindowsPath(value).parent.name
