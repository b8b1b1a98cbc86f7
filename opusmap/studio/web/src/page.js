// htmx, the pulse that notices changes made elsewhere, selects that go to an address, the YAML toggle.
import htmx from "htmx.org";

window.htmx = htmx;

export const app = () => document.getElementById("app");
export const mapping = () => app()?.dataset.mapping || "";

/** Ask the server to draw the present view again. */
export function refresh() {
  return htmx.ajax("GET", location.pathname + location.search, {target: "#app", select: "#app", swap: "outerHTML"});
}

/** Go to a view by its address. */
export function go(address) {
  const link = document.createElement("a");
  link.href = address;
  if (new URL(link.href).searchParams.get("mapping") !== new URL(location.href).searchParams.get("mapping")) {
    location.assign(link.href);
    return;
  }
  htmx.ajax("GET", address, {target: "#app", select: "#app", swap: "outerHTML"}).then(() => history.pushState({htmx: true}, "", address));
}

document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-goes]")) go(event.target.value);
  if (event.target.matches("[data-submits]")) htmx.trigger(event.target.form, "submit");
});

// Errors of the server are shown, and pages that can't be had are said.
document.addEventListener("htmx:responseError", (event) => show(event.detail.xhr.status === 403));
document.addEventListener("htmx:sendError", () => show(true));

function show(offline) {
  document.getElementById("offline").hidden = !offline;
}

const busy = () => !!document.querySelector(".htmx-request");

let beating = false;
async function pulse() {
  if (beating || busy() || !mapping() || document.hidden) return;
  beating = true;
  try {
    const answer = await fetch(`/pulse?mapping=${encodeURIComponent(mapping())}`);
    show(answer.status === 403);
    if (!answer.ok) return;
    const {version, state} = await answer.json();
    const {dataset} = app();
    if (busy()) return; // its answer shows what has changed
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
