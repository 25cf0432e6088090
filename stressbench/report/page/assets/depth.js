"use strict";
// Quality by length and depth of the fact, one heat map a class.

function heatMaps(parent) {
  const cells = DATA.runs.flatMap((run) =>
    run.cells.map((cell) => ({
      ...cell, series: series(run, cell.role), label: spellEntry(cell.entry),
      across: span(cell.length, count), down: cell.depth === null ? "none" : span(cell.depth, (d) => d.toFixed(2).replace(/\.?0+$/, "")),
    })),
  );
  const classes = d3.groups(cells, (cell) => cell.label)
    .filter(([, some]) => new Set(some.map((c) => `${c.across} ${c.down}`)).size > 1);
  if (!classes.length) {
    parent.append(el("p", { class: "absent" }, "No class was run at more than one length or depth."));
    return;
  }
  const box = el("div", { class: "multiples" });
  parent.append(box);
  // Sweeps before classes whose depths merely vary from item to item.
  for (const [label, some] of d3.sort(classes, ([, some]) => -d3.min(some, (c) => c.clusters))) heatMap(box, label, some);
}

const span = ([low, high], form) => (low === high ? form(low) : `${form(low)}–${form(high)}`);

function heatMap(parent, label, cells) {
  const downs = [...new Set(d3.sort(cells, (d) => d.depth?.[0] ?? 2).map((d) => d.down))];
  const acrosses = [...new Set(d3.sort(cells, (d) => d.length[0]).map((d) => d.across))];
  const ink = (d) => (d.score > 0.55 ? "black" : "white");
  const margin = marginFor(downs, 400) + 18;
  figure(parent, {
    title: `${label}: quality by length and depth`,
    note: "Mean score, its 95 % interval and n in each cell; depth 0 is the start of the prompt." + contextLengths(label),
    draw: (width) => {
      const columns = Math.max(1, Math.floor((width - margin) / Math.max(90, 56 * acrosses.length)));
      const stacked = columns < SERIES.length;
      const cellWidth = (width - margin) / acrosses.length / (stacked ? 1 : SERIES.length);
      return {
        height: (stacked ? SERIES.length : 1) * (44 * downs.length + 30) + 70,
        marginLeft: margin, marginBottom: 46, marginTop: 34, marginRight: 16, padding: 0.04,
        x: { type: "band", domain: acrosses, label: "prompt length, tokens", tickRotate: cellWidth < 7 * d3.max(acrosses, (a) => a.length) ? -30 : 0 },
        y: { type: "band", domain: downs, label: "depth of the fact" },
        fx: stacked ? undefined : { domain: SERIES, label: null },
        fy: stacked ? { domain: SERIES, axis: null } : undefined,
        color: { type: "linear", domain: [0, 1], scheme: "cividis" },
        marks: [
          Plot.cell(cells, {
            [stacked ? "fy" : "fx"]: "series", x: "across", y: "down", fill: "score", tip: true,
            title: (d) => `${d.series}\n${d.across} tokens, depth ${d.down}\n` +
              `${percent(d.score)} ${range(d.ci)}\nn ${d.n}, items ${d.clusters}`,
          }),
          Plot.text(cells, {
            [stacked ? "fy" : "fx"]: "series", x: "across", y: "down", fill: ink, fontSize: 11, lineHeight: 1.15,
            text: (d) => cellWidth > 96 ? `${percent(d.score)}\n${range(d.ci)} n ${d.n}` : cellWidth > 52 ? `${percent(d.score)}\n${range(d.ci)}\nn ${d.n}` : (100 * d.score).toFixed(0),
          }),
          stacked ? panelNames() : null,
        ],
      };
    },
    table: {
      head: ["model", "tokens", "depth", "quality", "95 %", "n", "items"],
      rows: cells.map((d) => [d.series, d.across, d.down, percent(d.score), range(d.ci), d.n, d.clusters]),
    },
  });
}

/** The effective context length of a class for each series that has one. */
function contextLengths(label) {
  return DATA.runs.flatMap((run) => run.degradation
    .filter((each) => spellEntry(each) === label && each.context_length)
    .map((each) => {
      const { point, lower95, longest, share } = each.context_length;
      const tokens = (value) => (value === null ? "none" : count(value));
      return ` ${series(run, each.role)} keeps ${percent(share)} of its quality up to ${tokens(point)} tokens on average, ` +
        `up to ${tokens(lower95)} with 95 % confidence (longest tried: ${count(longest)}).`;
    })).join("");
}
