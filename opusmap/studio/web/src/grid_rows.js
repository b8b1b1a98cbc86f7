// The rows of the grid, as the server has them: asked for by pages, and mapped again by it after each edit.
export const PAGE = 100; // rows that are asked for at once
const AT_ONCE = 1000; // edits of one request

export class Rows {
  /** `say` is called with what is wrong where rows can't be had. */
  constructor(address, fixAddress, say) {
    Object.assign(this, {address, fixAddress, say, total: 0, columns: [], data: new Map(), places: new Map(), pending: new Map()});
  }

  /** Return the row at an index, undefined until it has come. */
  row(index) {
    return this.data.get(index);
  }

  /** Return the index of the row with this number in the source. */
  find(number) {
    return this.places.get(number);
  }

  /** Put a row that was mapped again in its place; return its index, undefined if it is not known. */
  replace(row) {
    const index = this.places.get(row.row);
    if (index !== undefined) this.data.set(index, row);
    return index;
  }

  async load(first, last) {
    const pages = [];
    for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page++) pages.push(this.page(page));
    await Promise.all(pages);
  }

  /** Return whether there are more rows than before. */
  async look() {
    const before = this.total;
    await this.fetch(Math.floor(this.total / PAGE));
    return this.total !== before;
  }

  page(page) {
    if (this.data.has(page * PAGE)) return Promise.resolve();
    if (!this.pending.has(page)) this.pending.set(page, this.fetch(page).finally(() => this.pending.delete(page)));
    return this.pending.get(page);
  }

  async fetch(page) {
    const answer = await fetch(`${this.address}&start=${page * PAGE}&count=${PAGE}`);
    const found = await answer.json();
    if (!answer.ok) return this.say(found.error);
    this.total = found.total;
    if (!this.columns.length) this.columns = found.columns;
    found.rows.forEach((row, at) => {
      this.data.set(page * PAGE + at, row);
      this.places.set(row.row, page * PAGE + at);
    });
  }

  /** Save edits ({row, name, text}); `take` is called with each answer. Return those done, and what went wrong. */
  async save(edits, take) {
    const done = [];
    for (let at = 0; at < edits.length; at += AT_ONCE) {
      const part = edits.slice(at, at + AT_ONCE);
      const body = new URLSearchParams({edits: JSON.stringify(part.map(({row, name, text}) => [row, name, text]))});
      let answer;
      try {
        answer = await fetch(this.fixAddress, {method: "POST", body});
      } catch {
        return {done, problem: "The studio does not answer, so the edit is not saved. Start it again, and edit the cell again."};
      }
      const text = await answer.text();
      let found = {error: answer.status === 413 ? text : `Not saved (${answer.status})`};
      try {
        found = JSON.parse(text);
      } catch { /* said as it is */ }
      if (!answer.ok) return {done, problem: found.error};
      done.push(...part);
      take(found);
    }
    return {done};
  }
}
