"use strict";
// The engine during the run: KV cache over time, latency, and what probes found.

const LATENCY_WORDS = {
  ttft: "Time to first token", tpot: "Time per output token",
  e2el: "End-to-end latency", queue: "Time in the engine's queue",
};

function timelines(parent) {
  for (const run of DATA.runs) {
    for (const timeline of run.timelines) timelineOf(parent, run, timeline);
  }
}

function timelineOf(parent, run, timeline) {
  const name = series(run, timeline.role);
  if (!timeline.moments.length) {
    absent(parent, `KV cache of ${name}`, { "the run kept no KV readings": timeline.requests_of });
    return;
  }
  const from = timeline.start_s;
  const width_s = timeline.width_s;
  // The values of a step hold until the next step.
  const steps = timeline.moments.map((m, i, all) => ({ ...m, to: all[i + 1]?.t_s ?? m.t_s + width_s }));
  const requests = timeline.requests.map((r) => ({ ...r, t: r.t_s - from, hit: Boolean(r.preemptions) }));
  const end = Math.max(d3.max(steps, (d) => d.to), d3.max(requests, (d) => d.t) ?? 0);
  const start = Math.min(0, d3.min(requests, (d) => d.t) ?? 0);
  const shared = (width) => ({
    width, marginLeft: 56, marginRight: 20, x: { domain: [start, end], label: null },
  });
  const preempted = d3.sum(steps, (d) => d.preemptions);
  const unknown = steps.every((d) => d.usage === null);
  const title = `KV cache and queue over time: ${name}`;
  const shown = requests.length < timeline.requests_of ? `${count(requests.length)} of ${count(timeline.requests_of)} requests drawn` : `${count(requests.length)} requests`;
  const box = el("div", { class: "stack" });
  parent.append(box);
  figure(box, {
    title,
    note: `${count(timeline.readings)} scheduler steps, the worst value in every ${number(1000 * width_s)} ms; ` +
      `${count(preempted)} preemptions` + (unknown ? "; usage is null: the engine does not report it" : ""),
    legend: [
      { label: "share of KV blocks in use", color: "var(--series-1)" },
      { label: "preemption", color: "var(--bad)", shape: "tick" },
    ],
    draw: (width) => ({
      ...shared(width), height: 184, marginTop: 28, marginBottom: 24,
      y: { domain: [0, 1], tickFormat: "%", label: "KV blocks in use", grid: true, ticks: 4 },
      marks: [
        Plot.rectY(steps.filter((d) => d.usage !== null), {
          x1: "t_s", x2: "to", y: "usage", fill: "var(--series-1)", fillOpacity: 0.55, inset: 0,
        }),
        Plot.ruleX(steps.filter((d) => d.preemptions), { x: "t_s", stroke: "var(--bad)", strokeWidth: 1.5 }),
        Plot.ruleY([1], { strokeDasharray: "4 3" }),
      ],
    }),
  });
  figure(box, {
    title: `Scheduler: ${name}`,
    legend: [
      { label: "running", color: "var(--series-3)", shape: "line" },
      { label: "waiting", color: "var(--series-2)", shape: "line" },
    ],
    draw: (width) => ({
      ...shared(width), height: 144, marginTop: 28, marginBottom: 24,
      y: { label: "requests", grid: true, ticks: 4, nice: true, zero: true },
      marks: [
        Plot.lineY(steps, { x: "t_s", y: "running", stroke: "var(--series-3)", curve: "step-after", strokeWidth: 1.5 }),
        Plot.lineY(steps, { x: "t_s", y: "waiting", stroke: "var(--series-2)", curve: "step-after", strokeWidth: 2 }),
        Plot.ruleY([0]),
      ],
    }),
  });
  figure(box, {
    title: `Latency of the requests: ${name}`,
    note: `${shown}, each at its scheduled time; preempted requests are drawn first.`,
    legend: [
      { label: "not preempted", color: "var(--series-4)", shape: "circle" },
      { label: "preempted", color: "var(--bad)", shape: "triangle" },
    ],
    draw: (width) => ({
      ...shared(width), height: 210, marginTop: 28, marginBottom: 44,
      x: { domain: [start, end], label: "seconds since the engine's first step" },
      y: { label: "end to end, s", grid: true, ticks: 5, nice: true, zero: true },
      marks: [
        Plot.ruleY([0]),
        Plot.dot(d3.sort(requests, (d) => d.hit), {
          x: "t", y: (d) => d.e2el_ms / 1000, r: (d) => (d.hit ? 4 : 2.5),
          symbol: (d) => (d.hit ? "triangle" : "circle"), fill: (d) => (d.hit ? "var(--bad)" : "var(--series-4)"),
          fillOpacity: 0.8, tip: true,
          title: (d) => `${spell(d.case_id, 60)}\n${number(d.e2el_ms)} ms\n` +
            `preemptions: ${d.preemptions ?? "null"}`,
        }),
      ],
    }),
    table: {
      head: ["case", "class", "sent, s", "end to end, ms", "preemptions"],
      rows: d3.sort(requests, (d) => -d.e2el_ms).slice(0, 50).map((d) => [
        d.case_id, entryName(d.entry), number(d.t), number(d.e2el_ms), d.preemptions,
      ]),
    },
  });
}

function latencies(parent) {
  const curves = DATA.runs.flatMap((run) =>
    run.latency.map((curve) => ({ ...curve, series: series(run, curve.role) })),
  );
  const classes = [...new Set(curves.filter((c) => c.entry !== null).map((c) => entryName(c.entry)))];
  const select = el(
    "select",
    { id: "latency-class" },
    el("option", { value: "" }, "all classes"),
    classes.map((name, index) => el("option", { value: String(index) }, spell(name, 140))),
  );
  const box = el("div", { class: "multiples" });
  parent.append(el("p", { class: "filters" }, el("label", { for: "latency-class" }, "Prompt class "), select), box);
  const draw = () => {
    const wanted = select.value === "" ? null : classes[Number(select.value)];
    box.replaceChildren();
    for (const metric of Object.keys(LATENCY_WORDS)) {
      const some = curves.filter((c) => c.metric === metric && (c.entry && entryName(c.entry)) === wanted);
      if (some.length) latency(box, metric, some);
    }
  };
  select.addEventListener("change", draw);
  draw();
}

/** What each load asked for and what came of it; plain closed loops have none. */
function loads(parent) {
  for (const [index, table] of DATA.loads.entries()) {
    if (table === null) continue;
    const { load, head, rows, verdicts, warnings, note } = table;
    const run = DATA.runs[index];
    parent.append(
      el("h3", {}, `${SEVERAL ? `${spell(run.name, 40)}: ` : ""}load: ${spell(load, 200)}`),
      grid(head.map((name) => name.replace("\n", " ")), rows, "Load"),
      verdicts.length ? el("p", {}, el("strong", {}, visible(verdicts.join("; ")))) : null,
      warnings.length ? el("p", {}, el("span", { class: "badge unclear" }, "client"), " ", visible(warnings.join("; "))) : null,
      note ? el("p", { class: "note" }, note) : null,
    );
  }
}

function latency(parent, metric, curves) {
  const spots = curves.flatMap((curve) =>
    curve.values.map((ms, index) => ({ ...curve, ms, share: DATA.latency_shares[index] })),
  );
  const at = (curve, share) => curve.values[DATA.latency_shares.indexOf(share)];
  const positive = d3.min(spots, (d) => d.ms) > 0;
  const wide = positive && d3.max(spots, (d) => d.ms) / d3.min(spots, (d) => d.ms) > 30;
  figure(parent, {
    title: LATENCY_WORDS[metric],
    note: spell(curves[0].summary, 120) +
      (["ttft", "e2el"].includes(metric) ? ", from the scheduled send time" : "") +
      "; dotted lines: 50 % and 95 % of the requests.",
    legend: seriesKey("line").filter((entry) => curves.some((c) => c.series === entry.label)),
    draw: () => ({
      height: 244, marginTop: 28, marginLeft: 48, marginBottom: 46, marginRight: 20,
      x: { type: wide ? "log" : "linear", label: `${metric}, ms${wide ? " (log)" : ""}`, grid: true, nice: !wide, ticks: wide ? 4 : 5, tickFormat: number },
      y: { domain: [0, 1], tickFormat: "%", label: "requests done", grid: true, ticks: 5 },
      color: seriesColor,
      marks: [
        Plot.ruleY([0.5, 0.95], { strokeDasharray: "2 4", strokeOpacity: 0.6 }),
        Plot.line(spots, { x: "ms", y: "share", stroke: "series", strokeWidth: 2.2, z: "series" }),
        Plot.dot(spots, { x: "ms", y: "share", fill: "series", r: 1, tip: true,
          title: (d) => `${d.series}\n${percent(d.share, 1)} of ${d.n} within ${number(d.ms)} ms` }),
      ],
    }),
    table: {
      head: ["model", "n", "items", "null", "p50 ms", "95 %", "p95 ms", "95 %", "p99 ms", "longest ms"],
      rows: curves.map((c) => [
        c.series, c.n, c.clusters, c.missing, number(at(c, 0.5)), range(c.p50, number),
        number(quantile(c, 0.95)), range(c.p95, number), number(at(c, 0.99)), number(at(c, 1)),
      ]),
    },
  });
}

/** Between the shares that are drawn, linear; 0.95 is not one of them. */
function quantile(curve, share) {
  const index = d3.bisectRight(DATA.latency_shares, share);
  const [low, high] = [DATA.latency_shares[index - 1], DATA.latency_shares[index]];
  const [before, after] = [curve.values[index - 1], curve.values[index]];
  return before + ((share - low) / (high - low)) * (after - before);
}

/** The sections that probes fill, of all runs: `[id, title, draw]` each, in the order of reading. */
function probedSections() {
  const titles = new Map(DATA.runs.flatMap((run) => run.sections.map((one) => [one.name, spell(one.title, 40)])));
  return [...titles].map(([name, title], index) => [
    ["attention", "routing"].includes(name) ? name : `probed-${index}`, title, (parent) => telemetry(parent, name, title),
  ]);
}

function telemetry(parent, name, what) {
  const found = DATA.runs.flatMap((run) =>
    run.sections.filter((one) => one.name === name).map((one) => ({ ...one, run })));
  const labelled = (field) => found.flatMap((one) =>
    one[field].map((d) => ({ ...d, series: series(one.run, d.role), label: spellEntry(d.entry) })));
  const [numbers, grids] = [labelled("numbers"), labelled("grids")];
  for (const one of found) {
    if (Object.keys(one.null).length) absent(parent, SEVERAL ? `${what}: ${spell(one.run.name)}` : what, one.null);
  }
  if (!numbers.length && !grids.length && found.some((one) => one.filled)) {
    parent.append(el("p", { class: "note" }, "No metric is declared for the fields of this section; see them for each request under Cases."));
  }
  const box = el("div", { class: "multiples" });
  parent.append(box);
  for (const [metric, some] of d3.groups(numbers, (d) => d.metric)) estimates(box, metric, some);
  for (const one of grids) matrix(box, one);
}

function estimates(parent, metric, some) {
  const labels = [...new Set(some.map((d) => d.label))];
  const unit = some[0].unit;
  figure(parent, {
    title: `${metric} by class`,
    note: `${spell(some[0].summary, 120)}; mean over stressed requests with its 95 % interval.`,
    legend: seriesKey(),
    draw: (width) => {
      const margin = marginFor(labels, width);
      return {
        height: 30 * labels.length + 66, marginLeft: margin, marginBottom: 46, marginRight: 30,
        x: { label: unit, grid: true, nice: true, ticks: 5, zero: unit === "fraction" },
        y: { domain: labels, label: null, tickFormat: fitted(margin) },
        color: seriesColor, symbol: seriesSymbol,
        marks: [
          Plot.ruleY(some.filter((d) => d.estimate.ci), { y: "label", x1: (d) => d.estimate.ci[0], x2: (d) => d.estimate.ci[1], stroke: "series", strokeWidth: 2, strokeOpacity: 0.5 }),
          Plot.dot(some, {
            y: "label", x: (d) => d.estimate.value, fill: "series", symbol: "series", r: 5, stroke: "var(--ground)", tip: true,
            title: (d) => `${d.label}, ${d.series}\n${number(d.estimate.value)} ${range(d.estimate.ci, number)}\nn ${d.estimate.n}, items ${d.estimate.clusters}`,
          }),
        ],
      };
    },
    table: {
      head: ["class", "model", unit, "95 %", "n", "items"],
      rows: some.map((d) => [d.label, d.series, number(d.estimate.value), range(d.estimate.ci, number), d.estimate.n, d.estimate.clusters]),
    },
  });
}

function matrix(parent, one) {
  const [name, what] = [spell(one.title), spell(one.summary, 120)];
  const [down, across] = [spell(one.down, 24), spell(one.across, 24)];
  const cells = one.cells.flatMap((row, layer) => row.map((value, index) => ({ layer, index, value })));
  figure(parent, {
    title: `${name}: ${one.label}, ${one.series}`,
    note: `${what}; mean over n ${one.n} requests. Brighter is more.`,
    draw: (width) => ({
      height: Math.min(520, 10 * one.cells.length + 70), marginLeft: 44, marginBottom: 46,
      x: { type: "band", label: across, ticks: 8, tickFormat: (d) => (d % Math.ceil(one.cells[0].length / 8) === 0 ? String(d) : "") },
      y: { type: "band", label: down, tickFormat: (d) => (d % (one.cells.length > 8 ? 5 : 1) === 0 ? String(d) : "") },
      color: { type: "linear", scheme: "cividis", domain: d3.extent(cells, (d) => d.value) },
      marks: [Plot.cell(cells, { x: "index", y: "layer", fill: "value", tip: true, title: (d) => `${down} ${d.layer}, ${across} ${d.index}\n${number(d.value)}` })],
    }),
    table: {
      head: [down, across, "value"],
      rows: d3.sort(cells, (d) => -d.value).slice(0, 40).map((d) => [d.layer, d.index, number(d.value)]),
    },
  });
}
