// The virtual grid of rejected rows: only rows in view are in the page, and the server maps each edited row again.
import {PAGE, Rows} from "./grid_rows.js";
import {formatBlock, parseBlock} from "./tsv.js";

const HEIGHT = 32; // pixels of a row
const AHEAD = 4; // rows that are kept ready above and below
const OWN = 2; // columns of the grid's own: the row's number, and what is wrong
const POLL = 2000; // milliseconds between two looks for more rows while a check goes on

const remembered = new Map(); // what a person sees and does outlives a swap of the page, by the address of the rows
const seen = (text) => text.replace(/\r\n|\r|\n/g, "⏎").replaceAll("\t", "⇥");
let grid = null;

class Grid {
  constructor(root) {
    this.root = root;
    // Styles are set on elements without an id: htmx copies attributes of those with one, which the policy forbids.
    this.box = root.parentElement;
    this.rows = new Rows(root.dataset.rejects, root.dataset.fix, (words) => this.say(words));
    this.shown = new Map();
    const before = remembered.get(root.dataset.rejects);
    this.state = before ?? {top: 0, left: 0, at: {row: 0, column: OWN}, anchor: {row: 0, column: OWN}, editing: null, undo: [], focused: false};
    remembered.set(root.dataset.rejects, this.state);
    this.start();
  }

  async start() {
    await this.rows.load(0, 0);
    if (grid !== this) return;
    this.build();
    if (this.root.dataset.running) this.timer = setInterval(() => this.look(), POLL);
  }

  async look() {
    if (!this.root.isConnected) return clearInterval(this.timer);
    if (await this.rows.look()) this.resize();
  }

  build() {
    const {root, state} = this;
    root.replaceChildren();
    this.box.style.setProperty("--columns", `5rem 22rem ${this.rows.columns.map(() => "12rem").join(" ")}`);
    root.setAttribute("aria-colcount", String(this.rows.columns.length + OWN));
    this.head = document.createElement("div");
    this.head.role = "row";
    this.head.className = "grid-row grid-head";
    this.head.setAttribute("aria-rowindex", "1");
    for (const [at, {name, concerned}] of [{name: "Row"}, {name: "What is wrong"}, ...this.rows.columns].entries()) {
      const cell = document.createElement("div");
      cell.role = "columnheader";
      cell.setAttribute("aria-colindex", String(at + 1));
      cell.textContent = name;
      cell.title = name;
      if (concerned) cell.classList.add("concerned");
      this.head.append(cell);
    }
    const headGroup = document.createElement("div");
    headGroup.role = "rowgroup";
    headGroup.className = "grid-head-group";
    headGroup.append(this.head);
    this.body = document.createElement("div");
    this.body.role = "rowgroup";
    this.body.className = "grid-body";
    root.append(headGroup, this.body);
    this.resize();
    root.scrollTop = state.top;
    root.scrollLeft = state.left;
    root.addEventListener("scroll", () => this.schedule());
    root.addEventListener("keydown", (event) => this.key(event));
    root.addEventListener("mousedown", (event) => this.press(event));
    root.addEventListener("mousemove", (event) => this.drag(event));
    root.addEventListener("dblclick", () => this.edit());
    root.addEventListener("copy", (event) => this.copy(event));
    root.addEventListener("paste", (event) => this.paste(event));
    root.addEventListener("focus", () => { this.state.focused = true; this.tell(); });
    root.addEventListener("blur", () => { if (root.isConnected) this.state.focused = false; });
    this.render();
    if (state.focused) root.focus({preventScroll: true});
    if (state.editing) this.edit(state.editing.text);
    this.tell();
  }

  resize() {
    this.root.setAttribute("aria-rowcount", String(this.rows.total + 1));
    if (this.body) this.body.style.height = `${this.rows.total * HEIGHT}px`;
    this.box.style.height = `min(36rem, ${(this.rows.total + 2) * HEIGHT}px)`;
    for (const place of [this.state.at, this.state.anchor]) place.row = Math.max(0, Math.min(place.row, this.rows.total - 1));
    if (this.body) this.render();
  }

  // What is in view

  schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.state.top = this.root.scrollTop;
      this.state.left = this.root.scrollLeft;
      this.render();
    });
  }

  render() {
    const first = Math.max(0, Math.floor(this.root.scrollTop / HEIGHT) - AHEAD);
    const last = Math.min(this.rows.total - 1, Math.ceil((this.root.scrollTop + this.root.clientHeight) / HEIGHT) + AHEAD);
    const spare = [];
    for (const [index, element] of this.shown) {
      if ((index < first || index > last) && index !== this.state.editing?.row) {
        this.shown.delete(index);
        spare.push(element);
      }
    }
    let missing = false;
    const filled = [];
    for (let index = first; index <= last; index++) {
      if (!this.shown.has(index)) {
        const element = spare.pop() ?? this.make();
        this.shown.set(index, element);
        this.fill(element, index);
        filled.push([index, element]);
      }
      missing ||= !this.rows.row(index);
    }
    spare.forEach((one) => one.remove());
    const block = JSON.stringify([this.block(), this.state.at]);
    this.mark(block === this.marked ? filled : this.shown); // a scroll alone changes no mark
    this.marked = block;
    if (missing) this.rows.load(first, last).then(() => this.refill());
    else this.rows.load(Math.max(0, first - PAGE), Math.min(this.rows.total - 1, last + PAGE)); // what comes into view next
  }

  refill() {
    if (!this.root.isConnected) return;
    for (const [index, element] of this.shown) if (element.waiting && this.rows.row(index)) this.fill(element, index);
    this.mark();
    this.tell();
  }

  make() {
    const element = document.createElement("div");
    element.role = "row";
    element.className = "grid-row";
    for (let column = 0; column < this.rows.columns.length + OWN; column++) {
      const cell = document.createElement("div");
      cell.role = column ? "gridcell" : "rowheader";
      cell.setAttribute("aria-colindex", String(column + 1));
      element.append(cell);
    }
    this.body.append(element);
    return element;
  }

  fill(element, index) {
    const row = this.rows.row(index);
    element.waiting = !row;
    element.index = index;
    element.style.transform = `translateY(${index * HEIGHT}px)`;
    element.setAttribute("aria-rowindex", String(index + 2));
    element.classList.toggle("locked", !!row?.locked);
    const [number, wrong, ...cells] = element.children;
    number.textContent = row ? row.row : "…";
    wrong.textContent = row ? [row.state === "rejected" ? "" : row.state, ...row.problems.map((one) => one.text)].filter(Boolean).join(" · ") : "";
    for (const [column, cell] of [...element.children].entries()) cell.id = `cell-${index}-${column}`;
    element.marked = true; // what it was filled with before is unmarked
    wrong.className = row?.state === "fixed" ? "good" : row ? "bad" : "";
    wrong.title = wrong.textContent;
    for (const [at, cell] of cells.entries()) {
      const was = row?.was[at];
      cell.textContent = row ? seen(row.cells[at]) : "";
      cell.className = was === undefined ? "" : "edited";
      cell.title = was === undefined ? "" : `Original: ${was || "(empty)"}`;
      cell.setAttribute("aria-readonly", String(!row || !!row.locked || row.long.includes(at)));
      if (was !== undefined) {
        const word = document.createElement("span");
        word.className = "word";
        word.textContent = "edited";
        cell.prepend(word, " ");
      }
    }
  }

  block() {
    const {at, anchor} = this.state;
    return {
      top: Math.min(at.row, anchor.row), bottom: Math.max(at.row, anchor.row),
      left: Math.min(at.column, anchor.column), right: Math.max(at.column, anchor.column),
    };
  }

  mark(rows = this.shown) {
    const {top, bottom, left, right} = this.block();
    const {at} = this.state;
    for (const [index, element] of rows) {
      const within = index >= top && index <= bottom;
      if (!within && !element.marked) continue;
      element.marked = within;
      for (const [column, cell] of [...element.children].entries()) {
        cell.setAttribute("aria-selected", String(within && column >= left && column <= right));
        cell.classList.toggle("active", index === at.row && column === at.column);
      }
    }
    const id = `cell-${at.row}-${at.column}`;
    if (document.getElementById(id)) this.root.setAttribute("aria-activedescendant", id);
    else this.root.removeAttribute("aria-activedescendant");
  }

  move(row, column, extend = false) {
    const {state, root} = this;
    state.at = {row: Math.max(0, Math.min(row, this.rows.total - 1)), column: Math.max(0, Math.min(column, this.rows.columns.length + OWN - 1))};
    if (!extend) state.anchor = {...state.at};
    const head = this.head.offsetHeight;
    const y = state.at.row * HEIGHT;
    if (y < root.scrollTop) root.scrollTop = y;
    else if (y + HEIGHT > root.scrollTop + root.clientHeight - head) root.scrollTop = y + HEIGHT - root.clientHeight + head;
    const shown = this.head.children[state.at.column];
    const own = this.head.children[0].offsetWidth;
    if (shown.offsetLeft - own < root.scrollLeft) root.scrollLeft = shown.offsetLeft - own;
    else if (shown.offsetLeft + shown.offsetWidth > root.scrollLeft + root.clientWidth) root.scrollLeft = shown.offsetLeft + shown.offsetWidth - root.clientWidth;
    this.render();
    this.tell();
  }

  // What a person does

  key(event) {
    if (this.state.editing || event.altKey) return;
    const {at} = this.state;
    const jump = event.ctrlKey || event.metaKey;
    const screen = Math.max(1, Math.floor(this.root.clientHeight / HEIGHT) - 2);
    const last = {row: this.rows.total - 1, column: this.rows.columns.length + OWN - 1};
    const to = {
      ArrowUp: [jump ? 0 : at.row - 1, at.column], ArrowDown: [jump ? last.row : at.row + 1, at.column],
      ArrowLeft: [at.row, jump ? 0 : at.column - 1], ArrowRight: [at.row, jump ? last.column : at.column + 1],
      PageUp: [at.row - screen, at.column], PageDown: [at.row + screen, at.column],
      Home: [jump ? 0 : at.row, 0], End: [jump ? last.row : at.row, last.column],
    }[event.key];
    if (to) this.move(...to, event.shiftKey);
    else if (event.key === "F2" || event.key === "Enter") this.edit();
    else if (event.key === "Escape") this.move(at.row, at.column);
    else if (jump && event.key.toLowerCase() === "d") this.fillDown();
    else if (jump && event.key.toLowerCase() === "z") this.undo();
    else if (event.key === "Delete" || event.key === "Backspace") this.set(() => "");
    else if (!jump && event.key.length === 1) this.edit(event.key);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  place(event) {
    const cell = event.target.closest?.("[role=gridcell], [role=rowheader]");
    return cell && this.body.contains(cell) ? {row: cell.parentElement.index, column: [...cell.parentElement.children].indexOf(cell)} : null;
  }

  press(event) {
    const place = this.place(event);
    if (!place || event.button || event.target.tagName === "TEXTAREA") return;
    this.root.focus({preventScroll: true});
    this.move(place.row, place.column, event.shiftKey);
    event.preventDefault();
  }

  drag(event) {
    if (event.buttons !== 1 || this.state.editing) return;
    const place = this.place(event);
    if (place && (place.row !== this.state.at.row || place.column !== this.state.at.column)) this.move(place.row, place.column, true);
  }

  why(row, column) {
    if (column < OWN) return "This column is not one of the source.";
    if (!row) return "The row is still being read.";
    if (row.long.includes(column - OWN)) return "This cell is too long to be edited here.";
    return row.locked;
  }

  edit(text) {
    const {at} = this.state;
    const row = this.rows.row(at.row);
    const why = this.why(row, at.column);
    if (why) {
      this.state.editing = null;
      return this.say(why);
    }
    const cell = this.shown.get(at.row)?.children[at.column];
    if (!cell || cell.querySelector("textarea")) return;
    this.state.anchor = {...at};
    const area = document.createElement("textarea");
    area.value = text ?? row.cells[at.column - OWN];
    area.rows = 1;
    area.setAttribute("aria-label", `${this.rows.columns[at.column - OWN].name} of row ${row.row} (Enter saves, Esc leaves it)`);
    this.state.editing = {...at, text: area.value};
    cell.append(area);
    cell.classList.add("editing");
    let over = false;
    const end = (save, down = 0, right = 0) => {
      if (over || !area.isConnected) return;
      over = true;
      const value = area.value;
      this.state.editing = null;
      area.remove();
      cell.classList.remove("editing");
      if (down || right || !save) this.root.focus({preventScroll: true});
      if (save) this.apply([{index: at.row, column: at.column, text: value}]);
      if (down || right) this.move(at.row + down, at.column + right);
    };
    area.addEventListener("input", () => { this.state.editing = {...at, text: area.value}; });
    area.addEventListener("blur", () => end(true));
    area.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter" && event.altKey) area.setRangeText("\n", area.selectionStart, area.selectionEnd, "end");
      else if (event.key === "Enter") end(true, 1);
      else if (event.key === "Tab") end(true, 0, event.shiftKey ? -1 : 1);
      else if (event.key === "Escape") end(false);
      else return;
      event.preventDefault();
    });
    area.focus();
    if (text === undefined) area.select();
    else area.setSelectionRange(area.value.length, area.value.length);
  }

  /** Give each cell of the block the text that `text(row, column)` returns; undefined leaves it. */
  async set(text) {
    this.root.setAttribute("aria-busy", "true"); // until the edits are saved, in `apply`
    const {top, bottom, left, right} = this.block();
    await this.rows.load(top, bottom);
    const edits = [];
    for (let index = top; index <= bottom; index++) {
      for (let column = Math.max(OWN, left); column <= right; column++) edits.push({index, column, text: text(index, column)});
    }
    await this.apply(edits);
  }

  async fillDown() {
    this.root.setAttribute("aria-busy", "true");
    const {top, bottom} = this.block();
    if (top === bottom && top > 0) this.state.anchor = {row: top - 1, column: this.state.anchor.column};
    const first = this.block().top;
    await this.rows.load(first, first);
    await this.set((_row, column) => this.rows.row(first)?.cells[column - OWN]);
  }

  takeBack() {
    const {top, bottom} = this.block();
    this.state.anchor = {row: top, column: OWN};
    this.state.at = {row: bottom, column: this.rows.columns.length + OWN - 1};
    return this.set((row, column) => this.rows.row(row)?.was[column - OWN]);
  }

  undo() {
    const last = this.state.undo.pop();
    if (last) this.apply(last.map(({row, column, text}) => ({index: this.rows.find(row), column, text})), true);
    else this.say("There is no edit of a cell to undo.");
  }

  async apply(wanted, undoing = false) {
    const edits = [];
    const left = new Set();
    for (const {index, column, text} of wanted) {
      const row = this.rows.row(index);
      if (text === undefined) continue;
      const why = this.why(row, column);
      const before = row?.cells[column - OWN];
      if (why) left.add(why);
      else if (before !== text) edits.push({row: row.row, column, name: this.rows.columns[column - OWN].name, before, text});
    }
    this.root.setAttribute("aria-busy", "true");
    const {done, problem} = await this.rows.save(edits, (found) => this.take(found));
    if (problem) left.add(problem);
    if (done.length && !undoing) this.state.undo.push(done.map(({row, column, before}) => ({row, column, text: before})));
    this.root.setAttribute("aria-busy", "false");
    this.tell([...left].join(" "));
  }

  take({rows, ready, wrong}) {
    for (const row of rows) {
      const index = this.rows.replace(row);
      if (index === undefined) continue;
      const element = this.shown.get(index);
      if (element && index !== this.state.editing?.row) this.fill(element, index);
    }
    this.mark();
    for (const [name, value] of Object.entries({ready, wrong})) {
      for (const one of document.querySelectorAll(`[data-fixes="${name}"]`)) one.textContent = value.toLocaleString("en");
    }
    document.querySelectorAll("[data-if-fixes]").forEach((one) => { one.hidden = !(ready + wrong); });
    document.querySelectorAll("[data-if-ready]").forEach((one) => { one.hidden = !ready; });
  }

  copy(event) {
    if (this.state.editing) return;
    event.preventDefault();
    const {top, bottom, left, right} = this.block();
    const rows = [];
    for (let index = top; index <= bottom; index++) {
      const row = this.rows.row(index);
      if (!row) return this.say("Scroll through these rows once before you copy them.");
      const problems = row.problems.map((one) => one.text).join("; ");
      rows.push([String(row.row), problems, ...row.cells].slice(left, right + 1));
    }
    event.clipboardData.setData("text/plain", formatBlock(rows));
    this.say(`${rows.length === 1 ? "1 row" : `${rows.length} rows`} copied.`);
  }

  paste(event) {
    if (this.state.editing) return;
    event.preventDefault();
    const pasted = parseBlock(event.clipboardData.getData("text/plain"));
    const {top, bottom, left, right} = this.block();
    if (pasted.length > 1 || pasted[0].length > 1) {
      this.state.anchor = {row: top, column: left};
      this.state.at = {row: Math.min(this.rows.total - 1, top + Math.max(pasted.length, 1) - 1), column: Math.min(this.rows.columns.length + OWN - 1, left + pasted[0].length - 1)};
      this.set((row, column) => pasted[row - top]?.[column - left]);
    } else if (bottom - top || right - left || pasted[0][0] !== undefined) {
      this.set(() => pasted[0][0]);
    }
  }

  // What is said below the grid

  tell(trouble = "") {
    const {at} = this.state;
    const row = this.rows.row(at.row);
    const keep = document.getElementById("grid-keep");
    if (keep) {
      keep.querySelector("[name=number]").value = row ? row.row : "";
      keep.querySelector("button").disabled = !row;
    }
    if (!row) return this.say(trouble || (this.rows.total ? "" : "No row."));
    const was = row.was[at.column - OWN];
    const parts = [
      trouble,
      `Row ${row.row}${row.key ? `, ${row.key}` : ""}: ${row.state}.`,
      was === undefined ? "" : `The original of this cell is “${was || "(empty)"}”.`,
      ...row.problems.map((one) => (one.help ? `${one.text} → ${one.help}` : one.text)),
      row.locked,
    ];
    this.say(parts.filter(Boolean).join(" "));
  }

  say(words) {
    const told = document.getElementById("grid-told");
    const plain = words.replaceAll("`", "");
    if (told && told.textContent !== plain) told.textContent = plain;
  }
}

function watch() {
  const root = document.getElementById("grid");
  if (!root) grid = null;
  else if (grid?.root !== root) grid = new Grid(root);
}

document.addEventListener("click", (event) => {
  if (event.target.closest("#grid-fill")) grid?.fillDown();
  if (event.target.closest("#grid-back")) grid?.takeBack();
  if (event.target.closest("#grid-undo")) grid?.undo();
});
document.addEventListener("htmx:afterSettle", watch);
watch();
