// tables.js: tables that sort by their headers and filter by a text.
"use strict";

/** Numbers by their exact value (data-v), texts by the reader's language; what is empty stands last. */
function compareCells(a, b, down) {
  const [x, y] = [a, b].map((cell) => cell.dataset.v ?? cell.textContent.trim());
  if (x === "" || y === "") return (x === "") - (y === "");
  const [p, q] = [Number(x), Number(y)];
  const order = Number.isNaN(p) || Number.isNaN(q) ? x.localeCompare(y, undefined, { numeric: true }) : p - q;
  return down ? -order : order;
}

function sortBy(table, index, header) {
  const down = header.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  body.append(...[...body.rows].sort((a, b) => compareCells(a.cells[index], b.cells[index], down)));
}

/** Every word must occur in a row; "!word" must not. */
function filterRows(table, text, count) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of table.tBodies[0].rows) {
    row.dataset.text ??= row.textContent.toLowerCase();
    const fits = words.every((word) => (word.length > 1 && word[0] === "!" ? !row.dataset.text.includes(word.slice(1)) : row.dataset.text.includes(word)));
    row.hidden = !fits;
    shown += fits;
  }
  count.textContent = words.length ? `${shown} of ${table.tBodies[0].rows.length}` : "";
}

function enliven(table) {
  [...table.tHead.rows[0].cells].forEach((header, index) => {
    const button = html("button", { type: "button", title: "sort" }, header.textContent);
    header.replaceChildren(button);
    button.addEventListener("click", () => sortBy(table, index, header));
  });
  if (table.tBodies[0].rows.length < 15) return;
  const label = html("label", { class: "filter" }, "filter "), count = html("span");
  const input = html("input", { type: "search", placeholder: "words, !word: not", "aria-label": "filter rows" });
  label.append(input, count);
  table.parentElement.before(label);
  input.addEventListener("input", () => filterRows(table, input.value, count));
}
