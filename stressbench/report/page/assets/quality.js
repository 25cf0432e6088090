"use strict";
// What stress does to answers: by class and arm, by inflation, by kind of outcome.

const ARMS = ["stress", "isocontent", "isotoken", "no_context", "oracle_context"];
const ARM_WORDS = {
  stress: "under stress",
  isocontent: "plain twin, same content",
  isotoken: "plain text, same length",
  no_context: "question alone (guessing)",
  oracle_context: "fact alone (ceiling)",
};
const ARM_COLORS = ARMS.map((_, index) => `var(--arm-${index + 1})`);
const ARM_SYMBOLS = ["circle", "square", "triangle", "cross", "diamond2"];

const OUTCOMES = [
  "correct", "partial", "detached_reference", "invented", "abstained", "repetition",
  "truncated", "thinking_only", "empty", "format", "error", "unjudged",
];
const OUTCOME_COLORS = OUTCOMES.map((name) => `var(--outcome-${name.replace("_", "-")})`);

const allRows = DATA.runs.flatMap((run) =>
  run.rows.map((row) => ({ ...row, series: series(run, row.role), label: spellEntry(row.entry) })),
);

function qualityByClass(parent) {
  const arms = ARMS.filter((arm) => allRows.some((row) => row.arm === arm));
  const classes = [...new Set(allRows.map((row) => row.label))];
  const offset = new Map(arms.map((arm, index) => [arm, index - (arms.length - 1) / 2]));
  figure(parent, {
    title: "Quality by prompt class and arm",
    note: "Mean score of all judged requests with its 95 % interval; a failed request scores 0. " +
      "The gap between a circle and its square is what the stress itself costs.",
    legend: arms.map((arm) => ({
      label: ARM_WORDS[arm], color: ARM_COLORS[ARMS.indexOf(arm)],
      shape: ARM_SYMBOLS[ARMS.indexOf(arm)].replace("diamond2", "diamond"),
    })),
    draw: (width) => {
      const margin = marginFor(classes, width);
      const columns = width > 640 ? SERIES : null;
      const step = 9;
      const band = Math.max(30, step * (arms.length + 1.5));
      const split = columns ? { fx: "series" } : { fy: "series" };
      const marks = arms.flatMap((arm) => {
        const rows = allRows.filter((row) => row.arm === arm && row.score !== null);
        const dy = offset.get(arm) * step;
        const color = ARM_COLORS[ARMS.indexOf(arm)];
        return [
          Plot.ruleY(rows, {
            ...split, y: "label", x1: (d) => d.ci[0], x2: (d) => d.ci[1], dy,
            stroke: color, strokeWidth: 2, strokeOpacity: 0.65,
          }),
          Plot.dot(rows, {
            ...split, y: "label", x: "score", dy, symbol: ARM_SYMBOLS[ARMS.indexOf(arm)],
            fill: color, stroke: "var(--ground)", r: 4.5, tip: true,
            title: (d) => `${d.label}, ${d.series}\n${ARM_WORDS[d.arm]}\n` +
              `${percent(d.score)} ${range(d.ci)}\nn ${d.n}, items ${d.clusters}`,
          }),
        ];
      });
      return {
        height: (columns ? 1 : SERIES.length) * (band * classes.length + 40) + 70,
        marginLeft: margin, marginTop: 34, marginBottom: 46,
        marginRight: columns ? 20 : 30,
        facet: { marginTop: columns ? undefined : 34 },
        x: { domain: [0, 1], tickFormat: "%", label: "quality, mean score", grid: true, ticks: columns && SERIES.length > 2 ? 2 : 5 },
        y: { domain: classes, label: null, tickFormat: fitted(margin) },
        fx: columns ? { domain: SERIES, label: null, padding: 0.12 } : undefined,
        fy: columns ? undefined : { domain: SERIES, axis: null },
        marks: [Plot.ruleX([0]), ...marks, columns ? null : panelNames()],
      };
    },
    table: {
      head: ["class", "arm", "model", "quality", "95 %", "n", "items", "failed", "tokens",
        "inflation", "TTFT p50 ms", "TTFT p95 ms", "TPOT p50 ms", "KV peak", "preemptions"],
      rows: allRows.map((d) => [
        d.label, words(d.arm), d.series, d.score === null ? "not judged" : percent(d.score), range(d.ci),
        d.n, d.clusters, d.failed,
        number(d.prompt_tokens), d.inflation === null ? null : `${number(d.inflation)}×`,
        number(d.ttft_ms_p50), number(d.ttft_ms_p95), number(d.tpot_ms_p50),
        d.usage_peak === null ? null : percent(d.usage_peak), number(d.preemptions),
      ]),
    },
  });
}

/** What wrong answers are associated with within a run; not an experiment. */
function causes(parent) {
  const rows = DATA.runs.flatMap((run) => run.degradation.flatMap((each) => each.causes.map((cause) => [
    spellEntry(each), series(run, each.role), cause.cause, percent(cause.with_it), cause.n_with,
    percent(cause.without), cause.n_without, points(cause.delta), range(cause.ci),
  ])));
  if (!rows.length) return;
  parent.append(
    el("h3", {}, "What low quality is associated with"),
    el("p", { class: "note" }, "Quality of the requests to which something happened, compared with the other requests of their class. " +
      "This is an association, not an experiment: preempted requests may also have been longer."),
    grid(["class", "model", "condition", "quality with it", "n", "quality without", "n", "difference", "95 %"], rows, "What low quality is associated with"),
  );
}

const allCosts = DATA.runs.flatMap((run) =>
  run.costs.map((cost) => ({
    ...cost, series: series(run, cost.role), label: spellEntry(cost.entry),
    coded: `${spell(cost.tokenizer, 30)}`,
  })),
);

function degradationByInflation(parent) {
  const twinned = allCosts.filter((cost) => cost.delta.value !== null);
  if (!twinned.length) {
    parent.append(el("p", { class: "absent" }, "No class has a plain twin in these runs."));
    return;
  }
  figure(parent, {
    title: "Degradation against inflation",
    note: "Horizontal: tokens over those of the plain twin. Vertical: quality minus the twin's, " +
      "with its 95 % interval. Bottom right: expensive and broken.",
    legend: seriesKey(),
    draw: (width) => ({
      height: Math.min(460, Math.max(340, width * 0.5)),
      marginTop: 28, marginLeft: 60, marginBottom: 46, marginRight: 40,
      x: { type: "log", label: "token inflation, × the plain twin", grid: true, ticks: 4,
        tickFormat: (d) => `${number(d)}×`, domain: spanOf(twinned.map((d) => d.inflation)) },
      y: { label: "quality minus the twin's, points", tickFormat: (d) => `${Math.round(100 * d)}`,
        grid: true, ticks: 6,
        domain: [-1.05, Math.max(0.2, d3.max(twinned, (d) => d.delta.ci?.[1] ?? d.delta.value) + 0.05)] },
      marks: [
        Plot.ruleY([0], { strokeOpacity: 0.6 }),
        ...SERIES.flatMap((name, index) => sideBySide(twinned.filter((d) => d.series === name), index)),
        Plot.text(d3.groups(twinned, (d) => d.label).map(([, some]) => some[0]), {
          x: "inflation", y: (d) => d.delta.value, text: (d) => spell(d.label, 40), dx: 14, textAnchor: "start",
          dy: -10, fill: "currentColor", stroke: "var(--ground)", strokeWidth: 3,
        }),
      ],
    }),
    table: {
      head: ["class", "model", "inflation", "quality minus the twin's", "95 %", "n", "items"],
      rows: twinned.map((d) => [
        d.label, d.series, `${number(d.inflation)}×`, points(d.delta.value), range(d.delta.ci),
        d.delta.n, d.delta.clusters,
      ]),
    },
  });
}

/** Marks of one series, a little aside, so that equal values do not hide each other. */
function sideBySide(some, index) {
  const dx = (index - (SERIES.length - 1) / 2) * 9;
  const color = SERIES_COLORS[index];
  return [
    Plot.ruleX(some.filter((d) => d.delta.ci), {
      x: "inflation", y1: (d) => d.delta.ci[0], y2: (d) => d.delta.ci[1], dx,
      stroke: color, strokeOpacity: 0.6, strokeWidth: 2,
    }),
    Plot.dot(some, {
      x: "inflation", y: (d) => d.delta.value, dx, fill: color, symbol: SERIES_SYMBOLS[index % 8],
      r: 5.5, stroke: "var(--ground)", tip: true,
      title: (d) => `${d.label}, ${d.series}\n${number(d.inflation)}× tokens (n ${d.n})\n` +
        `${points(d.delta.value)} ${range(d.delta.ci)}\nn ${d.delta.n}, items ${d.delta.clusters}`,
    }),
  ];
}

/** A logarithmic domain around values, at least a factor of two wide. */
function spanOf(values) {
  const [low, high] = d3.extent(values);
  return [Math.min(0.75, 0.9 * low), Math.max(1.5, 1.35 * high)];
}

function inflationByClass(parent) {
  const coded = [...new Set(allCosts.map((d) => d.coded))];
  const once = d3.groups(allCosts, (d) => d.label, (d) => d.coded)
    .flatMap(([, byCoder]) => byCoder.map(([, some]) => some[0]));
  const labels = [...new Set(once.map((d) => d.label))];
  const colors = coded.map((_, index) => `var(--series-${(index % 8) + 1})`);
  const shapes = coded.map((_, index) => SERIES_SYMBOLS[index % 8]);
  figure(parent, {
    title: "Token inflation by content and tokenizer",
    note: "Tokens of the stressed text over those of its plain twin, chat template excluded: " +
      "mean, and the 5 % to 95 % range over cases. 1× means no inflation, or no twin.",
    legend: coded.map((label, index) => ({ label, color: colors[index], shape: shapes[index] })),
    draw: (width) => {
      const margin = marginFor(labels, width);
      return {
        height: 26 * labels.length + 70, marginLeft: margin, marginBottom: 46, marginRight: 50,
        x: { type: "log", label: "token inflation, ×", grid: true, tickFormat: (d) => `${number(d)}×`, ticks: 4,
          domain: spanOf(once.flatMap((d) => d.spread)) },
        y: { label: null, domain: labels, tickFormat: fitted(margin) },
        color: { domain: coded, range: colors }, symbol: { domain: coded, range: shapes },
        marks: [
          Plot.ruleX([1], { strokeOpacity: 0.6 }),
          Plot.ruleY(once, { y: "label", x1: (d) => d.spread[0], x2: (d) => d.spread[1], stroke: "coded", strokeWidth: 3, strokeOpacity: 0.45 }),
          Plot.dot(once, {
            y: "label", x: "inflation", fill: "coded", symbol: "coded", r: 5, stroke: "var(--ground)", tip: true,
            title: (d) => `${d.label}\n${d.coded}\n${number(d.inflation)}×, n ${d.n}\n` +
              `5–95 %: ${number(d.spread[0])}–${number(d.spread[1])}×\n${number(d.bytes_per_token)} bytes/token`,
          }),
          Plot.text(once.filter((d) => d.coded === coded[0]), { y: "label", x: (d) => d.spread[1], text: (d) => `${number(d.inflation)}×`, textAnchor: "start", dx: 10, fill: "currentColor" }),
        ],
      };
    },
    table: {
      head: ["class", "tokenizer", "inflation", "5–95 %", "bytes/token", "n"],
      rows: once.map((d) => [
        d.label, d.coded, `${number(d.inflation)}×`, `${number(d.spread[0])}–${number(d.spread[1])}`,
        number(d.bytes_per_token), d.n,
      ]),
    },
  });
}

function outcomeKinds(parent) {
  const stressed = d3.sort(allRows.filter((row) => row.arm === "stress"), (row) => row.label);
  const parts = stressed.flatMap((row) => {
    let before = 0;
    return OUTCOMES.filter((kind) => row.outcomes[kind]).map((kind) => {
      const from = before / row.n;
      before += row.outcomes[kind];
      return { ...row, kind, from, to: before / row.n, k: row.outcomes[kind] };
    });
  });
  const kinds = OUTCOMES.filter((kind) => parts.some((part) => part.kind === kind));
  const lines = stressed.map((row) => `${row.label} · ${row.series}`);
  figure(parent, {
    title: "Outcome kinds under stress",
    note: "How answers fail, not only how often: a detached reference is a value from the prompt " +
      "that belongs to another key; an invented value appears nowhere in the prompt.",
    legend: kinds.map((kind) => ({ label: words(kind), color: OUTCOME_COLORS[OUTCOMES.indexOf(kind)] })),
    draw: (width) => {
      const margin = marginFor(lines, width);
      return {
        height: 24 * lines.length + 60, marginLeft: margin, marginBottom: 46, marginRight: 44,
        x: { domain: [0, 1], tickFormat: "%", label: "share of answers" },
        y: { domain: lines, label: null, tickFormat: fitted(margin), padding: 0.2 },
        color: { domain: OUTCOMES, range: OUTCOME_COLORS },
        marks: [
          Plot.barX(parts, {
            y: (d) => `${d.label} · ${d.series}`, x1: "from", x2: "to", fill: "kind",
            insetRight: 1, tip: true, stroke: "var(--ground)",
            title: (d) => `${d.label}, ${d.series}\n${words(d.kind)}: ${d.k} of ${d.n} (${percent(d.k / d.n)})`,
          }),
          Plot.text(parts.filter((d) => (d.to - d.from) * (width - margin) > 26), {
            y: (d) => `${d.label} · ${d.series}`, x: (d) => (d.from + d.to) / 2, text: (d) => String(d.k),
            fill: (d) => `var(--on-outcome-${d.kind.replace("_", "-")})`, pointerEvents: "none",
          }),
          Plot.text(stressed, { y: (d) => `${d.label} · ${d.series}`, x: 1, text: (d) => `n ${d.n}`, textAnchor: "start", dx: 6, fill: "var(--quiet)" }),
        ],
      };
    },
    table: {
      head: ["class", "model", "n", ...kinds.map(words)],
      rows: stressed.map((d) => [d.label, d.series, d.n, ...kinds.map((kind) => d.outcomes[kind] ?? 0)]),
    },
  });
}
