// Blocks of cells as spreadsheet programs put them on the clipboard: tabs, line breaks, quotes where a cell has these.

/** Return the text of rows of cells. */
export function formatBlock(rows) {
  return rows.map((cells) => cells.map((one) => (/[\t\n\r"]/.test(one) ? `"${one.replaceAll('"', '""')}"` : one)).join("\t")).join("\n");
}

/** Return the rows of cells that a text has. */
export function parseBlock(text) {
  const rows = [[]];
  let at = 0;
  while (at <= text.length) {
    let cell = "";
    const quoted = text[at] === '"' && /^"(?:[^"]|"")*"(?:[\t\r\n]|$)/.exec(text.slice(at));
    if (quoted) {
      const end = at + quoted[0].lastIndexOf('"');
      cell = text.slice(at + 1, end).replaceAll('""', '"');
      at = end + 1;
    } else {
      const from = at;
      while (at < text.length && !"\t\r\n".includes(text[at])) at++;
      cell = text.slice(from, at);
    }
    rows.at(-1).push(cell);
    if (at >= text.length) break;
    if (text[at] === "\t") { at++; continue; }
    at += text.startsWith("\r\n", at) ? 2 : 1;
    if (at >= text.length) break; // a line break at the end begins no row
    rows.push([]);
  }
  return rows;
}
