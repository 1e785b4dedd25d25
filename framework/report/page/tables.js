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

/** How a reader left a table, and the same given to the table that takes its place. */
function tableState(table) {
  const input = table.parentElement.previousElementSibling?.querySelector?.("input[type=search]");
  const header = [...table.tHead.rows[0].cells].findIndex((cell) => cell.hasAttribute("aria-sort"));
  return { header, down: table.tHead.rows[0].cells[header]?.getAttribute("aria-sort") === "descending", words: input?.value ?? "",
           focus: input && document.activeElement === input ? input.selectionStart : null,
           top: table.parentElement.scrollTop, left: table.parentElement.scrollLeft };
}

function enliven(table, before = null) {
  [...table.tHead.rows[0].cells].forEach((header, index) => {
    const button = html("button", { type: "button", title: "sort" }, header.textContent);
    header.replaceChildren(button);
    button.addEventListener("click", () => sortBy(table, index, header));
  });
  const sorted = table.tHead.rows[0].cells[before?.header ?? -1];
  for (let times = sorted ? 1 + before.down : 0; times > 0; --times) sortBy(table, before.header, sorted);
  if (table.tBodies[0].rows.length >= 15 || before?.words) {
    const label = html("label", { class: "filter" }, "filter "), count = html("span");
    const input = html("input", { type: "search", placeholder: "words, !word: not", "aria-label": "filter rows" });
    label.append(input, count);
    table.parentElement.before(label);
    input.addEventListener("input", () => filterRows(table, input.value, count));
    if (before?.words) {
      input.value = before.words;
      filterRows(table, input.value, count);
    }
    if (before && before.focus !== null) {
      input.focus({ preventScroll: true });
      input.setSelectionRange(before.focus, before.focus);
    }
  }
  if (before) table.parentElement.scrollTo(before.left, before.top);
}
