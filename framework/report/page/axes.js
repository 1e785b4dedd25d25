// axes.js: elements, numbers and scales of a figure. Text reaches the page as textContent alone.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

function html(name, attributes = {}, text = "") {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

/** "12.3k", "0.0012", "1.2e-7": at most five digits that count. */
function short(number) {
  if (!Number.isFinite(number)) return String(number);
  const size = Math.abs(number);
  for (const [unit, suffix] of [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]]) {
    if (size >= unit) return Number((number / (unit === 1e4 ? 1e3 : unit)).toPrecision(4)) + suffix;
  }
  return String(Number(number.toPrecision(5)));
}

/** Round numbers, 1, 2 or 5 times a power of ten apart, that lie within [low, high]. */
function ticks(low, high, count, log) {
  const found = [];
  if (log) {
    const wide = Math.log10(high / low) > 3;
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); ++power) {
      for (const factor of wide ? [1] : [1, 2, 5]) found.push(factor * 10 ** power);
    }
  } else {
    const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= raw * 0.999);
    for (let i = Math.ceil(low / step - 1e-9); i <= Math.floor(high / step + 1e-9); ++i) found.push(i * step);
  }
  const slack = (high - low) * 1e-9;
  return found.filter((t) => t >= low - slack && t <= high + slack);
}

function scale(low, high, begin, end, log) {
  const of = log ? Math.log : (x) => x;
  const a = of(low), b = of(high);
  const to = (x) => begin + (of(x) - a) / (b - a) * (end - begin);
  to.back = (pixel) => {
    const value = a + (pixel - begin) / (end - begin) * (b - a);
    return log ? Math.exp(value) : value;
  };
  return Object.assign(to, { low, high, log });
}

/** The index of the number nearest to x in an ascending list. */
function nearest(list, x) {
  let low = 0, high = list.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < x) low = middle + 1; else high = middle;
  }
  return low > 0 && x - list[low - 1] < list[low] - x ? low - 1 : low;
}

/** Of more points than pixels: first, smallest, largest and last of each column, so that no peak is lost. */
function thinned(points, columns) {
  if (points.length <= 4 * columns) return points;
  const kept = [];
  for (let begin = 0; begin < points.length;) {
    const column = Math.round(points[begin][0]);
    let end = begin, least = begin, most = begin;
    for (; end < points.length && Math.round(points[end][0]) === column; ++end) {
      if (points[end][1] < points[least][1]) least = end;
      if (points[end][1] > points[most][1]) most = end;
    }
    for (const i of [...new Set([begin, least, most, end - 1])].sort((a, b) => a - b)) kept.push(points[i]);
    begin = end;
  }
  return kept;
}
