"use strict";
// Two sides: the comparison's verdict and gates, what changed, and which side answers which case.

const VERDICTS = {
  pass: ["✓", "pass", "good"],
  regression: ["✗", "regression", "bad"],
  inconclusive: ["?", "inconclusive", "unclear"],
  ungated: ["–", "no gate was declared", "plain"],
};

function verdictBadge(verdict) {
  const [sign, label, tone] = VERDICTS[verdict];
  return el("span", { class: `badge ${tone}` }, el("span", { "aria-hidden": "true" }, sign), ` ${label}`);
}

function level(finding, value) {
  if (value === null) return "–";
  return finding.unit === "fraction" ? percent(value, 1) : `${number(value)}${finding.unit === "ratio" ? "×" : ` ${finding.unit}`}`;
}

function change(finding, value) {
  if (value === null) return "–";
  if (finding.relative || finding.unit === "fraction") {
    const shown = Number((100 * value).toFixed(1)) || 0; // never -0.0
    return `${shown > 0 ? "+" : ""}${shown.toFixed(1)} ${finding.relative ? "%" : "pt"}`;
  }
  return `${value > 0 ? "+" : ""}${number(value)}`;
}

const target = (finding) => (finding.statistic === "mean" ? finding.metric : `${finding.metric}.${finding.statistic}`);
/** `lever=clean`: what a scope names besides model and entry; the stressed arm is the default. */
const besides = (scope) => Object.entries(scope)
  .filter(([axis, value]) => !["role", "prompt_class"].includes(axis) && !(axis === "arm" && value === "stress"))
  .filter(([axis]) => axis !== "label" || !scope.prompt_class)
  .map(([axis, value]) => `${axis}=${value}`);
const place = ({ scope }) => spell([scope.role, entryName(scope), ...besides(scope)].filter(Boolean).join(", "), 160);
/** Where it was measured, without the two sides themselves, which are in the title. */
function part({ scope }) {
  const open = Object.fromEntries(Object.entries(scope).filter(([, value]) => !value.includes("->")));
  return place({ scope: { ...open, prompt_class: scope.prompt_class ?? "all classes" } });
}

const pValue = (p) => (p === null ? "–" : p < 0.001 ? "<0.001" : p.toFixed(3));

function versusSections(parent) {
  for (const versus of DATA.versus) {
    const [first, second] = [spell(versus.first), spell(versus.second)];
    const box = el("div", { class: "versus" }, el("h3", { class: "pair" }, `${first} against ${second}`));
    parent.append(box);
    if (versus.refused) {
      box.append(el("p", { class: "absent" }, "Not comparable: ", visible(versus.refused)));
    }
    if (versus.flips.length) {
      scatter(box, versus, first, second);
      flips(box, versus, first, second);
    }
    if (versus.comparison) {
      forest(box, versus.comparison, `${first} → ${second}`);
    }
  }
}

function kneeText({ scope, base, cand }) {
  const side = ({ level, levels, throughput }) =>
    `${level === null ? `not saturated at ${levels.at(-1)}` : `saturates at ${level}`}${throughput === null ? "" : `, ${number(throughput)} requests/s`}`;
  return `Knee of ${Object.values(scope).join(", ")}: base ${side(base)}; candidate ${side(cand)}`;
}

function gateTable(parent, comparison) {
  if (!comparison.gates.length) return;
  parent.append(
    grid(
      ["verdict", "gate", "in", "base", "candidate", "change", "95 %", "p", "margin", "n", "items", "why"],
      comparison.gates.map((gate) => [
        verdictBadge(gate.verdict), spell(gate.gate, 80), place(gate), level(gate, gate.base), level(gate, gate.cand),
        change(gate, gate.delta), range(gate.ci, (v) => change(gate, v)), pValue(gate.p), change(gate, gate.margin),
        gate.n, gate.clusters, spell(gate.why, 200),
      ]),
      "Gates",
    ),
  );
}

function scatter(parent, versus, first, second) {
  const dots = versus.flips.map((flip) => ({ ...flip, label: spellEntry(flip.entry) }));
  const labels = uncrowded(d3.groups(dots, (d) => `${d.first.toFixed(2)} ${d.second.toFixed(2)}`)
    .map(([, some]) => ({ ...some[0], label: spell(some.map((d) => d.label).join(", "), 32) })));
  figure(parent, {
    title: `Quality, ${first} against ${second}`,
    note: "One dot per class: the stressed cases that both sides answered, with 95 % intervals. On the diagonal, both are equally good.",
    draw: (width) => {
      const side = Math.min(width, 460);
      return {
        width: side, height: side, marginTop: 34, marginLeft: 54, marginBottom: 46, marginRight: 24,
        x: { domain: [0, 1], tickFormat: "%", label: `${first}: quality`, grid: true, ticks: 5 },
        y: { domain: [0, 1], tickFormat: "%", label: `${second}: quality`, grid: true, ticks: 5 },
        marks: [
          Plot.line([[0, 0], [1, 1]], { strokeDasharray: "4 3" }),
          Plot.ruleY(dots, { y: "second", x1: (d) => d.first_ci[0], x2: (d) => d.first_ci[1], strokeOpacity: 0.35 }),
          Plot.ruleX(dots, { x: "first", y1: (d) => d.second_ci[0], y2: (d) => d.second_ci[1], strokeOpacity: 0.35 }),
          Plot.dot(dots, {
            x: "first", y: "second", fill: "var(--series-1)", stroke: "var(--ground)", r: 6, tip: true,
            title: (d) => `${d.label}\n${first} ${percent(d.first)} ${range(d.first_ci)}\n` +
              `${second} ${percent(d.second)} ${range(d.second_ci)}\nn ${d.n}, items ${d.clusters}`,
          }),
          ...labels.map((one) => Plot.text([one], {
            x: "first", y: "second", text: "label", fill: "currentColor", dy: -13,
            textAnchor: one.first > 0.75 ? "end" : one.first < 0.25 ? "start" : "middle",
          })),
        ],
      };
    },
    table: {
      head: ["class", first, "95 %", second, "95 %", "n", "items"],
      rows: dots.map((d) => [d.label, percent(d.first), range(d.first_ci), percent(d.second), range(d.second_ci), d.n, d.clusters]),
    },
  });
}

/** Labels that do not overlap, those farthest from the diagonal first. */
function uncrowded(labels) {
  const kept = [];
  for (const one of d3.sort(labels, (d) => -Math.abs(d.first - d.second))) {
    const free = kept.every((other) =>
      Math.abs(one.first - other.first) > 0.012 * (one.label.length + other.label.length) ||
      Math.abs(one.second - other.second) > 0.05);
    if (free) kept.push(one);
  }
  return kept;
}

function flips(parent, versus, first, second) {
  const kinds = [
    ["both", "equal, right", "var(--flip-both)"],
    ["only_first", `${first} better`, "var(--series-1)"],
    ["only_second", `${second} better`, "var(--series-2)"],
    ["neither", "equal, wrong", "var(--flip-neither)"],
  ];
  const labels = versus.flips.map((flip) => spellEntry(flip.entry));
  const parts = versus.flips.flatMap((flip) => {
    let before = 0;
    return kinds.map(([kind, words, color]) => {
      const from = before / flip.n;
      before += flip[kind];
      return { label: spellEntry(flip.entry), n: flip.n, k: flip[kind], words, color, from, to: before / flip.n };
    }).filter((part) => part.k);
  });
  figure(parent, {
    title: `Flips, ${first} against ${second}`,
    note: "Equal means can hide flips: these are the cases that one side answers better than the other.",
    legend: kinds.map(([, label, color]) => ({ label, color })),
    draw: (width) => {
      const margin = marginFor(labels, width);
      return {
        height: 26 * labels.length + 60, marginLeft: margin, marginBottom: 46, marginRight: 44,
        x: { domain: [0, 1], tickFormat: "%", label: "share of paired cases" },
        y: { domain: labels, label: null, tickFormat: fitted(margin), padding: 0.2 },
        marks: [
          Plot.barX(parts, { y: "label", x1: "from", x2: "to", fill: "color", stroke: "var(--ground)", tip: true, title: (d) => `${d.label}\n${d.words}: ${d.k} of ${d.n}` }),
          Plot.text(parts.filter((d) => (d.to - d.from) * (width - margin) > 24), { y: "label", x: (d) => (d.from + d.to) / 2, text: (d) => String(d.k), fill: "var(--on-flip)", pointerEvents: "none" }),
          Plot.text(versus.flips, { y: (d) => spellEntry(d.entry), x: 1, text: (d) => `n ${d.n}`, textAnchor: "start", dx: 6, fill: "var(--quiet)" }),
        ],
      };
    },
    table: {
      head: ["class", "n", ...kinds.map(([, label]) => label)],
      rows: versus.flips.map((d) => [spellEntry(d.entry), d.n, ...kinds.map(([kind]) => d[kind])]),
    },
  });
}

function forest(parent, comparison, title) {
  const shown = ["quality.score", "tokens.prompt", "ttft", "e2el", "speed.output"];
  const usable = comparison.findings.filter((f) => f.delta !== null && shown.includes(f.metric));
  for (const [, found] of d3.groups(usable, target)) {
    const some = found.map((f) => ({ ...f, label: part(f) }));
    const unit = some[0].relative ? "%" : some[0].unit === "fraction" ? "points" : some[0].unit;
    const scale = some[0].relative || some[0].unit === "fraction" ? 100 : 1;
    const labels = some.map((f) => f.label);
    figure(parent, {
      title: `Change of ${target(some[0])}: ${title}`,
      note: "Paired case by case, 95 % interval, exploratory. An interval that includes 0 means: cannot tell.",
      draw: (width) => {
        const margin = marginFor(labels, width);
        return {
          height: 24 * labels.length + 60, marginLeft: margin, marginBottom: 46, marginRight: 24,
          x: { label: `change, ${unit}`, grid: true, nice: true, ticks: 6 },
          y: { domain: labels, label: null, tickFormat: fitted(margin) },
          marks: [
            Plot.ruleX([0]),
            Plot.ruleY(some.filter((f) => f.ci), { y: "label", x1: (f) => scale * f.ci[0], x2: (f) => scale * f.ci[1], stroke: "var(--series-1)", strokeWidth: 2 }),
            Plot.dot(some, { y: "label", x: (f) => scale * f.delta, fill: "var(--series-1)", r: 4.5, stroke: "var(--ground)", tip: true,
              title: (f) => `${f.label}\n${level(f, f.base)} → ${level(f, f.cand)}\n${change(f, f.delta)} ${range(f.ci, (v) => change(f, v))}\np ${pValue(f.p)} (adjusted ${pValue(f.p_adjusted)}), n ${f.n}, items ${f.clusters}` }),
          ],
        };
      },
      table: {
        head: ["in", "first", "second", "change", "95 %", "p", "p adjusted", "n", "items"],
        rows: some.map((f) => [f.label, level(f, f.base), level(f, f.cand), change(f, f.delta), range(f.ci, (v) => change(f, v)), pValue(f.p), pValue(f.p_adjusted), f.n, f.clusters]),
      },
    });
  }
}
