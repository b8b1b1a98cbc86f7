// Dragging an option onto another puts it in that one's place, as its buttons do step by step.
import {act} from "./redraw.js";

const TYPE = "application/x-opusmap-option";

document.addEventListener("dragstart", (event) => {
  const option = event.target.closest?.("[data-option]");
  if (option) event.dataTransfer.setData(TYPE, option.dataset.option);
});
document.addEventListener("dragover", (event) => {
  const target = event.target.closest?.("[data-option]");
  if (!target || !event.dataTransfer.types.includes(TYPE)) return;
  event.preventDefault();
  target.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => event.target.closest?.("[data-option]")?.classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  const target = event.target.closest?.("[data-option]");
  const option = event.dataTransfer.getData(TYPE);
  if (!target || !event.dataTransfer.types.includes(TYPE)) return;
  event.preventDefault();
  const column = target.querySelector("input[name=column]").value;
  act("/do/values/move", {column, option, position: target.dataset.position});
});
