// page.js: what the report's data become: curves, speed, quality against time; light and dark.
"use strict";

const COLOURS = 7, DASHES = ["none", "7 4", "2 3", "9 3 2 3"], SHOWN_AT_FIRST = 12;
const data = JSON.parse(document.getElementById("data").textContent);
const figures = [];  // each draws its figure anew from `data`

/** The n-th line's looks; the floor is grey and counts as none. */
function looksOf(groups) {
  let used = 0;
  return groups.map((group) => {
    if (group.floor) return { colour: "var(--floor)", dash: "5 4" };
    const n = used++;
    return { colour: `var(--c${n % COLOURS})`, dash: DASHES[Math.floor(n / COLOURS) % DASHES.length] };
  });
}
let looks = looksOf(data.groups);

function line(g, x, y, more = {}) {
  const group = data.groups[g];
  return { name: group.label, floor: group.floor, hidden: g >= SHOWN_AT_FIRST && !group.floor, ...looks[g], x, y, ...more };
}

function select(host, label) {
  const made = html("select", { "aria-label": label }), around = html("label", {}, `${label} `);
  around.append(made);
  host.append(around);
  return made;
}

/** [[value, text], ...]; what was chosen stays so where it is still there. */
function setOptions(chooser, options) {
  const texts = JSON.stringify(options);
  if (chooser.dataset.options === texts) return;
  const value = chooser.value;
  chooser.replaceChildren(...options.map(([name, text]) => html("option", { value: name }, text)));
  chooser.dataset.options = texts;
  if (options.some(([name]) => name === value)) chooser.value = value;
}

function checkbox(host, label) {
  const made = html("input", { type: "checkbox" }), around = html("label");
  around.append(made, ` ${label}`);
  host.append(around);
  return made;
}

/**
 * A figure that shows and hides itself: `draw(keep)` when a control changes (false) or the numbers do (true); it says
 * whether there was something to draw.
 */
function figure(host, controls, draw) {
  const none = host.parentElement.querySelector(".empty");
  const show = (keep) => {
    host.hidden = !draw(keep);
    if (none) none.hidden = !host.hidden;
  };
  for (const control of controls) control.addEventListener("change", () => show(false));
  figures.push(() => show(true));
  show(false);
}

function controls(host) {
  const bar = html("div", { class: "controls" });
  host.append(bar);
  return bar;
}

const AXES = [["step", "optimiser step"], ["seconds", "training seconds"], ["tokens", "training tokens"], ["flops", "training FLOP"]];

function showCurves(host) {
  const bar = controls(host), plot = new Plot(host);
  const key = select(bar, "metric"), axis = select(bar, "over");
  const logX = checkbox(bar, "log x"), logY = checkbox(bar, "log y"), note = html("p", { class: "note" });
  const reset = html("button", { type: "button" }, "whole range");
  bar.append(reset);
  host.append(note);
  reset.addEventListener("click", () => plot.reset());
  figure(host, [key, axis, logX, logY], (keep) => {
    if (!data.curves.length) return false;
    setOptions(key, data.curves.map((curve) => [curve.key, curve.key]));
    setOptions(axis, AXES.filter(([name]) => name !== "flops" || data.groups.some((group) => group.flops)));
    const curve = data.curves.find((one) => one.key === key.value);
    const means = curve.lines.some((one) => one.n > 1);
    const lines = curve.lines.map(({ g, n, end, ...points }) => {
      const flops = data.groups[g].flops;
      const x = axis.value === "flops" ? points.tokens.map((t) => (flops ? t * flops : NaN)) : points[axis.value];
      return line(g, x, points.mean, { low: points.low, high: points.high,
                  title: data.groups[g].label + (means ? ` (n = ${n})` : "") + (end ? `: ${end} at its end` : "") });
    });
    plot.set(lines, { x: AXES.find(([name]) => name === axis.value)[1], y: curve.unit ? `${curve.key}, ${curve.unit}` : curve.key,
                      logX: logX.checked, logY: logY.checked }, keep);
    note.textContent = curve.note;
    return true;
  });
}

function showPareto(host) {
  const bar = controls(host), plot = new Plot(host), axis = select(bar, "against"), logX = checkbox(bar, "log x");
  figure(host, [axis, logX], (keep) => {
    const { points, title } = data.pareto;
    setOptions(axis, [["seconds", "training seconds"], ["per_million", "seconds a million tokens"], ["flops", "training FLOP"], ["bytes", "peak memory, bytes"]]
      .filter(([name]) => points.some((point) => point[name] != null)));
    const lines = data.groups.map((group, g) => {
      const own = points.filter((point) => point.g === g && point[axis.value] != null).sort((a, b) => a[axis.value] - b[axis.value]);
      return line(g, own.map((point) => point[axis.value]), own.map((point) => point.score),
                  { dots: true, tips: own.map((point) => `${group.label}, seed ${point.seed} (run ${point.run})`) });
    }).filter((one) => one.x.length);
    if (!lines.length) return false;
    plot.set(lines, { x: axis.selectedOptions[0].textContent, y: title, logX: logX.checked, frontier: true }, keep);
    return true;
  });
}

function showSpeed(host) {
  const bar = controls(host), plot = new Plot(host), what = select(bar, "show"), log = checkbox(bar, "log scales");
  log.checked = true;
  figure(host, [what, log], (keep) => {
    if (!data.speed.length) return false;
    setOptions(what, [["seconds", "seconds"], ["tokens_per_second", "tokens a second"], ["ratio", "times faster than the peer"], ["peak_bytes", "peak memory, bytes"]]
      .filter(([name]) => data.speed.some((one) => one[name].some((value) => value !== null))));
    const lines = data.speed.map((one, n) => ({
      name: one.label, colour: `var(--c${n % COLOURS})`, dash: DASHES[Math.floor(n / COLOURS) % DASHES.length], hidden: n >= SHOWN_AT_FIRST,
      x: one.length, y: one[what.value], ...(what.value === "seconds" ? { low: one.q1, high: one.q3 } : {}),
    }));
    plot.set(lines, { x: "sequence length T", y: what.selectedOptions[0].textContent, logX: log.checked, logY: log.checked }, keep);
    return true;
  });
}

function themes(button) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  button.hidden = false;
  button.addEventListener("click", () => {
    const now = document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
  });
}

for (const [id, show] of [["curves-figure", showCurves], ["pareto-figure", showPareto], ["speed-figure", showSpeed]]) {
  const host = document.getElementById(id);
  if (host) show(host);
}
document.querySelectorAll("table.data").forEach((table) => enliven(table));
themes(document.getElementById("theme"));
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
