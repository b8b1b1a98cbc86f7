// Progress of long work, as the server streams it: <div data-progress="NUMBER">.
import {refresh} from "./redraw.js";

let watching = null;

function watch() {
  const shown = document.querySelector("[data-progress]");
  const number = shown?.dataset.progress;
  if (watching && watching.number === number) return;
  watching?.events.close();
  watching = null;
  if (!number) return;
  const events = new EventSource(`/progress/${number}`);
  watching = {number, events};
  events.addEventListener("progress", (event) => {
    const target = document.querySelector(`[data-progress="${number}"]`);
    if (target) target.innerHTML = event.data; // made by the server's template, in which all values are text
  });
  events.addEventListener("end", () => {
    events.close();
    watching = null;
    refresh();
  });
}

document.addEventListener("htmx:afterSettle", watch);
watch();
