"""Singer taps: the messages that a tap writes, one JSON object a line, read for the records of one stream.

The messages SCHEMA, RECORD and STATE are those of the Singer specification 0.3.0; ACTIVATE_VERSION and BATCH
are additions of Meltano's SDK. A row's number is its line's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from opusmap.errors import SourceError
from opusmap.source_options import SourceOptions
from opusmap.sources.batches import PART_ROWS, PART_SIZE, Part, RowPart
from opusmap.sources.json_lines import SAMPLE_BYTES, SAMPLE_ROWS, PiecePart, read_rows, utf8_blocks
from opusmap.sources.source import Checkpoint, Format, Reading, Source, StreamSource, reject_row
from opusmap.sources.text_io import Block, Input, whole_lines
from opusmap.wording import quote_names, quote_value, suggest

_BATCHED = "the tap sends batches of files, which opusmap does not read"
_HOW = "let the tap write to standard input: tap-contracts | opusmap submit mapping.yaml -"


class _Schema(msgspec.Struct):
    properties: dict[str, Any] = {}


class _Message(msgspec.Struct):
    """One line of a tap. What a message of its type does not have is empty."""

    type: str
    stream: str = ""
    record: msgspec.Raw = msgspec.Raw()
    schema: _Schema | None = None
    value: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Message).decode


def open_singer(input: Input, options: SourceOptions) -> Source:
    """Open the messages of a Singer tap.

    The columns are the properties in the stream's SCHEMA, and the names in its first records.

    Raises:
        SourceError: `unknown-stream`, `several-streams`, `singer-message`; the last two also while the rows
            are read.
    """
    checkpoints = deque[Checkpoint]()

    def begin(blocks: Iterator[Block]) -> Reading:
        checkpoints.clear()
        messages = _Messages(whole_lines(utf8_blocks(blocks, None, input.name), (b"\n",), input.name))
        reader = _StreamReader(messages, input.name, options.stream, checkpoints)
        return Reading(reader.find_columns(), reader.parts(), reader.notes, word="line")

    source = StreamSource(input, begin)
    source.checkpoints = checkpoints
    return source


class _Messages:
    """The messages of a tap with their line numbers; None for a line that is not a message."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks

    def __iter__(self) -> Iterator[tuple[int, bytes, _Message | None]]:
        number = 0
        for block in self._blocks:
            for line in block.removesuffix(b"\n").split(b"\n"):
                number += 1
                if line.strip():
                    yield number, line, _read(line)


def _read(line: bytes) -> _Message | None:
    try:
        return _decode(line)
    except (ValueError, RecursionError):
        return None


class _StreamReader:
    """The records of one stream, in parts, and the checkpoints among them."""

    def __init__(
        self, messages: Iterable[Any], name: str, stream: str | None, checkpoints: deque[Checkpoint]
    ) -> None:
        self.notes: tuple[str, ...] = ()
        self._messages = iter(messages)
        self._name, self._checkpoints = name, checkpoints
        self._stream, self._is_stated = stream or "", stream is not None
        self._ahead = list[tuple[int, bytes, _Message | None]]()
        self._failure: SourceError | None = None
        self._rows = self._last = 0

    def find_columns(self) -> tuple[str, ...]:
        """Read the SCHEMA of the stream and the first messages after it, and return the columns.

        Raises:
            SourceError: there is none.
        """
        seen = dict[str, None]()
        for one in self._messages:
            self._ahead.append(one)
            message = one[2]
            if message is None or message.type not in ("SCHEMA", "RECORD"):
                continue
            seen[message.stream] = None
            if self._is_stated and message.stream != self._stream:
                continue
            if message.type == "RECORD" or message.schema is None:
                raise self._broken(one[0], f"a {message.type} arrives before the SCHEMA of its stream")
            self._stream = message.stream
            if self._is_stated:
                others = "records of other streams, if the tap sends any, are skipped"
                self.notes = (f"the rows are from the stream {quote_value(self._stream)}; {others}",)
            return tuple(dict.fromkeys([*message.schema.properties, *self._sample_names()]))
        if not self._ahead:
            return ()  # a tap that has nothing new
        if not seen and all(one[2] is not None for one in self._ahead):
            return ()
        if not seen:
            number, line, _ = self._ahead[0]
            problem = (
                f"this is not a message of a Singer tap: {quote_value(line[:40].decode('utf-8', 'replace'))}"
            )
            raise SourceError(self._name, "singer-message", problem, number, _HOW)
        problem = f"the tap has no stream {quote_value(self._stream)}"
        hint = suggest(self._stream, list(seen)) or f"its streams are {quote_names(seen, limit=60)}"
        raise SourceError(self._name, "unknown-stream", problem, help=hint)

    def _sample_names(self) -> list[str]:
        """Return the names in the first records: a tap may add some that the SCHEMA does not have.

        What stops the reading is kept for its place among the rows.
        """
        names, size = dict[str, None](), 0
        try:
            for number, line, message in islice(self._messages, SAMPLE_ROWS):
                self._ahead.append((number, line, message))
                if message is not None and message.type == "RECORD" and message.stream == self._stream:
                    found = read_rows([number], [bytes(message.record)], "line")
                    names.update(dict.fromkeys(name for row in found for name in row.values))
                size += len(line)
                if size > SAMPLE_BYTES:
                    break
        except SourceError as error:
            self._failure = error
        return list(names)

    def parts(self) -> Iterator[Part]:
        """Yield the records in parts, each cut off as soon as a checkpoint follows it.

        A line that is not a message becomes a separate reject, because it may have been a record.

        Raises:
            SourceError: `several-streams`, `singer-message`.
        """
        part, size = PiecePart("line", [], []), 0
        try:
            for number, line, message in self._all():
                match message:
                    case _Message("RECORD", self._stream, record) if record:
                        piece = bytes(record)
                    case None:
                        piece = line
                    case _Message("STATE", value=value) if value:
                        self._checkpoints.append(Checkpoint(self._rows, self._last, bytes(value)))
                        continue
                    case _Message("RECORD", self._stream):
                        yield part
                        hint = "was the tap's output cut off, or changed by another program?"
                        yield RowPart(
                            [reject_row(number, "singer-message", "the RECORD has no `record`", hint)]
                        )
                        part, size = PiecePart("line", [], []), 0
                        self._rows, self._last = self._rows + 1, number
                        continue
                    case _:
                        self._pass_over(number, message)
                        continue
                part.numbers.append(number)
                part.pieces.append(piece)
                self._rows, self._last = self._rows + 1, number
                size += len(piece)
                if len(part.pieces) == PART_ROWS or size > PART_SIZE:
                    yield part
                    part, size = PiecePart("line", [], []), 0
        except Exception:
            yield part
            raise
        yield part

    def _all(self) -> Iterator[tuple[int, bytes, _Message | None]]:
        yield from self._ahead
        self._ahead.clear()
        if self._failure is not None:
            raise self._failure
        yield from self._messages

    def _pass_over(self, number: int, message: _Message) -> None:
        """Pass over a message that gives no row, unless rows would be lost with it."""
        if message.type == "BATCH" and message.stream == self._stream:
            hint = "switch batches off in the tap's settings (`batch_config`)"
            raise SourceError(self._name, "singer-message", _BATCHED, number, hint)
        if message.type == "RECORD" and not self._is_stated:
            problem = (
                f"the tap sends records of {quote_value(self._stream)} and of {quote_value(message.stream)}"
            )
            hint = f"choose one: write `stream: {self._stream}` under `source:`"
            raise SourceError(self._name, "several-streams", problem, number, hint)

    def _broken(self, number: int, problem: str) -> SourceError:
        return SourceError(
            self._name, "singer-message", problem, number, "is this the output of a Singer tap?"
        )


FORMAT = Format(
    name="singer",
    title="messages of a Singer tap",
    suffixes=(),
    options=("stream",),
    open=open_singer,
)
