// Runs docs/editors/vscode/extension.js with the real server, and the part of VS Code's interface that it uses.
// `node vscode_extension.cjs EXTENSION FILE PROGRAM [ARGUMENT …]`, with questions as lines "KIND LINE CHARACTER" on stdin.
"use strict";
const Module = require("node:module");
const {readFileSync} = require("node:fs");
const {pathToFileURL, fileURLToPath} = require("node:url");

const [extension, file, command, ...given] = process.argv.slice(2);
const handlers = {};
const subscribe = (name) => (handler) => { handlers[name] = handler; return {dispose() {}}; };
const provide = (name) => (_selector, provider) => { Object.assign(handlers, provider); return {dispose() {}}; };
const make = (...names) => class { constructor(...values) { names.forEach((name, at) => { this[name] = values[at]; }); } };
const uri = (text) => ({toString: () => text, fsPath: fileURLToPath(text), scheme: "file", toJSON: () => text});
const document = {
  uri: uri(pathToFileURL(file).href), languageId: "yaml", version: 1, getText: () => readFileSync(file, "utf8"),
};
let published = null;
const shown = new Promise((resolve) => { published = resolve; });

const vscode = {
  languages: {
    createDiagnosticCollection: () => ({set: (_uri, found) => published(found), delete() {}, clear() {}, dispose() {}}),
    registerCompletionItemProvider: provide(), registerHoverProvider: provide(),
    registerDefinitionProvider: provide(), registerCodeActionsProvider: provide(),
  },
  window: {
    createOutputChannel: () => ({append: (text) => process.stderr.write(text), appendLine: (text) => process.stderr.write(`${text}\n`), dispose() {}}),
    showErrorMessage: (words) => { console.log(JSON.stringify({error: words})); process.exit(0); },
  },
  commands: {registerCommand: () => ({dispose() {}})},
  workspace: {
    workspaceFolders: [{uri: uri(pathToFileURL(require("node:path").dirname(file)).href), name: "mapping"}],
    textDocuments: [document],
    getConfiguration: () => ({get: (name) => ({command, arguments: []})[name]}),
    onDidOpenTextDocument: subscribe("open"), onDidChangeTextDocument: subscribe("change"),
    onDidSaveTextDocument: subscribe("save"), onDidCloseTextDocument: subscribe("close"),
  },
  Uri: {parse: uri},
  Range: class { constructor(a, b, c, d) { this.start = {line: a, character: b}; this.end = {line: c, character: d}; } },
  Diagnostic: make("range", "message", "severity"),
  DiagnosticSeverity: {Error: "error", Warning: "warning", Information: "information", Hint: "hint"},
  CompletionItem: make("label", "kind"), MarkdownString: make("value"), Hover: make("contents", "range"),
  Location: make("uri", "range"), CodeAction: make("title", "kind"), CodeActionKind: {QuickFix: "quickfix"},
  WorkspaceEdit: class { edits = []; replace(_uri, range, text) { this.edits.push({range, text}); } },
};
const load = Module._load;
Module._load = (name, ...rest) => (name === "vscode" ? vscode : load(name, ...rest));
const child = require("node:child_process");
const spawn = child.spawn; // the program may need arguments before those of the extension
child.spawn = (program, args, options) => spawn(program, [...given, ...args], options);

async function main() {
  const {activate, deactivate} = require(extension);
  activate({subscriptions: []});
  const answers = {problems: await shown};
  for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
    const [kind, ...at] = line.split(" ");
    const position = {line: Number(at[0]), character: Number(at[1])};
    if (kind === "completion") answers[kind] = await handlers.provideCompletionItems(document, position);
    if (kind === "hover") answers[kind] = await handlers.provideHover(document, position);
    if (kind === "definition") answers[kind] = await handlers.provideDefinition(document, position);
    if (kind === "fixes") answers[kind] = await handlers.provideCodeActions(document, {start: position, end: position});
  }
  console.log(JSON.stringify(answers));
  await deactivate();
}
main();
