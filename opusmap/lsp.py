"""`opusmap.language` as a language server, for VS Code, Neovim, Zed and others.

The protocol is pygls's business (the extra `lsp`). Owns documents, whose text is kept here because pygls also
breaks lines where the protocol does not; positions in the units of the client; and which files are looked at.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, TypeAlias, TypeVar

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method
from pygls.uris import from_fs_path, to_fs_path

import opusmap
from opusmap.converters import Registry
from opusmap.errors import OpusmapError, SourceError
from opusmap.issues import Issue, Severity, Span
from opusmap.language import LanguageService, Position, Range, TextEdit
from opusmap.language.completion import Completion, Kind
from opusmap.language.positions import Lines
from opusmap.mapping.yaml_reader import SIZE_LIMIT
from opusmap.safe_files import UnreadableFile, read_text

Answer = TypeVar("Answer")
_Found: TypeAlias = tuple[tuple[Issue[Span], ...], OpusmapError | None]

_PAUSE = 0.1
"""Seconds after a keystroke in which another one may come before the problems are looked for."""
_MAPPING = re.compile(r"^\s*\{?\s*[\"']?opusmap[\"']?\s*:", re.MULTILINE)
_KINDS = {
    Kind.KEY: types.CompletionItemKind.Property,
    Kind.TARGET: types.CompletionItemKind.Field,
    Kind.SOURCE: types.CompletionItemKind.Variable,
    Kind.CONVERTER: types.CompletionItemKind.Function,
    Kind.VARIABLE: types.CompletionItemKind.Variable,
    Kind.TABLE: types.CompletionItemKind.Struct,
    Kind.OPTION: types.CompletionItemKind.EnumMember,
    Kind.FORMAT: types.CompletionItemKind.Value,
    Kind.FILE: types.CompletionItemKind.File,
    Kind.VALUE: types.CompletionItemKind.Value,
}


class Units:
    """Positions of a text in the units of a client: UTF-16 code units, unless it takes code points."""

    def __init__(self, text: str, encoding: str) -> None:
        self._text, self._lines, self._encoding = text, Lines(text), encoding

    def here(self, position: types.Position) -> Position:
        """Return a client's position in characters; within a character, its beginning."""
        if position.line >= len(self._lines):
            return Position(len(self._lines), 0)
        start, end = self._lines.bounds(position.line)
        left, column = position.character, 0
        for char in self._text[start:end]:
            left -= self._size(char)
            if left < 0:
                break
            column += 1
        return Position(position.line, column)

    def there(self, position: Position) -> types.Position:
        """Return a position in the client's units."""
        if position.line >= len(self._lines):
            return types.Position(position.line, 0)
        start, end = self._lines.bounds(position.line)
        before = self._text[start : min(start + position.column, end)]
        return types.Position(position.line, sum(map(self._size, before)))

    def range(self, place: Range) -> types.Range:
        """Return a range in the client's units."""
        return types.Range(self.there(place.start), self.there(place.end))

    def _size(self, char: str) -> int:
        if self._encoding == types.PositionEncodingKind.Utf8:
            return len(char.encode("utf-8", "surrogatepass"))
        return 2 if self._encoding != types.PositionEncodingKind.Utf32 and ord(char) > _BMP else 1


_BMP = 0xFFFF


class _Document:
    """A mapping that is open: its text, its service, and the task that will look for its problems."""

    def __init__(self, uri: str, path: str, text: str, converters: Registry) -> None:
        self.uri, self.path, self.text = uri, path, text
        self.version: int | None = None
        self.pending: asyncio.Task[None] | None = None
        self.published: dict[str, tuple[Issue[Span], ...]] = {}
        self._service = LanguageService(path, converters)
        self._taken: str | None = None
        self._lock = Lock()

    def ask(self, text: str, question: Callable[[LanguageService], Answer]) -> Answer:
        """Answer a question about a text; one question at a time."""
        with self._lock:
            if text != self._taken:
                self._service.update(text)
                self._taken = text
            return question(self._service)

    def forget(self) -> None:
        """Look at the text again when it is asked about: files beside it may have changed."""
        with self._lock:
            self._taken = None


class _Protocol(LanguageServerProtocol):
    """The protocol without pygls's copy of each document: it changes positions beyond the end of a line."""

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> Iterator[Any]:
        """Hand a change on as it came."""
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE], (params,), None


class MappingServer(LanguageServer):
    """A language server for mappings. Other files, and those outside of the workspace, are left alone."""

    def __init__(self, converters: Registry) -> None:
        """Make a server; `converters` are those that mappings may name."""
        super().__init__("opusmap", opusmap.__version__, protocol_cls=_Protocol)
        self._converters = converters
        self._documents: dict[str, _Document] = {}
        self._workers = ThreadPoolExecutor(4, "opusmap-lsp")
        _register_documents(self)
        _register_questions(self)

    def open(self, uri: str, text: str, version: int | None) -> None:
        """Take a document that the client has opened."""
        path = to_fs_path(uri) if uri.startswith("file:") else None
        if path is None or not self._may_read(Path(path)):
            return
        document = self._documents[uri] = _Document(uri, path, text, self._converters)
        document.version = version
        self._look(document)

    def change(
        self, uri: str, changes: Iterable[types.TextDocumentContentChangeEvent], version: int | None
    ) -> None:
        """Take changes of a document, in their order."""
        document = self._documents.get(uri)
        if document is None:
            return
        for change in changes:
            if isinstance(change, types.TextDocumentContentChangeWholeDocument):
                document.text = change.text
            else:
                units, lines = self.units(document.text), Lines(document.text)
                start, end = (lines.offset(units.here(one)) for one in (change.range.start, change.range.end))
                document.text = document.text[:start] + change.text + document.text[end:]
        document.version = version
        self._look(document, _PAUSE)

    def close(self, uri: str) -> None:
        """Forget a document, and take its problems back."""
        document = self._documents.pop(uri, None)
        if document is not None:
            if document.pending is not None:
                document.pending.cancel()
            self._publish(document, (), None)

    def look_again(self) -> None:
        """Look at all documents again: a file has changed."""
        for document in self._documents.values():
            document.forget()
            self._look(document)

    async def ask(
        self, uri: str, question: Callable[[LanguageService, Units], Answer], otherwise: Answer
    ) -> Answer:
        """Answer a question about a document as it is now, in a thread, so that the client can go on."""
        document = self._documents.get(uri)
        if document is None or not _MAPPING.search(document.text):
            return otherwise
        text, units = document.text, self.units(document.text)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._workers, document.ask, text, lambda service: question(service, units)
        )

    def units(self, text: str) -> Units:
        """Return the positions of a text in the units that were agreed with the client."""
        return Units(text, str(self.workspace.position_encoding or "utf-16"))

    def _may_read(self, path: Path) -> bool:
        """Return whether a file is in the workspace; a client without one has opened this file alone."""
        roots = [to_fs_path(uri) for uri in self.workspace.folders]
        roots = roots or [self.workspace.root_path]
        folders = [Path(root).resolve() for root in roots if root]
        return not folders or any(path.resolve().is_relative_to(folder) for folder in folders)

    def _look(self, document: _Document, pause: float = 0) -> None:
        """Look for the problems of a document after a pause, unless it changes again."""
        if document.pending is not None:
            document.pending.cancel()
        document.pending = asyncio.ensure_future(self._look_after(document, pause))

    async def _look_after(self, document: _Document, pause: float) -> None:
        await asyncio.sleep(pause)
        text = document.text
        found: _Found = ((), None)
        if _MAPPING.search(text):
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._workers, document.ask, text, _find_problems)
        if self._documents.get(document.uri) is document and document.text == text:
            self._publish(document, *found)

    def _publish(
        self, document: _Document, problems: tuple[Issue[Span], ...], error: OpusmapError | None
    ) -> None:
        """Send the problems of a mapping by file; a file that two mappings include has those of both."""
        before, document.published = document.published, {}
        by_file: dict[str, list[Issue[Span]]] = {document.path: []}
        for problem in problems:
            by_file.setdefault(problem.place.file, []).append(problem)
        for file, found in by_file.items():
            document.published[file] = tuple(found)
        if not problems and error is None and not before:
            return
        for file in before.keys() | by_file.keys():
            everyone = (one.published.get(file, ()) for one in (document, *self._documents.values()))
            shown = dict.fromkeys(issue for issues in everyone for issue in issues)
            own = file == document.path
            uri = document.uri if own else from_fs_path(str(Path(file).absolute()))
            if uri is not None:
                units = self.units(document.text if own else _text_of(file))
                diagnostics = [_diagnostic(issue, units) for issue in shown]
                diagnostics += [] if error is None or not own else [_as_diagnostic(error)]
                version = document.version if own else None
                params = types.PublishDiagnosticsParams(uri, diagnostics, version)
                self.text_document_publish_diagnostics(params)


def _find_problems(service: LanguageService) -> _Found:
    return service.problems, service.error


def _as_diagnostic(error: OpusmapError) -> types.Diagnostic:
    """Return what keeps a mapping from being checked, at its start."""
    # Another source may be named on the command line; without its lock a mapping can't run.
    is_source = isinstance(error, SourceError)
    severity = types.DiagnosticSeverity.Warning if is_source else types.DiagnosticSeverity.Error
    start = types.Range(types.Position(0, 0), types.Position(0, 1))
    code = error.code if isinstance(error, SourceError) else None
    return types.Diagnostic(start, str(error), severity, code, source="opusmap")


def _text_of(file: str) -> str:
    try:
        return read_text(file, SIZE_LIMIT, errors="replace")
    except UnreadableFile:
        return ""


def _diagnostic(issue: Issue[Span], units: Units) -> types.Diagnostic:
    severity = types.DiagnosticSeverity.Error
    if issue.severity is Severity.WARNING:
        severity = types.DiagnosticSeverity.Warning
    message = f"{issue.message}\nhelp: {issue.hint}" if issue.hint else issue.message
    place = units.range(Range.of(issue.place))
    return types.Diagnostic(place, message, severity, issue.code or None, source="opusmap")


def _edit(edit: TextEdit, units: Units) -> types.TextEdit:
    return types.TextEdit(units.range(Range(edit.start, edit.end)), edit.new)


def _item(completion: Completion, place: int, units: Units) -> types.CompletionItem:
    new = completion.edit.new
    return types.CompletionItem(
        completion.label,
        kind=_KINDS[completion.kind],
        detail=completion.detail or completion.kind.value,
        documentation=types.MarkupContent(types.MarkupKind.Markdown, completion.documentation),
        sort_text=f"{place:04}",
        filter_text=new if new[:1] in ("'", '"') else completion.label,  # editors compare what is replaced
        text_edit=_edit(completion.edit, units),
    )


def _register_documents(server: MappingServer) -> None:

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        server.open(document.uri, document.text, document.version)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        server.change(params.text_document.uri, params.content_changes, params.text_document.version)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        server.close(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(_params: types.DidSaveTextDocumentParams) -> None:
        server.look_again()

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def did_change_files(_params: types.DidChangeWatchedFilesParams) -> None:
        server.look_again()


def _complete(position: types.Position, service: LanguageService, units: Units) -> types.CompletionList:
    found = service.complete(units.here(position))
    items = [_item(one, place, units) for place, one in enumerate(found)]
    return types.CompletionList(is_incomplete=False, items=items)


def _hover(position: types.Position, service: LanguageService, units: Units) -> types.Hover | None:
    found = service.hover(units.here(position))
    if found is None:
        return None
    shown = types.MarkupContent(types.MarkupKind.Markdown, found.text)
    return types.Hover(shown, units.range(found.range))


def _define(
    server: MappingServer, params: types.DefinitionParams, service: LanguageService, units: Units
) -> list[types.Location]:
    places = []
    for one in service.find_definition(units.here(params.position)):
        own = one.file == service.path
        uri = params.text_document.uri if own else from_fs_path(str(Path(one.file).absolute()))
        there = units if own else server.units(_text_of(one.file))
        if uri is not None:
            places.append(types.Location(uri, there.range(one.range)))
    return places


def _fix(params: types.CodeActionParams, service: LanguageService, units: Units) -> list[types.CodeAction]:
    place = Range(units.here(params.range.start), units.here(params.range.end))
    return [
        types.CodeAction(
            fix.title,
            kind=types.CodeActionKind.QuickFix,
            diagnostics=None if fix.issue is None else [_diagnostic(fix.issue, units)],
            edit=types.WorkspaceEdit(
                changes={params.text_document.uri: [_edit(edit, units) for edit in fix.edits]}
            ),
        )
        for fix in service.find_fixes(place)
    ]


def _register_questions(server: MappingServer) -> None:
    @server.feature(
        types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=list(" :{|'\"[.,"))
    )
    async def completion(params: types.CompletionParams) -> types.CompletionList:
        nothing = types.CompletionList(is_incomplete=False, items=[])
        return await server.ask(params.text_document.uri, partial(_complete, params.position), nothing)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> types.Hover | None:
        return await server.ask(params.text_document.uri, partial(_hover, params.position), None)

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    async def definition(params: types.DefinitionParams) -> list[types.Location]:
        return await server.ask(params.text_document.uri, partial(_define, server, params), [])

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix]),
    )
    async def code_action(params: types.CodeActionParams) -> list[types.CodeAction]:
        return await server.ask(params.text_document.uri, partial(_fix, params), [])


def serve(converters: Registry, stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Serve a client on two streams until it leaves."""
    MappingServer(converters).start_io(stdin, stdout)
