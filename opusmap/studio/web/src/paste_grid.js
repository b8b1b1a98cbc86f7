// A grid to paste into: of two columns each pair finds the row of its key, one column is filled in downwards.

document.addEventListener("paste", (event) => {
  const cell = event.target.closest?.("[data-paste-grid] input");
  const text = event.clipboardData?.getData("text/plain") ?? "";
  if (!cell || !/[\t\n]/.test(text)) return;
  event.preventDefault();
  const pasted = text.replace(/\r\n?/g, "\n").replace(/\n$/, "").split("\n").map((line) => line.split("\t"));
  const body = cell.closest("tbody");
  if (pasted.every((cells) => cells.length === 1)) fillDown(body, cell, pasted.map(([one]) => one.trim()));
  else pasted.forEach(([key, value = ""]) => setEntry(body, key.trim(), value.trim()));
});

const input = (row, name) => row.querySelector(`input[name=${name}]`);

function fillDown(body, cell, texts) {
  const rows = [...body.rows];
  let at = rows.indexOf(cell.closest("tr"));
  for (const text of texts) {
    const row = body.rows[at] ?? addRow(body);
    const target = input(row, cell.name);
    if (!target.readOnly) target.value = text;
    at += 1;
  }
}

function setEntry(body, key, value) {
  if (!key) return;
  const rows = [...body.rows];
  const row = rows.find((one) => input(one, "key").value.trim() === key)
    ?? rows.find((one) => !input(one, "key").value && !input(one, "value").value)
    ?? addRow(body);
  input(row, "key").value = key;
  input(row, "value").value = value;
}

/** Add an empty row like the last one; a row that the server has not offered is a new entry. */
function addRow(body) {
  const row = body.rows[body.rows.length - 1].cloneNode(true);
  row.className = "";
  for (const one of row.querySelectorAll("input")) {
    one.value = "";
    one.readOnly = false;
    one.setAttribute("aria-label", `${one.name} of a new entry`);
  }
  [...row.cells].slice(2).forEach((one) => { one.textContent = ""; one.className = "soft"; });
  row.cells[2].textContent = "new";
  body.append(row);
  return row;
}
