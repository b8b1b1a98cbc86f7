// The pulse that notices changes made elsewhere, selects that go to an address, what failed, the YAML toggle.
import htmx from "htmx.org";
import {app, go, mapping, refresh, watchRequests} from "./redraw.js";

window.htmx = htmx;

document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-goes]")) go(event.target.value);
  if (event.target.matches("[data-submits]")) htmx.trigger(event.target.form, "submit");
});

// A request that fails is never silent.
document.addEventListener("htmx:responseError", ({detail: {xhr}}) => {
  show(xhr.status === 403);
  if (xhr.status !== 403) tell(xhr.responseText || `The studio can't answer (${xhr.status}).`);
});
document.addEventListener("htmx:sendError", () => show(true));

function show(offline) {
  document.getElementById("offline").hidden = !offline;
}

function tell(words) {
  const notice = document.createElement("p");
  notice.className = "notice bad";
  const kind = document.createElement("strong");
  kind.textContent = "Problem:";
  notice.append(kind, ` ${words}`);
  document.getElementById("notices")?.replaceChildren(notice);
}

let beating = false;
async function pulse() {
  if (beating || !mapping() || document.hidden) return;
  beating = true;
  const hasAsked = watchRequests();
  try {
    const answer = await fetch(`/pulse?mapping=${encodeURIComponent(mapping())}`);
    show(answer.status === 403);
    if (!answer.ok) return;
    const {version, state} = await answer.json();
    const {dataset} = app();
    if (hasAsked()) return; // its answer shows what has changed
    if (version !== dataset.version || state !== dataset.state) await refresh();
  } catch {
    show(true);
  } finally {
    beating = false;
  }
}
setInterval(pulse, 2000);

const YAML = "opusmap-yaml";
function applyYaml() {
  const shown = sessionStorage.getItem(YAML) !== "off";
  document.body.classList.toggle("with-yaml", shown && !!mapping());
  document.getElementById("toggle-yaml")?.setAttribute("aria-pressed", String(shown));
}
document.addEventListener("click", (event) => {
  if (event.target.closest("#toggle-yaml")) {
    sessionStorage.setItem(YAML, sessionStorage.getItem(YAML) === "off" ? "on" : "off");
    applyYaml();
  }
});
document.addEventListener("htmx:afterSettle", applyYaml);
applyYaml();
