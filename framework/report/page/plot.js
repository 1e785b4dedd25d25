// plot.js: lines with bands, or dots, over two axes, as SVG: hover, zoom, hide. No library, no network.
"use strict";

const MARGIN = { left: 68, right: 18, top: 14, bottom: 46 };

/**
 * One figure in `host`. `lines`: {name, title (in the legend; else the name), colour, dash, x, y, low, high, floor, dots, hidden}; x ascends, null in y is
 * a gap. `axes`: {x, y: label; logX, logY}; `frontier`: names what lies lower left of all others.
 */
class Plot {
  constructor(host) {
    this.host = host;
    this.hidden = new Map();  // by name, what the reader chose
    this.view = null;
    this.from = null;  // where a drag began
    this.pointer = null;
    this.svg = element("svg", { role: "img", tabindex: "0" });
    this.tip = html("div", { class: "tip", hidden: "" });
    this.legend = html("ul", { class: "legend" });
    const frame = html("div", { class: "frame" });
    frame.append(this.svg, this.tip);
    host.append(frame, this.legend);
    this.listen();
    new ResizeObserver(() => this.lines && this.draw()).observe(frame);
  }

  /** `keep`: the same figure with newer numbers; the range, the legend's buttons and the pointer's values stay. */
  set(lines, axes, keep = false) {
    const looks = JSON.stringify(lines.map((line) => [line.name, line.title, line.colour, line.dash]));
    this.lines = lines;
    this.axes = axes;
    if (!keep) this.view = null;
    if (!keep || looks !== this.looks) this.drawLegend();
    this.looks = looks;
    if (keep && this.from !== null) return;  // somebody drags a range; the next numbers come soon
    this.draw();
    if (keep && this.pointer && !this.tip.hidden) this.hover(...this.pointer);
  }

  isHidden(line) { return this.hidden.get(line.name) ?? Boolean(line.hidden); }
  shown() { return this.lines.filter((line) => !this.isHidden(line)); }

  usable(x, y) {
    return Number.isFinite(x) && Number.isFinite(y) && y !== null && (!this.axes.logX || x > 0) && (!this.axes.logY || y > 0);
  }

  /** Smallest and largest of what is seen, with a little room. */
  extent() {
    let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const line of this.shown()) {
      line.x.forEach((x, i) => {
        if (!this.usable(x, line.y[i]) || (this.view && (x < this.view[0] || x > this.view[1]))) return;
        [x0, x1] = [Math.min(x0, x), Math.max(x1, x)];
        for (const y of [line.y[i], line.low?.[i], line.high?.[i]]) {
          if (this.usable(x, y ?? NaN)) [y0, y1] = [Math.min(y0, y), Math.max(y1, y)];
        }
      });
    }
    if (this.view) [x0, x1] = this.view;
    return { x: this.roomy(x0, x1, this.axes.logX, this.view ? 0 : 0.02), y: this.roomy(y0, y1, this.axes.logY, 0.04) };
  }

  roomy(low, high, log, share) {
    if (!(low <= high)) return log ? [1, 10] : [0, 1];
    if (log) {
      const room = low === high ? 2 : (high / low) ** share;
      return [low / room, high * room];
    }
    const room = low === high ? Math.abs(low) / 2 || 1 : (high - low) * share;
    return [low - room, high + room];
  }

  draw() {
    const width = Math.max(280, this.svg.parentElement.clientWidth);
    const height = Math.round(Math.min(440, Math.max(260, width * 0.5)));
    const { x, y } = this.extent();
    this.size = { width, height };
    this.x = scale(...x, MARGIN.left, width - MARGIN.right, this.axes.logX);
    this.y = scale(...y, height - MARGIN.bottom, MARGIN.top, this.axes.logY);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("aria-label", `${this.axes.y} over ${this.axes.x}`);
    const id = `clip-${this.host.id}`;
    const clip = element("clipPath", { id });
    clip.append(element("rect", { x: MARGIN.left, y: 0, width: width - MARGIN.left - MARGIN.right + 1, height: height - MARGIN.bottom + 1 }));
    const curves = element("g", { "clip-path": `url(#${id})` });
    for (const line of this.shown()) curves.append(...this.drawn(line, width));
    if (this.axes.frontier) curves.append(this.frontier());
    this.cursor = element("g", { class: "cursor" });
    this.selection = element("rect", { class: "selection", y: MARGIN.top, height: height - MARGIN.top - MARGIN.bottom, width: 0 });
    this.svg.replaceChildren(clip, this.grid(), curves, this.cursor, this.selection);
  }

  grid() {
    const group = element("g", { class: "axes" });
    const { width, height } = this.size, bottom = height - MARGIN.bottom;
    for (const t of ticks(this.x.low, this.x.high, Math.max(4, width / 110), this.axes.logX)) {
      group.append(element("path", { class: "rule", d: `M${this.x(t)} ${MARGIN.top}V${bottom}` }));
      group.append(element("text", { x: this.x(t), y: bottom + 18, "text-anchor": "middle" }, short(t)));
    }
    for (const t of ticks(this.y.low, this.y.high, Math.max(3, height / 60), this.axes.logY)) {
      group.append(element("path", { class: "rule", d: `M${MARGIN.left} ${this.y(t)}H${width - MARGIN.right}` }));
      group.append(element("text", { x: MARGIN.left - 8, y: this.y(t) + 4, "text-anchor": "end" }, short(t)));
    }
    group.append(element("path", { class: "axis", d: `M${MARGIN.left} ${MARGIN.top}V${bottom}H${width - MARGIN.right}` }));
    group.append(element("text", { class: "label", x: (MARGIN.left + width - MARGIN.right) / 2, y: height - 8, "text-anchor": "middle" }, this.axes.x));
    group.append(element("text", { class: "label", "text-anchor": "middle", transform: `translate(14 ${(MARGIN.top + bottom) / 2}) rotate(-90)` }, this.axes.y));
    return group;
  }

  /** Pixel positions in pieces without a gap; `y` is a list beside line.x. */
  pieces(line, y) {
    const all = [[]];
    line.x.forEach((x, i) => {
      if (this.usable(x, y[i])) all[all.length - 1].push([this.x(x), this.y(y[i])]);
      else if (all[all.length - 1].length) all.push([]);
    });
    return all.filter((piece) => piece.length);
  }

  drawn(line, width) {
    const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    const parts = [];
    if (line.low && !line.dots) {
      const highs = this.pieces(line, line.high), lows = this.pieces(line, line.low);
      highs.forEach((high, i) => {
        const back = thinned(lows[i] ?? high, width).slice().reverse();
        const d = path(thinned(high, width)) + path(back).replace("M", "L") + "Z";
        parts.push(element("path", { class: "band", d, style: `fill:${line.colour}` }));
      });
    }
    const pieces = this.pieces(line, line.y);
    if (!line.dots) {
      const d = pieces.map((piece) => path(thinned(piece, width))).join("");
      parts.push(element("path", { class: "line", d, style: `stroke:${line.colour}`, "stroke-dasharray": line.dash }));
    }
    if (line.dots || line.x.length <= 24) {
      for (const [cx, cy] of pieces.flat()) parts.push(element("circle", { cx, cy, r: line.dots ? 4 : 2.5, style: `fill:${line.colour}` }));
    }
    return parts;
  }

  /** What no other point beats in both: lower left is better. */
  frontier() {
    const points = this.shown().filter((line) => !line.floor).flatMap((line) => line.x.map((x, i) => [x, line.y[i]]))
      .filter(([x, y]) => this.usable(x, y)).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    let best = Infinity, d = "";
    for (const [x, y] of points) {
      if (y >= best) continue;
      d += d ? `H${this.x(x)}V${this.y(y)}` : `M${this.x(x)} ${this.y(y)}`;
      best = y;
    }
    return element("path", { class: "frontier", d });
  }

  drawLegend() {
    this.legend.replaceChildren(...this.lines.map((line) => {
      const button = html("button", { type: "button", "aria-pressed": String(!this.isHidden(line)), title: "show or hide; with Shift: this one alone" });
      const swatch = element("svg", { width: 26, height: 10, "aria-hidden": "true" });
      swatch.append(line.dots ? element("circle", { cx: 13, cy: 5, r: 4, style: `fill:${line.colour}` })
        : element("path", { class: "line", d: "M1 5H25", style: `stroke:${line.colour}`, "stroke-dasharray": line.dash }));
      button.append(swatch, html("span", {}, line.title ?? line.name));
      button.addEventListener("click", (event) => this.toggle(line, event.shiftKey));
      const item = html("li");
      item.append(button);
      return item;
    }));
  }

  toggle(line, alone) {
    if (alone) for (const other of this.lines) this.hidden.set(other.name, other.name !== line.name);
    else this.hidden.set(line.name, !this.isHidden(line));
    this.drawLegend();
    this.draw();
  }

  listen() {
    const at = (event) => {
      const box = this.svg.getBoundingClientRect();
      return [(event.clientX - box.left) * this.size.width / box.width, (event.clientY - box.top) * this.size.height / box.height];
    };
    this.svg.addEventListener("pointerdown", (event) => {
      if (event.button === 0 && event.pointerType !== "touch") this.from = at(event)[0];
    });
    this.svg.addEventListener("pointermove", (event) => {
      const [x, y] = at(event);
      if (this.from !== null) this.select(this.from, x);
      this.pointer = [x, y];
      this.hover(x, y);
    });
    addEventListener("pointerup", (event) => {
      const from = this.from;
      this.from = null;
      if (from !== null && this.size) this.zoom(from, at(event)[0]);
    });
    this.svg.addEventListener("pointerleave", () => this.leave());
    this.svg.addEventListener("dblclick", () => this.reset());
    this.svg.addEventListener("keydown", (event) => { if (event.key === "Escape") this.reset(); });
  }

  reset() {
    this.view = null;
    this.draw();
  }

  select(from, to) {
    this.selection.setAttribute("x", Math.min(from, to));
    this.selection.setAttribute("width", Math.abs(to - from));
  }

  zoom(from, to) {
    this.selection.setAttribute("width", 0);
    if (Math.abs(to - from) < 6) return;
    this.view = [this.x.back(Math.max(MARGIN.left, Math.min(from, to))), this.x.back(Math.min(this.size.width - MARGIN.right, Math.max(from, to)))];
    this.draw();
  }

  leave() {
    this.tip.hidden = true;
    this.cursor.replaceChildren();
  }

  /** Of dots the nearest one; of lines the point of each that is nearest to the cursor's x. */
  found(px, py) {
    const candidates = this.shown().filter((line) => line.x.length).map((line) => {
      let index = nearest(line.x, this.x.back(px));
      const distance = (i) => (this.x(line.x[i]) - px) ** 2 + (this.y(line.y[i]) - py) ** 2;
      if (line.dots) index = line.x.reduce((best, _, i) => (distance(i) < distance(best) ? i : best), 0);
      return { line, index, distance: distance(index) };
    }).filter(({ line, index }) => this.usable(line.x[index], line.y[index]));
    if (!this.lines[0]?.dots) return candidates;
    return candidates.sort((a, b) => a.distance - b.distance).slice(0, 1).filter((one) => one.distance < 900);
  }

  hover(px, py) {
    const found = this.found(px, py);
    if (!found.length || px < MARGIN.left) return this.leave();
    this.cursor.replaceChildren();
    const dots = this.lines[0].dots, at = dots ? this.x(found[0].line.x[found[0].index]) : px;
    this.cursor.append(element("path", { d: `M${at} ${MARGIN.top}V${this.size.height - MARGIN.bottom}` }));
    const rows = found.map(({ line, index }) => {
      this.cursor.append(element("circle", { cx: this.x(line.x[index]), cy: this.y(line.y[index]), r: 4, style: `fill:${line.colour}` }));
      const row = html("tr"), mark = html("td"), band = line.low && line.high[index] > line.low[index];
      mark.append(html("i", { style: `background:${line.colour}` }));
      row.append(mark, html("th", {}, line.tips?.[index] ?? line.name), html("td", {}, short(line.y[index])),
                 html("td", {}, band ? `${short(line.low[index])} – ${short(line.high[index])}` : ""), html("td", {}, short(line.x[index])));
      return [line.y[index], row];
    }).sort((a, b) => a[0] - b[0]).map(([, row]) => row);
    const table = html("table"), head = html("tr");
    head.append(html("td"), html("td"), html("td", {}, "value"), html("td", {}, "range"), html("td", {}, this.axes.x));
    table.append(head, ...rows);
    this.tip.replaceChildren(table);
    this.tip.hidden = false;
    const share = this.svg.clientWidth / this.size.width, left = at * share;
    const room = this.svg.clientWidth - this.tip.offsetWidth;
    this.tip.style.left = `${Math.max(0, Math.min(room, left < this.svg.clientWidth / 2 ? left + 14 : left - this.tip.offsetWidth - 14))}px`;
  }
}
