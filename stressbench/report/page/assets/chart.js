"use strict";
// Figures: a title, a plot that follows the width, its numbers as a table, and its export.

const SEVERAL = DATA.runs.length > 1;

/** A short name for every role of every run, no two the same. */
const SERIES_NAMES = DATA.runs.map(() => new Map());
DATA.runs.forEach((run, index) => {
  for (const { role } of run.models) {
    const short = SEVERAL ? `${middle(spell(run.name, 200), 24)}: ${spell(role, 16)}` : spell(role, 24);
    const taken = SERIES_NAMES.flatMap((names) => [...names.values()]);
    const alike = taken.filter((name) => name === short || name.startsWith(`${short} #`)).length;
    SERIES_NAMES[index].set(role, alike ? `${short} #${alike + 1}` : short);
  }
});
const SERIES = SERIES_NAMES.flatMap((names) => [...names.values()]);

function series(run, role) {
  return SERIES_NAMES[DATA.runs.indexOf(run)].get(role);
}

/** Both ends of a name: names of runs differ at their ends. */
function middle(name, limit) {
  return name.length > limit ? `${name.slice(0, Math.ceil(limit / 2) - 1)}…${name.slice(-Math.floor(limit / 2))}` : name;
}

const SERIES_COLORS = SERIES.map((_, index) => `var(--series-${(index % 8) + 1})`);
const SERIES_SYMBOLS = ["circle", "square", "triangle", "diamond", "star", "cross", "wye", "times"];
const seriesColor = { domain: SERIES, range: SERIES_COLORS };
const seriesSymbol = { domain: SERIES, range: SERIES.map((_, i) => SERIES_SYMBOLS[i % 8]) };

const drawn = new Set();
const observer = new ResizeObserver((entries) => {
  for (const { target } of entries) target.redraw();
});

/**
 * Append a figure to `parent`.
 *
 * draw(width) gives Observable Plot's options; legend is [{label, color, shape}]; table is
 * {head, rows}: the same numbers, for readers who cannot see the plot or want them all.
 */
function figure(parent, { title, note, legend, draw, table }) {
  const slot = el("div", { class: "plot" });
  const buttons = el("div", { class: "tools" });
  const node = el(
    "figure",
    { class: "chart" },
    el("figcaption", {}, el("h3", {}, title), note ? el("p", { class: "note" }, note) : null),
    legend?.length ? key(legend) : null,
    slot,
    buttons,
  );
  parent.append(node);
  let width = 0;
  slot.redraw = () => {
    const now = Math.max(280, Math.floor(slot.clientWidth));
    if (now === width || slot.clientWidth === 0) return;
    width = now;
    const svg = Plot.plot({ width, ariaLabel: title, ...BASE, ...draw(width) });
    svg.setAttribute("role", "img");
    slot.replaceChildren(svg);
  };
  for (const kind of ["SVG", "PNG"]) {
    const label = `Save “${title}” as ${kind}`;
    const save = () => exportFigure(slot.querySelector("svg"), title, kind);
    buttons.append(el("button", { type: "button", "aria-label": label, onclick: save }, kind));
  }
  if (table) node.append(numbers(table, title));
  drawn.add(slot);
  observer.observe(slot);
  slot.redraw();
  return node;
}

const BASE = { style: { fontFamily: "inherit", fontSize: "12px", overflow: "visible" } };

function key(entries) {
  const list = el("ul", { class: "key" });
  for (const { label, color, shape } of entries) {
    const swatch = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    swatch.setAttribute("viewBox", "-8 -8 16 16");
    swatch.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", SHAPES[shape] ?? SHAPES.square);
    path.style.fill = color;
    path.style.stroke = color;
    swatch.append(path);
    list.append(el("li", {}, swatch, label));
  }
  return list;
}

const SHAPES = {
  square: "M-6-6h12v12h-12z",
  circle: "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
  triangle: "M0-6L6 5H-6z",
  diamond: "M0-7L6 0L0 7L-6 0z",
  line: "M-8-1.5h16v3h-16z",
  tick: "M-1-7h2v14h-2z",
  cross: "M-6-1.5h4.5V-6h3v4.5H6v3H1.5V6h-3V1.5H-6z",
};

function seriesKey(shape) {
  return SERIES.map((label, index) => ({
    label,
    color: SERIES_COLORS[index],
    shape: shape ?? (SHAPES[SERIES_SYMBOLS[index % 8]] ? SERIES_SYMBOLS[index % 8] : "circle"),
  }));
}

/** The numbers behind a figure, folded away. */
function numbers({ head, rows }, title) {
  const details = el("details", { class: "numbers" }, el("summary", {}, "Numbers"));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(grid(head, rows, title));
  });
  return details;
}

const NUMERIC = /^[-+–\d[<]/;

/** A table in a box that scrolls by itself; numbers and their heads are right-aligned. */
function grid(head, rows, label) {
  const shown = rows.map((row) => row.map((cell) => {
    if (cell instanceof Node) return cell;
    return cell === null || cell === undefined ? "–" : spell(cell, 400);
  }));
  const numeric = head.map((_, column) =>
    shown.length > 0 && shown.every((row) => typeof row[column] === "string" && NUMERIC.test(row[column])));
  const body = shown.map((row) => el("tr", {}, row.map((cell) =>
    el("td", { class: typeof cell === "string" && NUMERIC.test(cell) ? "num" : null }, cell))));
  const heads = head.map((name, column) => el("th", { scope: "col", class: numeric[column] ? "num" : null }, name));
  const table = el("table", {}, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, body));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, table);
}

/** Names of the series above their panels, where the panels are stacked. */
function panelNames() {
  return Plot.text(SERIES, { fy: (d) => d, text: (d) => d, frameAnchor: "top-left", dy: -15, fontWeight: 600, fill: "currentColor" });
}

/** Left margin that fits labels, within what the width allows. */
function marginFor(labels, width) {
  const longest = Math.max(4, ...labels.map((label) => label.length));
  return Math.min(Math.ceil(longest * 6.6) + 16, Math.floor(width * 0.42));
}

/** Labels cut to a margin. */
function fitted(margin) {
  const limit = Math.max(4, Math.floor((margin - 14) / 6.6));
  return (label) => middle(label, limit);
}

async function exportFigure(svg, title, kind) {
  const name = title.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60);
  const copy = standalone(svg);
  const text = new XMLSerializer().serializeToString(copy);
  const blob = new Blob([text], { type: "image/svg+xml" });
  if (kind === "SVG") return download(blob, `${name}.svg`);
  const image = new Image();
  const address = URL.createObjectURL(blob);
  try {
    await new Promise((resolve, reject) => {
      image.onload = resolve;
      image.onerror = () => reject(new Error("the figure cannot be drawn"));
      image.src = address;
    });
    const canvas = el("canvas", { width: 2 * svg.clientWidth, height: 2 * svg.clientHeight });
    const context = canvas.getContext("2d");
    context.scale(2, 2);
    context.drawImage(image, 0, 0, svg.clientWidth, svg.clientHeight);
    canvas.toBlob((png) => download(png, `${name}.png`), "image/png");
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** A copy that carries the colours it has here: variables and inherited values resolved. */
function standalone(svg) {
  const copy = svg.cloneNode(true);
  const originals = [svg, ...svg.querySelectorAll("*")];
  const copies = [copy, ...copy.querySelectorAll("*")];
  originals.forEach((original, index) => {
    const style = getComputedStyle(original);
    for (const property of ["fill", "stroke", "color", "font-family", "font-size"]) {
      copies[index].setAttribute(property, style.getPropertyValue(property));
    }
    copies[index].removeAttribute("style");
  });
  copy.querySelectorAll("style").forEach((style) => style.remove());
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  ground.setAttribute("width", "100%");
  ground.setAttribute("height", "100%");
  ground.setAttribute("fill", getComputedStyle(document.body).backgroundColor);
  copy.prepend(ground);
  return copy;
}

function download(blob, name) {
  const address = URL.createObjectURL(blob);
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** A paragraph that says why there is nothing to draw. */
function absent(parent, title, reasons) {
  const list = Object.entries(reasons).map(([reason, n]) =>
    el("li", {}, visible(reason), ` (${count(n)} records)`),
  );
  parent.append(
    el(
      "div",
      { class: "absent" },
      el("h3", {}, title),
      el("p", {}, "Not measured in these runs: null, not zero."),
      list.length ? el("ul", {}, list) : null,
    ),
  );
}
