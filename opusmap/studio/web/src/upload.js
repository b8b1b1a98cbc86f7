// Files that are dropped or chosen for a new mapping are copied into the folder, one after the other.
import htmx from "htmx.org";

const say = (words) => {
  const state = document.getElementById("upload-state");
  if (state) state.textContent = words;
};

/** Send a file's bytes; give its name in the folder. */
function send(file) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/upload?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.addEventListener("progress", (event) => {
      if (event.total) say(`Copying ${file.name}: ${Math.floor((100 * event.loaded) / event.total)} %`);
    });
    request.addEventListener("error", () => reject(new Error("The studio does not answer. Drop the file again.")));
    request.addEventListener("load", () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch { /* said below */ }
      if (request.status === 200) resolve(answer.name);
      else reject(new Error(answer.problem ? `${answer.problem} → ${answer.help}` : `Not copied (${request.status}).`));
    });
    request.send(file);
  });
}

async function take(files) {
  const selects = ["file-one", "file-other"].map((id) => document.getElementById(id));
  for (const file of files) {
    const select = selects.find((one) => !one.value);
    if (!select) return say("Two files are chosen already: draft the mapping, or choose others below.");
    try {
      const name = await send(file);
      for (const one of selects) one.add(new Option(name, name));
      select.value = name;
    } catch (error) {
      return say(`✗ ${error.message}`);
    }
  }
  const [one, other] = selects.map((select) => select.value);
  if (!one || !other) return say(`✓ ${one || other} is here. Now the other file.`);
  say("Drafting the mapping…");
  htmx.trigger(document.getElementById("draft"), "submit");
}

const zone = (event) => event.target.closest?.("#drop");
const has = (event) => event.dataTransfer?.types.includes("Files");

document.addEventListener("change", (event) => {
  if (event.target.id === "upload") take([...event.target.files]);
});
document.addEventListener("dragover", (event) => {
  if (!has(event)) return;
  event.preventDefault(); // a file dropped beside the zone must not replace the page
  zone(event)?.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => zone(event)?.classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  if (!has(event)) return;
  event.preventDefault();
  document.querySelector(".drop.dropping")?.classList.remove("dropping");
  if (document.getElementById("drop")) take([...event.dataTransfer.files]);
});
