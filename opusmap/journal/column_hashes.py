"""Column hashes: 4 bytes a column of each accepted record, which tell which columns have changed since.

Owns what the bytes are. A column's hash is the CRC-32 of its JSON, begun with a number made of the journal's
random key and the column's name. It tells nearly all changes (all but 1 in 4 billion), at less than half the
cost of a cryptographic hash for each cell. It does not protect a value from one who has the journal: that
person can test a guess, as against 4 bytes of any hash.

What is kept of a record is the first 4 bytes of its content's hash, which show when an older opusmap left
hashes beside a newer content; the number of a layout; and a hash for each of the layout's columns. A layout
is a list of columns, by their internal names: so it does not matter in which order a mapping fills them, and
columns may come and go. Its number is made of the names, so that processes which share a run need not agree
on one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from struct import Struct
from typing import TypeAlias
from zlib import crc32

import msgspec

Layouts: TypeAlias = "dict[bytes, tuple[str, ...]]"
"""The columns of layouts, by their numbers of 4 bytes."""

_SIZE = 4
_NOTHING = msgspec.Raw(b"")
_astuple = msgspec.structs.astuple
_read_columns = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class ColumnHasher:
    """Hashes records of one connection in one journal, and compares others with what was kept of them."""

    def __init__(self, key: bytes, layouts: Mapping[bytes, tuple[str, ...]]) -> None:
        """Begin with the journal's key, and the layouts that it has for the connection."""
        self._key = key
        self._known = dict(layouts)
        self._new: Layouts = {}
        # The longest one has the columns of most mappings, so that most runs need no other.
        self._layout = _Layout(key, max(layouts.values(), key=lambda names: (len(names), names), default=()))

    def hash(self, record: bytes, content: bytes) -> bytes:
        """Return what is kept of a record (its JSON) whose content has this hash: 4 bytes a column, and 8."""
        layout = self._layout
        try:
            values = _astuple(layout.decode(record))
        except msgspec.ValidationError:  # it has a column that the layout lacks
            layout = self._extend(record)
            values = _astuple(layout.decode(record))
        return layout.pack(content, layout.number, *map(crc32, values, layout.seeds))

    def take_new(self) -> Layouts:
        """Return the layouts that have come up since this was asked last: they must be kept, too."""
        new, self._new = self._new, {}
        return new

    def compare(self, kept: bytes, content: bytes, record: bytes) -> tuple[str, ...] | None:
        """Return which columns of a record differ from those of an accepted one, by their internal names.

        Args:
            kept: what `hash` returned for the accepted one.
            content: the hash of the accepted one's content.
            record: the JSON of the other.

        Returns:
            The names; None where `kept` is not of this content, or can't be read.
        """
        names = self._known.get(kept[_SIZE : 2 * _SIZE])
        if names is None or len(kept) != _SIZE * (2 + len(names)) or kept[:_SIZE] != _head(content):
            return None
        found = (int.from_bytes(kept[at : at + _SIZE], "little") for at in range(2 * _SIZE, len(kept), _SIZE))
        before = dict(zip(names, found, strict=True))
        after = {name: crc32(value, _seed(self._key, name)) for name, value in _read_columns(record).items()}
        return tuple(
            name
            for name in {**before, **after}
            if before.get(name, seed := _seed(self._key, name)) != after.get(name, seed)
        )

    def _extend(self, record: bytes) -> _Layout:
        names = (*self._layout.names, *(n for n in _read_columns(record) if n not in self._layout.names))
        layout = self._layout = _Layout(self._key, names)
        if layout.number not in self._known:
            self._new[layout.number] = self._known[layout.number] = names
        return layout


class _Layout:
    """A list of columns: what reads them all at once. A column that a record lacks is read as no bytes."""

    def __init__(self, key: bytes, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.number = blake2b("\0".join(names).encode(), digest_size=_SIZE, key=key).digest()
        self.seeds = tuple(_seed(key, name) for name in names)
        self.pack = Struct(f"<{_SIZE}s{_SIZE}s{len(names)}I").pack
        fields = [
            (f"column_{at}", msgspec.Raw, msgspec.field(default=_NOTHING, name=name))
            for at, name in enumerate(names)
        ]
        record = msgspec.defstruct("Record", fields, frozen=True, gc=False, forbid_unknown_fields=True)
        self.decode = msgspec.json.Decoder(record).decode


def _seed(key: bytes, name: str) -> int:
    """Return what the hashes of a column begin with, which is also the hash of a column that is not there."""
    return int.from_bytes(blake2b(name.encode(), digest_size=_SIZE, key=key).digest(), "little")


def _head(content: bytes) -> bytes:
    return content[:_SIZE].ljust(_SIZE, b"\0")
