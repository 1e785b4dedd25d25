// page.js: what the report's data become: curves, speed, quality against time; light and dark.
"use strict";

const COLOURS = 7, DASHES = ["none", "7 4", "2 3", "9 3 2 3"], SHOWN_AT_FIRST = 12;
const data = JSON.parse(document.getElementById("data").textContent);

/** The n-th line's looks; the floor is grey and counts as none. */
const looks = (() => {
  let used = 0;
  return data.groups.map((group) => {
    if (group.floor) return { colour: "var(--floor)", dash: "5 4" };
    const n = used++;
    return { colour: `var(--c${n % COLOURS})`, dash: DASHES[Math.floor(n / COLOURS) % DASHES.length] };
  });
})();

function line(g, x, y, more = {}) {
  const group = data.groups[g];
  return { name: group.label, floor: group.floor, hidden: g >= SHOWN_AT_FIRST && !group.floor, ...looks[g], x, y, ...more };
}

function select(host, label, options) {
  const made = html("select", { "aria-label": label });
  for (const [value, text] of options) made.append(html("option", { value }, text));
  const around = html("label", {}, `${label} `);
  around.append(made);
  host.append(around);
  return made;
}

function checkbox(host, label) {
  const made = html("input", { type: "checkbox" }), around = html("label");
  around.append(made, ` ${label}`);
  host.append(around);
  return made;
}

/** Controls above a figure; `draw` is called now and whenever one changes. */
function controls(host) {
  const bar = html("div", { class: "controls" });
  host.append(bar);
  return bar;
}

const AXES = [["step", "optimiser step"], ["seconds", "training seconds"], ["tokens", "training tokens"], ["flops", "training FLOP"]];

function showCurves(host) {
  if (!data.curves.length) return;
  const bar = controls(host), plot = new Plot(host);
  const key = select(bar, "metric", data.curves.map((curve, i) => [i, curve.key]));
  const axis = select(bar, "over", AXES.filter(([name]) => name !== "flops" || data.groups.some((group) => group.flops)));
  const logX = checkbox(bar, "log x"), logY = checkbox(bar, "log y"), note = html("p", { class: "note" });
  const reset = html("button", { type: "button" }, "whole range");
  bar.append(reset);
  host.append(note);
  const draw = () => {
    const curve = data.curves[key.value];
    const lines = curve.lines.map(({ g, ...points }) => {
      const flops = data.groups[g].flops;
      const x = axis.value === "flops" ? points.tokens.map((t) => (flops ? t * flops : NaN)) : points[axis.value];
      return line(g, x, points.mean, { low: points.low, high: points.high });
    });
    plot.set(lines, { x: AXES.find(([name]) => name === axis.value)[1], y: curve.unit ? `${curve.key}, ${curve.unit}` : curve.key,
                      logX: logX.checked, logY: logY.checked });
    note.textContent = curve.note;
  };
  for (const control of [key, axis, logX, logY]) control.addEventListener("change", draw);
  reset.addEventListener("click", () => plot.reset());
  draw();
}

function showPareto(host) {
  const { points, title } = data.pareto;
  if (!points.length) return;
  const bar = controls(host), plot = new Plot(host);
  const axis = select(bar, "against", [["seconds", "training seconds"], ["step_seconds", "seconds a step"], ["flops", "training FLOP"], ["bytes", "peak memory, bytes"]]
    .filter(([name]) => points.some((point) => point[name] !== null)));
  const logX = checkbox(bar, "log x");
  const draw = () => {
    const lines = data.groups.map((group, g) => {
      const own = points.filter((point) => point.g === g && point[axis.value] !== null).sort((a, b) => a[axis.value] - b[axis.value]);
      return line(g, own.map((point) => point[axis.value]), own.map((point) => point.score),
                  { dots: true, tips: own.map((point) => `${group.label}, seed ${point.seed} (run ${point.run})`) });
    }).filter((one) => one.x.length);
    plot.set(lines, { x: axis.selectedOptions[0].textContent, y: title, logX: logX.checked, frontier: true });
  };
  for (const control of [axis, logX]) control.addEventListener("change", draw);
  draw();
}

function showSpeed(host) {
  if (!data.speed.length) return;
  const bar = controls(host), plot = new Plot(host);
  const what = select(bar, "show", [["seconds", "seconds"], ["tokens_per_second", "tokens a second"], ["ratio", "times faster than the peer"], ["peak_bytes", "peak memory, bytes"]]
    .filter(([name]) => data.speed.some((one) => one[name].some((value) => value !== null))));
  const log = checkbox(bar, "log scales");
  log.checked = true;
  const draw = () => {
    const lines = data.speed.map((one, n) => ({
      name: one.label, colour: `var(--c${n % COLOURS})`, dash: DASHES[Math.floor(n / COLOURS) % DASHES.length], hidden: n >= SHOWN_AT_FIRST,
      x: one.length, y: one[what.value], ...(what.value === "seconds" ? { low: one.q1, high: one.q3 } : {}),
    }));
    plot.set(lines, { x: "sequence length T", y: what.selectedOptions[0].textContent, logX: log.checked, logY: log.checked });
  };
  for (const control of [what, log]) control.addEventListener("change", draw);
  draw();
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
document.querySelectorAll("table.data").forEach(enliven);
themes(document.getElementById("theme"));
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
