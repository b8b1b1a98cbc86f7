"""`opusmap lsp` as editors use it: a real process, spoken to by a client of the protocol."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest
from documentation import ROOT
from lsprotocol import types
from opusmap_program import COMMAND
from pygls.lsp.client import LanguageClient
from pygls.uris import from_fs_path, to_fs_path

from opusmap.cli import main

SECONDS = 60
MAPPING = (ROOT / "mappings" / "contracts" / "mapping.yaml").read_text("utf-8")
AFTER = "# 🎉 😀\n"


class Editor:
    """An editor with a workspace, which keeps the problems that it is sent; `‸` is a mark in a text."""

    def __init__(self, folder, encodings):
        self.folder, self.encodings = folder, encodings
        self.client = LanguageClient("editor", "1")
        self.published = asyncio.Queue()
        self.versions = {}

        @self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def publish(params):
            self.published.put_nowait(params)

    async def begin(self):
        await self.client.start_io(*COMMAND, "lsp")
        general = types.GeneralClientCapabilities(position_encodings=self.encodings)
        uri = from_fs_path(str(self.folder))
        capabilities = types.ClientCapabilities(general=general)
        folders = [types.WorkspaceFolder(uri, "folder")]
        params = types.InitializeParams(capabilities, root_uri=uri, workspace_folders=folders)
        answer = await self.client.initialize_async(params)
        self.client.initialized(types.InitializedParams())
        return answer.capabilities

    def uri(self, name="mapping.yaml"):
        return from_fs_path(str(self.folder / name))

    def open(self, text, name="mapping.yaml"):
        uri = self.uri(name)
        self.versions[uri] = 1
        item = types.TextDocumentItem(uri, "yaml", 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def change(self, start, end, text, name="mapping.yaml"):
        uri = self.uri(name)
        self.versions[uri] += 1
        place = types.Range(types.Position(*start), types.Position(*end))
        change = types.TextDocumentContentChangePartial(place, text)
        document = types.VersionedTextDocumentIdentifier(self.versions[uri], uri)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    async def problems(self, name="mapping.yaml", version=None):
        """Return the next problems of a file that come, of the version if one is given."""
        while True:
            found = await asyncio.wait_for(self.published.get(), SECONDS)
            same = to_fs_path(found.uri) == str(self.folder / name)
            if same and version in (None, found.version):
                return found.diagnostics

    def at(self, marked):
        """Return where the mark is in a text, in UTF-16 units, as the protocol has it."""
        before = marked[: marked.index("‸")].split("\n")
        return types.Position(len(before) - 1, len(before[-1].encode("utf-16-le")) // 2)


@asynccontextmanager
async def editing(folder, encodings=("utf-16",)):
    editor = Editor(folder, list(encodings))
    try:
        yield editor, await editor.begin()
    finally:
        await asyncio.wait_for(editor.client.shutdown_async(None), SECONDS)
        editor.client.exit(None)
        await asyncio.wait_for(editor.client.stop(), SECONDS)


@pytest.fixture
def folder(tmp_path):
    for path in (ROOT / "mappings" / "contracts").iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    return tmp_path.resolve()


def place(diagnostic):
    start, end = diagnostic.range.start, diagnostic.range.end
    return [start.line + 1, start.character + 1, end.line + 1, end.character + 1]


def test_problems_come_when_a_mapping_is_opened_and_changed_and_are_those_of_check(folder, capsys):
    async def session():
        async with editing(folder) as (editor, capabilities):
            assert capabilities.position_encoding == "utf-16"
            assert capabilities.text_document_sync.change == types.TextDocumentSyncKind.Incremental
            editor.open(MAPPING)
            opened = await editor.problems()
            line = MAPPING[: MAPPING.index("  Amount: Amount")].count("\n")
            editor.change((line, 10), (line, 16), "Amuont")
            return opened, await editor.problems(version=2)

    opened, changed = asyncio.run(session())
    for found, text in ((opened, MAPPING), (changed, MAPPING.replace("Amount: Amount", "Amount: Amuont"))):
        (folder / "mapping.yaml").write_text(text, "utf-8")
        main(["check", str(folder / "mapping.yaml"), "--json"])
        wanted = json.loads(capsys.readouterr().out)["diagnostics"]
        assert [
            (one.code, place(one), one.message, one.severity.name.lower(), one.source) for one in found
        ] == [
            (
                one["code"],
                [one["span"][key] for key in ("line", "column", "end_line", "end_column")],
                f"{one['message']}\nhelp: {one['help']}",
                one["severity"],
                "opusmap",
            )
            for one in wanted
        ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8"])
def test_positions_behind_astral_characters_are_right(folder, encoding):
    """The binding of one line: its column is behind two characters that are two units of UTF-16."""
    size = {"utf-16": 2, "utf-32": 1, "utf-8": 4}[encoding]
    start = MAPPING[: MAPPING.index("  Notes: Notes")]
    text = start + '  Notes: "🎉😀 {{ Titel }}"\n'
    line = start.count("\n")

    async def session():
        async with editing(folder, [encoding]) as (editor, capabilities):
            assert capabilities.position_encoding == encoding
            editor.open(text)
            found = await editor.problems()
            (wrong,) = [one for one in found if one.code == "unknown-column"]
            column = len('  Notes: "') + 2 * size + len(" {{ ")
            assert place(wrong) == [line + 1, column + 1, line + 1, column + 6]
            # The last letter of the name is taken away, and two others are written in its place.
            editor.change((line, column + 3), (line, column + 5), "le")
            found = await editor.problems(version=2)
            assert [one for one in found if one.code == "unknown-column"] == []
            params = types.HoverParams(
                types.TextDocumentIdentifier(editor.uri()), types.Position(line, column + 2)
            )
            shown = await editor.client.text_document_hover_async(params)
            assert shown.contents.value.startswith("**Title** (source column)")

    asyncio.run(session())


def test_completion_hover_definition_and_fixes_are_answered(folder):
    start = MAPPING[: MAPPING.index("  Notes: Notes")] + AFTER

    async def session():
        async with editing(folder) as (editor, _):
            document = types.TextDocumentIdentifier(editor.uri())
            typed = start + '  Notes: "🎉 {{ Ti‸'
            editor.open(typed.replace("‸", ""))
            assert [one.code for one in await editor.problems()] == ["yaml-syntax"]
            params = types.CompletionParams(document, editor.at(typed))
            found = await editor.client.text_document_completion_async(params)
            title = next(one for one in found.items if one.label == "Title")
            assert title.kind == types.CompletionItemKind.Variable
            assert title.text_edit.new_text == "Title"
            assert title.text_edit.range.end == editor.at(typed)
            assert title.text_edit.range.start.character == editor.at(typed).character - 2

            line = start.count("\n")
            editor.change((line, 0), (line, 1000), "  Notes: {from: Titel, convert: trim}\n")
            wrong = (await editor.problems(version=2))[-1]
            assert wrong.code == "unknown-column", wrong
            context = types.CodeActionContext([wrong])
            params = types.CodeActionParams(document, wrong.range, context)
            (action,) = await editor.client.text_document_code_action_async(params)
            assert (action.title, action.kind) == ('Write "Title"', types.CodeActionKind.QuickFix)
            assert list(action.diagnostics) == [wrong]
            (edit,) = action.edit.changes[editor.uri()]
            assert (edit.new_text, edit.range) == ("Title", wrong.range)

            where = types.Position(line, 35)
            shown = await editor.client.text_document_hover_async(types.HoverParams(document, where))
            assert "**trim(chars)** (converter)" in shown.contents.value
            at = editor.at(MAPPING.replace("lookup: departments", "lookup: depart‸ments"))
            (there,) = await editor.client.text_document_definition_async(
                types.DefinitionParams(document, at)
            )
            defined = MAPPING[: MAPPING.index("  departments:")].count("\n")
            assert (there.uri, there.range.start) == (editor.uri(), types.Position(defined, 2))
            at = types.Position(line, 3)
            (there,) = await editor.client.text_document_definition_async(
                types.DefinitionParams(document, at)
            )
            assert to_fs_path(there.uri) == str(folder / "contracts.connection.json")

    asyncio.run(session())


def test_problems_of_an_included_file_come_with_the_mapping_and_go_with_it(folder):
    (folder / "more.yaml").write_text("let:\n  x: 1\n  x: 2\n")
    text = MAPPING.replace("conflict: overwrite", "include: [more.yaml]\nconflict: overwrite")

    async def session():
        async with editing(folder) as (editor, _):
            editor.open(text)
            assert [one.code for one in await editor.problems("more.yaml")] == ["repeated-key"]
            (folder / "more.yaml").write_text("let:\n  x: 1\n")
            saved = types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(editor.uri("more.yaml")))
            editor.client.text_document_did_save(saved)
            assert not await editor.problems("more.yaml")
            (folder / "more.yaml").write_text("let: [\n")
            editor.client.text_document_did_save(saved)
            assert [one.code for one in await editor.problems("more.yaml")] == ["yaml-syntax"]
            closed = types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(editor.uri()))
            editor.client.text_document_did_close(closed)
            assert not await editor.problems("more.yaml")

    asyncio.run(session())


def test_other_yaml_and_files_outside_of_the_workspace_are_left_alone(folder):
    outside = folder / "outside"
    outside.mkdir()
    inside = folder / "inside"
    inside.mkdir()

    async def session():
        async with editing(inside) as (editor, _):
            editor.open("on: push\njobs: [", "workflow.yaml")
            editor.open("opusmap: 1\n", "../outside/mapping.yaml")
            editor.open("opusmap: 1\n", "mapping.yaml")
            first = await asyncio.wait_for(editor.published.get(), SECONDS)
            assert to_fs_path(first.uri) == str(inside / "mapping.yaml")
            assert [one.code for one in first.diagnostics] == ["missing-key"]
            for name in ("workflow.yaml", "../outside/mapping.yaml"):
                document = types.TextDocumentIdentifier(editor.uri(name))
                params = types.CompletionParams(document, types.Position(1, 0))
                found = await editor.client.text_document_completion_async(params)
                assert not found.items
            assert editor.published.empty()

    asyncio.run(session())


def test_without_the_extra_it_says_what_to_install(tmp_path):
    code = "import sys; sys.modules['pygls'] = None; from opusmap.cli import main; sys.exit(main(['lsp']))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "install the extra `lsp`" in ended.stderr
    assert ended.stdout == ""
