"""One mapping that is open: its file, its text while it is written, undo, and a sample of its rows.

Owns when a text is saved and when it is not. Only text that can be read as a mapping is written to the file;
other text is kept beside it, so that it outlives the server. A file that another program has changed is never
written over before a person has decided. Undo takes back a change of the text, of a table's file, or of both.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from opusmap.converters import Registry
from opusmap.edits import (
    ChangedOnDisk,
    Intent,
    Patch,
    apply,
    read_mapping_file,
)
from opusmap.errors import InvalidMapping, OpusmapError, SettingsError
from opusmap.issues import Issue, Span
from opusmap.language import LanguageService
from opusmap.language.analysis import Analysis
from opusmap.mapping.yaml_reader import SIZE_LIMIT
from opusmap.output_files import write_whole
from opusmap.records import Filtered, Mapped, Record, Reject
from opusmap.safe_files import UnreadableFile, read_text
from opusmap.studio.file_changes import FileChange, NotAsBefore
from opusmap.studio.typed_text import patch_between, patch_typed, plain

_UNDO_STEPS = 200
UNDO_BYTES = 64 << 20
"""Bytes that a workbench's steps to undo may take, about; the oldest are dropped, and the latest is kept."""
_PAUSE = 1.5
"""Seconds after which what is typed is another step to undo."""


class State(StrEnum):
    """How the text in the page and the file on disk relate."""

    SAVED = "saved"
    UNSAVED = "unsaved"
    """The text can't be read as a mapping, or could not be written: the file has the text before it."""
    CHANGED = "changed-on-disk"
    GONE = "gone"
    READ_ONLY = "read-only"


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows of the source, mapped. `stale`: by the last text that could be compiled."""

    mapped: tuple[Mapped, ...] = ()
    whole: bool = True
    stale: bool = False

    @property
    def ready(self) -> int:
        """Rows that give a record."""
        return sum(isinstance(one, Record) for one in self.mapped)

    @property
    def filtered(self) -> int:
        """Rows that `where` excludes."""
        return sum(isinstance(one, Filtered) for one in self.mapped)

    @property
    def rejected(self) -> int:
        """Rows that can't become a record."""
        return sum(isinstance(one, Reject) for one in self.mapped)


@dataclass(frozen=True)
class _Step:
    """What one undo takes back: a change of the text, and that of a file beside the mapping."""

    patch: Patch
    file: FileChange | None = None

    @property
    def undo(self) -> _Step:
        return _Step(self.patch.undo, None if self.file is None else self.file.undo)

    @cached_property
    def weight(self) -> int:
        """About how many bytes of memory it takes, as if it shared no text with other steps."""
        texts = sys.getsizeof(self.patch.before) + sys.getsizeof(self.patch.text) if self.patch.edits else 0
        return texts + (0 if self.file is None else self.file.weight)


class Workbench:
    """An open mapping. Its methods may be called from any thread, one at a time."""

    def __init__(
        self,
        path: Path,
        name: str,
        converters: Registry | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open a mapping's file.

        Args:
            path: the file.
            name: how the studio calls it: its name within the folder.
            converters: those that it may name; by default the built-in and the installed ones.
            clock: seconds that only grow, by which a pause in typing is known.

        Raises:
            InvalidMapping: it can't be read, or is not text.
        """
        self.name, self.converters, self._clock = name, converters, clock
        self.lock = threading.RLock()
        self._file = read_mapping_file(path)
        self._undo: list[_Step] = []
        self._redo: list[_Step] = []
        self._service = LanguageService(path, converters)
        self._problem: OpusmapError | None = None
        self._typed_at = -_PAUSE
        self._sample: tuple[str, Sample] | None = None
        self._text = self._file.text
        self._draft = path.with_name(f".{path.name}.unsaved")
        self.left_unsaved = self._read_draft()
        self._service.update(self._text)

    @property
    def path(self) -> Path:
        """The mapping's file."""
        return self._file.path

    @property
    def text(self) -> str:
        """The text in the page, with LF as line breaks and without a byte-order mark, as an editor has it."""
        return plain(self._text)

    @property
    def version(self) -> str:
        """What names the text: it changes whenever the text does."""
        return f"{hash(self._text) & 0xFFFF_FFFF_FFFF:x}"

    @property
    def sha256(self) -> str:
        """The hash of the file's bytes, as they were read or written last."""
        return self._file.sha256

    @property
    def state(self) -> State:
        """How text and file relate now; looks at the disk."""
        try:
            now = read_mapping_file(self.path)
        except InvalidMapping:
            return State.CHANGED if os.path.lexists(self.path) else State.GONE
        if now.sha256 != self._file.sha256:
            return State.CHANGED
        if self._text != self._file.text:
            return State.UNSAVED
        if not os.access(self.path, os.W_OK):
            return State.READ_ONLY
        return State.SAVED

    @property
    def problem(self) -> OpusmapError | None:
        """Why the text in the page is not saved."""
        return self._problem

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again."""
        return bool(self._redo)

    @property
    def service(self) -> LanguageService:
        """What answers questions about the text. Hold `lock` while asking."""
        return self._service

    @property
    def problems(self) -> tuple[Issue[Span], ...]:
        """What is wrong or unusual in the text, as `opusmap check` says it."""
        with self.lock:
            return self._service.problems

    @property
    def known(self) -> Analysis:
        """What is known of the mapping: of the text, or of the last one that could be compiled."""
        with self.lock:
            return self._service.known

    @property
    def sample(self) -> Sample:
        """The first rows of the source, mapped by the text; by the last one that compiled, if it does not."""
        with self.lock:
            latest, known = self._service.latest, self._service.known
            if self._sample is None or self._sample[0] != self._text or known.work is None:
                whole = known.sample is None or known.sample.whole
                stale = latest.work is None
                self._sample = (self._text, Sample(self._service.map_sample(), whole, stale))
            return self._sample[1]

    def apply(self, *intents: Intent, file: FileChange | None = None) -> Patch:
        """Change the mapping, and perhaps a file beside it, as one step that can be undone, and save it.

        Raises:
            EditRefused, InvalidMapping: the text can't be changed so; nothing has changed.
            ChangedOnDisk, SettingsError: a file was changed by another program, or can't be written; nothing
                has changed.
        """
        with self.lock:
            if intents and self._text != self._file.text:
                raise self._problem or self._not_saved()
            patch = Patch.of(self._text, ())
            for intent in intents:
                patch = patch.then(apply(patch.text, intent, file=str(self.path), folder=self.path.parent))
            if patch.edits or file is not None:
                self._write(patch, file)
                self._push(_Step(patch, file))
            return patch

    def _write(self, patch: Patch, file: FileChange | None) -> None:
        """Write both files, or neither."""
        if file is not None:
            file.write()
        try:
            if patch.edits:
                self._save(patch)
        except BaseException:
            if file is not None:
                with suppress(SettingsError):
                    file.undo.write()
            raise
        if file is not None:
            self.refresh()

    def _push(self, step: _Step) -> None:
        """Remember what undo takes back next."""
        self._undo = [*self._undo[1 - _UNDO_STEPS :], step]
        weights = accumulate(one.weight for one in reversed(self._undo))
        kept = sum(weight <= UNDO_BYTES for weight in weights)
        self._undo = self._undo[-max(kept, 1) :]
        self._redo = []
        self._typed_at = -_PAUSE

    def type(self, text: str) -> None:
        """Take the text that a person has typed (LF as line breaks); save it if it can be read as a mapping.

        What is typed without a pause is one step to undo.
        """
        with self.lock:
            if text == self.text:
                return
            self._take_text(patch_typed(self._text, text).text)
            if self._problem is None:
                self._save_typed()
            self._keep_draft()

    def _save_typed(self) -> None:
        patch = patch_between(self._file.text, self._text)
        try:
            self._save(patch)
        except OpusmapError as error:
            self._problem = error
            return
        now = self._clock()
        if self._undo and now - self._typed_at < _PAUSE:
            patch = self._undo.pop().patch.then(patch)
        self._push(_Step(patch))
        self._typed_at = now

    def undo(self) -> Path | None:
        """Undo the last step; a text that is not saved goes back to the one that is.

        Returns:
            The file beside the mapping that is as it was, too, or None.

        Raises:
            NotAsBefore: the file beside the mapping was changed elsewhere, and stays; the text is undone.
            ChangedOnDisk, SettingsError: a file can't be written; nothing has changed.
        """
        with self.lock:
            if self._text != self._file.text:
                self._take(self._file.text)
                return None
            return self._move(self._undo, self._redo, back=True)

    def redo(self) -> Path | None:
        """Do again what was undone last; see `undo`."""
        with self.lock:
            return self._move(self._redo, self._undo, back=False) if self._text == self._file.text else None

    def _move(self, steps: list[_Step], others: list[_Step], *, back: bool) -> Path | None:
        """Take the last of the steps, or take it back, and put it on the other pile."""
        if not steps:
            return None
        step = steps[-1].undo if back else steps[-1]
        refusal: NotAsBefore | None = None
        try:
            self._go(step)
        except NotAsBefore as error:
            refusal, step = error, replace(step, file=None)
            if step.patch.edits:
                self._go(step)
        steps.pop()
        if step.patch.edits or step.file is not None:
            others.append(step.undo if back else step)
        if refusal is not None:
            raise refusal
        return None if step.file is None else step.file.path

    def text_on_disk(self) -> str:
        """Return the file's text as it is now, with LF as line breaks; empty if it can't be read."""
        try:
            return plain(read_mapping_file(self.path).text)
        except InvalidMapping:
            return ""

    def reload(self) -> None:
        """Take the file as it is on disk. What the page had can be had back by undo.

        Raises:
            InvalidMapping: it can't be read.
        """
        with self.lock:
            mine, self._file = self._text, read_mapping_file(self.path)
            if mine != self._file.text:
                self._push(_Step(patch_between(mine, self._file.text)))
            self._take(self._file.text)

    def keep_mine(self) -> None:
        """Write the page's text over what another program wrote. What that was can be had back by undo.

        Raises:
            SettingsError: the file can't be written.
        """
        with self.lock:
            mine = self._text
            try:
                self._file = read_mapping_file(self.path)
            except InvalidMapping:
                with write_whole(self.path) as file:
                    file.write(mine.encode(self._file.encoding))
                self._file = read_mapping_file(self.path)
            patch = patch_between(self._file.text, mine)
            if patch.edits:
                self._save(patch)
                self._push(_Step(patch))

    def take_unsaved(self, *, use: bool) -> None:
        """Use the text that an earlier studio could not save, or throw it away."""
        with self.lock:
            text, self.left_unsaved = self.left_unsaved, ""
            if use and text:
                self.type(plain(text))
            else:
                self._keep_draft()

    def refresh(self) -> None:
        """Look again at the files beside the mapping: the source, the connection, tables."""
        with self.lock:
            self._service.update(self._text)
            self._sample = None

    def _go(self, step: _Step) -> None:
        """Go a step; a text that can't be read as a mapping is not written to the file."""
        self._typed_at = -_PAUSE
        if step.patch.edits:
            if self.state in (State.CHANGED, State.GONE):
                raise ChangedOnDisk(str(self.path), "mapping-changed", "the file is not as it was read")
            self._take_text(step.patch.text)
            if self._problem is not None:
                self._keep_draft()
                return
        try:
            self._write(step.patch, step.file)
        except OpusmapError:
            self._take(self._file.text)
            raise

    def _take_text(self, text: str) -> None:
        """Take a text; `problem` says why it can't be read as a mapping."""
        self._text = text
        self._service.update(text)
        broken = self._service.latest.spec is None
        self._problem = InvalidMapping(self._service.problems) if broken else None

    def _save(self, patch: Patch) -> None:
        if patch.before != self._file.text:
            raise self._not_saved()
        self._file = self._file.write(patch)
        self._take(self._file.text)

    def _not_saved(self) -> ChangedOnDisk:
        return ChangedOnDisk(str(self.path), "mapping-changed", "the text in the page is not saved yet")

    def _take(self, text: str) -> None:
        self._take_text(text)
        self._problem = None  # it is what the file has
        self._keep_draft()

    def _keep_draft(self) -> None:
        """Keep a text that is not saved in a hidden file beside the mapping, as long as it is not."""
        unsaved = "" if self._text == self._file.text else self._text
        try:
            if unsaved:
                with write_whole(self._draft) as file:
                    file.write(unsaved.encode("utf-8", "surrogatepass"))
            elif not self.left_unsaved:
                self._draft.unlink(missing_ok=True)
        except (OSError, SettingsError):
            pass  # the page still has it, and says that it is not saved

    def _read_draft(self) -> str:
        try:
            text = read_text(self._draft, SIZE_LIMIT)
        except UnreadableFile:
            return ""
        return "" if plain(text) == self.text else text
