// Dragging a source column onto a column of Opus does what its select does.
import {act} from "./redraw.js";

document.addEventListener("dragstart", (event) => {
  const source = event.target.closest?.("[data-drag]");
  if (source) event.dataTransfer.setData("application/x-opusmap-column", source.dataset.drag);
});
document.addEventListener("dragover", (event) => {
  const target = event.target.closest?.("[data-drop]");
  if (!target || !event.dataTransfer.types.includes("application/x-opusmap-column")) return;
  event.preventDefault();
  target.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => event.target.closest?.("[data-drop]")?.classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  const target = event.target.closest?.("[data-drop]");
  const value = event.dataTransfer.getData("application/x-opusmap-column");
  if (!target || !value) return;
  event.preventDefault();
  act("/do/columns/bind", {column: target.dataset.drop, mode: "column", value});
});
