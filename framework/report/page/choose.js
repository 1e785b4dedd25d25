// choose.js: which runs a live page is about: config values, and runs one by one. The address says it, so that it can be kept.
"use strict";

const picked = new Set((new URLSearchParams(location.search).get("runs") ?? "").split(",").filter(Boolean));

/** Changes the address and asks for the page that it means now. */
function choose(change) {
  const query = new URLSearchParams(location.search);
  change(query);
  history.replaceState(null, "", `${location.pathname}?${query}`);
  ask(true);
}

function valueBox(key, value) {
  const box = html("input", { type: "checkbox" }), label = html("label");
  box.checked = new URLSearchParams(location.search).getAll("where").includes(`${key}=${value}`);
  box.addEventListener("change", () => choose((query) => {
    const others = query.getAll("where").filter((one) => one !== `${key}=${value}`);
    query.delete("where");
    for (const one of box.checked ? [...others, `${key}=${value}`] : others) query.append("where", one);
  }));
  label.append(box, ` ${value === "" ? "(empty)" : value}`);
  return label;
}

/** A list of values for each config key that varies; those of one key are alternatives. */
function showFacets(facets) {
  const host = document.getElementById("choose");
  const open = new Set([...host.querySelectorAll("details[open]")].map((one) => one.dataset.key));
  const parts = facets.map(([key, values]) => {
    const list = html("details", { class: "facet", "data-key": key });
    list.open = open.has(key);
    list.append(html("summary", {}, key), ...values.map((value) => valueBox(key, value)));
    return list;
  });
  const all = html("button", { type: "button" }, "all runs");
  all.addEventListener("click", () => {
    picked.clear();
    choose((query) => { query.delete("where"); query.delete("runs"); });
    showFacets(facets);
    showPicks();
  });
  host.replaceChildren(html("span", { class: "dim" }, facets.length ? "Runs with" : ""), ...parts, all);
  host.hidden = false;
}

/** A box before every run of the first table of runs, and the button that compares what is ticked. */
function showPicks() {
  const table = document.querySelector("#runs table");
  if (!table) return;
  for (const row of table.tBodies[0].rows) {
    const run = row.cells[0].dataset.v, old = row.cells[0].querySelector("input");
    const box = old ?? html("input", { type: "checkbox", "aria-label": `choose run ${run}` });
    box.checked = picked.has(run);
    if (old) continue;
    box.addEventListener("change", () => {
      if (box.checked) picked.add(run); else picked.delete(run);
      tellPicks();
    });
    row.cells[0].prepend(box, " ");
  }
  tellPicks();
}

function tellPicks() {
  let button = document.getElementById("compare-picks");
  if (!button) {
    button = html("button", { type: "button", id: "compare-picks" });
    button.addEventListener("click", () => {
      choose((query) => (picked.size ? query.set("runs", [...picked].join(",")) : query.delete("runs")));
      document.getElementById("comparison")?.scrollIntoView();
    });
    document.querySelector("#runs h2").after(button);
  }
  button.disabled = !picked.size && !new URLSearchParams(location.search).has("runs");
  button.textContent = picked.size ? `compare ${picked.size} chosen` : "tick runs to compare them";
}
