// The mapping's text in CodeMirror. The server keeps the text; each change goes there, and comes back with problems.
import {autocompletion, completionKeymap} from "@codemirror/autocomplete";
import {defaultKeymap, indentWithTab} from "@codemirror/commands";
import {yaml} from "@codemirror/lang-yaml";
import {HighlightStyle, indentUnit, syntaxHighlighting} from "@codemirror/language";
import {lintGutter, lintKeymap, setDiagnostics} from "@codemirror/lint";
import {highlightSelectionMatches, searchKeymap} from "@codemirror/search";
import {EditorState, StateEffect, StateField, Transaction} from "@codemirror/state";
import {Decoration, EditorView, highlightActiveLine, hoverTooltip, keymap, lineNumbers} from "@codemirror/view";
import {tags} from "@lezer/highlight";
import {app, hold, mapping, refresh} from "./redraw.js";

const WAIT = 150; // milliseconds after a keystroke before the server is asked
const address = (path) => `${path}?mapping=${encodeURIComponent(mapping())}`;
const offset = (doc, [line, column]) => {
  const found = doc.line(Math.max(1, Math.min(line + 1, doc.lines)));
  // The server counts code points, CodeMirror UTF-16 units.
  return found.from + Math.min(found.length, [...found.text].slice(0, column).join("").length);
};
const place = (doc, at) => {
  const line = doc.lineAt(at);
  return {line: line.number - 1, column: [...line.text.slice(0, at - line.from)].length};
};

let version = "";
let view = null;
let typed = false;
let sending = null;
let timer = 0;

async function ask(question, state, at) {
  await flush();
  const answer = await fetch(address(`/ask/${question}`), {
    method: "POST",
    body: JSON.stringify({...place(state.doc, at), row: Number(app().dataset.row)}),
  });
  return answer.ok ? answer.json() : null;
}

async function complete(context) {
  const before = context.matchBefore(/[\p{L}\p{N}_.:|{ -]*/u);
  if (!context.explicit && !/[\p{L}\p{N}:|.\s{]$/u.test(before?.text ?? "")) return null;
  const found = await ask("completion", context.state, context.pos);
  if (!found?.length) return null;
  const from = Math.min(...found.map((one) => offset(context.state.doc, one.from)));
  return {
    from,
    filter: true,
    options: found.map((one) => ({
      label: one.label, detail: one.detail, info: one.documentation || undefined,
      apply: (target) => target.dispatch({
        changes: {from: offset(target.state.doc, one.from), to: target.state.selection.main.head, insert: one.new},
        userEvent: "input.complete",
      }),
    })),
  };
}

const hover = hoverTooltip(async (target, at) => {
  const found = await ask("hover", target.state, at);
  if (!found) return null;
  return {
    pos: offset(target.state.doc, found.from),
    end: offset(target.state.doc, found.to),
    create: () => {
      const dom = document.createElement("div");
      dom.className = "cm-hover";
      dom.textContent = found.text;
      return {dom};
    },
  };
});

function show(problems) {
  if (!view) return;
  const doc = view.state.doc;
  const diagnostics = problems.map((one) => {
    const from = offset(doc, one.from);
    return {
      from, to: Math.max(from, offset(doc, one.to)),
      severity: one.severity, source: one.code,
      message: one.hint ? `${one.message}\n→ ${one.hint}` : one.message,
      actions: [{name: "Fixes", apply: (target, at) => fix(target, at)}],
    };
  });
  view.dispatch(setDiagnostics(view.state, diagnostics));
}

async function fix(target, at) {
  const found = await ask("fixes", target.state, at);
  const first = found?.[0];
  if (!first) return say("There is no quick fix for this.");
  target.dispatch({changes: first.edits.map((edit) => ({from: offset(target.state.doc, edit.from), to: offset(target.state.doc, edit.to), insert: edit.new}))});
  say(first.title);
}

function say(words) {
  document.getElementById("yaml-state").textContent = words;
}

async function definition(target) {
  const found = await ask("definition", target.state, target.state.selection.main.head);
  if (!found?.length) return;
  const at = offset(target.state.doc, found[0].from);
  target.dispatch({selection: {anchor: at}, scrollIntoView: true});
}

/** Send what was typed, if anything; wait until the server has it. */
export async function flush() {
  clearTimeout(timer);
  if (sending) await sending;
  if (!typed || !view) return;
  typed = false;
  sending = send(view.state.doc.toString());
  await sending;
  sending = null;
  if (typed) await flush();
}

async function send(text) {
  say("…");
  let answer;
  try {
    answer = await fetch(`${address("/text")}&base=${version}`, {method: "POST", body: text});
  } catch {
    typed = true;
    return say("The studio does not answer. Your text is still here.");
  }
  if (answer.status === 409) {
    say("Another tab has changed this mapping.");
    typed = false;
    return refresh();
  }
  if (!answer.ok) return say(answer.status === 413 ? await answer.text() : `Not saved (${answer.status})`);
  const facts = await answer.json();
  version = facts.version;
  show(facts.problems);
  say({saved: "Saved", unsaved: "Not saved", "changed-on-disk": "Changed on disk", gone: "The file is gone", "read-only": "Read-only"}[facts.state]);
  await refresh();
}

async function load() {
  if (!mapping()) return;
  document.getElementById("yaml-title").textContent = mapping();
  const answer = await fetch(address("/text"));
  if (!answer.ok) return;
  const facts = await answer.json();
  version = facts.version;
  if (!view) return start(facts);
  if (facts.text !== view.state.doc.toString()) {
    const before = view.state.doc.toString();
    let from = 0;
    const most = Math.min(before.length, facts.text.length);
    while (from < most && before[from] === facts.text[from]) from++;
    let end = 0;
    while (end < most - from && before[before.length - 1 - end] === facts.text[facts.text.length - 1 - end]) end++;
    view.dispatch({
      changes: {from, to: before.length - end, insert: facts.text.slice(from, facts.text.length - end)},
      annotations: [Transaction.addToHistory.of(false), Transaction.remote.of(true)],
      effects: [flash.of({from, to: facts.text.length - end}), EditorView.scrollIntoView(from, {y: "center"})],
    });
  }
  const problems = await fetch(address("/ask/problems"), {method: "POST", body: "{}"});
  if (problems.ok) show(await problems.json());
}

const flash = StateEffect.define();
const flashed = StateField.define({
  create: () => Decoration.none,
  update(marks, transaction) {
    marks = transaction.docChanged && !transaction.annotation(Transaction.remote) ? Decoration.none : marks.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(flash)) continue;
      const {from, to} = effect.value;
      marks = to > from ? Decoration.set([Decoration.mark({class: "cm-changed"}).range(from, to)]) : Decoration.none;
    }
    return marks;
  },
  provide: (field) => EditorView.decorations.from(field),
});

function start({text, state}) {
  view = new EditorView({
    parent: document.getElementById("editor"),
    state: EditorState.create({
      doc: text,
      extensions: [
        EditorView.cspNonce.of(document.querySelector("meta[name=style-nonce]").content),
        lineNumbers(), highlightActiveLine(), yaml(), indentUnit.of("  "), EditorState.tabSize.of(2),
        syntaxHighlighting(colours),
        autocompletion({override: [complete], activateOnTypingDelay: 200}), hover, lintGutter(), highlightSelectionMatches(), flashed,
        EditorState.readOnly.of(state === "read-only"),
        keymap.of([
          {key: "F12", run: (target) => (definition(target), true)},
          {key: "Mod-z", run: () => (undo(), true)},
          {key: "Escape", run: () => (document.getElementById("toggle-yaml").focus(), true)},
          ...completionKeymap, ...lintKeymap, ...searchKeymap, ...defaultKeymap, indentWithTab,
        ]),
        EditorView.contentAttributes.of({"aria-label": "Text of the mapping (Esc leaves it)"}),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged || update.transactions.some((one) => one.annotation(Transaction.remote))) return;
          typed = true;
          clearTimeout(timer);
          timer = setTimeout(flush, WAIT);
        }),
        theme,
      ],
    }),
  });
  view.scrollDOM.tabIndex = 0; // it scrolls, so the keyboard must reach it
  window.opusmapEditor = view;
  fetch(address("/ask/problems"), {method: "POST", body: "{}"}).then((answer) => answer.ok && answer.json().then(show));
}

async function undo() {
  await flush();
  document.getElementById("undo")?.click();
}

const theme = EditorView.theme({
  "&": {height: "100%", fontSize: "13px", color: "var(--ink)", backgroundColor: "var(--paper)"},
  ".cm-scroller": {fontFamily: 'ui-monospace, "Cascadia Mono", Consolas, "DejaVu Sans Mono", monospace', overflow: "auto"},
  ".cm-gutters": {backgroundColor: "var(--wash)", color: "var(--soft)", border: "0"},
  ".cm-activeLine": {backgroundColor: "transparent"},
  ".cm-content": {caretColor: "var(--ink)"},
  ".cm-cursor": {borderLeftColor: "var(--ink)"},
  ".cm-tooltip": {backgroundColor: "var(--paper)", color: "var(--ink)", border: "1px solid var(--line)", maxWidth: "34rem"},
  ".cm-hover": {padding: ".4rem .6rem", whiteSpace: "pre-wrap", maxHeight: "20rem", overflow: "auto"},
  ".cm-changed": {backgroundColor: "var(--chosen)"},
});

const colours = HighlightStyle.define([
  {tag: [tags.definition(tags.propertyName), tags.propertyName], color: "var(--link)"},
  {tag: [tags.string, tags.special(tags.string)], color: "var(--good)"},
  {tag: tags.comment, color: "var(--soft)"},
  {tag: [tags.keyword, tags.typeName, tags.labelName], color: "var(--attention)"},
]);

document.addEventListener("htmx:confirm", (event) => {
  const {verb, issueRequest} = event.detail;
  if (verb !== "post" || !(typed || sending)) return;
  event.preventDefault(); // an action must see what was typed before it
  const end = hold();
  flush().finally(() => {
    issueRequest(true);
    end();
  });
});
document.addEventListener("htmx:afterSettle", () => {
  if (mapping() && app().dataset.version !== version && !typed) load();
});
document.addEventListener("visibilitychange", () => { if (document.hidden) flush(); });
load();
