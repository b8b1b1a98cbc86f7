// Starts `opusmap lsp`, and passes on between it and VS Code. It needs no other package and no build.
"use strict";

const {spawn} = require("node:child_process");
const vscode = require("vscode");

const LANGUAGE = {language: "yaml", scheme: "file"};
const TRIGGERS = " :{|'\"[.,"; // as the server says
const SEVERITIES = [undefined, "Error", "Warning", "Information", "Hint"];

let server = null;
let problems = null;
let log = null;

function activate(context) {
  problems = vscode.languages.createDiagnosticCollection("opusmap");
  log = vscode.window.createOutputChannel("opusmap");
  context.subscriptions.push(
    problems, log, {dispose: stop},
    vscode.commands.registerCommand("opusmap.restart", () => { stop(); start(); }),
    vscode.workspace.onDidOpenTextDocument(open),
    vscode.workspace.onDidChangeTextDocument(({document}) => change(document)),
    vscode.workspace.onDidSaveTextDocument((document) => tell("didSave", document)),
    vscode.workspace.onDidCloseTextDocument(close),
    vscode.languages.registerCompletionItemProvider(LANGUAGE, {provideCompletionItems: complete}, ...TRIGGERS),
    vscode.languages.registerHoverProvider(LANGUAGE, {provideHover: hover}),
    vscode.languages.registerDefinitionProvider(LANGUAGE, {provideDefinition: define}),
    vscode.languages.registerCodeActionsProvider(LANGUAGE, {provideCodeActions: fix}),
  );
  start();
}

function deactivate() {
  return stop();
}

// The server: JSON-RPC messages by its standard input and output

function start() {
  const settings = vscode.workspace.getConfiguration("opusmap");
  const folder = vscode.workspace.workspaceFolders?.[0];
  const process = spawn(settings.get("command"), ["lsp", ...settings.get("arguments")], {cwd: folder?.uri.fsPath});
  const started = {process, asked: new Map(), number: 0, isReady: false};
  server = started;
  let rest = Buffer.alloc(0);
  process.stdout.on("data", (part) => {
    rest = Buffer.concat([rest, part]);
    for (let found = read(rest); found; found = read(rest)) {
      rest = found.rest;
      receive(started, found.message);
    }
  });
  process.stderr.on("data", (part) => log.append(part.toString()));
  process.stdin.on("error", () => {}); // it has ended, which is said below
  process.on("error", (error) => end(started, `${settings.get("command")} can't be started: ${error.message}. Name it in the setting opusmap.command.`));
  process.on("exit", (code) => end(started, `opusmap lsp has ended (${code}). The output “opusmap” says why; the extra lsp may not be installed.`));
  ask("initialize", {
    processId: globalThis.process.pid,
    rootUri: folder?.uri.toString() ?? null,
    workspaceFolders: (vscode.workspace.workspaceFolders ?? []).map(({uri, name}) => ({uri: uri.toString(), name})),
    capabilities: {textDocument: {
      publishDiagnostics: {}, hover: {contentFormat: ["markdown"]}, completion: {completionItem: {documentationFormat: ["markdown"]}},
      codeAction: {codeActionLiteralSupport: {codeActionKind: {valueSet: ["quickfix"]}}},
    }},
  }, started).then(() => {
    started.isReady = true;
    send(started, {method: "initialized", params: {}});
    vscode.workspace.textDocuments.forEach(open);
  }, () => {});
}

function stop() {
  const stopped = server;
  server = null;
  problems?.clear();
  stopped?.process.kill();
}

function end(ended, words) {
  ended.asked.forEach(({reject}) => reject(new Error(words)));
  ended.asked.clear();
  if (server !== ended) return; // it was stopped
  server = null;
  problems.clear();
  vscode.window.showErrorMessage(words);
}

/** Return the first message of some bytes and the bytes behind it; null if it has not come whole. */
function read(bytes) {
  const head = bytes.indexOf("\r\n\r\n");
  if (head < 0) return null;
  const length = Number(/content-length: *(\d+)/i.exec(bytes.toString("ascii", 0, head))?.[1] ?? 0);
  const body = bytes.subarray(head + 4, head + 4 + length);
  return body.length < length ? null : {message: JSON.parse(body.toString("utf8")), rest: bytes.subarray(head + 4 + length)};
}

function send(to, message) {
  const body = Buffer.from(JSON.stringify({jsonrpc: "2.0", ...message}));
  to.process.stdin.write(`Content-Length: ${body.length}\r\n\r\n`);
  to.process.stdin.write(body);
}

function ask(method, params, to = server) {
  const id = ++to.number;
  return new Promise((resolve, reject) => {
    to.asked.set(id, {resolve, reject});
    send(to, {id, method, params});
  });
}

function receive(from, {id, method, params, result, error}) {
  if (method === "textDocument/publishDiagnostics") publish(params);
  else if (method === "window/logMessage") log.appendLine(params.message);
  else if (method && id !== undefined) send(from, {id, result: null}); // it asks for what is not needed here
  else if (from.asked.has(id)) {
    const {resolve, reject} = from.asked.get(id);
    from.asked.delete(id);
    if (error) reject(new Error(error.message));
    else resolve(result);
  }
}

// Documents

const isMapping = (document) => document.languageId === "yaml" && document.uri.scheme === "file";
const named = (document) => ({textDocument: {uri: document.uri.toString()}});

function tell(event, document, params = {}) {
  if (!isMapping(document) || !server?.isReady) return; // once it is ready, it is told of all that is open
  send(server, {method: `textDocument/${event}`, params: {...named(document), ...params}});
}

function open(document) {
  const {uri, version, languageId} = document;
  tell("didOpen", document, {textDocument: {uri: uri.toString(), version, languageId, text: document.getText()}});
}

function change(document) {
  tell("didChange", document, {
    textDocument: {uri: document.uri.toString(), version: document.version},
    contentChanges: [{text: document.getText()}],
  });
}

function close(document) {
  problems.delete(document.uri);
  tell("didClose", document);
}

// Answers

const place = ({line, character}) => ({line, character});
const range = ({start, end}) => new vscode.Range(start.line, start.character, end.line, end.character);
const markdown = (one) => (one ? new vscode.MarkdownString(typeof one === "string" ? one : one.value) : undefined);

async function question(method, document, params) {
  if (!isMapping(document) || !server?.isReady) return null;
  try {
    return await ask(`textDocument/${method}`, {...named(document), ...params});
  } catch (error) {
    log.appendLine(`${method}: ${error.message}`);
    return null;
  }
}

function publish({uri, diagnostics}) {
  problems.set(vscode.Uri.parse(uri), diagnostics.map((one) => {
    const shown = new vscode.Diagnostic(range(one.range), one.message, vscode.DiagnosticSeverity[SEVERITIES[one.severity ?? 1]]);
    shown.source = one.source;
    shown.code = one.codeDescription ? {value: one.code, target: vscode.Uri.parse(one.codeDescription.href)} : one.code;
    return shown;
  }));
}

async function complete(document, position) {
  const found = await question("completion", document, {position: place(position)});
  return (found?.items ?? found ?? []).map((one, at) => {
    const item = new vscode.CompletionItem(one.label, (one.kind ?? 1) - 1); // VS Code counts from 0
    item.detail = one.detail;
    item.documentation = markdown(one.documentation);
    item.sortText = one.sortText ?? String(at).padStart(5, "0");
    item.filterText = one.filterText;
    item.insertText = one.textEdit?.newText ?? one.insertText ?? one.label;
    if (one.textEdit) item.range = range(one.textEdit.range);
    return item;
  });
}

async function hover(document, position) {
  const found = await question("hover", document, {position: place(position)});
  return found && new vscode.Hover(markdown(found.contents), found.range && range(found.range));
}

async function define(document, position) {
  const found = await question("definition", document, {position: place(position)});
  return [found ?? []].flat().map((one) => new vscode.Location(vscode.Uri.parse(one.uri), range(one.range)));
}

async function fix(document, selected) {
  const asked = {range: {start: place(selected.start), end: place(selected.end)}, context: {diagnostics: []}};
  const found = await question("codeAction", document, asked);
  return (found ?? []).map((one) => {
    const action = new vscode.CodeAction(one.title, vscode.CodeActionKind.QuickFix);
    action.edit = new vscode.WorkspaceEdit();
    for (const [uri, edits] of changes(one.edit ?? {})) {
      for (const {range: at, newText} of edits) action.edit.replace(vscode.Uri.parse(uri), range(at), newText);
    }
    return action;
  });
}

function changes({changes: plain = {}, documentChanges = []}) {
  return [...Object.entries(plain), ...documentChanges.map(({textDocument, edits}) => [textDocument.uri, edits])];
}

module.exports = {activate, deactivate};
