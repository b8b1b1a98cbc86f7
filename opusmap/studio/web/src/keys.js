// Keys for everything: the palette, the next problem, the steps, undo, the list of keys.
import {go} from "./redraw.js";

const typing = (target) => target.closest("input, textarea, select, .cm-editor, [contenteditable]");

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    open();
  } else if (event.altKey && /^[1-6]$/.test(event.key)) {
    event.preventDefault();
    document.querySelectorAll(".steps a")[Number(event.key) - 1]?.click();
  } else if (event.key === "F8") {
    event.preventDefault();
    next();
  } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !typing(event.target)) {
    event.preventDefault();
    document.getElementById(event.shiftKey ? "redo" : "undo")?.click();
  } else if (event.key === "?" && !typing(event.target)) {
    document.getElementById("keys").showModal();
  }
});

/** Go to the next thing that is marked as a problem on the screen, or else in the text. */
function next() {
  const marked = [...document.querySelectorAll("[data-problem], .lines .problem a, .lines .needed a")];
  if (!marked.length) return;
  const at = marked.indexOf(document.activeElement);
  marked[(at + 1) % marked.length].focus();
}

let commands = [];
function open() {
  const dialog = document.getElementById("palette");
  const input = document.getElementById("palette-text");
  commands = [...document.querySelectorAll("a[href], button")]
    .filter((one) => !one.disabled && one.offsetParent && !one.closest("dialog"))
    .map((one) => ({name: one.innerText.replace(/\s+/g, " ").trim(), one}))
    .filter(({name}) => name);
  input.value = "";
  draw();
  dialog.showModal();
}

function draw() {
  const words = document.getElementById("palette-text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const list = document.getElementById("palette-list");
  const found = commands.filter(({name}) => words.every((word) => name.toLowerCase().includes(word))).slice(0, 30);
  list.replaceChildren(...found.map(({name, one}, at) => {
    const item = document.createElement("li");
    item.role = "option";
    item.textContent = name;
    item.setAttribute("aria-selected", String(at === 0));
    item.addEventListener("click", () => run(one));
    item.command = one;
    return item;
  }));
}

function run(one) {
  document.getElementById("palette").close();
  one.focus();
  one.click();
}

document.getElementById("palette-text").addEventListener("input", draw);
document.getElementById("palette-text").addEventListener("keydown", (event) => {
  const items = [...document.querySelectorAll("#palette-list li")];
  const at = items.findIndex((one) => one.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const to = (at + (event.key === "ArrowDown" ? 1 : items.length - 1)) % items.length;
    items.forEach((one, index) => one.setAttribute("aria-selected", String(index === to)));
    items[to]?.scrollIntoView({block: "nearest"});
  } else if (event.key === "Enter") {
    event.preventDefault();
    if (items[at]) run(items[at].command);
  }
});
document.addEventListener("click", (event) => {
  if (event.target.closest("#open-palette")) open();
});
