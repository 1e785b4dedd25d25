// live.js: a page that `attnlab serve` shows asks for what changed and puts it in its place.
"use strict";

const EVERY = 2000;  // milliseconds
const state = JSON.parse(document.getElementById("live").textContent);  // {instance, generation, facets}
const waiting = new Map();  // sections that a reader has marked a text in
let asked = 0, timer = null;

function say(text) {
  const message = document.getElementById("message");
  message.textContent = text;
  message.hidden = !text;
}

/** A section in the place of its older self; what a reader sorted, typed and opened stays. */
function replaceSection(id, markup) {
  const old = document.getElementById(id), marked = getSelection();
  if (!old) return;
  if (!marked.isCollapsed && old.contains(marked.anchorNode)) {
    waiting.set(id, markup);
    return;
  }
  waiting.delete(id);
  const fresh = new DOMParser().parseFromString(markup, "text/html").getElementById(id);
  const states = [...old.querySelectorAll("table.data")].map(tableState);
  const open = new Set([...old.querySelectorAll("details[open]")].map((one) => one.firstElementChild.textContent));
  for (const one of fresh.querySelectorAll("details")) one.open = open.has(one.firstElementChild.textContent);
  old.replaceWith(fresh);
  [...fresh.querySelectorAll("table.data")].forEach((table, i) => enliven(table, states[i] ?? null));
  if (id === "runs") showPicks();
}

const COLUMNS = ["step", "seconds", "tokens", "mean", "low", "high"];

/** Points from `from` on in the place of what stood there. */
function takeLine({ key, g, n, end, from, ...points }) {
  const lines = data.curves.find((curve) => curve.key === key)?.lines;
  if (!lines) return;
  let known = lines.find((one) => one.g === g);
  if (!known) {
    known = { g, ...Object.fromEntries(COLUMNS.map((name) => [name, []])) };
    lines.push(known);
    lines.sort((a, b) => a.g - b.g);
  }
  Object.assign(known, { n, end });
  for (const name of COLUMNS) known[name] = known[name].slice(0, from).concat(points[name]);
}

function take(answer) {
  if (answer.whole || answer.groups) for (const curve of data.curves) curve.lines = [];
  if (answer.groups) {
    data.groups = answer.groups;
    looks = looksOf(data.groups);
  }
  if (answer.curves) {
    const before = data.curves;
    data.curves = answer.curves.map((head) => ({ ...head, lines: before.find((one) => one.key === head.key)?.lines ?? [] }));
  }
  answer.lines.forEach(takeLine);
  for (const name of ["pareto", "speed"]) if (answer[name]) data[name] = answer[name];
  if (answer.groups || answer.curves || answer.lines.length || answer.pareto || answer.speed) figures.forEach((draw) => draw());
  for (const [id, markup] of [...waiting, ...Object.entries(answer.sections)]) replaceSection(id, markup);
  if (answer.facets && JSON.stringify(answer.facets) !== JSON.stringify(state.facets)) {
    state.facets = answer.facets;
    showFacets(state.facets);
  }
  state.instance = answer.instance;
  state.generation = answer.generation;
}

/** `anew`: all of it, because the address changed. Answers to earlier questions count no longer. */
async function ask(anew = false) {
  clearTimeout(timer);
  const number = ++asked, query = new URLSearchParams(location.search);
  query.set("instance", state.instance);
  query.set("since", anew ? 0 : state.generation);
  try {
    const answer = await (await fetch(`/data?${query}`, { cache: "no-store", signal: AbortSignal.timeout(60000) })).json();
    if (number !== asked) return;
    if (!answer.message) take(answer);
    say(answer.message ?? "");
  } catch (error) {
    if (number !== asked) return;
    say(`attnlab serve does not answer (${error.message}); what stands here is what it said last.`);
  }
  if (!document.hidden) timer = setTimeout(ask, EVERY);
}

if (location.pathname === "/study") {
  const host = html("div", { id: "choose", class: "controls", hidden: "" });
  document.getElementById("running").before(host);
  showFacets(state.facets);
  showPicks();
}
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : ask()));
timer = setTimeout(ask, EVERY);
