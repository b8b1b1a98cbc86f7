// Which answer is drawn, and when. Whatever a person does comes first: the answer to the latest click is drawn, a redraw
// in the background gives way to it, and nothing is drawn between the press and the release of a button.
import htmx from "htmx.org";

const TAP = 100; // milliseconds in which the click of a touch follows its release

export const app = () => document.getElementById("app");
export const mapping = () => app()?.dataset.mapping || "";
const view = document.getElementById("view"); // it stays, so the events of requests always have a way to the document

let requests = 0; // so far, of clicks and in the background
let latest = 0; // the number of the latest click's
const underway = new Set(); // clicks that have no answer yet
let held = 0;
let overtaken = false;
const owed = []; // notices of answers that a later click has overtaken

/** Ask the server to draw the present view again, in the background. */
export async function refresh() {
  const number = ++requests;
  const answer = await fetch(location.pathname + location.search, {headers: {"HX-Request": "true"}});
  if (answer.ok) show({number, html: await answer.text()});
}

/** Go to a view by its address. */
export function go(address) {
  const there = new URL(address, location.href);
  if (there.searchParams.get("mapping") !== new URL(location.href).searchParams.get("mapping")) location.assign(there);
  else ask("GET", address);
}

/** Do an action, and show the view after it. */
export const act = (path, values) => ask("POST", path, values);

function ask(verb, path, values) {
  // Of requests with the same source htmx keeps only the last one that waits, so each has its own.
  const source = document.body.appendChild(document.createElement("span"));
  htmx.ajax(verb, path, {source, target: view, values}).catch(() => {}).finally(() => source.remove());
}

/** Draw nothing in the background until the function that this returns is called. */
export function hold() {
  held++;
  return () => { held--; };
}

/** Return a test of whether anything was asked for since now. */
export function watchRequests() {
  const [before, busy] = [requests, underway.size];
  return () => busy > 0 || requests !== before;
}

document.addEventListener("htmx:beforeRequest", ({detail: {xhr}}) => {
  xhr.number = latest = ++requests;
  underway.add(xhr);
  xhr.addEventListener("loadend", () => {
    underway.delete(xhr);
    if (underway.size || !overtaken) return;
    overtaken = false; // an earlier answer was left out for one that has not come
    refresh();
  });
});

document.addEventListener("htmx:beforeSwap", ({detail}) => {
  const {xhr, shouldSwap, serverResponse: html, requestConfig: {verb, elt}, pathInfo} = detail;
  if (!shouldSwap) return;
  detail.shouldSwap = false; // drawn here
  const moved = xhr.getResponseHeader("HX-Push-Url") ?? (verb === "get" ? pathInfo.responsePath ?? pathInfo.finalRequestPath : "");
  show({number: xhr.number, html, address: moved, from: elt, click: true});
});

function show(answer) {
  if (isPressed()) waiting.push(answer);
  else if (answer.click && answer.number < latest) {
    overtaken = true;
    owed.push(...new DOMParser().parseFromString(answer.html, "text/html").querySelectorAll("#notices > *"));
  } else if (answer.click || (answer.number > latest && !underway.size && !held)) draw(answer);
}

function draw({html, address, from, click}) {
  const restore = address ? () => {} : keepTyped(from);
  if (click) overtaken = false;
  if (address) history.pushState({htmx: true}, "", address);
  htmx.swap(view, html, {swapStyle: "innerHTML", swapDelay: 0, settleDelay: 0}, {select: "#app"});
  restore();
  document.getElementById("notices")?.append(...owed.splice(0));
}
history.replaceState({htmx: true}, ""); // so that the way back leads here, too

// What is typed and not sent, and what is unfolded, outlives a redraw of the same view, except where it was sent from.

const FIELDS = "input[id]:not([type=hidden], [type=file]), textarea[id], select[id]";
const given = (field) => (field.options ? [...field.options].filter((one) => one.defaultSelected).map((one) => one.value).join("\n") : `${field.defaultValue} ${field.defaultChecked}`);
const isTyped = (field) => field.value !== (field.options ? given(field) || field.options[0]?.value : field.defaultValue) || !!field.checked !== !!field.defaultChecked;
const nameOf = (details) => details.querySelector("summary").textContent;

function keepTyped(from) {
  const own = (one) => !from?.contains(one) && from !== one.form;
  const fields = [...view.querySelectorAll(FIELDS)].filter((one) => own(one) && !("goes" in one.dataset) && isTyped(one));
  const unfolded = new Set([...view.querySelectorAll("details[open]")].filter((one) => !one.contains(from ?? null)).map(nameOf));
  return () => {
    for (const one of view.querySelectorAll("details")) one.open ||= unfolded.has(nameOf(one));
    for (const field of fields) {
      const now = document.getElementById(field.id);
      if (now?.type !== field.type || given(now) !== given(field)) continue; // the server's value has changed
      if ("checked" in now) now.checked = field.checked;
      if (!now.options || [...now.options].some((one) => one.value === field.value)) now.value = field.value;
    }
  };
}

// A click is a press and a release of the same element, so that element has to stay in between.

let pressed = false;
let dragged = false;
const waiting = [];
const isPressed = () => pressed || dragged;

function release() {
  pressed = false;
  if (!dragged) waiting.splice(0).forEach(show);
}
function drop() {
  dragged = false;
  release();
}
const listen = (type, listener) => addEventListener(type, listener, true);
listen("pointerdown", () => { pressed = true; });
listen("pointerup", () => setTimeout(release, TAP));
listen("pointercancel", () => setTimeout(release));
listen("click", () => setTimeout(release));
listen("keydown", ({key}) => { if (key === " ") pressed = true; });
listen("keyup", () => setTimeout(release));
listen("dragstart", () => { dragged = true; });
listen("dragend", () => setTimeout(drop));
listen("pointermove", ({buttons}) => { if (!buttons && isPressed()) setTimeout(drop, TAP); }); // released elsewhere
addEventListener("blur", drop);
